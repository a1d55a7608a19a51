//! Writing a phase of a plan when everything is well, and when Orgvue objects to some of it.

mod orgvue_world;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use adapters::orgvue::{AccountFailure, OrgvueError, StopCause};
use domain::integration::{EnabledForm, RoleForm};
use domain::plan::Action;
use orgvue_world::{READ, TENANT, WRITE, World, create, creates, disable, login, n_failed, phase, refused, remove, restore, update};
use serde_json::{Value, json};
use standins::orgvue::{BooleanForm, Model, Policy};
use standins::{FaultKind, Nth};

#[derive(Debug, thiserror::Error)]
#[error("the lease is lost")]
struct LeaseLost;

#[tokio::test]
async fn additions_and_removals_reach_the_dataset_and_leave_what_they_do_not_know() {
    let world = World::with(&["bob@example.com", "cy@example.com", "dot@example.com"]).await;
    world.server.edit(TENANT, "bob@example.com", |row| row["CostCentre"] = json!("7"));
    world.server.edit(TENANT, "cy@example.com", |row| row["CostCentre"] = json!("8"));
    let current = world.current().await;
    let id = current.accounts[&login("bob@example.com")].id.to_string();

    let additions = vec![create("ada@example.com"), update(&current, "bob@example.com", &["user", "HR"])];
    let removals = vec![disable(&current, "cy@example.com"), remove(&current, "dot@example.com")];
    for actions in [additions, removals] {
        let applied = world.apply(actions).await.unwrap();
        assert_eq!((applied.done.len(), applied.failed.len()), (2, 0));
        assert_eq!((world.n(WRITE), world.n(READ)), (1, 0));
    }

    let ada = world.row_of("ada@example.com").unwrap();
    assert_eq!((&ada["Role"], &ada["Enabled"]), (&json!("user"), &json!(true)));
    assert_eq!(
        world.row_of("bob@example.com").unwrap(),
        json!({"_id": id, "Login": "bob@example.com", "Role": "HR,user", "Enabled": true, "CostCentre": "7"})
    );
    let cy = world.row_of("cy@example.com").unwrap();
    assert_eq!((&cy["Role"], &cy["Enabled"], &cy["CostCentre"]), (&json!("user"), &json!(false), &json!("8")));
    assert_eq!(world.row_of("dot@example.com"), None);
}

#[tokio::test]
async fn what_was_changed_and_removed_is_put_back_as_it_was() {
    let world = World::with(&["bob@example.com", "dot@example.com"]).await;
    world.server.edit(TENANT, "dot@example.com", |row| row["CostCentre"] = json!("7"));
    let then = world.current().await;
    world.apply(vec![update(&then, "bob@example.com", &["user", "HR"]), remove(&then, "dot@example.com")]).await.unwrap();

    let now = world.current().await;
    let applied = world.apply(vec![restore(&now, &then, "bob@example.com"), restore(&now, &then, "dot@example.com")]).await.unwrap();
    assert_eq!((applied.done.len(), applied.failed.len()), (2, 0));
    let again = world.current().await;
    assert_eq!(again.accounts[&login("bob@example.com")], then.accounts[&login("bob@example.com")]);
    let (dot, before) = (again.accounts[&login("dot@example.com")].clone(), then.accounts[&login("dot@example.com")].clone());
    let (mut made, mut was) = (dot.row.properties(), before.row.properties());
    assert_ne!(made.remove("_id"), was.remove("_id"));
    assert_eq!(made, was);
}

#[tokio::test]
async fn what_was_removed_and_made_anew_since_gets_back_what_it_had() {
    let world = World::with(&["dot@example.com"]).await;
    world.server.edit(TENANT, "dot@example.com", |row| row["CostCentre"] = json!("7"));
    let then = world.current().await;
    world.apply(vec![remove(&then, "dot@example.com")]).await.unwrap();
    world.apply(vec![create("dot@example.com")]).await.unwrap();

    let applied = world.apply(vec![restore(&world.current().await, &then, "dot@example.com")]).await.unwrap();
    assert_eq!((applied.done.len(), &world.row_of("dot@example.com").unwrap()["CostCentre"]), (1, &json!("7")));
}

#[tokio::test]
async fn only_login_role_and_enabled_are_written_and_only_by_id() {
    let world = World::with(&["bob@example.com", "cy@example.com", "dot@example.com"]).await;
    let current = world.current().await;
    let id = |name: &str| json!(current.accounts[&login(name)].id.as_str());
    let actions = vec![
        create("ada@example.com"),
        update(&current, "bob@example.com", &["admin"]),
        disable(&current, "cy@example.com"),
        remove(&current, "dot@example.com"),
    ];
    world.apply(actions).await.unwrap();
    let additions = json!([
        {"_action": "create", "Login": "ada@example.com", "Role": "user", "Enabled": true},
        {"_action": "update", "_id": id("bob@example.com"), "Role": "admin", "Enabled": true},
    ]);
    let removals = json!([
        {"_action": "update", "_id": id("cy@example.com"), "Enabled": false},
        {"_action": "delete", "_id": id("dot@example.com")},
    ]);
    assert_eq!(world.server.writes(TENANT), [additions, removals]);
    let lines = world.server.calls().lines();
    assert!(lines.iter().all(|line| line.ends_with("/items")), "no query, so no implicit deletion: {lines:?}");
}

#[tokio::test]
async fn the_case_of_a_login_is_never_rewritten() {
    let world = World::with(&["Bob@Example.com"]).await;
    let current = world.current().await;
    let action = Action { login: login("bob@example.com"), ..update(&current, "bob@example.com", &["admin"]) };
    let applied = world.apply(vec![action]).await.unwrap();
    assert_eq!(applied.done, [login("bob@example.com")]);
    assert_eq!(world.row_of("bob@example.com").unwrap()["Login"], "Bob@Example.com");
    assert_eq!(world.server.writes(TENANT)[0][0].get("Login"), None);
}

#[tokio::test]
async fn writes_roles_as_array_and_enabled_as_text() {
    let mut world = World::with(&["bob@example.com"]).await;
    world.server.switches(|switches| (switches.role_form, switches.boolean_form) = (standins::orgvue::RoleForm::Array, BooleanForm::Text));
    (world.spelling.role_form, world.spelling.enabled_form) = (RoleForm::Array, EnabledForm::Text);
    let current = world.current().await;
    let applied = world.apply(vec![create("ada@example.com"), update(&current, "bob@example.com", &["user", "HR"])]).await.unwrap();
    assert_eq!(applied.failed.len(), 0);
    let written = &world.server.writes(TENANT)[0];
    assert_eq!((&written[0]["Role"], &written[0]["Enabled"]), (&json!(["user"]), &json!("TRUE")));
    assert_eq!(written[1]["Role"], json!(["HR", "user"]));
}

#[tokio::test]
async fn a_phase_can_be_spawned() {
    let world = std::sync::Arc::new(World::with(&[]).await);
    let spawned = world.clone();
    let task = tokio::spawn(async move {
        let fence = || async { Ok::<(), LeaseLost>(()) };
        spawned.users().apply(&phase(creates(1)), &spawned.spelling, |rows| spawned.read(rows), fence).await
    });
    assert_eq!(task.await.unwrap().unwrap().done.len(), 1);
}

#[tokio::test]
async fn nothing_to_do_is_no_call() {
    let world = World::with(&[]).await;
    assert_eq!(world.apply(Vec::new()).await.unwrap().done.len(), 0);
    assert_eq!(world.server.calls().total(), 0);
}

#[tokio::test]
async fn batches_are_bounded_by_count_and_keep_the_order() {
    let mut world = World::with(&[]).await;
    world.options.batch_actions_max = 10;
    let applied = world.apply(creates(25)).await.unwrap();
    let writes = world.server.writes(TENANT);
    assert_eq!(writes.iter().map(|body| body.as_array().unwrap().len()).collect::<Vec<_>>(), [10, 10, 5]);
    let sent: Vec<&str> = writes.iter().flat_map(|body| body.as_array().unwrap()).map(|action| action["Login"].as_str().unwrap()).collect();
    assert!(sent.is_sorted());
    assert_eq!(applied.done.len(), 25);
}

#[tokio::test]
async fn batches_are_bounded_by_bytes_of_utf8() {
    let mut world = World::with(&[]).await;
    (world.options.batch_actions_max, world.options.batch_bytes_max) = (usize::MAX, 1_000);
    let actions = (0..40).map(|i| create(&format!("äöüß{i}@example.com"))).collect();
    let applied = world.apply(actions).await.unwrap();
    assert_eq!(applied.done.len(), 40);
    let sizes: Vec<usize> = world.server.writes(TENANT).iter().map(|body| body.to_string().len()).collect();
    assert!(sizes.len() > 3 && sizes.iter().all(|size| *size <= 1_000), "{sizes:?}");
}

#[tokio::test]
async fn no_body_reaches_six_megabytes() {
    let mut world = World::with(&[]).await;
    world.options.batch_actions_max = usize::MAX;
    let long = "r".repeat(120_000);
    let actions = creates(100)
        .into_iter()
        .map(|action| Action { change: domain::plan::Change::Create { roles: orgvue_world::roles(&["user", &long]) }, ..action })
        .collect();
    let applied = world.apply(actions).await.unwrap();
    assert_eq!((applied.done.len(), world.n(WRITE), world.n(READ)), (100, 3, 0));
    for body in world.server.writes(TENANT) {
        assert!(body.to_string().len() < 5_500_000);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_after_all_is_halved() {
    let world = World::with(&[]).await;
    world.server.switches(|switches| switches.body_bytes_max = 1_000);
    let applied = world.apply(creates(40)).await.unwrap();
    assert_eq!((applied.done.len(), applied.failed.len()), (40, 0));
    assert!(world.n(WRITE) < 16, "{}", world.n(WRITE));
}

/// Forty creations of which Orgvue refuses the eleventh.
#[expect(clippy::unwrap_used, reason = "a part of tests")]
async fn poisoned(world: &World) -> u64 {
    let poison = "user0010@example.com";
    world.server.reject_login(TENANT, poison);
    let applied = world.apply(creates(40)).await.unwrap();
    assert_eq!(refused(&applied), [poison]);
    assert_eq!((applied.done.len(), applied.failed.len()), (39, 1));
    for i in 0..40 {
        let name = format!("user{i:04}@example.com");
        assert_eq!(world.row_of(&name).is_some(), name != poison, "{name}");
    }
    let AccountFailure::Refused(refusal) = &applied.failed[&login(poison)] else { panic!("{applied:?}") };
    assert_eq!((refusal.code.as_deref(), refusal.name.as_deref()), (Some("400610"), Some("ActionValidationFailed")));
    assert!(refusal.explain().ends_with("the account is not accepted"), "{}", refusal.explain());
    assert!(!refusal.to_string().contains("the account is not accepted"));
    world.server.calls().total()
}

#[tokio::test]
async fn one_refused_account_of_forty_is_isolated_where_it_fails_the_whole_call() {
    let world = World::with(&[]).await;
    world.server.switches(|switches| switches.default_policy = Policy::Fail);
    assert!(poisoned(&world).await <= 14, "two for each halving, and one look at the dataset");
}

#[tokio::test]
async fn one_refused_account_of_forty_is_isolated_whatever_its_status_is_called() {
    for word in ["failed", "error", "skipped", "Success", "SUCCESS", "rejected for ada@example.com", ""] {
        let world = World::with(&[]).await;
        world.server.switches(|switches| (switches.default_policy, switches.not_applied) = (Policy::Skip, word.to_owned()));
        assert_eq!(poisoned(&world).await, 3, "{word}: the batch, a look at the dataset, the account alone");
    }
}

#[tokio::test]
async fn a_partly_applied_call_is_understood_under_any_status() {
    for status in [207, 400, 422] {
        let world = World::with(&[]).await;
        world.server.switches(|switches| (switches.default_policy, switches.partial_status) = (Policy::Skip, status));
        assert_eq!(poisoned(&world).await, 3, "{status}");
    }
}

#[tokio::test]
async fn an_account_that_may_not_be_touched_is_a_finding_and_not_the_end() {
    let world = World::with(&["ada@example.com", "bob@example.com", "cy@example.com"]).await;
    world.server.edit_model(|model| model.deny_item(TENANT, "bob@example.com", true));
    let current = world.current().await;
    let actions = ["ada@example.com", "bob@example.com", "cy@example.com"].map(|name| update(&current, name, &["admin"]));
    let applied = world.apply(actions.into()).await.unwrap();
    assert_eq!(refused(&applied), ["bob@example.com"]);
    assert_eq!(applied.done.len(), 2);
}

#[tokio::test]
async fn a_long_list_of_accounts_that_may_not_be_touched_is_not_the_end() {
    let names: Vec<String> = (0..250).map(|i| format!("user{i:04}@example.com")).collect();
    let world = World::with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.server.switches(|switches| (switches.default_policy, switches.tenant_rate) = (Policy::Fail, None));
    world.server.edit_model(|model| names[..200].iter().for_each(|name| model.deny_item(TENANT, name, true)));
    let current = world.current().await;
    let applied = world.apply(names.iter().map(|name| update(&current, name, &["admin"])).collect()).await.unwrap();
    assert!(names[200..].iter().all(|name| applied.done.contains(&login(name))), "{applied:?}");
}

#[tokio::test]
async fn a_long_answer_to_a_partly_applied_call_is_read_to_its_end() {
    let world = World::with(&[]).await;
    world.server.switches(|switches| (switches.default_policy, switches.partial_status) = (Policy::Skip, 403));
    world.server.reject_login(TENANT, "user0010@example.com");
    let applied = world.apply(creates(400)).await.unwrap();
    assert_eq!((applied.done.len(), refused(&applied)), (399, vec!["user0010@example.com"]));
}

#[tokio::test]
async fn a_word_that_is_trusted_makes_no_second_account_of_a_long_answer() {
    let mut world = World::with(&[]).await;
    world.options.batch_actions_max = 400;
    // Of the first batch the word is learned: nothing of it was applied.
    world.fault("PUT", Nth::At(1), FaultKind::Status(400));
    world.server.switches(|switches| (switches.default_policy, switches.partial_status) = (Policy::Skip, 400));
    world.server.reject_login(TENANT, "user0600@example.com");
    let applied = world.apply(creates(800)).await.unwrap();
    let logins: BTreeSet<String> = world.server.rows(TENANT).iter().map(|row| row["Login"].to_string()).collect();
    assert_eq!((applied.done.len(), world.server.rows(TENANT).len(), logins.len()), (799, 800, 800));
}

#[tokio::test]
async fn clean_batches_are_written_before_a_refused_one_is_looked_into() {
    let mut world = World::with(&[]).await;
    world.options.batch_actions_max = 10;
    world.server.reject_login(TENANT, "user0000@example.com");
    let applied = world.apply(creates(30)).await.unwrap();
    assert_eq!(refused(&applied), ["user0000@example.com"]);
    let firsts: Vec<Value> = world.server.writes(TENANT).iter().map(|body| body[0]["Login"].clone()).take(3).collect();
    assert_eq!(firsts, ["user0000@example.com", "user0010@example.com", "user0020@example.com"]);
}

#[tokio::test]
async fn isolating_has_an_end_and_tells_some_however_many_are_refused() {
    for n in [400, 4_000] {
        let world = World::with(&[]).await;
        let refuse_all = |model: &mut Model| creates(n).iter().for_each(|action| model.reject_login(TENANT, action.login.as_str(), true));
        world.server.edit_model(refuse_all);
        world.server.switches(|switches| switches.tenant_rate = None);
        let applied = world.apply(creates(n)).await.unwrap();
        let n_told = refused(&applied).len();
        assert!(n_told >= 20, "{n_told} of {n}");
        assert_eq!((n_told + n_failed(&applied, &AccountFailure::NotTried), applied.failed.len()), (n, n));
        assert_eq!(world.server.calls().total(), n.div_ceil(500) as u64 + 256);
    }
}

#[tokio::test]
async fn whoever_is_refused_where_others_are_applied_is_told_also_when_the_calls_are_used_up() {
    let world = World::with(&[]).await;
    world.server.switches(|switches| (switches.default_policy, switches.tenant_rate) = (Policy::Skip, None));
    let refuse_most = |model: &mut Model| creates(400).iter().for_each(|action| model.reject_login(TENANT, action.login.as_str(), true));
    world.server.edit_model(refuse_most);
    let applied = world.apply(creates(401)).await.unwrap();
    assert_eq!((applied.done.len(), refused(&applied).len()), (1, 400));
    assert_eq!(world.server.calls().total(), 1 + 256);
}

#[tokio::test]
async fn a_throttled_write_is_sent_again_and_applied_once() {
    let world = World::with(&[]).await;
    world.fault("PUT", Nth::First(2), FaultKind::TooMany { retry_after: None });
    let applied = world.apply(creates(3)).await.unwrap();
    assert_eq!((applied.done.len(), world.n(WRITE), world.server.rows(TENANT).len()), (3, 3, 4));
}

#[tokio::test]
async fn trouble_with_the_token_ends_the_phase_and_says_what_was_done() {
    for status in [401, 403, 404, 415] {
        let mut world = World::with(&[]).await;
        world.options.batch_actions_max = 2;
        world.fault("PUT", Nth::From(2), FaultKind::Status(status));
        let stopped = world.apply(creates(6)).await.unwrap_err();
        assert!(matches!(&stopped.cause, StopCause::Orgvue(error) if error.needs_person()), "{status}: {stopped:?}");
        assert_eq!((stopped.applied.done.len(), n_failed(&stopped.applied, &AccountFailure::NotTried)), (2, 4));
        assert_eq!(world.n(WRITE), 2);
    }
}

#[tokio::test]
async fn the_end_of_the_daily_quota_ends_the_phase() {
    let world = World::with(&[]).await;
    world.server.switches(|switches| (switches.daily_max, switches.retry_after) = (Some(0), Some("3600".to_owned())));
    let stopped = world.apply(creates(2)).await.unwrap_err();
    assert!(matches!(stopped.cause, StopCause::Orgvue(OrgvueError::QuotaExceeded)));
    assert_eq!((n_failed(&stopped.applied, &AccountFailure::NotTried), world.n(WRITE)), (2, 1));
}

#[tokio::test]
async fn a_closed_fence_ends_the_phase_before_the_next_write() {
    let mut world = World::with(&[]).await;
    world.options.batch_actions_max = 2;
    let n_asked = AtomicUsize::new(0);
    let fence = async || if n_asked.fetch_add(1, Ordering::Relaxed) < 2 { Ok(()) } else { Err(LeaseLost) };
    let stopped = world.users().apply(&phase(creates(8)), &world.spelling, |rows| world.read(rows), fence).await.unwrap_err();
    assert!(matches!(stopped.cause, StopCause::Fence(LeaseLost)));
    assert_eq!((stopped.applied.done.len(), n_failed(&stopped.applied, &AccountFailure::NotTried)), (4, 4));
    assert_eq!(world.n(WRITE), 2);
}

#[tokio::test]
async fn the_fence_is_asked_again_before_a_throttled_write_is_repeated() {
    let world = World::with(&[]).await;
    world.fault("PUT", Nth::At(1), FaultKind::TooMany { retry_after: None });
    let n_asked = AtomicUsize::new(0);
    let fence = async || if n_asked.fetch_add(1, Ordering::Relaxed) < 1 { Ok(()) } else { Err(LeaseLost) };
    let stopped = world.users().apply(&phase(creates(2)), &world.spelling, |rows| world.read(rows), fence).await.unwrap_err();
    assert!(matches!(stopped.cause, StopCause::Fence(LeaseLost)));
    assert_eq!((stopped.applied.done.len(), world.n(WRITE), world.server.rows(TENANT).len()), (0, 1, 1));
}
