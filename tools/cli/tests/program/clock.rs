//! What keeps runs off goes by the clock: a machine whose clock is wrong may not do it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use jiff::{SignedDuration, Timestamp};

use crate::deployment::{Deployment, end, file};

/// An STS whose clock is so many seconds behind this machine's; its URL.
fn sts_behind(seconds: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut caller in listener.incoming().flatten() {
            let date = (Timestamp::now() - SignedDuration::from_secs(seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT");
            let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::0:assumed-role/operator/ada</Arn>\
                        </GetCallerIdentityResult></GetCallerIdentityResponse>";
            let answer = format!(
                "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _n_bytes = caller.read(&mut [0; 16_384]).unwrap();
            caller.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_keeps_off_no_run_and_a_pause_needs_none() {
    let deployment = Deployment::with_acme("enforce", &["ada user"]).await;
    let path = deployment.write("acme.toml", &file("acme", "simulate"));
    let run = deployment.json(&["runs", "acme", "--limit", "1"]).await["runs"][0]["id"].as_str().unwrap().to_owned();
    for (behind, told) in [(120, "ahead of"), (-120, "behind")] {
        let sts = sts_behind(behind);
        let by_sts = async |arguments: &[&str]| {
            let mut command = deployment.program(arguments);
            command.env("AWS_ENDPOINT_URL_STS", &sts);
            end(command).await
        };
        let apply: &[&str] = &["integration", "apply", &path];
        let (remove, restore) = (["integration", "remove", "acme", "--yes"], ["restore", "acme", &run, "--yes"]);
        for arguments in [apply, &remove, &restore, &["erase", "acme", "ada@acme.com", "--yes"]] {
            let ended = by_sts(arguments).await;
            let told = format!(" s {told} AWS's: set it right, for what keeps runs off goes by it\n");
            assert!(
                ended.code == 1 && ended.stderr.starts_with("error: the clock of this machine is 1"),
                "{arguments:?}: {}",
                ended.stderr
            );
            assert!(ended.stderr.ends_with(&told), "{}", ended.stderr);
        }
        assert_eq!(by_sts(&["pause", "acme"]).await.code, 0);
    }
    assert_eq!(deployment.json(&["events", "acme"]).await.to_string().matches("\"pause\"").count(), 2);
}
