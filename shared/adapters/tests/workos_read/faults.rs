//! Servers that fail, and time that runs out.

use std::time::{Duration, Instant};

use adapters::http::{CallError, Deadline};
use adapters::workos::{Distrust, ReadError};
use standins::workos::UserSpec;
use standins::{Fault, FaultKind, Matcher, Nth};

use crate::support::{DIRECTORY, all, fill, none, ours, reader, reader_at, reader_with, standin};

/// The calls that a directory of one page of users and one group of ours takes.
const CALLS_MIN: u64 = 6;

#[tokio::test]
async fn a_key_that_is_refused_is_not_tried_again() {
    let workos = standin().await;
    let stranger = reader_at(&workos.url(), "sk_wrong", Duration::ZERO, Deadline::after(Duration::from_secs(30)));
    assert!(matches!(stranger.read(all).await, Err(ReadError::Refused { status }) if status == 401));
    workos.fault(Fault::new(Matcher::path("/directory_groups"), Nth::From(1), FaultKind::Status(403)));
    assert!(matches!(reader(&workos).read(all).await, Err(ReadError::Refused { status }) if status == 403));
    assert_eq!(workos.calls().total(), 1 + 3);
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_gone() {
    let workos = standin().await;
    workos.delete_directory(DIRECTORY);
    assert!(matches!(reader(&workos).read(all).await, Err(ReadError::NotFound)));
    assert_eq!(workos.calls().total(), 1);
}

#[tokio::test]
async fn a_404_that_is_not_workoss_own_says_nothing_about_the_directory() {
    let workos = standin().await;
    workos.fault(Fault::new(Matcher::path("/directories/"), Nth::From(1), FaultKind::Html(404)));
    let error = reader(&workos).read(all).await.unwrap_err();
    assert!(matches!(error, ReadError::Untrusted { why: Distrust::Status { status }, .. } if status == 404), "{error:?}");
}

#[tokio::test]
async fn a_list_that_is_not_found_in_a_directory_that_is_there_is_not_trusted() {
    for status in [404, 422] {
        let workos = standin().await;
        workos.put_group(DIRECTORY, "ORG_user");
        workos.fault(Fault::new(Matcher::any().query("group="), Nth::From(1), FaultKind::Status(status)));
        assert!(matches!(reader(&workos).read(ours).await, Err(ReadError::Untrusted { .. })));
        assert_eq!(workos.calls().of("GET /directories/{id}"), 2, "it was asked whether the directory is there");
    }
}

#[tokio::test]
async fn passing_faults_cost_one_call_each() {
    let faults = [
        FaultKind::Status(500),
        FaultKind::Html(502),
        FaultKind::TooMany { retry_after: None },
        FaultKind::Reset,
        FaultKind::CutBody,
        FaultKind::TruncatedJson,
        FaultKind::Html(200),
        FaultKind::WrongShape,
    ];
    let reads = faults.map(|fault| async move {
        let workos = standin().await;
        // On a busy machine calls bunch up, and its limit would add a refusal of its own.
        workos.switches(|switches| switches.directory_rate = None);
        fill(&workos, 3);
        workos.add_member(DIRECTORY, "ORG_user", "0");
        workos.fault(Fault::new(Matcher::path("/directory_users"), Nth::At(2), fault.clone()));
        let reader = reader(&workos);
        let directory = reader.read(ours).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!((directory.users().len(), reader.calls()), (3, CALLS_MIN + 1), "{fault:?}");
    });
    futures::future::join_all(reads).await;
}

#[tokio::test]
async fn a_retry_after_is_obeyed() {
    let workos = standin().await;
    workos.fault(Fault::new(Matcher::path("/directory_users"), Nth::At(1), FaultKind::TooMany { retry_after: Some("1".to_owned()) }));
    let start = Instant::now();
    let reader = reader(&workos);
    reader.read(all).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(reader.calls(), 6);
}

#[tokio::test]
async fn a_server_that_asks_for_an_hour_is_left_alone() {
    let workos = standin().await;
    workos.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::TooMany { retry_after: Some("3600".to_owned()) }));
    let error = reader(&workos).read(all).await.unwrap_err();
    assert!(matches!(error, ReadError::Unavailable(CallError::Status { status, .. }) if status == 429), "{error:?}");
    assert_eq!(workos.calls().total(), 1);
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_not_available() {
    let workos = standin().await;
    workos.fault(Fault::new(Matcher::any(), Nth::From(1), FaultKind::Status(503)));
    let hasty = reader_with(&workos, Duration::ZERO, Deadline::after(Duration::from_millis(1_200)));
    let error = hasty.read(all).await.unwrap_err();
    assert!(matches!(error, ReadError::Unavailable(_)));
    assert!(error.request_id().is_some(), "WorkOS's support asks for it");
    assert!(hasty.calls() >= 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_available() {
    let nowhere = reader_at("http://127.0.0.1:1", "sk", Duration::ZERO, Deadline::after(Duration::from_millis(1_000)));
    assert!(matches!(nowhere.read(all).await, Err(ReadError::Unavailable(CallError::Transport(_)))));
}

#[tokio::test]
async fn an_answer_that_stays_out_of_shape_is_not_taken_for_an_empty_list() {
    for path in ["/directories/", "/directory_users", "/directory_groups"] {
        let workos = standin().await;
        fill(&workos, 3);
        workos.fault(Fault::new(Matcher::path(path), Nth::From(1), FaultKind::WrongShape));
        let error = reader(&workos).read(all).await.unwrap_err();
        assert!(matches!(error, ReadError::Untrusted { why: Distrust::Shape { .. }, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_fit_is_refused_by_its_counts() {
    let workos = standin().await;
    fill(&workos, 950);
    let reader = reader_with(&workos, Duration::from_millis(250), Deadline::after(Duration::from_secs(2)));
    let error = reader.read(none).await.unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { calls_at_least: 10, seconds: 1 }), "{error:?}");
    assert_eq!(reader.calls(), 1);
}

#[tokio::test]
async fn a_directory_of_too_many_groups_is_refused_before_their_members_are_read() {
    let workos = standin().await;
    for n in 0..20 {
        workos.put_group(DIRECTORY, &n.to_string());
    }
    let reader = reader_with(&workos, Duration::from_millis(250), Deadline::after(Duration::from_secs(2)));
    assert!(matches!(reader.read(all).await, Err(ReadError::TooLarge { calls_at_least: 21, .. })));
    assert_eq!(reader.calls(), 3);
}

#[tokio::test]
async fn slow_answers_are_no_reason_to_call_a_directory_too_large() {
    let workos = standin().await;
    fill(&workos, 950);
    workos.fault(Fault::new(Matcher::path("/directory_users"), Nth::From(1), FaultKind::Slow(Duration::from_millis(150))));
    let hasty = reader_with(&workos, Duration::from_millis(1), Deadline::after(Duration::from_millis(700)));
    let error = hasty.read(none).await.unwrap_err();
    assert!(matches!(error, ReadError::OutOfTime), "{error:?}");
}

#[tokio::test]
async fn errors_name_nobody() {
    let workos = standin().await;
    workos.put_user(DIRECTORY, UserSpec::new("ada", "ada@example.com"));
    workos.fault(Fault::new(Matcher::path("/directory_users"), Nth::From(1), FaultKind::TruncatedJson));
    let error = reader(&workos).read(none).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("ada"), "{error:?}");
}
