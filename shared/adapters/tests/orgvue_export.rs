//! Reading a Users dataset that a synchronous read does not return.

mod orgvue_world;

use std::time::Duration;

use adapters::clock::hurried;
use adapters::http::Deadline;
use adapters::orgvue::{OrgvueError, TooLarge};
use domain::backoff::FaultClass;
use domain::current::DatasetRefusal;
use domain::row::Row;
use orgvue_world::{METADATA, READ, TENANT, World, login, restore};
use standins::orgvue::ExportEnd;
use standins::{Fault, FaultKind, Matcher, Nth};

const ORDER: &str = "POST /api/v1/{tenant}/datasets/{dataset}/export";
const LOOK: &str = "GET /presigned/{export}/ticket";
const RESULT: &str = "GET /presigned/{export}/result";

/// A tenant with the token's account and Ada's, which is more than Orgvue returns at once.
async fn large() -> World {
    let world = World::with(&["ada@example.com"]).await;
    world.server.switches(|switches| switches.sync_read_bytes_max = Some(50));
    world
}

/// What is read without the waits for the job.
async fn read(world: &World) -> Result<Vec<Row>, OrgvueError> {
    hurried(world.users().rows()).await
}

fn fault(world: &World, path: &str, nth: Nth, kind: FaultKind) {
    world.server.fault(Fault::new(Matcher::path(path), nth, kind));
}

#[tokio::test]
async fn a_dataset_beyond_the_synchronous_read_is_exported() {
    let world = large().await;
    let users = world.users();
    let current = world.read(hurried(users.rows()).await.unwrap()).unwrap();
    assert_eq!(current.accounts.keys().map(|login| login.as_str()).collect::<Vec<_>>(), ["ada@example.com", "sync@orgvue.com"]);
    assert_eq!([READ, ORDER, LOOK, RESULT].map(|route| world.n(route)), [1, 1, 2, 1]);
    assert_eq!(users.calls(), 5, "each of them is a call");

    world.server.insert_row(TENANT, orgvue_world::row("bob@example.com"));
    assert_eq!(hurried(users.rows()).await.unwrap().len(), 3);
    assert_eq!([READ, ORDER].map(|route| world.n(route)), [1, 2], "the synchronous read is not tried again");
}

#[tokio::test]
async fn the_files_of_an_export_are_fetched_without_the_token() {
    let world = large().await;
    read(&world).await.unwrap();
    let lines = world.server.calls().lines();
    let file = lines.iter().find_map(|line| line.strip_prefix("GET /presigned")).unwrap();
    let client = reqwest::Client::new();
    let answer = async |token: Option<&String>| {
        let request = client.get(format!("{}/presigned{file}", world.server.url()));
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((answer(None).await, answer(Some(&world.token)).await), (200, 400), "the stand-in takes none");
}

#[tokio::test]
async fn a_gateway_that_breaks_on_the_answer_leads_to_the_export_too() {
    for status in [502, 504] {
        let world = World::with(&["ada@example.com"]).await;
        fault(&world, "/items", Nth::From(1), FaultKind::Status(status));
        assert_eq!(read(&world).await.unwrap().len(), 2);
        for end in [ExportEnd::Refused, ExportEnd::Failed] {
            world.server.switches(|switches| switches.export_end = end);
            let error = read(&world).await.unwrap_err();
            assert!(matches!(error, OrgvueError::DatasetTooLarge(_)), "what is to be mended is told: {error}");
            assert_eq!((error.code().as_str(), error.class(), error.needs_person()), ("orgvue_unavailable", FaultClass::Vendor, false));
        }
        fault(&world, "/export", Nth::From(1), FaultKind::Status(status));
        let error = read(&world).await.unwrap_err();
        assert!(matches!(error, OrgvueError::Unavailable(_)), "it may be that Orgvue does not work: {error}");
    }
}

#[tokio::test]
async fn an_account_is_made_anew_without_what_an_export_makes_up() {
    let world = large().await;
    let then = world.read(read(&world).await.unwrap()).unwrap();
    assert_eq!(then.accounts[&login("ada@example.com")].row.properties()["_change"], "none");
    world.server.delete_row(TENANT, "ada@example.com");
    let now = world.read(read(&world).await.unwrap()).unwrap();
    let applied = world.apply(vec![restore(&now, &then, "ada@example.com")]).await.unwrap();
    assert_eq!(applied.done.len(), 1);
    assert!(world.row_of("ada@example.com").unwrap().as_object().unwrap().keys().all(|key| key == "_id" || !key.starts_with('_')));
}

#[tokio::test]
async fn an_export_that_is_refused_or_fails_leaves_the_dataset_too_large() {
    for (end, class) in [(ExportEnd::Refused, FaultClass::Configuration), (ExportEnd::Failed, FaultClass::Own)] {
        let world = large().await;
        world.server.switches(|switches| switches.export_end = end);
        let error = read(&world).await.unwrap_err();
        assert_eq!((error.code().as_str(), error.class(), error.needs_person()), ("dataset_too_large", class, true));
        assert!(error.trace_id().is_some_and(|id| id.starts_with("Root=1-")), "{error}");
        assert!(error.to_string().contains(if end == ExportEnd::Refused { "403603" } else { "500601" }), "{error}");
        assert_eq!(world.n(ORDER), 1);
    }
}

#[tokio::test]
async fn an_export_that_is_refused_without_a_code_may_pass() {
    for status in [400, 403, 409, 413] {
        let world = large().await;
        fault(&world, "/export", Nth::At(1), FaultKind::Html(status));
        let error = read(&world).await.unwrap_err();
        assert_eq!((error.code().as_str(), error.class(), error.needs_person()), ("dataset_too_large", FaultClass::Own, true), "{status}");
        assert_eq!(read(&world).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_export_that_never_ends_ends_with_the_time_of_the_run() {
    let world = large().await;
    world.server.switches(|switches| switches.export_end = ExportEnd::Never);
    let users = world.users_until(Deadline::after(Duration::from_secs(2)));
    assert!(matches!(users.rows().await, Err(OrgvueError::OutOfTime)));
    assert_eq!(world.n(LOOK), 1, "a second look would come too late");
}

#[tokio::test]
async fn an_export_that_never_ends_is_waited_for_some_minutes() {
    let world = large().await;
    world.server.switches(|switches| switches.export_end = ExportEnd::Never);
    let users = world.users_until(Deadline::after(Duration::from_secs(600)));
    let error = hurried(users.rows()).await.unwrap_err();
    assert_eq!((error.class(), error.needs_person()), (FaultClass::Vendor, false), "{error}");
    assert!(error.to_string().ends_with("its export did not end within 240 s"), "{error}");
    assert_eq!(world.n(ORDER), 1);
}

#[tokio::test]
async fn files_that_are_gone_are_asked_for_once_more() {
    for file in ["/ticket", "/result"] {
        let world = large().await;
        world.server.before_call(Matcher::path(file), 1, |model| model.remove_exports());
        assert_eq!(read(&world).await.unwrap().len(), 2);
        assert_eq!(world.n(ORDER), 2);

        let world = large().await;
        world.server.switches(|switches| switches.presigned_ms = 0);
        let error = read(&world).await.unwrap_err();
        assert!(matches!(error, OrgvueError::DatasetTooLarge(TooLarge::ExportGone)), "{error}");
        assert_eq!(world.n(ORDER), 2);
    }
}

#[tokio::test]
async fn files_that_are_refused_are_no_refusal_of_the_token() {
    for file in ["/ticket", "/result"] {
        for status in [400, 401, 403, 404, 409, 410] {
            let world = large().await;
            fault(&world, file, Nth::At(1), FaultKind::Status(status));
            assert_eq!(read(&world).await.unwrap().len(), 2, "{file} {status}");
            fault(&world, file, Nth::From(1), FaultKind::Status(status));
            let error = read(&world).await.unwrap_err();
            assert!(matches!(error, OrgvueError::DatasetTooLarge(TooLarge::ExportGone)), "{file} {status}: {error}");
        }
    }
}

#[tokio::test]
async fn an_export_survives_what_passes() {
    for path in ["/export", "/ticket", "/result"] {
        for kind in [FaultKind::TooMany { retry_after: None }, FaultKind::Html(503), FaultKind::Reset, FaultKind::CutBody] {
            let world = large().await;
            fault(&world, path, Nth::At(1), kind.clone());
            assert_eq!(read(&world).await.unwrap().len(), 2, "{path} {kind:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_ticket_or_no_list_of_rows_is_malformed_and_not_quoted() {
    for path in ["/export", "/ticket", "/result"] {
        for kind in [FaultKind::TruncatedJson, FaultKind::WrongShape, FaultKind::Html(200), FaultKind::Status(302)] {
            let world = large().await;
            fault(&world, path, Nth::From(1), kind.clone());
            let error = read(&world).await.unwrap_err();
            assert!(matches!(error, OrgvueError::Malformed { .. }) && !error.needs_person(), "{path} {kind:?}: {error}");
            assert!(!format!("{error:?}").contains("presigned"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn the_token_is_refused_as_ever_when_it_ends_midway() {
    let world = large().await;
    let token = world.token.clone();
    let server = world.server.clone();
    world.server.before_call(Matcher::path("/export"), 1, move |_| server.refuse_token(&token, "40302"));
    assert_eq!(read(&world).await.unwrap_err().code(), "orgvue_40302");
}

#[tokio::test]
async fn rows_without_an_id_or_without_the_tokens_account_are_not_worked_on() {
    let world = large().await;
    world.server.switches(|switches| switches.export_ids = false);
    assert_eq!(world.read(read(&world).await.unwrap()), Err(DatasetRefusal::MissingItemId));
    world.server.switches(|switches| switches.export_ids = true);
    world.server.delete_row(TENANT, "sync@orgvue.com");
    assert_eq!(world.read(read(&world).await.unwrap()), Err(DatasetRefusal::ApiAccountMissing));
}

#[tokio::test]
async fn more_than_we_hold_is_too_large() {
    let mut world = large().await;
    world.options.dataset_rows_max = 1;
    let error = read(&world).await.unwrap_err();
    assert!(matches!(error, OrgvueError::DatasetTooLarge(TooLarge::Rows(1))), "{error}");
    // Less than the text, and more than the file.
    (world.options.dataset_rows_max, world.options.dataset_bytes_max) = (2, 300);
    let error = read(&world).await.unwrap_err();
    assert!(matches!(error, OrgvueError::DatasetTooLarge(TooLarge::Bytes(300))), "{error}");
    world.server.switches(|switches| switches.sync_read_bytes_max = None);
    world.options.dataset_bytes_max = 100;
    assert!(matches!(read(&world).await, Err(OrgvueError::DatasetTooLarge(TooLarge::Bytes(100)))), "nor is it exported then");
    assert_eq!((world.n(METADATA), world.n(ORDER)), (0, 2));
}
