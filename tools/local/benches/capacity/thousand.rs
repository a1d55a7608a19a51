//! A thousand integrations through the whole system, for the first time and behind events that change nothing: what the model assumes, the real
//! thing does.

use std::time::{Duration, Instant};

use adapters::clock::now_ms;
use adapters::store::AfterApply;
use adapters::tls::Tls;
use domain::delays::Delays;
use domain::integration::Integration;
use local::play::{Settled, settle};
use local::system::{DEAD_LETTERS, Options, QUEUE, System};
use serde_json::json;
use standins::workos::Delivery;
use standins::{orgvue, workos};
use sync::Tokens;

use crate::customer::Customer;

const N: usize = 1_000;
const USERS: usize = 10;

/// What came of it.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Thousand {
    pub(crate) n: usize,
    pub(crate) as_desired: usize,
    pub(crate) owed: usize,
    pub(crate) dead_letters: usize,
    pub(crate) messages_left: usize,
    /// The first runs, which read everything.
    pub(crate) first: Pass,
    /// Those behind further events, which read the members.
    pub(crate) brief: Pass,
}

/// Two events of each integration, and what came of them.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Pass {
    pub(crate) webhooks: usize,
    pub(crate) schedules: usize,
    pub(crate) runs: usize,
    pub(crate) workos_limited: u64,
    pub(crate) workos_other: u64,
    pub(crate) orgvue_reads: u64,
    pub(crate) orgvue_writes: u64,
    pub(crate) seconds: f64,
}

pub(crate) async fn play() -> Thousand {
    const LISTENS: &str = "loopback has a free port";
    let workos = workos::WorkOs::start(workos::Options::default()).await.expect(LISTENS);
    let orgvue = orgvue::Orgvue::start(orgvue::Options::default()).await.expect(LISTENS);
    let system = System::start(Options {
        port: 0,
        database: None,
        workos_url: workos.url(),
        workos_key: workos.key().to_owned(),
        workos_users_per_second: 4,
        orgvue_url: orgvue.url(),
        orgvue_tokens: Tokens { shared: Some(orgvue.token().to_owned().into()), ..Tokens::default() },
        http_timeout: Duration::from_secs(30),
        webhook_secrets: vec![workos.webhook_secret().to_owned()],
        delays: Delays { window_ms: 5_000, overdue_ms: 30_000, nudge_ms: 300_000, ..Delays::default() },
        sweep: Duration::from_secs(10),
        tls: Tls::default(),
    })
    .await
    .expect("the local system starts");
    let customers: Vec<Customer> = (0..N).map(|id| Customer::new(id, USERS, 1)).collect();
    let mut integrations = Vec::new();
    for customer in &customers {
        workos.load_directory(&customer.directory()).expect("the description is a directory");
        let api_account = json!({"Login": "sync@orgvue.com", "Role": "admin", "Enabled": true});
        orgvue.add_tenant(&customer.tenant(0), &customer.dataset(0), vec![api_account]);
        let file = customer.file();
        let integration = Integration::parse(&file).expect("the file has no mistakes");
        let applied = system.store.apply(&integration, &file, AfterApply::Wait, "bench", now_ms(), &Delays::default()).await;
        applied.expect("the file can be applied");
        integrations.push(integration);
    }
    let first = pass(&system, &workos, &orgvue, &customers, &integrations).await;
    let brief = pass(&system, &workos, &orgvue, &customers, &integrations).await;
    let as_desired = customers.iter().filter(|customer| orgvue.rows(&customer.tenant(0)).len() == USERS + 1).count();
    let depth = |queue: &str| system.sqs.bodies(queue).len();
    let settled = settle(&system.store, &integrations).await.expect("the emulator answers");
    let owed = settled.values().filter(|how| **how != Settled::Done).count();
    Thousand { n: N, as_desired, owed, dead_letters: depth(DEAD_LETTERS), messages_left: depth(QUEUE), first, brief }
}

async fn pass(
    system: &System,
    workos: &workos::WorkOs,
    orgvue: &orgvue::Orgvue,
    customers: &[Customer],
    integrations: &[Integration],
) -> Pass {
    workos.calls().reset();
    orgvue.calls().reset();
    let schedules_before = system.scheduler.created_count();
    let runs_before = n_runs(system, integrations).await;
    let began = Instant::now();
    let mut webhooks = 0;
    for customer in customers {
        for _ in 0..2 {
            let event = workos.sample_event(&customer.directory_id());
            let status = workos.deliver(&system.webhook_url, &event, Delivery::persistent()).await.expect("the webhook is answered");
            assert!(status.is_success(), "{status}");
            webhooks += 1;
        }
    }
    settle(&system.store, integrations).await.expect("the emulator answers");
    let seconds = began.elapsed().as_secs_f64();
    let (workos, orgvue) = (workos.calls(), orgvue.calls());
    let of = |calls: &standins::Calls, verb: &str| {
        let routes = calls.by_route();
        routes.iter().filter(|(route, _)| route.starts_with(verb)).map(|(_, n)| n).sum()
    };
    let workos_limited = workos.of("GET /directory_users");
    Pass {
        webhooks,
        schedules: system.scheduler.created_count() - schedules_before,
        runs: n_runs(system, integrations).await - runs_before,
        workos_limited,
        workos_other: workos.total() - workos_limited,
        orgvue_reads: of(&orgvue, "GET"),
        orgvue_writes: of(&orgvue, "PUT"),
        seconds,
    }
}

async fn n_runs(system: &System, integrations: &[Integration]) -> usize {
    let mut n = 0;
    for integration in integrations {
        n += system.store.runs(&integration.id).await.expect("the emulator answers").len();
    }
    n
}
