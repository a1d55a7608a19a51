//! Mistakes at the command line and around it: each says what to do.

use crate::deployment::{Deployment, Ended, end, file, program};

/// The one line of stderr of a command that fails.
fn failure(ended: &Ended) -> &str {
    let line = ended.stderr.strip_prefix("error: ").and_then(|text| text.strip_suffix('\n')).unwrap_or_default();
    assert!(!line.is_empty() && !line.contains('\n') && ended.stdout.is_empty(), "{} {}", ended.stdout, ended.stderr);
    line
}

#[test]
fn wrong_usage_exits_64() {
    let wrong: &[&[&str]] = &[
        &[],
        &["nonsense"],
        &["runs"],
        &["runs", "Not An Id"],
        &["sync"],
        &["sync", "acme", "--all"],
        &["sync", "acme", "--timeout-seconds", "5"],
        &["approve", "acme"],
        &["pause"],
        &["resume", "--all", "--wait"],
        &["findings", "acme", "--csv", "--output", "json"],
        &["status", "--output", "yaml"],
        &["erase", "acme", "zoe", "--yes"],
    ];
    for arguments in wrong {
        let ended = Ended::of(program(arguments));
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{arguments:?}");
    }
}

#[test]
fn help_is_an_answer_and_tells_the_exit_codes() {
    let ended = Ended::of(program(&["--help"]));
    assert!(ended.code == 0 && ended.stdout.contains("64  wrong usage") && ended.stderr.is_empty());
}

#[test]
fn what_is_missing_is_told_without_what_the_environment_says() {
    let which = "<ID|--all>";
    for (command, missing) in [("pause", which), ("resume", which), ("sync", which), ("findings", which), ("reject", "<ID> <HASH>")] {
        let mut program = program(&[command]);
        program.env("TABLE_NAME", "scim").env("SYNC_QUEUE_URL", "https://sqs.invalid/scim");
        let ended = Ended::of(program);
        assert_eq!(ended.code, 64);
        assert!(ended.stderr.contains(&format!("\nUsage: orgvue-scim {command} {missing}\n")), "{}", ended.stderr);
    }
}

#[test]
fn a_deployment_that_is_not_named_says_how_to_name_it() {
    let ended = Ended::of(program(&["status"]));
    assert_eq!((ended.code, failure(&ended)), (64, "no table is named: pass --table NAME or set TABLE_NAME"));
    let mut sync = program(&["sync", "acme", "--table", "scim", "--region", "eu-west-1"]);
    sync.env("SYNC_QUEUE_URL", "");
    let ended = Ended::of(sync);
    assert_eq!((ended.code, failure(&ended)), (64, "no queue is named: pass --queue-url URL or set SYNC_QUEUE_URL"));
}

#[test]
fn without_a_region_it_says_where_to_set_one() {
    let ended = Ended::of(program(&["status", "--table", "scim"]));
    assert_eq!(ended.code, 1);
    assert_eq!(failure(&ended), "no AWS region is known: pass --region, set AWS_REGION, or give the profile a region");
}

#[test]
fn without_credentials_it_says_where_to_get_some() {
    let ended = Ended::of(program(&["status", "--table", "scim", "--region", "eu-west-1"]));
    assert_eq!(ended.code, 1);
    assert!(failure(&ended).starts_with("there are no AWS credentials: pass --profile, run `aws sso login`"), "{}", ended.stderr);
}

#[test]
fn a_sign_in_that_has_expired_says_how_to_sign_in_even_where_keys_are_set() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let config = "[profile prod]\nregion = eu-west-1\nsso_session = corp\nsso_account_id = 1\nsso_role_name = ops\n\
                  [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n";
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let mut command = program(&["status", "--table", "scim", "--profile", "prod"]);
    command.env("HOME", home.path()).env("AWS_ACCESS_KEY_ID", "other").env("AWS_SECRET_ACCESS_KEY", "other");
    let ended = Ended::of(command);
    assert_eq!(failure(&ended), "the sign-in with IAM Identity Center has expired: run `aws sso login --profile prod`");
}

#[test]
fn a_profile_that_is_not_there_is_named() {
    let ended = Ended::of(program(&["status", "--table", "scim", "--region", "eu-west-1", "--profile", "nobody"]));
    assert_eq!(failure(&ended), "there is no AWS profile nobody, or it has no credentials: check its name, and ~/.aws/config");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_says_what_to_check() {
    let deployment = Deployment::start().await;
    let ended = deployment.run(&["status", "--table", "elsewhere"]).await;
    let line = "there is no table elsewhere in us-east-1, as profile default sees it: check --table, --region and --profile";
    assert_eq!((ended.code, failure(&ended)), (1, line));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_be_reached_is_told_at_once() {
    let deployment = Deployment::start().await;
    let mut command = deployment.program(&["integration", "list"]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1");
    let ended = end(command).await;
    assert!(failure(&ended).starts_with("AWS cannot be reached for dynamodb:Query"), "{}", ended.stderr);
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = Ended::of(program(&["completions", shell]));
        assert!(ended.code == 0 && ended.stdout.contains("integration"), "{shell}");
    }
}

#[test]
fn bash_completes_behind_the_first_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("completions");
    std::fs::write(&path, Ended::of(program(&["completions", "bash"])).stdout).unwrap();
    let complete = "source \"$0\"; COMP_WORDS=(orgvue-scim \"$@\" ''); COMP_CWORD=$(($# + 1)); \
                    _orgvue__scim orgvue-scim '' \"${!#}\"; echo \" ${COMPREPLY[*]} \"";
    for (words, expected) in [(&[][..], " integration "), (&["integration"], " apply "), (&["integration", "apply"], " --wait ")] {
        let completed = std::process::Command::new("bash").args(["--norc", "-c", complete]).arg(&path).args(words).output().unwrap();
        let completions = String::from_utf8(completed.stdout).unwrap();
        assert!(completions.contains(expected), "{words:?}: {completions} {}", String::from_utf8_lossy(&completed.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_json_document_and_names_nobody_on_stderr() {
    let deployment = Deployment::holding().await;
    let (hash, path) = (deployment.hash().await, deployment.write("acme.toml", &file("acme", "enforce")));
    let runs = deployment.json(&["runs", "acme"]).await;
    let run = runs["runs"][0]["id"].as_str().unwrap();
    let commands: &[&[&str]] = &[
        &["integration", "validate", &path],
        &["integration", "apply", &path],
        &["integration", "list"],
        &["integration", "show", "acme"],
        &["integration", "diff", &path],
        &["integration", "remove", "acme"],
        &["run", "show", run],
        &["findings", "acme"],
        &["held"],
        &["reject", "acme", &hash],
        &["approve", "acme", &hash, "--wait"],
        &["pause", "acme"],
        &["resume", "acme", "--wait"],
        &["pause", "--all"],
        &["resume", "--all"],
        &["sync", "--all"],
        &["events", "acme"],
        &["status"],
        &["doctor"],
    ];
    for command in commands {
        let ended = deployment.run(&[*command, &["--output", "json"]].concat()).await;
        assert!(ended.json().is_object() && ended.code != 1 && !ended.stderr.contains('@'), "{command:?} {} {}", ended.code, ended.stderr);
    }
}
