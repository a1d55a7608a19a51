//! What the system logs, each outcome of it, and nothing private.

use domain::run::Status;
use standins::{FaultKind, Matcher, Nth};

use crate::heard::{is_leak, lines};
use crate::world::{User, World, fault, single};

pub(crate) use crate::heard::PRIVATE;

crate::tests![every_outcome_is_logged_and_nothing_private];

async fn every_outcome_is_logged_and_nothing_private() {
    let world = World::start(single("LOGGED")).await;
    world.add(User::new("ada").in_group("user").in_group("Retail"));
    world.add(User::new("bob").in_group("user"));
    world.orgvue.reject_login("LOGGED", "bob@acme.com");
    let run = world.synced().await;

    world.workos.fault(fault(Matcher::any(), Nth::At(1), FaultKind::TooMany { retry_after: Some("3600".to_owned()) }));
    world.ask().await;
    let unread = world.run_where("failed", |run| run.status == Status::Failed).await.id.to_string();

    let id = run.id.to_string();
    let (lines, directory) = (lines(), world.customers[0].directory());
    let logged = |what: &str, whose: &str| lines.iter().any(|line| line.contains(what) && line.contains(whose));
    assert!(logged("webhook accepted", &directory));
    assert!(logged("accounts were not applied", "LOGGED"));
    assert!(logged("run ended", &id));
    let unread = lines.iter().find(|line| line.contains("the directory was not read") && line.contains(&unread)).unwrap();
    assert!(unread.contains("\"request.id\":"), "what WorkOS's support asks for: {unread}");
    let ours = lines.iter().filter(|line| line.contains("accounts were not applied") && line.contains("LOGGED"));
    assert!(ours.into_iter().all(|line| line.contains(&id)), "every line of a run names it");
    assert!(["ada@acme.com", "email=ada%40acme.com", world.workos.key()].into_iter().all(is_leak));
}
