//! What is measured.

use std::collections::BTreeMap;

use adapters::clock::now_ms;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::customer::Customer;
use crate::rig::{Measured, Rig};

/// Seven hours: a look for drift is due of what was put in force so long ago.
const LONG_AGO_MS: i64 = 7 * 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Kind {
    Webhook,
    /// A message that leads to no run.
    Superseded,
    /// Behind an event that changed nothing of ours: the members are read.
    Members,
    /// Behind an event that takes nothing from anybody: the members are read.
    Joined,
    /// A look for drift: everything is read.
    Unchanged,
    /// Behind an event that takes something from somebody: the members are read, then the list of users.
    Changed,
    First,
    Sweep,
}

/// One scene and what it took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Scene {
    pub(crate) kind: Kind,
    pub(crate) what: String,
    pub(crate) n_users: usize,
    pub(crate) n_tenants: usize,
    pub(crate) measured: Measured,
}

/// Every figure, in the order of the page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(crate) scenes: Vec<Scene>,
}

impl Figures {
    pub(crate) fn run(&self, kind: Kind, n_users: usize, n_tenants: usize) -> &Measured {
        let found = self.scenes.iter().find(|scene| scene.kind == kind && scene.n_users == n_users && scene.n_tenants == n_tenants);
        &found.expect("the scene was measured").measured
    }

    pub(crate) fn of(&self, what: &str) -> &Measured {
        &self.scenes.iter().find(|scene| scene.what == what).expect("the scene was measured").measured
    }
}

pub(crate) const WEBHOOK_FIRST: &str = "webhook, first of its window";
pub(crate) const WEBHOOK_LATER: &str = "webhook, later";
pub(crate) const SUPERSEDED: &str = "message of what is done already";
pub(crate) const SWEEP_IDLE: &str = "sweep of 1,000, nothing due";
pub(crate) const SWEEP_ONE: &str = "sweep of 1";
pub(crate) const SWEEP_DUE: &str = "sweep of 1,000, all due for drift";

/// Measures everything. `functions` runs on this thread.
pub(crate) fn measure(servers: &Runtime, functions: &Runtime) -> Figures {
    let mut scenes = webhooks(servers, functions);
    for (n_users, n_tenants) in [(100, 1), (1_000, 1), (10_000, 1), (1_000, 10), (10_000, 10)] {
        scenes.extend(runs(servers, functions, n_users, n_tenants));
    }
    scenes.push(superseded(servers, functions));
    scenes.extend(sweeps(servers, functions));
    scenes.sort_by_key(|scene| scene.kind);
    Figures { scenes }
}

fn webhooks(servers: &Runtime, functions: &Runtime) -> Vec<Scene> {
    let rig = Rig::start(servers);
    let customer = Customer::new(1, 10, 1);
    let event = |id: &str, directory: String| json!({"id": id, "event": "dsync.user.updated", "data": {"directory_id": directory}});
    let secret = rig.workos.webhook_secret().to_owned();
    let mut scenes = Vec::new();
    let mut scene = |what: &str, event: Value, secret: &str, status: u16| {
        let (measured, answered) = functions.block_on(rig.webhook(&event, secret));
        assert_eq!(answered, status, "{what}");
        scenes.push(Scene { kind: Kind::Webhook, what: what.to_owned(), n_users: 0, n_tenants: 0, measured });
    };
    servers.block_on(rig.add(&customer, now_ms()));
    scene("webhook of another kind, cold: the secret is read", json!({"id": "event_0", "event": "user.created", "data": {}}), &secret, 200);
    scene(WEBHOOK_FIRST, event("event_01HZX8VZ9Q3M5T7W1Y2K4N6P8R", customer.directory_id()), &secret, 200);
    scene(WEBHOOK_LATER, event("event_01HZX8VZ9Q3M5T7W1Y2K4N6P8S", customer.directory_id()), &secret, 200);
    scene("webhook of an unknown directory", event("event_3", "directory_01UNKNOWN".to_owned()), &secret, 200);
    scene("webhook, first bad signature in a minute", event("event_4", customer.directory_id()), "wrong", 401);
    scene("webhook, bad signature", event("event_5", customer.directory_id()), "wrong", 401);
    scenes
}

fn runs(servers: &Runtime, functions: &Runtime, n_users: usize, n_tenants: usize) -> Vec<Scene> {
    let rig = Rig::start(servers);
    let mut customer = Customer::new(1, n_users, n_tenants);
    servers.block_on(rig.add(&customer, now_ms()));
    let scene = |kind, what: &str, measured| Scene {
        kind,
        what: format!("{what}, {} users, {n_tenants} tenant{}", thousands(n_users), if n_tenants == 1 { "" } else { "s" }),
        n_users,
        n_tenants,
        measured,
    };
    let first = functions.block_on(rig.run(&customer));
    settled(&rig, &customer);
    // The first one behind it has nothing to write but the tenants' states.
    functions.block_on(rig.run(&customer));
    let unchanged = functions.block_on(rig.whole_run(&customer));
    let members = functions.block_on(rig.run(&customer));
    assert_eq!(unchanged.orgvue_writes + members.orgvue_writes, 0, "nothing has changed");
    customer.join_one_percent();
    rig.workos.load_directory(&customer.directory()).expect("the description is a directory");
    let joined = functions.block_on(rig.run(&customer));
    settled(&rig, &customer);
    customer.change_one_percent();
    rig.workos.load_directory(&customer.directory()).expect("the description is a directory");
    let changed = functions.block_on(rig.run(&customer));
    settled(&rig, &customer);
    vec![
        scene(Kind::Members, "run behind an event, unchanged", members),
        scene(Kind::Joined, "run behind an event, 1 % join", joined),
        scene(Kind::Unchanged, "run, unchanged", unchanged),
        scene(Kind::Changed, "run, 1 % changed", changed),
        scene(Kind::First, "first run", first),
    ]
}

fn superseded(servers: &Runtime, functions: &Runtime) -> Scene {
    let rig = Rig::start(servers);
    let customer = Customer::new(1, 10, 1);
    servers.block_on(rig.add(&customer, now_ms()));
    functions.block_on(rig.run(&customer));
    let measured = functions.block_on(rig.superseded(&customer));
    assert_eq!(measured.workos_limited + measured.workos_other + measured.orgvue_reads, 0, "it leads to no run");
    Scene { kind: Kind::Superseded, what: SUPERSEDED.to_owned(), n_users: 0, n_tenants: 0, measured }
}

/// Every user has an account, and nobody else but the API's.
fn settled(rig: &Rig, customer: &Customer) {
    let accounts: BTreeMap<usize, usize> = (0..customer.n_tenants).map(|at| (at, rig.orgvue.rows(&customer.tenant(at)).len())).collect();
    assert_eq!(accounts.values().sum::<usize>(), customer.users.len() + customer.n_tenants, "{accounts:?}");
}

fn sweeps(servers: &Runtime, functions: &Runtime) -> Vec<Scene> {
    let scene = |what: &str, measured| Scene { kind: Kind::Sweep, what: what.to_owned(), n_users: 0, n_tenants: 0, measured };
    let rig = Rig::start(servers);
    let mut scenes = Vec::new();
    let mut there = 0;
    for (n, what) in [(1, SWEEP_ONE), (100, "sweep of 100"), (1_000, SWEEP_IDLE)] {
        servers.block_on(async {
            for id in there..n {
                rig.apply(&Customer::new(id, 0, 1), now_ms()).await;
            }
        });
        there = n;
        let (measured, swept) = functions.block_on(rig.sweep());
        assert_eq!((swept.n_integrations, swept.n_sent, swept.n_failed), (n, 0, 0));
        scenes.push(scene(what, measured));
    }
    let rig = Rig::start(servers);
    servers.block_on(async {
        for id in 0..1_000 {
            rig.apply(&Customer::new(id, 0, 1), now_ms() - LONG_AGO_MS).await;
        }
    });
    let (measured, swept) = functions.block_on(rig.sweep());
    assert_eq!((swept.n_sent, swept.n_failed), (1_000, 0));
    scenes.push(scene(SWEEP_DUE, measured));
    let (measured, swept) = functions.block_on(rig.sweep());
    assert_eq!((swept.n_sent, swept.n_failed), (0, 0));
    scenes.push(scene("sweep of 1,000, the next one: all are owed a run", measured));
    scenes
}

pub(crate) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).expect("digits are text")).collect();
    groups.join(",")
}
