//! `integration diff --from --to`: two deployments side by side.

use std::path::Path;

use assert_cmd::Command;
use local::system::TABLE;
use serde_json::json;
use tempfile::TempDir;

use crate::deployment::{Deployment, Ended, end, file, program, two_tenants};

/// Two deployments, and the config file of an operator of both.
struct Two {
    staging: Deployment,
    production: Deployment,
    home: TempDir,
}

impl Two {
    async fn start() -> Self {
        let (staging, production) = (Deployment::start().await, Deployment::start().await);
        let home = home(&format!(
            "{}orgvue_scim_table = {TABLE}\n{}orgvue_scim_table = {TABLE}\n",
            profile("staging", &endpoint(&staging)),
            profile("production", &endpoint(&production))
        ));
        Self { staging, production, home }
    }

    /// Puts a file in force; nobody waits for its run.
    async fn apply(&self, deployment: &Deployment, text: &str) {
        let path = deployment.write("file.toml", text);
        let ended = deployment.run(&["integration", "apply", &path]).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }

    async fn diff(&self, arguments: &[&str]) -> Ended {
        end(at(self.home.path(), &[&["integration", "diff", "--from", "staging", "--to", "production"], arguments].concat())).await
    }
}

fn endpoint(deployment: &Deployment) -> String {
    let variables = deployment.system.operator_env();
    variables.into_iter().find(|(name, _)| name == "AWS_ENDPOINT_URL_DYNAMODB").unwrap().1
}

/// A profile without a table. Its services are where they are for it alone.
fn profile(name: &str, endpoint: &str) -> String {
    format!(
        "[services {name}]\ndynamodb =\n  endpoint_url = {endpoint}\n\n\
         [profile {name}]\nregion = us-east-1\naws_access_key_id = local\naws_secret_access_key = local\nservices = {name}\n"
    )
}

fn home(config: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

fn at(home: &Path, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("HOME", home);
    command
}

/// The same customer as `file` has it, with the ids of another environment.
fn of_production(text: &str) -> String {
    text.replace("directory_01ACME", "directory_01PROD").replace("id = \"ACME\"", "id = \"ACME_LIVE\"").replace("-48FC-", "-48FD-")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_by_nature_is_no_difference_and_shown_when_asked_for() {
    let two = Two::start().await;
    two.apply(&two.staging, &(file("acme", "enforce") + "# reviewed\n")).await;
    two.apply(&two.production, &of_production(&file("acme", "simulate"))).await;

    let same = two.diff(&[]).await;
    assert_eq!((same.code, same.stdout.as_str()), (0, ""));
    insta::assert_snapshot!(same.stderr, @"acme is the same in staging and in production, but for what differs by nature: --by-nature shows it");
    let shown = two.diff(&["acme", "--by-nature"]).await;
    assert_eq!(shown.code, 0);
    insta::assert_snapshot!(shown.stdout, @r"
    acme: the same
      by nature: directory is directory_01ACME in staging, directory_01PROD in production
      by nature: mode is enforce in staging, simulate in production
      by nature: tenants.ACME.id is ACME in staging, ACME_LIVE in production
      by nature: tenants.ACME.dataset is 0B533DE6-7107-9FCD-48FC-000061636D65 in staging, 0B533DE6-7107-9FCD-48FD-000061636D65 in production
    ");
    let json = two.diff(&["--output", "json"]).await.json();
    assert_eq!((&json["differs"], &json["integrations"][0]["outcome"]), (&json!(false), &json!("same")));
    let directory = json!({ "key": "directory", "from": "directory_01ACME", "to": "directory_01PROD" });
    assert_eq!((&json["integrations"][0]["by_nature"][0], &json["to"]["table"]), (&directory, &json!(TABLE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_promoted_is_a_diff_with_the_next_commands() {
    let two = Two::start().await;
    let domains = "prefix = \"SCIM_\"\ndomains = [\"acme.com\", \"acme.co.uk\"]\n";
    two.apply(&two.staging, &file("acme", "enforce").replace("prefix = \"SCIM_\"\n", domains)).await;
    two.apply(&two.production, &of_production(&file("acme", "simulate"))).await;

    let differs = two.diff(&["acme"]).await;
    assert_eq!(differs.code, 2);
    insta::assert_snapshot!(differs.stdout.replace(TABLE, "TABLE"), @r#"
    acme: differs
    --- in force in production (TABLE)
    +++ in force in staging (TABLE)
    @@ -1,7 +1,10 @@
     tenancy = "single"
     prefix = "SCIM_"
     deprovision = "delete"
    -domains = []
    +domains = [
    +    "acme.co.uk",  # domains
    +    "acme.com",  # domains
    +]
     protected = []
     blocked = []
     reserved_roles = [
    "#);
    insta::assert_snapshot!(differs.stderr, @r"
    to promote acme: `orgvue-scim --profile production --region us-east-1 --table orgvue-scim integration show acme > acme.toml`, write into it what has a +, take out what has a -
    then: `orgvue-scim --profile production --region us-east-1 --table orgvue-scim integration diff ID.toml`, and with production's environment `orgvue-scim integration apply ID.toml --wait`
    ");
    let json = two.diff(&["--output", "json"]).await.json();
    let row = &json["integrations"][0];
    assert_eq!((&json["differs"], &row["outcome"], &row["differs"]), (&json!(true), &json!("differs"), &json!(true)));
    assert!(
        row["from"]["file"].as_str().unwrap().contains(domains)
            && row["diff"].as_str().unwrap().contains("+    \"acme.com\",  # domains\n"),
        "{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_correspond_and_one_that_is_new_is_shown_whole() {
    let two = Two::start().await;
    let staging = two_tenants("enforce", "simulate").replace("id = \"ACME\"", "id = \"ACME\"\nalias = \"UK\"");
    let (production, _) = staging.rsplit_once("\n[[tenants]]").unwrap();
    two.apply(&two.staging, &staging).await;
    two.apply(&two.production, &of_production(production)).await;
    let differs = two.diff(&[]).await;
    assert_eq!(differs.code, 2);
    let changes: Vec<_> = differs.stdout.lines().filter(|line| line.starts_with(['+', '-'])).skip(2).collect();
    let eu = ["+[[tenants]]  # EU", "+id = \"EU\"", "+dataset = \"0B533DE6-7107-9FCD-48FC-000000006575\""];
    assert_eq!(changes, [&eu[..], &["+api_account = \"sync@orgvue.com\"", "+"]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_on_one_side_is_told_and_nothing_is_written() {
    let two = Two::start().await;
    two.apply(&two.staging, &file("acme", "enforce")).await;
    two.apply(&two.production, &file("beta", "enforce")).await;
    let ended = two.diff(&[]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (2, "acme: only in staging\nbeta: only in production\n"));
    let show = format!("`orgvue-scim --profile staging --region us-east-1 --table {TABLE} integration show acme > acme.toml`");
    assert!(ended.stderr.starts_with(&format!("to promote acme: {show}, ")), "{}", ended.stderr);
    let json = two.diff(&["--output", "json"]).await.json();
    let outcomes = json["integrations"].as_array().unwrap().iter().map(|row| row["outcome"].as_str().unwrap());
    assert_eq!(outcomes.collect::<Vec<_>>(), ["only_from", "only_to"]);
    let neither = two.diff(&["gamma"]).await;
    let line = "error: there is no integration gamma, neither in staging nor in production: see `orgvue-scim integration list`\n";
    assert_eq!((neither.code, neither.stdout.as_str(), neither.stderr.as_str()), (1, "", line));
    for deployment in [&two.staging, &two.production] {
        assert_eq!(deployment.system.store.each_integration().await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_taken_for_missing() {
    let two = Two::start().await;
    two.apply(&two.staging, &file("acme", "enforce")).await;
    two.production.spoil("INTEGRATIONS", "acme").await;
    let ended = two.diff(&[]).await;
    assert!(ended.code == 2 && ended.stdout.starts_with("acme: cannot be compared: in production: "), "{}", ended.stdout);
    assert!(ended.stderr.starts_with("the table must be repaired: "), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shells_deployment_and_region_do_not_decide_about_two() {
    let two = Two::start().await;
    for deployment in [&two.staging, &two.production] {
        two.apply(deployment, &file("acme", "enforce")).await;
    }
    let diff = ["integration", "diff", "--from", "staging", "--to", "production"];
    let mut command = at(two.home.path(), &diff);
    command.env("TABLE_NAME", "elsewhere").env("AWS_REGION", "eu-west-1").env("AWS_ACCESS_KEY_ID", "other");
    let ended = end(command).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "acme is the same in staging and in production\n"));
    let ended = end(at(two.home.path(), &[&diff[..], &["--to-table", "elsewhere"]].concat())).await;
    let line = "error: there is no table elsewhere in us-east-1, as profile production sees it: check --to-table, --region and --to\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (1, line));
}

#[test]
fn a_profile_that_does_not_say_enough_says_what_to_do() {
    let unreachable = "http://127.0.0.1:1";
    let home = home(&format!("{}orgvue_scim_table = scim\n{}", profile("staging", unreachable), profile("bare", unreachable)));
    let ended = |arguments: &[&str]| Ended::of(at(home.path(), &[&["integration", "diff", "--from"], arguments].concat()));
    let table = "write orgvue_scim_table = NAME, the stack's output TableName, into its section of ~/.aws/config, or pass --to-table NAME";
    let cases: [(&[&str], i32, &str); 6] = [
        (&["staging", "--to", "nobody"], 1, "there is no AWS profile nobody: check --to, or write the profile into ~/.aws/config"),
        (&["staging", "--to", "bare"], 64, &format!("no table is known for the profile bare: {table}")),
        (&["staging", "--to", "staging"], 64, "--from and --to are both the table scim of the profile staging: name two deployments"),
        (
            &["staging", "--to", "bare", "--table", "scim"],
            64,
            "--table is about one deployment: leave it out beside --from and --to, which name two",
        ),
        (
            &["a", "--to", "b", "--profile", "c"],
            64,
            "--profile is about one deployment: leave it out beside --from and --to, which name two",
        ),
        (&["staging", "--to", "bare", "--to-table", "scim"], 1, "AWS cannot be reached for dynamodb:Query"),
    ];
    for (arguments, code, line) in cases {
        let ended = ended(arguments);
        assert!(ended.stderr.starts_with(&format!("error: {line}")) && ended.stderr.lines().count() == 1, "{arguments:?} {}", ended.stderr);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{arguments:?}");
    }
}

#[test]
fn a_file_and_two_deployments_are_not_asked_about_at_once() {
    let wrong: &[&[&str]] = &[
        &[],
        &["a.toml", "b.toml"],
        &["--from", "a"],
        &["--to", "b"],
        &["a.toml", "--to", "b"],
        &["a.toml", "--from", "a", "--to", "b"],
        &["a.toml", "--by-nature"],
        &["a.toml", "--from-table", "scim"],
    ];
    for arguments in wrong {
        let ended = Ended::of(program(&[&["integration", "diff"], *arguments].concat()));
        assert_eq!((ended.code, ended.stdout.as_str()), (64, ""), "{arguments:?}");
        assert!(ended.stderr.contains("--from"), "{arguments:?} {}", ended.stderr);
    }
}
