//! Reading a Users dataset, and every way in which Orgvue does not let us.

mod orgvue_world;

use std::collections::BTreeSet;
use std::time::Duration;

use adapters::http::Deadline;
use adapters::orgvue::{Orgvue, OrgvueError, OrgvueOptions};
use domain::current::check_properties;
use domain::ids::{DatasetId, TenantId};
use domain::integration::{EnabledForm, RoleForm};
use orgvue_world::{DATASET, METADATA, READ, TENANT, World, login, roles};
use secrecy::SecretString;
use serde_json::json;
use standins::orgvue::{BooleanForm, Empties};
use standins::{FaultKind, Nth};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn reads_the_properties_and_every_row() {
    let world = World::with(&["ada@example.com"]).await;
    let users = world.users();
    let keys = users.property_keys().await.unwrap();
    assert_eq!(check_properties(&keys, &world.spelling), Ok(()));
    let current = world.read(users.rows().await.unwrap()).unwrap();
    assert_eq!(current.accounts.keys().map(|login| login.as_str()).collect::<Vec<_>>(), ["ada@example.com", "sync@orgvue.com"]);
    assert_eq!((users.calls(), world.n(METADATA), world.n(READ)), (2, 1, 1));
}

#[tokio::test]
async fn unknown_fields_and_left_out_values_do_no_harm() {
    let world = World::with(&[]).await;
    world.server.switches(|switches| (switches.extra_fields, switches.empties) = (true, Empties::Omitted));
    world.server.insert_row(TENANT, json!({"Login": "ada@example.com", "CostCentre": 7}));
    let current = world.current().await;
    let ada = &current.accounts[&login("ada@example.com")];
    assert_eq!((ada.enabled, &ada.roles), (false, &roles(&[])));
    assert_eq!(ada.row.properties()["CostCentre"], 7);
    assert!(world.users().property_keys().await.unwrap().contains("CostCentre"));
}

#[tokio::test]
async fn reads_roles_as_array_and_enabled_as_text() {
    let mut world = World::with(&[]).await;
    world.server.switches(|switches| (switches.role_form, switches.boolean_form) = (standins::orgvue::RoleForm::Array, BooleanForm::Text));
    world.server.insert_row(TENANT, json!({"Login": "ada@example.com", "Role": ["user", "HR"], "Enabled": "TRUE"}));
    (world.spelling.role_form, world.spelling.enabled_form) = (RoleForm::Array, EnabledForm::Text);
    let current = world.current().await;
    let ada = &current.accounts[&login("ada@example.com")];
    assert_eq!((ada.enabled, &ada.roles), (true, &roles(&["user", "HR"])));
}

#[tokio::test]
async fn every_code_about_token_and_account_needs_a_person_and_has_its_own_remedy() {
    let world = World::with(&[]).await;
    let mut remedies = BTreeSet::new();
    for code in ["40101", "40102", "40301", "40302", "40303", "40321", "40322", "40323", "40324", "40325", "40345"] {
        world.server.refuse_token(&world.token, code);
        let error = world.users().rows().await.unwrap_err();
        assert!(error.needs_person(), "{code}");
        assert!(error.trace_id().is_some_and(|id| id.starts_with("Root=1-")), "{code}");
        assert!(error.to_string().contains(code), "{error}");
        assert!(!error.to_string().contains("127.0.0.1"), "the message is quoted: {error}");
        assert!(remedies.insert(error.remedy()), "{code}");
    }
    assert_eq!(world.n(READ), 11, "none is tried again");
}

#[tokio::test]
async fn a_wrong_token_dataset_or_tenant_needs_a_person() {
    let mut world = World::with(&[]).await;
    world.token = "another".to_owned();
    assert!(matches!(world.users().rows().await, Err(OrgvueError::Configuration { code: Some(code), .. }) if code == "40102"));

    let mut world = World::with(&[]).await;
    world.dataset = DatasetId::parse("11111111-7107-9FCD-48FC-31C0856745CC").unwrap();
    let error = world.users().property_keys().await.unwrap_err();
    assert!(error.needs_person() && error.remedy().contains("no such tenant or dataset"), "{error}");

    let world = World::with(&[]).await;
    world.server.switches(|switches| switches.without_usage_plan.insert(TENANT.to_owned()));
    let error = world.users().rows().await.unwrap_err();
    assert_eq!(error.to_string().split(' ').next_back(), Some("TenantUsagePlanNotConfigured"));
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_and_never_shown() {
    let world = World::with(&[]).await;
    let orgvue = Orgvue::new(world.options.clone()).unwrap();
    let users = |token: &str| {
        let tenant = TenantId::parse(TENANT).unwrap();
        orgvue.users_dataset(tenant, &world.dataset, SecretString::from(token), Deadline::after(Duration::from_secs(5)))
    };
    let error = users("a\nb").unwrap_err();
    assert!(error.needs_person() && !error.to_string().contains('\n'));
    let users = users(&format!("{}\n", world.token)).unwrap();
    assert!(users.rows().await.is_ok(), "a line break behind a stored token is common");
    assert!(!format!("{users:?}").contains(&world.token));
}

#[tokio::test]
async fn a_throttled_read_waits_as_asked_or_as_it_thinks_best() {
    for retry_after in [Some("1".to_owned()), None] {
        let world = World::with(&[]).await;
        world.fault("GET", Nth::First(2), FaultKind::TooMany { retry_after: retry_after.clone() });
        let begin = std::time::Instant::now();
        assert_eq!(world.users().rows().await.unwrap().len(), 1);
        assert_eq!(world.n(READ), 3);
        assert!(retry_after.is_none() || begin.elapsed() >= Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_long_pause_is_left_alone() {
    let world = World::with(&[]).await;
    world.fault("GET", Nth::From(1), FaultKind::TooMany { retry_after: Some("3600".to_owned()) });
    let error = world.users().rows().await.unwrap_err();
    assert!(matches!(error, OrgvueError::Unavailable(_)) && !error.needs_person());
    assert_eq!(world.n(READ), 1);
}

#[tokio::test]
async fn the_end_of_the_daily_quota_is_known_as_such() {
    let world = World::with(&[]).await;
    world.server.switches(|switches| (switches.daily_max, switches.retry_after) = (Some(0), Some("3600".to_owned())));
    assert!(matches!(world.users().rows().await, Err(OrgvueError::QuotaExceeded)));
    assert_eq!(world.n(READ), 1);
}

#[tokio::test]
async fn a_read_survives_what_passes() {
    let kinds = [
        FaultKind::Status(500),
        FaultKind::Html(502),
        FaultKind::Status(503),
        FaultKind::Status(504),
        FaultKind::Reset,
        FaultKind::CutBody,
    ];
    for kind in kinds {
        let world = World::with(&[]).await;
        world.fault("GET", Nth::At(1), kind.clone());
        assert_eq!(world.users().rows().await.unwrap().len(), 1, "{kind:?}");
        assert_eq!(world.n(READ), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_dataset_is_malformed_and_not_quoted() {
    for kind in [FaultKind::TruncatedJson, FaultKind::WrongShape, FaultKind::Html(200)] {
        let world = World::with(&["ada@example.com"]).await;
        world.fault("GET", Nth::From(1), kind.clone());
        for error in [world.users().rows().await.unwrap_err(), world.users().property_keys().await.unwrap_err()] {
            assert!(matches!(error, OrgvueError::Malformed { .. }) && !error.needs_person(), "{kind:?}: {error}");
            assert!(!format!("{error:?}").contains("ada@"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_list_is_read_and_proves_nothing() {
    let world = World::with(&["ada@example.com"]).await;
    world.fault("GET", Nth::At(1), FaultKind::EmptyList);
    let rows = world.users().rows().await.unwrap();
    assert!(world.read(rows).is_err(), "the token's account is missing");
}

#[tokio::test]
async fn a_read_ends_with_the_time_of_the_run() {
    let world = World::with(&[]).await;
    let users = world.users_until(Deadline::after(Duration::ZERO));
    assert!(matches!(users.rows().await, Err(OrgvueError::OutOfTime)));
    assert_eq!(world.n(READ), 0);
}

/// Of the bytes themselves, because the stand-in might look at them as we do.
#[tokio::test]
async fn header_names_are_in_title_case_on_the_wire_and_reads_have_a_content_type() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = OrgvueOptions::new(format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let tenant = TenantId::parse(TENANT).unwrap();
    let token = SecretString::from("token");
    let users = Orgvue::new(options).unwrap().users_dataset(
        tenant,
        &DatasetId::parse(DATASET).unwrap(),
        &token,
        Deadline::after(Duration::from_secs(5)),
    );
    users.unwrap().rows().await.unwrap();
    let head = server.await.unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some(&*format!("GET /api/v1/{TENANT}/datasets/{DATASET}/items HTTP/1.1")));
    let names = lines.filter_map(|line| line.split_once(':')).map(|(name, _)| name);
    for word in names.flat_map(|name| name.split('-')) {
        assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{head}");
    }
    assert!(head.contains("\r\nAuthorization: Bearer token\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: application/json; charset=UTF-8\r\n"), "{head}");
}
