//! The program itself: its flags, its exit codes, what it prints, and what it keeps.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use adapters::clock::now_ms;
use adapters::store::{AfterApply, Store};
use domain::delays::Delays;
use domain::integration::Integration;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::home::dynamodb_at;
use crate::world::{API_ACCOUNT, Customer, account, dataset, email, group, second_secret, single, start_orgvue, start_workos, write};

crate::tests![
    the_example_is_played_and_told_in_json,
    no_level_of_logs_shows_a_person,
    without_json_people_read_it_on_stdout,
    what_is_held_ends_with_1,
    what_keeps_failing_ends_with_1,
    a_mistake_in_a_file_ends_with_2_and_names_the_line,
    a_directory_that_nothing_could_come_of_ends_with_2,
    whoever_has_read_enough_stops_nothing,
    a_kill_before_the_windows_end_loses_nothing,
    other_servers_take_the_place_of_the_stand_ins,
    secrets_that_were_given_are_not_shown,
    an_operator_is_given_a_file_of_variables,
    a_customer_who_comes_while_it_runs_is_shown,
];

fn local(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

/// Runs the program to its end; the servers of the test go on meanwhile.
async fn run(mut command: Command) -> Output {
    spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A directory file: a user by name, with one role.
fn directory(customer: &Customer, users: &[(&str, &str)]) -> String {
    let users: Vec<Value> = users
        .iter()
        .map(|(name, role)| json!({ "idp_id": name, "email": email(name), "state": "active", "groups": [group(role)] }))
        .collect();
    json!({ "id": customer.directory(), "state": "linked", "users": users }).to_string()
}

async fn the_example_is_played_and_told_in_json() {
    let output = run(local(&["--once", "--json", "--window-seconds", "1"])).await;

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&output);
    let run = |integration: usize| report["integrations"][integration]["runs"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&report["integrations"][0]["id"], &run(0)["status"]), (&json!("guide-single"), &json!("applied")));
    let logins = json!(["testuser1@testOrg.com", "testuser2@testOrg.com", "testuser3@testOrg.com"]);
    assert_eq!(run(0)["tenants"][0]["created"], logins);
    assert_eq!(run(1)["tenants"][0]["created"], json!(["testuser4@testOrg.com"]));
    for (at, login) in [(0, "testuser5@testOrg.com"), (1, "testuser6@testOrg.com")] {
        let finding = run(at)["findings"][0].clone();
        assert_eq!((&finding["code"], &finding["login"]), (&json!("no_platform_role"), &json!(login)));
        assert!(finding["message"].as_str().is_some_and(|message| message.contains("neither user nor admin")));
    }
    let keys: Vec<String> = run(0).as_object().unwrap().keys().cloned().collect();
    for key in ["id", "reason", "generation", "status", "tenants", "findings", "workos_calls", "orgvue_calls", "seconds"] {
        assert!(keys.contains(&key.to_owned()), "{key} of {keys:?}");
    }
    let tenant: Vec<String> = run(0)["tenants"][0].as_object().unwrap().keys().cloned().collect();
    for key in ["tenant", "status", "mode", "created", "updated", "removed", "unchanged", "held"] {
        assert!(tenant.contains(&key.to_owned()), "{key} of {tenant:?}");
    }
}

async fn no_level_of_logs_shows_a_person() {
    let mut command = local(&["--once", "--json", "--window-seconds", "1"]);
    command.env("RUST_LOG", "trace");
    let output = run(command).await;
    let text = stderr(&output);
    let logs: Vec<&str> = text.lines().filter(|line| line.starts_with('{')).collect();
    assert!(logs.len() >= 5, "{text}");
    assert!(logs.iter().all(|line| !line.contains('@') && !line.contains("whsec_local") && !line.contains("sk_local")), "{text}");
}

async fn without_json_people_read_it_on_stdout() {
    let output = run(local(&["--once", "--window-seconds", "1"])).await;

    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["Users dataset of TESTORG", "could not be synced", "testuser6@testOrg.com", "no_platform_role"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

async fn what_is_held_ends_with_1() {
    let (folder, customer) = (TempDir::new().unwrap(), single("ACME"));
    let integration = write(&folder, "acme.toml", &customer.toml());
    let directory = write(&folder, "directory.json", &directory(&customer, &[("ada", "user")]));
    let rows = json!({ "ACME": [account(API_ACCOUNT, "admin"), account(&email("old"), "user")] });
    let accounts = write(&folder, "accounts.json", &rows.to_string());
    let files = ["--integration", path(&integration), "--directory", path(&directory), "--accounts", path(&accounts)];
    let output = run(local(&[&["--once", "--json", "--window-seconds", "1"], &files[..]].concat())).await;

    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let run = json(&output)["integrations"][0]["runs"][0].clone();
    assert_eq!((&run["status"], &run["tenants"][0]["created"]), (&json!("partly_held"), &json!(["ada@acme.com"])));
    let held = &run["tenants"][0]["held"][0];
    assert_eq!((&held["login"], &held["action"], &held["why"]), (&json!("old@acme.com"), &json!("remove"), &json!("new_scope")));
}

async fn what_keeps_failing_ends_with_1() {
    let (folder, customer) = (TempDir::new().unwrap(), single("ACME"));
    let integration = write(&folder, "acme.toml", &customer.toml());
    let directory = write(&folder, "directory.json", &directory(&customer, &[("ada", "user")]));
    let files = ["--once", "--json", "--window-seconds", "1", "--integration", path(&integration), "--directory", path(&directory)];
    let accounts = write(&folder, "accounts.json", &json!({ "ACME": [] }).to_string());
    let output = run(local(&[&files[..], &["--accounts", path(&accounts)]].concat())).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let runs = json(&output)["integrations"][0]["runs"].clone();
    assert_eq!((runs.as_array().unwrap().len(), &runs[2]["status"]), (3, &json!("refused")));

    let unlinked = std::fs::read_to_string(&directory).unwrap().replace("linked", "unlinked");
    std::fs::write(&directory, unlinked).unwrap();
    let output = run(local(&files)).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let runs = json(&output)["integrations"][0]["runs"].clone();
    assert_eq!((runs.as_array().unwrap().len(), &runs[0]["status"]), (1, &json!("refused")));
}

async fn a_mistake_in_a_file_ends_with_2_and_names_the_line() {
    let folder = TempDir::new().unwrap();
    let file = single("ACME").toml().replace("tenancy", "tenacy");
    let integration = write(&folder, "acme.toml", &file);
    let output = run(local(&["--once", "--integration", path(&integration)])).await;

    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(text.contains("acme.toml") && text.contains("line 4") && text.contains("tenacy"), "{text}");

    let output = run(local(&["--once", "--integration", "nowhere.toml"])).await;
    assert!(output.status.code() == Some(2) && stderr(&output).contains("nowhere.toml"));
    assert_eq!(run(local(&["--onse"])).await.status.code(), Some(2));
}

async fn a_directory_that_nothing_could_come_of_ends_with_2() {
    let (folder, customer) = (TempDir::new().unwrap(), single("ACME"));
    let integration = write(&folder, "acme.toml", &customer.toml());
    let unlinkd = directory(&customer, &[]).replace("linked", "unlinkd");
    for (text, files, told) in [
        (directory(&customer, &[]), &[][..], "no integration has the directory directory_"),
        (unlinkd, &["--integration", path(&integration)], "unknown variant `unlinkd`, expected one of `linked`"),
    ] {
        let file = write(&folder, "directory.json", &text);
        let output = run(local(&[&["--once", "--directory", path(&file)], files].concat())).await;
        let text = stderr(&output);
        assert!(output.status.code() == Some(2) && text.contains("directory.json: ") && text.contains(told), "{text}");
    }
}

async fn whoever_has_read_enough_stops_nothing() {
    let mut child = local(&["--once", "--window-seconds", "1"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}

/// A program that stays up; it is killed with the test.
struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    async fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut running = Self { child, ready: Value::Null };
        let line = spawn_blocking(move || {
            let mut line = String::new();
            let mut stdout = BufReader::new(stdout);
            stdout.read_line(&mut line).map(|_| (line, stdout))
        });
        let (line, stdout) = line.await.unwrap().unwrap();
        running.ready = serde_json::from_str(&line).unwrap();
        // The program must not find its output closed.
        drop(std::thread::spawn(move || stdout.take(u64::MAX).read_to_end(&mut Vec::new())));
        running
    }

    /// What `kill -9` does.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn logins(&self, tenant: &str) -> Vec<String> {
        let url = format!("{}/_standin/state", self.ready["orgvue_url"].as_str().unwrap());
        let state: Value = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().json().await.unwrap();
        let rows = state["tenants"][tenant]["rows"].as_array().unwrap();
        rows.iter().filter_map(|row| row["Login"].as_str()).map(str::to_owned).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn a_kill_before_the_windows_end_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let start = || Running::start(local(&["--json", "--window-seconds", "4", "--data", path(folder.path())]));
    // It is ready when the webhooks of the example have been answered.
    let first = start().await;
    assert_eq!(first.logins("MYTENANT").await, [API_ACCOUNT]);
    first.kill();

    let second = start().await;
    let began = Instant::now();
    while second.logins("MYTENANT").await.len() < 2 || second.logins("TESTORG").await.len() < 4 {
        assert!(began.elapsed() < Duration::from_secs(40), "what was accepted is lost");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(second.logins("MYTENANT").await, [API_ACCOUNT, "testuser4@testOrg.com"]);
    second.kill();

    let third = run(local(&["--once", "--json", "--data", path(folder.path())])).await;
    assert_eq!(third.status.code(), Some(0), "{}", stderr(&third));
    let tenant = json(&third)["integrations"][0]["runs"][0]["tenants"][0].clone();
    assert_eq!((&tenant["unchanged"], &tenant["created"]), (&json!(3), &json!([])), "a second run does nothing");
}

async fn other_servers_take_the_place_of_the_stand_ins() {
    let (workos, orgvue) = (start_workos().await, start_orgvue().await);
    let (folder, customer) = (TempDir::new().unwrap(), single("ACME"));
    let integration = write(&folder, "acme.toml", &customer.toml());
    let described: Value = serde_json::from_str(&directory(&customer, &[("ada", "user"), ("bob", "admin")])).unwrap();
    workos.load_directory(&described).unwrap();
    orgvue.add_tenant("ACME", &dataset("ACME"), vec![account(API_ACCOUNT, "admin")]);
    let (workos_url, orgvue_url) = (workos.url(), orgvue.url());
    let servers =
        ["--workos-url", &workos_url, "--workos-key", workos.key(), "--orgvue-url", &orgvue_url, "--orgvue-token", orgvue.token()];
    let common = ["--integration", path(&integration), "--window-seconds", "1", "--json"];
    let output = run(local(&[&["--once"], &common[..], &servers[..]].concat())).await;

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let run = json(&output)["integrations"][0]["runs"][0].clone();
    assert_eq!((&run["reason"], &run["tenants"][0]["created"]), (&json!("on_demand"), &json!(["ada@acme.com", "bob@acme.com"])));
    assert_eq!(orgvue.rows("ACME").len(), 3);

    let secret = second_secret();
    let stays = Running::start(local(&[&["--webhook-secret", &secret], &common[..], &servers[..]].concat())).await;
    workos.remove_user(&customer.directory(), "ada");
    let event = workos.emitted().pop().unwrap();
    let delivery = standins::workos::Delivery { secret: Some(secret), ..Default::default() };
    assert_eq!(workos.deliver(stays.ready["webhook_url"].as_str().unwrap(), &event, delivery).await.unwrap(), 200);
    let began = Instant::now();
    while orgvue.calls().of(crate::world::GET_ITEMS) < 2 {
        assert!(began.elapsed() < Duration::from_secs(40), "the webhook leads to no run");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stays.kill();
}

async fn secrets_that_were_given_are_not_shown() {
    let mut command = local(&["--json", "--workos-url", "http://127.0.0.1:9", "--orgvue-url", "http://127.0.0.1:9"]);
    command.envs([("LOCAL_WORKOS_KEY", "SECRET1"), ("LOCAL_ORGVUE_TOKEN", "SECRET2"), ("LOCAL_WEBHOOK_SECRET", "SECRET3")]);
    let running = Running::start(command).await;
    for name in ["workos_key", "orgvue_token", "webhook_secret"] {
        assert_eq!(running.ready.get(name), None, "{name}");
    }
    running.kill();

    let mut help = local(&["--help"]);
    help.env("LOCAL_WORKOS_KEY", "SECRET1");
    assert!(!String::from_utf8(run(help).await.stdout).unwrap().contains("SECRET1"));
}

async fn an_operator_is_given_a_file_of_variables() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(local(&["--json", "--data", path(folder.path())])).await;
    let ready = |name: &str| running.ready[name].as_str().unwrap();
    assert_eq!(Path::new(ready("operator_env")), folder.path().join("operator.env"));

    let mut shell = Command::new("sh");
    shell.args(["-c", "set -a; . \"$0\"; set +a; env", ready("operator_env")]).env_clear().env("PATH", std::env::var("PATH").unwrap());
    let output = run(shell).await;
    let text = String::from_utf8(output.stdout).unwrap();
    for (name, field) in [
        ("AWS_ENDPOINT_URL_DYNAMODB", "aws_endpoint_url_dynamodb"),
        ("AWS_ENDPOINT_URL_SQS", "aws_endpoint_url_sqs"),
        ("AWS_ENDPOINT_URL_SCHEDULER", "aws_endpoint_url_scheduler"),
        ("AWS_ENDPOINT_URL_STS", "aws_endpoint_url_sts"),
        ("AWS_ENDPOINT_URL_SNS", "aws_endpoint_url_sns"),
        ("TABLE_NAME", "table"),
        ("SYNC_QUEUE_URL", "sync_queue_url"),
        ("WORKOS_URL", "workos_url"),
        ("WORKOS_API_KEY", "workos_key"),
        ("ORGVUE_URL", "orgvue_url"),
    ] {
        assert!(text.lines().any(|line| line == format!("{name}={}", ready(field))), "{name} in {text}");
    }
    running.kill();
}

async fn a_customer_who_comes_while_it_runs_is_shown() {
    let mut child = local(&["--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut ready, mut told) = (BufReader::new(child.stdout.take().unwrap()), BufReader::new(child.stderr.take().unwrap()));
    let mut line = String::new();
    ready.read_line(&mut line).unwrap();
    let running = Running { child, ready: serde_json::from_str(&line).unwrap() };
    let url = |name: &str| running.ready[name].as_str().unwrap();

    let customer = single("ACME");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let tenant = json!({ "dataset_id": dataset("ACME"), "rows": [account(API_ACCOUNT, "admin")] });
    http.put(format!("{}/_standin/tenants/ACME", url("orgvue_url"))).json(&tenant).send().await.unwrap().error_for_status().unwrap();
    let described: Value = serde_json::from_str(&directory(&customer, &[("ada", "user")])).unwrap();
    http.post(format!("{}/_standin/directories", url("workos_url"))).json(&described).send().await.unwrap().error_for_status().unwrap();
    let store = Store::new(dynamodb_at(url("aws_endpoint_url_dynamodb")), url("table"));
    let file = customer.toml();
    let delays = Delays::default();
    store.apply(&Integration::parse(&file).unwrap(), &file, AfterApply::Sync, "test", now_ms(), &delays).await.unwrap();

    let shown = spawn_blocking(move || {
        let mut lines = told.by_ref().lines().map_while(Result::ok);
        let shown = lines.find(|line| line.starts_with("acme: applied"));
        lines.find(|line| line.contains("Users dataset of ACME")).and(shown)
    });
    let shown = tokio::time::timeout(Duration::from_secs(60), shown).await;
    // The reader ends with the program.
    running.kill();
    shown.expect("its run is not shown").unwrap().unwrap();
}
