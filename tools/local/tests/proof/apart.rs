//! What is one tenant's never comes to another, whatever runs at the same time and whose call is done first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use local::system::QUEUE;

use crate::customer::{multi, single};
use crate::oracle::Rows;
use crate::stage::{Secrets, Stage};
use crate::weather::Storm;
use crate::words::{User, email};

crate::tests![tenants_stay_apart_under_any_interleaving];

const TENANTS: [&str; 6] = ["ACME", "BETA", "GAMMA", "DELTA", "ECHO", "FOX"];
const ROUNDS: u64 = 12;

fn token(tenant: &str) -> String {
    format!("{}-{tenant}", crate::logs::PRIVATE)
}

/// Who is in a tenant in a round: nobody is in two.
fn names(tenant: &str, round: u64) -> Vec<String> {
    (round..round + 3).map(|n| format!("{}{n:02}", tenant.to_lowercase())).collect()
}

/// Knuth's generator: the same interleaving for the same seed.
fn roll(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 60).unwrap_or_default()
}

async fn tenants_stay_apart_under_any_interleaving() {
    let tokens: BTreeMap<&str, String> = TENANTS.iter().map(|tenant| (*tenant, token(tenant))).collect();
    let tokens = serde_json::to_string(&tokens).unwrap();
    let stage = Stage::start_with(Secrets::Given, &[("ORGVUE_TOKENS", &tokens), ("TENANTS_AT_ONCE", "4")]).await;
    stage.begin();
    TENANTS.iter().for_each(|tenant| stage.orgvue.add_token(&token(tenant), tenant));
    for customer in [multi(&["ACME", "BETA", "GAMMA"]), multi(&["DELTA", "ECHO"]), single("FOX")] {
        stage.onboard(customer.section("[limits]\nremovals_percent = 100\nremovals_floor = 100")).await;
    }
    let limits = stage.customers();
    let mut most_at_once = 0;
    for round in 0..ROUNDS {
        for customer in &limits {
            let directory = customer.directory();
            let is_single = customer.tenants().count() == 1;
            for tenant in customer.tenants() {
                if round > 0 {
                    stage.workos.remove_user(&directory, &names(tenant, round - 1)[0]);
                }
                for name in names(tenant, round) {
                    let role = if is_single { "user".to_owned() } else { format!("{tenant}_user") };
                    stage.add_to(&directory, User::new(&name).in_group(&role));
                }
            }
            stage.tells_of(&directory);
        }
        let strange: Arc<Mutex<Vec<String>>> = Arc::default();
        let (tells, mut seed) = (strange.clone(), round);
        stage.wire.weather(Some(Box::new(move |passing| {
            if passing.call.service == "Orgvue" {
                let tenant = passing.path.split('/').nth(3).unwrap_or_default();
                if passing.authorization != format!("Bearer {}", token(tenant)) {
                    tells.lock().unwrap().push(format!("{} has the token of another tenant", passing.path));
                }
                let text = String::from_utf8_lossy(passing.body).to_lowercase().replace(&email(""), "");
                let others = TENANTS.iter().filter(|other| **other != tenant && text.contains(&other.to_lowercase()));
                tells.lock().unwrap().extend(others.map(|other| format!("{tenant} is told of {other}")));
            }
            Some(Storm::Delayed(roll(&mut seed)))
        })));
        stage.seen.clear();
        most_at_once = most_at_once.max(all_at_once(&stage).await);
        stage.run_until_quiet().await;
        stage.wire.weather(None);
        assert_eq!(*strange.lock().unwrap(), [""; 0]);
        let seen = stage.seen.take_after();
        assert!(!seen.is_empty());
        seen.iter().for_each(assert_apart);
        let rows = stage.rows();
        for tenant in TENANTS {
            let is: Vec<&str> = rows[tenant].iter().filter_map(|row| row.split(' ').next()).collect();
            assert_eq!(is, names(tenant, round), "round {round}");
        }
    }
    assert!(most_at_once >= limits.len(), "the customers' syncs ran at once");
}

/// Each row is of its own tenant.
fn assert_apart(rows: &Rows) {
    for (tenant, rows) in rows {
        let strangers: BTreeSet<&String> = rows.iter().filter(|row| !row.starts_with(&tenant.to_lowercase())).collect();
        assert!(strangers.is_empty(), "{tenant} has {strangers:?}");
    }
}

/// The webhooks, and then whatever is in the queue at the end of their windows, at the same time; how many syncs there were.
async fn all_at_once(stage: &Stage) -> usize {
    while stage.sqs.depth(QUEUE).visible < stage.customers().len() {
        if let Some(at) = stage.play().outbox.is_empty().then(|| stage.scheduler.next_due()).flatten() {
            stage.later((at.as_millisecond() - stage.now_ms()).max(0));
            stage.scheduler.fire_due();
        } else if !stage.step().await {
            break;
        }
    }
    let taken: Vec<_> = std::iter::from_fn(|| stage.sqs.take(QUEUE)).collect();
    let n_syncs = taken.len();
    join_all(taken.into_iter().map(|taken| stage.deliver(&stage.sync, taken))).await;
    n_syncs
}
