//! A first sync into an empty Users dataset: planned, judged and written as by a run, in the stand-in's limits of calls; read again, and planned
//! once more.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::http::Deadline;
use adapters::orgvue::{Orgvue, OrgvueOptions, UsersDataset};
use domain::current::Current;
use domain::desired::{Desired, DesiredAccount};
use domain::directory::Directory;
use domain::group_name::{Role, Roles};
use domain::guard::{Completeness, Facts, Scope, guard};
use domain::harm::Harmed;
use domain::held::HeldSet;
use domain::ids::UserId;
use domain::integration::{Integration, Tenant};
use domain::login::Login;
use domain::plan::{Plan, Users, plan};
use domain::row::Row;
use secrecy::SecretString;
use serde_json::json;
use standins::orgvue;
use tokio::runtime::Runtime;

use crate::Case;

const TENANT: &str = "ACME";
const DATASET: &str = "0B533DE6-7107-9FCD-48FC-31C0856745CC";
const API_ACCOUNT: &str = "sync@orgvue.com";
const ITEMS: &str = "/api/v1/{tenant}/datasets/{dataset}/items";
/// What Orgvue documents for a tenant, each second, at once and in a day; and for the body of a write.
const CALLS_A_SECOND: f64 = 100.0;
const CALLS_AT_ONCE: f64 = 50.0;
const CALLS_A_DAY: f64 = 500_000.0;
const BODY_BYTES: f64 = 6_000_000.0;
/// Where the synchronous read is believed to end.
const READ_BYTES_MAX: usize = 6_000_000;
/// The time that Lambda gives.
const DEADLINE: Duration = Duration::from_secs(900);

/// Makes `n` accounts.
pub(crate) fn measure(servers: &Runtime, function: &Runtime, n: usize) -> Case {
    let server = servers.block_on(orgvue::Orgvue::start(orgvue::Options::default())).expect("loopback has a free port");
    server.switches(|switches| switches.sync_read_bytes_max = Some(READ_BYTES_MAX));
    server.add_tenant(TENANT, DATASET, vec![json!({ "Login": API_ACCOUNT, "Role": "admin", "Enabled": true })]);
    let sync = Sync::of(&server, n);
    let mut figures = function.block_on(sync.play(&server));
    let writes = server.writes(TENANT);
    let bytes: Vec<usize> = writes.iter().map(|body| body.to_string().len()).collect();
    let calls = server.calls().of(&format!("PUT {ITEMS}"));
    let of = |name: &str| figures.iter().find(|(what, _)| *what == name).map_or(f64::NAN, |(_, value)| *value);
    let a_second = calls as f64 / of("seconds_to_write");
    let largest = bytes.iter().max().copied().unwrap_or_default() as f64;
    let at_once = server.most_at_once(TENANT) as f64;
    figures.extend([
        ("batches", writes.len() as f64),
        ("writing_calls", calls as f64),
        ("answers_of_429", calls as f64 - writes.len() as f64),
        ("bytes_a_call_largest", largest),
        ("calls_at_once_most", at_once),
        ("percent_of_calls_a_second", a_second / CALLS_A_SECOND * 100.0),
        ("percent_of_calls_at_once", at_once / CALLS_AT_ONCE * 100.0),
        ("percent_of_calls_a_day", server.calls().total() as f64 / CALLS_A_DAY * 100.0),
        ("percent_of_bytes_a_call", largest / BODY_BYTES * 100.0),
    ]);
    servers.block_on(server.stop());
    Case { name: "first-sync", n, figures }
}

/// Who should be there, and the dataset to make it so.
struct Sync {
    integration: Integration,
    desired: Desired,
    users: UsersDataset,
}

impl Sync {
    fn of(server: &orgvue::Orgvue, n: usize) -> Self {
        let file = format!(
            "id = 'acme'\ndirectory = 'directory_01LARGE'\nmode = 'enforce'\ntenancy = 'single'\nprefix = 'IAMAPP_Orgvue_SCIM_'\n\
             [[tenants]]\nid = '{TENANT}'\ndataset = '{DATASET}'\napi_account = '{API_ACCOUNT}'\n"
        );
        let integration = Integration::parse(&file).expect("the file has no mistakes");
        let roles: Roles = Arc::new(["user", "Retail", "EuropeFinance"].map(Role::as_found).into());
        let account = |at: usize| {
            let login = Login::as_found(&format!("person.number{at:06}@acme.com"));
            (login.clone(), DesiredAccount { login, roles: roles.clone(), user: UserId::new(format!("directory_user_{at:06}")) })
        };
        let desired = Desired { accounts: (0..n).map(account).collect(), ..Desired::default() };
        let options = OrgvueOptions::new(server.url().parse().expect("it is a URL"));
        let tenant = &integration.tenants[0];
        let orgvue = Orgvue::new(options).expect("the client can be made");
        let token = SecretString::from(server.token());
        let users =
            orgvue.users_dataset(tenant.id.clone(), &tenant.dataset, token, Deadline::after(DEADLINE)).expect("the token can be sent");
        Self { integration, desired, users }
    }

    fn tenant(&self) -> &Tenant {
        &self.integration.tenants[0]
    }

    fn read(&self, rows: Vec<Row>) -> Current {
        let today = "2026-01-15".parse().expect("it is a date");
        Current::read(rows, self.tenant(), &self.integration.dataset, today).expect("the dataset is as configured")
    }

    fn plan(&self, current: &Current) -> Plan {
        let nobody = Directory::new(self.integration.directory.clone(), BTreeMap::new(), BTreeMap::new(), [], None);
        plan(&self.desired, current, self.tenant(), &self.integration, Users { directory: &nobody, former: &BTreeMap::new() })
    }

    /// Writes what is missing, and reads and plans again. Seconds and counts of what that took.
    async fn play(&self, server: &orgvue::Orgvue) -> Vec<(&'static str, f64)> {
        let current = self.read(self.users.rows().await.expect("the dataset can be read"));
        let facts = Facts {
            desired: &self.desired,
            current: &current,
            tenant: self.tenant(),
            integration: &self.integration,
            scope: Scope::Settled,
            confirmed: &BTreeSet::new(),
            completeness: Completeness::Plausible,
            former: &BTreeMap::new(),
            approved: &HeldSet::default(),
            waiting: &HeldSet::default(),
            lately: Harmed::default(),
        };
        let (approved, held) = guard(self.plan(&current), facts);
        assert!(held.is_empty());
        let (additions, _) = approved.split();
        let reads = |rows: Vec<Row>| Ok(self.read(rows));
        let began = Instant::now();
        let applied = self.users.apply(&additions, &self.integration.dataset, reads, async || Ok::<(), Infallible>(())).await;
        let to_write = began.elapsed().as_secs_f64();
        assert_eq!(applied.expect("nothing stands in the way").done.len(), self.desired.accounts.len());
        assert_eq!(server.rows(TENANT).len(), self.desired.accounts.len() + 1);

        let calls = self.users.calls();
        let began = Instant::now();
        let current = self.read(self.users.rows().await.expect("the dataset can be read again"));
        let to_read = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let second = self.plan(&current);
        let figures = vec![
            ("seconds_to_write", to_write),
            ("seconds_to_read_again", to_read),
            ("calls_to_read_again", (self.users.calls() - calls) as f64),
            ("seconds_to_plan_again", began.elapsed().as_secs_f64()),
            ("actions_of_the_second_plan", second.actions.len() as f64),
        ];
        assert_eq!(second.actions, [], "a second run plans nothing");
        figures
    }
}
