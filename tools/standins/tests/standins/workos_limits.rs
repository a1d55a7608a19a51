//! The rate limits of WorkOS.

use std::time::Duration;

use serde_json::json;
use standins::workos::{Options, Rate, Switches, WorkOs};

use crate::support::{DIRECTORY, get, workos};

async fn limited() -> WorkOs {
    let workos = WorkOs::start(Options::default()).await.unwrap();
    workos.add_directory(DIRECTORY);
    workos
}

fn users() -> String {
    format!("/directory_users?directory={DIRECTORY}&order=asc")
}

#[tokio::test]
async fn the_fifth_user_call_at_once_is_refused() {
    let workos = limited().await;
    for _ in 0..4 {
        assert_eq!(get(&workos, &users()).await.0, 200);
    }
    let (status, body) = get(&workos, &users()).await;
    assert_eq!((status.as_u16(), body), (429, json!("Ratelimited")));
    assert_eq!(get(&workos, &format!("/directory_groups?directory={DIRECTORY}")).await.0, 200);
}

#[tokio::test]
async fn calls_by_group_count_against_the_directory() {
    let workos = limited().await;
    let group = workos.put_group(DIRECTORY, "Engineering");
    for _ in 0..4 {
        assert_eq!(get(&workos, &format!("/directory_users?group={group}&order=asc")).await.0, 200);
    }
    assert_eq!(get(&workos, &users()).await.0, 429);
}

#[tokio::test]
async fn a_client_that_keeps_the_pace_is_never_refused() {
    let workos = limited().await;
    for jitter_ms in [0, 4, 1, 3, 0, 2, 4, 0] {
        assert_eq!(get(&workos, &users()).await.0, 200);
        tokio::time::sleep(Duration::from_millis(246 + jitter_ms)).await;
    }
}

#[tokio::test]
async fn a_key_has_its_own_limit() {
    let workos = workos().await;
    workos.switches(|switches| {
        *switches = Switches { key_rate: Some(Rate { burst: 2.0, per_second: 0.0 }), ..switches.clone() };
        switches.retry_after = Some("7".to_owned());
    });
    for expected in [200, 200, 429] {
        assert_eq!(get(&workos, "/directories").await.0, expected);
    }
}
