//! A directory whose users are all members of groups of ours, read through the stand-in's own bucket of four calls a second.

use std::time::{Duration, Instant};

use adapters::http::Deadline;
use adapters::workos::{Options, WorkOs};
use domain::ids::DirectoryId;
use secrecy::SecretString;
use serde_json::{Value, json};
use standins::workos;
use tokio::runtime::Runtime;

use crate::Case;

const DIRECTORY: &str = "directory_01LARGE";
const PREFIX: &str = "IAMAPP_Orgvue_SCIM_";
const GROUPS: usize = 20;
/// What WorkOS allows of `/directory_users`.
const CALLS_A_SECOND: f64 = 4.0;
/// Longer than Lambda gives: what takes too long is to be seen.
const DEADLINE: Duration = Duration::from_secs(3_600);

/// Reads a directory of `n` users.
pub(crate) fn measure(servers: &Runtime, function: &Runtime, n: usize) -> Case {
    let server = servers.block_on(workos::WorkOs::start(workos::Options::default())).expect("loopback has a free port");
    let user = |at: usize| {
        let group = format!("{PREFIX}role{}", at % GROUPS);
        json!({ "idp_id": format!("idp-{at}"), "email": format!("person.number{at:06}@acme.com"), "groups": [group] })
    };
    let users: Vec<Value> = (0..n).map(user).collect();
    server.load_directory(&json!({ "id": DIRECTORY, "users": users })).expect("this is a directory");

    let key = SecretString::from(server.key());
    let workos = WorkOs::new(Options::new(server.url().parse().expect("it is a URL"), key)).expect("the client can be made");
    let reader = workos.reader(DirectoryId::parse(DIRECTORY).expect("it is one"), Deadline::after(DEADLINE));
    let began = Instant::now();
    let directory = function.block_on(reader.read(|name| name.starts_with(PREFIX))).expect("the directory can be read");
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(directory.users().len(), n);

    let limited = server.calls().of("GET /directory_users") as f64;
    let least = limited / CALLS_A_SECOND;
    let figures = vec![
        ("limited_calls", limited),
        ("other_calls", reader.calls() as f64 - limited),
        ("seconds", seconds),
        ("seconds_of_the_limit", least),
        ("percent_longer", (seconds / least - 1.0) * 100.0),
    ];
    servers.block_on(server.stop());
    Case { name: "reads", n, figures }
}
