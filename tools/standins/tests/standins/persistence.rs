//! State that outlives a stand-in, and what ends with it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use standins::orgvue::{self, Orgvue};
use standins::workos::{self, UserSpec, WorkOs};

use crate::support::{DATASET, DIRECTORY, TENANT, account, client, get, put_items, workos};

#[tokio::test]
async fn directories_are_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = || workos::Options { state_file: Some(folder.path().join("workos.json")), ..Default::default() };
    let first = WorkOs::start(options()).await.unwrap();
    first.add_directory(DIRECTORY);
    let user = first.put_user(DIRECTORY, UserSpec::new("1", "ada@example.com"));
    first.add_member(DIRECTORY, "Engineering", "1");
    let second = WorkOs::start(options()).await.unwrap();
    assert!(second.has_directory(DIRECTORY));
    let group = second.put_group(DIRECTORY, "Engineering");
    let (_, members) = get(&second, &format!("/directory_users?group={group}&order=asc")).await;
    assert_eq!(members["data"][0]["id"], user.as_str());
}

#[tokio::test]
async fn rows_written_over_http_are_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = || orgvue::Options { state_file: Some(folder.path().join("orgvue.json")), ..Default::default() };
    let first = Orgvue::start(options()).await.unwrap();
    first.add_tenant(TENANT, DATASET, vec![account("ada@example.com", "user")]);
    put_items(&first, "", json!([{ "_action": "create", "Login": "bob@example.com", "Role": "user" }])).await;
    let second = Orgvue::start(options()).await.unwrap();
    assert_eq!(second.rows(TENANT), first.rows(TENANT));
    assert_eq!(second.rows(TENANT).len(), 2);
}

#[tokio::test]
async fn the_port_is_closed_when_the_last_handle_is_gone() {
    let first = workos().await;
    let second = first.clone();
    let address = first.url().replace("http://", "");
    drop(first);
    assert!(tokio::net::TcpStream::connect(&address).await.is_ok());
    drop(second);
    let closed = async {
        while tokio::net::TcpStream::connect(&address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), closed).await.unwrap();
}

#[tokio::test]
async fn stopping_closes_the_port_at_once() {
    let workos = workos().await;
    workos.stop().await;
    assert!(tokio::net::TcpStream::connect(workos.url().replace("http://", "")).await.is_err());
}

/// The program with its state in `folder`, and its ready line.
fn program(folder: &Path) -> (Child, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standins"));
    let mut child = command.arg("--state").arg(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[tokio::test]
async fn the_program_goes_on_after_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, ready) = program(folder.path());
    let at = |ready: &Value, path: &str| format!("{}{path}", ready["workos_url"].as_str().unwrap());
    let user = json!({ "idp_id": "1", "email": "ada@example.com", "state": "active", "groups": ["Science"] });
    let directory = json!({ "id": DIRECTORY, "state": "linked", "users": [user] });
    let load = client().post(at(&ready, "/_standin/directories")).json(&directory).send().await.unwrap();
    assert_eq!(load.status(), 200);
    child.kill().unwrap();
    child.wait().unwrap();
    let (mut child, ready) = program(folder.path());
    let state = client().get(at(&ready, "/_standin/state")).send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(state["directories"][0]["users"][0]["groups"], json!(["Science"]));
    child.kill().unwrap();
    child.wait().unwrap();
}
