//! One tenant at the Orgvue stand-in, and the words to say what is planned for it.

#![allow(dead_code, clippy::unwrap_used, reason = "a part of tests; each file of them uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use adapters::clock::hurried;
use adapters::http::Deadline;
use adapters::orgvue::{AccountFailure, Applied, Orgvue, OrgvueOptions, Stopped, UsersDataset};
use domain::current::{Current, DatasetRefusal};
use domain::desired::{Desired, DesiredAccount};
use domain::group_name::{Role, Roles};
use domain::guard::{Completeness, Facts, Phase, Scope, guard};
use domain::harm::Harmed;
use domain::held::HeldSet;
use domain::ids::{DatasetId, TenantId, UserId};
use domain::integration::{DatasetSpelling, Integration, Mode, Tenant};
use domain::login::Login;
use domain::plan::{Action, Change, Plan};
use domain::row::Row;
use secrecy::SecretString;
use serde_json::{Value, json};
use standins::orgvue::{Options, Orgvue as StandIn};
use standins::{Fault, FaultKind, Matcher, Nth};

pub(crate) const TENANT: &str = "ACME_EU";
pub(crate) const DATASET: &str = "0B533DE6-7107-9FCD-48FC-31C0856745CC";
pub(crate) const METADATA: &str = "GET /api/v1/{tenant}/datasets/{dataset}";
pub(crate) const READ: &str = "GET /api/v1/{tenant}/datasets/{dataset}/items";
pub(crate) const WRITE: &str = "PUT /api/v1/{tenant}/datasets/{dataset}/items";

pub(crate) struct World {
    pub(crate) server: StandIn,
    pub(crate) options: OrgvueOptions,
    pub(crate) spelling: DatasetSpelling,
    pub(crate) token: String,
    pub(crate) dataset: DatasetId,
}

/// The integration of the tenant.
fn integration() -> Integration {
    Integration::parse(&format!(
        "id = 'acme'\ndirectory = 'directory_1'\nmode = 'enforce'\ntenancy = 'single'\nprefix = 'ORG_'\n\
         [[tenants]]\nid = '{TENANT}'\ndataset = '{DATASET}'\napi_account = 'sync@orgvue.com'\n"
    ))
    .unwrap()
}

/// What a guard that nothing alarms makes of these actions: the phases that are not empty.
pub(crate) fn approved(actions: Vec<Action>) -> Vec<Phase> {
    let integration = integration();
    let confirmed = actions.iter().filter_map(|action| action.user.clone()).collect();
    let wanted = DesiredAccount { login: Login::as_found("somebody"), roles: Roles::default(), user: UserId::new("somebody") };
    let desired = Desired { accounts: [(wanted.login.clone(), wanted)].into(), ..Desired::default() };
    let managed = 10 * actions.len();
    let plan = Plan { tenant: integration.tenants[0].id.clone(), actions, unchanged: 0, managed, findings: Vec::new() };
    let facts = Facts {
        desired: &desired,
        current: &Current::default(),
        tenant: &integration.tenants[0],
        integration: &integration,
        scope: Scope::Settled,
        confirmed: &confirmed,
        former: &BTreeMap::new(),
        approved: &HeldSet::default(),
        waiting: &HeldSet::default(),
        lately: Harmed::default(),
        completeness: Completeness::Plausible,
    };
    let (approved, held) = guard(plan, facts);
    assert!(held.is_empty());
    let (additions, harm) = approved.split();
    let (removals, _) = harm.second_look(&additions, &BTreeSet::new());
    [additions, removals].into_iter().filter(|phase| !phase.actions().is_empty()).collect()
}

/// The same for actions of one phase.
pub(crate) fn phase(actions: Vec<Action>) -> Phase {
    approved(actions).pop().unwrap()
}

impl World {
    /// A tenant with the token's account and these.
    pub(crate) async fn with(logins: &[&str]) -> Self {
        let server = StandIn::start(Options::default()).await.unwrap();
        let logins = ["sync@orgvue.com"].iter().chain(logins);
        server.add_tenant(TENANT, DATASET, logins.map(|login| row(login)).collect());
        let options = OrgvueOptions {
            timeout: Duration::from_secs(10),
            settle: Duration::from_millis(10),
            ..OrgvueOptions::new(server.url().parse().unwrap())
        };
        let token = server.token().to_owned();
        Self { server, options, spelling: DatasetSpelling::default(), token, dataset: DatasetId::parse(DATASET).unwrap() }
    }

    pub(crate) fn users(&self) -> UsersDataset {
        self.users_until(Deadline::after(Duration::from_secs(60)))
    }

    pub(crate) fn users_until(&self, deadline: Deadline) -> UsersDataset {
        let orgvue = Orgvue::new(self.options.clone()).unwrap();
        orgvue.users_dataset(TenantId::parse(TENANT).unwrap(), &self.dataset, SecretString::from(self.token.clone()), deadline).unwrap()
    }

    pub(crate) fn read(&self, rows: Vec<Row>) -> Result<Current, DatasetRefusal> {
        let tenant = Tenant {
            id: TenantId::parse(TENANT).unwrap(),
            dataset: DatasetId::parse(DATASET).unwrap(),
            name: TENANT.to_owned(),
            api_account: Some(Login::as_found("sync@orgvue.com")),
            mode: Mode::Enforce,
        };
        Current::read(rows, &tenant, &self.spelling, "2026-01-15".parse().unwrap())
    }

    pub(crate) async fn current(&self) -> Current {
        self.read(self.users().rows().await.unwrap()).unwrap()
    }

    /// Applies the actions with nothing that forbids it and without waits, and forgets the calls before.
    pub(crate) async fn apply(&self, actions: Vec<Action>) -> Result<Applied, Stopped<Infallible>> {
        self.server.calls().reset();
        let mut applied = Applied::default();
        for phase in approved(actions) {
            let users = self.users();
            let Applied { done, failed } = hurried(users.apply(&phase, &self.spelling, |rows| self.read(rows), async || Ok(()))).await?;
            applied.done.extend(done);
            applied.failed.extend(failed);
        }
        applied.done.sort();
        Ok(applied)
    }

    pub(crate) fn fault(&self, method: &str, nth: Nth, kind: FaultKind) {
        self.server.fault(Fault::new(Matcher::path("/datasets").method(method), nth, kind));
    }

    pub(crate) fn n(&self, route: &str) -> u64 {
        self.server.calls().of(route)
    }

    pub(crate) fn row_of(&self, login: &str) -> Option<Value> {
        let mut rows = self.rows_of(login);
        assert!(rows.len() < 2, "{login} is there {} times", rows.len());
        rows.pop()
    }

    pub(crate) fn rows_of(&self, login: &str) -> Vec<Value> {
        let is_login = |row: &Value| row["Login"].as_str().is_some_and(|text| text.eq_ignore_ascii_case(login));
        self.server.rows(TENANT).into_iter().filter(is_login).collect()
    }
}

pub(crate) fn row(login: &str) -> Value {
    json!({"Login": login, "Role": if login.starts_with("sync@") { "admin" } else { "user" }, "Enabled": true})
}

pub(crate) fn login(text: &str) -> Login {
    Login::as_found(text)
}

pub(crate) fn roles(roles: &[&str]) -> Roles {
    Arc::new(roles.iter().map(|role| Role::as_found(role)).collect())
}

pub(crate) fn create(name: &str) -> Action {
    Action::new(login(name), None, Change::Create { roles: roles(&["user"]) })
}

/// Creations of `user0000@example.com` and so on.
pub(crate) fn creates(n: usize) -> Vec<Action> {
    (0..n).map(|i| create(&format!("user{i:04}@example.com"))).collect()
}

pub(crate) fn update(current: &Current, name: &str, to: &[&str]) -> Action {
    let before = current.accounts[&login(name)].clone();
    Action::new(login(name), None, Change::Update { before, roles: roles(to) })
}

pub(crate) fn disable(current: &Current, name: &str) -> Action {
    let before = current.accounts[&login(name)].clone();
    Action::new(login(name), None, Change::Disable { before })
}

pub(crate) fn remove(current: &Current, name: &str) -> Action {
    let before = current.accounts[&login(name)].clone();
    Action::new(login(name), None, Change::Remove { before })
}

/// Puts an account back as it was then.
pub(crate) fn restore(current: &Current, then: &Current, name: &str) -> Action {
    let integration = integration();
    let plan = domain::plan::restore(then, current, &integration.tenants[0], &integration, &BTreeSet::new());
    plan.actions.into_iter().find(|action| action.login == login(name)).unwrap()
}

/// The logins that Orgvue refused.
pub(crate) fn refused(applied: &Applied) -> Vec<&str> {
    let is_refused = |failure: &AccountFailure| matches!(failure, AccountFailure::Refused(_));
    applied.failed.iter().filter(|(_, failure)| is_refused(failure)).map(|(login, _)| login.as_str()).collect()
}

/// How many accounts failed in this way.
pub(crate) fn n_failed(applied: &Applied, failure: &AccountFailure) -> usize {
    applied.failed.values().filter(|found| *found == failure).count()
}
