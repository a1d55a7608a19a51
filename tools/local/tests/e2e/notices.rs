//! The notice to the IAM administrator: once for what is new, with ids and counts and no person in it.

use domain::held::Verdict;
use domain::run::Status;
use local::aws::{FaultKind, Published, Times};
use standins::{Matcher, Nth};

use crate::logs::PRIVATE;
use crate::world::{User, World, fault, single};

crate::tests![
    what_is_newly_held_is_told_once,
    what_was_rejected_is_told_again_only_after_it_was_gone,
    findings_are_told_when_they_come_and_go,
    findings_of_a_tenant_that_cannot_be_looked_at_neither_go_nor_come,
    a_notice_that_cannot_be_sent_stops_nothing,
];

/// The subjects so far, of notices in which nobody is named.
fn subjects(world: &World) -> Vec<String> {
    let subject = |notice: Published| {
        let text = format!("{:?} {}", notice.subject, notice.message);
        assert!(["@", PRIVATE, "p00"].iter().all(|name| !text.contains(name)), "{text}");
        // Within a word it may be a part of an id.
        assert!(text.split(|c: char| !c.is_alphanumeric()).all(|word| word != "ada"), "{text}");
        notice.subject.unwrap()
    };
    world.system().sns.published().into_iter().map(subject).collect()
}

async fn six_of_twenty_leave() -> World {
    let world = World::in_step(20).await;
    world.depart(0..6);
    assert_eq!(world.asked().await.status, Status::PartlyHeld);
    world
}

const SIX_HELD: &str = "Orgvue acme: 6 accounts held";

async fn what_is_newly_held_is_told_once() {
    let world = six_of_twenty_leave().await;
    assert_eq!(subjects(&world), [SIX_HELD], "and nothing of twenty who came");
    let hash = world.state("ACME").await.held.unwrap().hash;
    let Published { message: text, attributes, .. } = &world.system().sns.published()[0];
    assert_eq!(attributes["integration"], "acme");
    assert!(text.contains("6 x over_limit: ") && text.contains(&format!("orgvue-scim approve acme {}\n", hash.short())), "{text}");

    world.asked().await;
    assert_eq!(subjects(&world), [SIX_HELD], "it is the same set");
    world.depart(6..7);
    world.asked().await;
    world.approved("ACME").await;
    assert_eq!(subjects(&world), [SIX_HELD, "Orgvue acme: 7 accounts held"]);
    world.end().await;
}

async fn what_was_rejected_is_told_again_only_after_it_was_gone() {
    let world = six_of_twenty_leave().await;
    world.decide("ACME", Verdict::Rejected).await.unwrap();
    assert_eq!(world.asked().await.tenants[0].verdict, Some(Verdict::Rejected));
    world.arrive(0..6);
    assert_eq!(world.asked().await.status, Status::Applied);
    assert_eq!(subjects(&world), [SIX_HELD]);
    world.depart(0..6);
    assert_eq!(world.asked().await.tenants[0].verdict, None);
    assert_eq!(subjects(&world), [SIX_HELD, SIX_HELD]);
    world.end().await;
}

async fn findings_are_told_when_they_come_and_go() {
    let world = World::in_step(1).await;
    world.add(User::new("ada").no_email().in_group("user"));
    world.asked().await;
    world.asked().await;
    assert_eq!(subjects(&world), ["Orgvue acme: findings 1 new, 0 gone"]);
    world.leaves("ada");
    world.asked().await;
    assert_eq!(subjects(&world)[1..], ["Orgvue acme: findings 0 new, 1 gone"]);
    world.end().await;
}

async fn findings_of_a_tenant_that_cannot_be_looked_at_neither_go_nor_come() {
    let world = World::start(single("ACME").line("blocked = [\"ada@acme.com\"]")).await;
    for _ in 0..2 {
        world.account("ACME", "ada", "user");
    }
    world.asked().await;
    let found = async || world.store().snapshot(&world.id()).await.unwrap().unwrap().findings;
    let before = (subjects(&world), found().await);
    assert_eq!((before.0.len(), before.1.len()), (1, 2));

    world.orgvue.fault(fault(Matcher::any(), Nth::From(1), standins::FaultKind::Html(502)));
    world.ask().await;
    world.drained().await;
    assert_eq!((world.last_run().await.status, subjects(&world), found().await), (Status::Failed, before.0.clone(), before.1.clone()));
    world.orgvue.clear_faults();
    world.asked().await;
    assert_eq!((subjects(&world), found().await), before);
    world.end().await;
}

async fn a_notice_that_cannot_be_sent_stops_nothing() {
    let world = World::start(single("ACME")).await;
    world.system().sns.fault("Publish", Times::Always, FaultKind::Status500);
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("bob").no_email().in_group("user"));
    let run = world.synced().await;
    assert_eq!((run.status, run.created(), subjects(&world)), (Status::Applied, vec!["ada"], vec![]));
    world.end().await;
}
