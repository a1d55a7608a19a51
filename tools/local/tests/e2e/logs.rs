//! What the system logs, each outcome of it, and nothing private.

use crate::heard::{is_leak, lines};
use crate::world::{User, World, single};

pub(crate) use crate::heard::PRIVATE;

crate::tests![every_outcome_is_logged_and_nothing_private];

async fn every_outcome_is_logged_and_nothing_private() {
    let world = World::start(single("LOGGED")).await;
    world.add(User::new("ada").in_group("user").in_group("Retail"));
    world.add(User::new("bob").in_group("user"));
    world.orgvue.reject_login("LOGGED", "bob@acme.com");
    let run = world.synced().await;

    let id = run.id.to_string();
    let (lines, directory) = (lines(), world.customers[0].directory());
    let logged = |what: &str, whose: &str| lines.iter().any(|line| line.contains(what) && line.contains(whose));
    assert!(logged("webhook accepted", &directory));
    assert!(logged("accounts were not applied", "LOGGED"));
    assert!(logged("run ended", &id));
    let ours = lines.iter().filter(|line| line.contains("accounts were not applied") && line.contains("LOGGED"));
    assert!(ours.into_iter().all(|line| line.contains(&id)), "every line of a run names it");
    assert!(["ada@acme.com", "email=ada%40acme.com", world.workos.key()].into_iter().all(is_leak));
}
