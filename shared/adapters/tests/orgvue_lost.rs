//! Writes whose answer was lost: every account is written once, or said to be unknown.

mod orgvue_world;

use std::time::{Duration, Instant};

use adapters::http::Deadline;
use adapters::orgvue::{AccountFailure, OrgvueError, StopCause};
use orgvue_world::{READ, TENANT, WRITE, World, create, creates, disable, n_failed, phase, remove, update};
use standins::orgvue::Policy;
use standins::{Fault, FaultKind, Matcher, Nth};

#[tokio::test]
async fn a_write_cut_off_behind_its_effect_is_done_and_not_repeated() {
    for kind in [FaultKind::CutAfterCommit, FaultKind::TruncatedJson, FaultKind::CutBody] {
        let world = World::with(&["bob@example.com", "cy@example.com", "dot@example.com"]).await;
        let current = world.current().await;
        // The additions' write and the removals'.
        world.fault("PUT", Nth::First(2), kind.clone());
        let actions = vec![
            create("ada@example.com"),
            update(&current, "bob@example.com", &["admin"]),
            disable(&current, "cy@example.com"),
            remove(&current, "dot@example.com"),
        ];
        let applied = world.apply(actions).await.unwrap();
        assert_eq!((applied.done.len(), applied.failed.len()), (4, 0), "{kind:?}");
        assert_eq!((world.n(WRITE), world.n(READ)), (2, 2), "{kind:?}");
        assert_eq!(world.rows_of("ada@example.com").len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_write_that_never_arrived_is_sent_again_once_the_dataset_was_read() {
    let kinds = [
        FaultKind::Reset,
        FaultKind::Status(500),
        FaultKind::Html(502),
        FaultKind::Status(503),
        FaultKind::WrongShape,
        FaultKind::EmptyList,
        FaultKind::Html(200),
    ];
    for kind in kinds {
        let world = World::with(&[]).await;
        world.fault("PUT", Nth::At(1), kind.clone());
        let applied = world.apply(creates(5)).await.unwrap();
        assert_eq!((applied.done.len(), applied.failed.len()), (5, 0), "{kind:?}");
        let routes: Vec<String> = world.server.calls().lines().iter().map(|line| line[..3].to_owned()).collect();
        assert_eq!(routes, ["PUT", "GET", "PUT"], "{kind:?}");
        assert_eq!(world.server.rows(TENANT).len(), 6, "{kind:?}");
    }
}

#[tokio::test]
async fn a_write_that_takes_effect_after_we_stopped_waiting_makes_no_second_account() {
    let mut world = World::with(&[]).await;
    world.options.timeout = Duration::from_millis(500);
    world.fault("PUT", Nth::At(1), FaultKind::Slow(Duration::from_millis(700)));
    // The stand-in drops a request whose connection is closed, so the late effect is played by a hook on the next read.
    world.server.before_call(Matcher::path("/items").method("GET"), 1, |model| {
        model.insert_row(TENANT, orgvue_world::row("user0000@example.com"));
    });
    let applied = world.apply(creates(1)).await.unwrap();
    assert_eq!((applied.done.len(), world.n(WRITE), world.n(READ)), (1, 1, 1));
    assert_eq!(world.rows_of("user0000@example.com").len(), 1);
}

#[tokio::test]
async fn a_write_that_takes_effect_behind_a_connection_that_broke_makes_no_second_account() {
    let mut world = World::with(&[]).await;
    world.options.timeout = Duration::from_millis(1_500);
    world.fault("PUT", Nth::At(1), FaultKind::Reset);
    let (users, phase) = (world.users(), phase(creates(1)));
    let fence = async || Ok::<(), std::convert::Infallible>(());
    let write = users.apply(&phase, &world.spelling, |rows| world.read(rows), fence);
    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.server.insert_row(TENANT, orgvue_world::row("user0000@example.com"));
    };
    let (applied, ()) = tokio::join!(write, late);
    assert_eq!((applied.unwrap().done.len(), world.n(WRITE), world.n(READ)), (1, 1, 1));
    assert_eq!(world.rows_of("user0000@example.com").len(), 1);
}

#[tokio::test]
async fn two_losses_in_a_row_cost_two_looks() {
    let world = World::with(&[]).await;
    world.fault("PUT", Nth::First(2), FaultKind::Reset);
    let applied = world.apply(creates(4)).await.unwrap();
    // All four twice, then each by itself.
    assert_eq!((applied.done.len(), world.n(WRITE), world.n(READ)), (4, 6, 2));
}

#[tokio::test]
async fn an_account_that_is_lost_twice_is_unknown() {
    let world = World::with(&[]).await;
    world.fault("PUT", Nth::First(2), FaultKind::Status(500));
    let applied = world.apply(creates(1)).await.unwrap();
    assert_eq!((n_failed(&applied, &AccountFailure::Unknown), world.n(WRITE), world.n(READ)), (1, 2, 2));
}

#[tokio::test]
async fn an_account_at_which_the_server_breaks_down_is_found_in_few_losses() {
    let world = World::with(&[]).await;
    world.server.break_at_login(TENANT, "user0310@example.com");
    let applied = world.apply(creates(500)).await.unwrap();
    assert_eq!((applied.done.len(), n_failed(&applied, &AccountFailure::Unknown)), (499, 1));
    // All of them twice; then one of each eight parts, which are of 63, 8 and 1.
    assert_eq!((world.n(WRITE), world.n(READ), world.server.rows(TENANT).len()), (25, 5, 500));
}

#[tokio::test]
async fn accounts_at_which_the_server_breaks_down_keep_nobody_else_waiting() {
    // Those of one batch, and of three batches in a row.
    for (batch_actions_max, breaking) in [(500, &[3, 33][..]), (500, &[7, 8, 9, 30, 31]), (20, &[3, 33, 43])] {
        let mut world = World::with(&[]).await;
        world.options.batch_actions_max = batch_actions_max;
        breaking.iter().for_each(|i| world.server.break_at_login(TENANT, &format!("user{i:04}@example.com")));
        let applied = world.apply(creates(60)).await.unwrap();
        assert_eq!(n_failed(&applied, &AccountFailure::Unknown), breaking.len());
        assert_eq!((applied.done.len(), world.server.rows(TENANT).len()), (60 - breaking.len(), 61 - breaking.len()));
    }
}

#[tokio::test]
async fn a_server_that_loses_everything_is_left_in_peace() {
    let mut world = World::with(&[]).await;
    world.options.batch_actions_max = 2;
    world.fault("PUT", Nth::From(1), FaultKind::Status(500));
    let stopped = world.apply(creates(40)).await.unwrap_err();
    let StopCause::BreaksDown(error @ OrgvueError::Unavailable(_)) = &stopped.cause else { panic!("{stopped:?}") };
    assert!(!error.needs_person() && error.to_string().contains("Root=1-"), "{error}");
    assert_eq!((stopped.applied.done.len(), stopped.applied.failed.len()), (0, 40));
    assert_eq!((n_failed(&stopped.applied, &AccountFailure::Unknown), world.n(WRITE)), (16, 8));
}

#[tokio::test]
async fn the_last_loss_of_too_many_is_waited_for_like_the_others() {
    let mut world = World::with(&[]).await;
    (world.options.batch_actions_max, world.options.timeout) = (1, Duration::from_millis(100));
    world.fault("PUT", Nth::From(1), FaultKind::Slow(Duration::from_secs(5)));
    let (users, phase, began) = (world.users(), phase(creates(10)), Instant::now());
    let fence = async || Ok::<(), std::convert::Infallible>(());
    let stopped = users.apply(&phase, &world.spelling, |rows| world.read(rows), fence).await.unwrap_err();
    assert!(matches!(stopped.cause, StopCause::BreaksDown(_)) && world.n(WRITE) == 8, "{stopped:?}");
    assert!(began.elapsed() >= 16 * world.options.timeout, "a write and a wait, eight times");
}

#[tokio::test]
async fn a_dataset_that_cannot_be_read_again_ends_the_phase() {
    let world = World::with(&[]).await;
    world.fault("PUT", Nth::At(1), FaultKind::Reset);
    world.server.fault(Fault::new(Matcher::path("/items").method("GET"), Nth::From(1), FaultKind::EmptyList));
    let stopped = world.apply(creates(3)).await.unwrap_err();
    assert!(matches!(stopped.cause, StopCause::Orgvue(OrgvueError::Dataset(_))), "the token's account is missing: {stopped:?}");
    assert_eq!((n_failed(&stopped.applied, &AccountFailure::Unknown), world.n(WRITE)), (3, 1));
}

#[tokio::test]
async fn a_write_that_could_not_be_waited_for_is_not_begun() {
    let world = World::with(&[]).await;
    world.fault("PUT", Nth::From(1), FaultKind::Slow(Duration::from_secs(2)));
    let users = world.users_until(Deadline::after(2 * world.options.timeout - Duration::from_millis(1)));
    let fence = async || Ok::<(), std::convert::Infallible>(());
    let stopped = users.apply(&phase(creates(2)), &world.spelling, |rows| world.read(rows), fence).await.unwrap_err();
    assert!(matches!(stopped.cause, StopCause::Orgvue(OrgvueError::OutOfTime)));
    assert_eq!((n_failed(&stopped.applied, &AccountFailure::NotTried), users.calls()), (2, 0));
}

#[tokio::test]
async fn a_word_that_means_success_after_all_makes_no_second_account() {
    let world = World::with(&[]).await;
    // The write is applied, but the answer is one that we do not take for success: played by a refusal behind the effect.
    world.server.before_call(Matcher::path("/items").method("PUT"), 1, |model| {
        for i in 0..3 {
            model.insert_row(TENANT, orgvue_world::row(&format!("user{i:04}@example.com")));
        }
    });
    world.fault("PUT", Nth::At(1), FaultKind::Status(422));
    let applied = world.apply(creates(3)).await.unwrap();
    assert_eq!((applied.done.len(), applied.failed.len()), (3, 0));
    assert_eq!((world.n(WRITE), world.n(READ), world.server.rows(TENANT).len()), (1, 1, 4));
}

#[tokio::test]
async fn a_refusal_that_breaks_off_makes_no_second_account() {
    for kind in [FaultKind::CutBody, FaultKind::TruncatedJson] {
        let mut world = World::with(&[]).await;
        world.options.batch_actions_max = 20;
        // Of the first batch the word is learned: nothing of it was applied.
        world.fault("PUT", Nth::At(1), FaultKind::Status(400));
        world.fault("PUT", Nth::At(2), kind.clone());
        world.server.switches(|switches| (switches.default_policy, switches.partial_status) = (Policy::Skip, 400));
        world.server.reject_login(TENANT, "user0030@example.com");
        let applied = world.apply(creates(40)).await.unwrap();
        assert_eq!((applied.done.len(), world.server.rows(TENANT).len()), (39, 40), "{kind:?}");
    }
}
