//! The words of the tests: `user("ada").in_group("admin")` in the directory, `account("ada").role("hr")` in Orgvue, and a
//! [`Case`] of both. A bare name stands for the address `name@acme.com`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use domain::current::{Current, DatasetRefusal};
use domain::desired::{Decision, desired};
use domain::directory::{Directory, Group, User};
use domain::finding::Finding;
use domain::guard::{Approved, Completeness, Facts, Held, Scope, guard};
use domain::harm::Harmed;
use domain::held::HeldSet;
use domain::ids::{DirectoryId, GroupId, RunId, TenantId, UserId};
use domain::integration::{Integration, Limits, Tenant};
use domain::login::Login;
use domain::plan::{Action, Plan, Users, plan};
use domain::row::Row;
use domain::snapshot::{FormerLogins, Snapshot, Undone};
use jiff::civil::{Date, date};
use serde_json::{Map, Value, json};

pub(crate) const PREFIX: &str = "IAMAPP_Orgvue_SCIM_";
pub(crate) const TODAY: Date = date(2026, 11, 22);

/// The integration of one tenant, `ACME`.
pub(crate) fn single() -> Integration {
    integration("single", &["ACME"])
}

/// The integration of these tenants: ids, or `ID=alias`.
pub(crate) fn multi(names: &[&str]) -> Integration {
    integration("multi", names)
}

fn integration(tenancy: &str, names: &[&str]) -> Integration {
    let mut toml = format!(
        "id = \"acme\"\ndirectory = \"directory_01\"\nmode = \"enforce\"\ntenancy = \"{tenancy}\"\nprefix = \"{PREFIX}\"\n\
         protected = [\"breakglass@acme.com\", \"@orgvue.com\"]\n"
    );
    for (at, name) in names.iter().enumerate() {
        let (id, alias) = name.split_once('=').unwrap_or((name, ""));
        toml += &format!("[[tenants]]\nid = \"{id}\"\ndataset = \"0B533DE6-7107-9FCD-48FC-{at:012}\"\napi_account = \"sync@orgvue.com\"\n");
        if !alias.is_empty() {
            toml += &format!("alias = \"{alias}\"\n");
        }
    }
    Integration::parse(&toml).unwrap()
}

pub(crate) fn tenant(id: &str) -> TenantId {
    TenantId::parse(id).unwrap()
}

/// The login of a name or an address.
pub(crate) fn login(name: &str) -> Login {
    Login::as_found(&address(name))
}

fn address(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@acme.com") }
}

/// A user of the directory and the groups around it.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    user: User,
    groups: BTreeMap<GroupId, String>,
}

/// An active user in no group.
pub(crate) fn user(name: &str) -> Person {
    let user = User { id: UserId::new(name), idp_id: None, email: Some(address(name)), active: true };
    Person { user, groups: BTreeMap::new() }
}

impl Person {
    /// In a group of ours: what is behind the prefix.
    pub(crate) fn in_group(self, rest: &str) -> Self {
        self.in_group_named(&format!("{PREFIX}{rest}"))
    }

    /// In a group with exactly this name.
    pub(crate) fn in_group_named(self, name: &str) -> Self {
        self.in_group_with(name, name)
    }

    /// In the group that was called `in_group(rest)` and has exactly this name now.
    pub(crate) fn in_renamed_group(self, rest: &str, name: &str) -> Self {
        self.in_group_with(&format!("{PREFIX}{rest}"), name)
    }

    fn in_group_with(mut self, first_name: &str, name: &str) -> Self {
        self.groups.insert(GroupId::new(format!("group {first_name}")), name.to_owned());
        self
    }

    pub(crate) fn with_idp_id(mut self, id: &str) -> Self {
        self.user.idp_id = Some(id.to_owned());
        self
    }

    pub(crate) fn with_email(mut self, email: &str) -> Self {
        self.user.email = Some(email.to_owned());
        self
    }

    pub(crate) fn without_email(mut self) -> Self {
        self.user.email = None;
        self
    }

    pub(crate) fn inactive(mut self) -> Self {
        self.user.active = false;
        self
    }
}

pub(crate) fn directory(people: impl IntoIterator<Item = Person>) -> Directory {
    let (mut users, mut all, mut members) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for Person { user, groups } in people {
        for (id, name) in groups {
            members.entry(id.clone()).or_default().push(user.id.clone());
            all.insert(id.clone(), Group { id, name });
        }
        users.insert(user.id.clone(), user);
    }
    Directory::new(DirectoryId::parse("directory_01").unwrap(), users, all, members, None)
}

/// What a run saw that left nothing undone.
pub(crate) fn seen(people: impl IntoIterator<Item = Person>, integration: &Integration) -> Snapshot {
    let undone = Undone { renamed: &BTreeSet::new(), holds: false };
    Snapshot::take(&directory(people), integration, &RunId::new("run"), 0, None, undone)
}

/// The accounts that should be, one a line: `TENANT login roles`.
pub(crate) fn wanted(decision: &Decision) -> String {
    let mut text = String::new();
    for (tenant, desired) in &decision.tenants {
        for account in desired.accounts.values() {
            let roles: Vec<_> = account.roles.iter().map(ToString::to_string).collect();
            writeln!(text, "{tenant} {} {}", account.login, roles.join(",")).unwrap();
        }
    }
    text
}

/// Findings, one a line: the code and what it is about.
pub(crate) fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { code, login, user, idp_id: _, group, group_id: _, tenant, groups: _, since_ms: _, message: _ } in findings {
        write!(text, "{code}").unwrap();
        match (login, user) {
            (Some(login), _) => write!(text, " {login}").unwrap(),
            (None, Some(user)) => write!(text, " {user}").unwrap(),
            (None, None) => {}
        }
        group.iter().for_each(|group| write!(text, " {group}").unwrap());
        tenant.iter().for_each(|tenant| write!(text, " in {tenant}").unwrap());
        text += "\n";
    }
    text
}

/// A row of a Users dataset.
#[derive(Debug, Clone)]
pub(crate) struct Line(Properties);

/// The values of a row.
pub(crate) type Properties = Map<String, Value>;

/// An enabled account with the role `user`.
pub(crate) fn account(name: &str) -> Line {
    line(json!({"_id": format!("item {name}"), "Login": address(name), "Role": "user", "Enabled": true}))
}

/// A row with exactly these values.
pub(crate) fn line(row: Value) -> Line {
    let Value::Object(row) = row else { panic!("a row is an object") };
    Line(row)
}

impl Line {
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn role(self, roles: &str) -> Self {
        self.with("Role", roles)
    }

    pub(crate) fn disabled(self) -> Self {
        self.with("Enabled", false)
    }

    pub(crate) fn expired(self) -> Self {
        self.with("ExpiryDate", "2020-01-31")
    }

    /// One more row with the same login.
    pub(crate) fn again(self) -> Self {
        let id = format!("{} again", self.0["_id"].as_str().unwrap());
        self.with("_id", id)
    }
}

/// The rows of a dataset, the account of the API token among them.
pub(crate) fn rows(lines: impl IntoIterator<Item = Line>) -> Vec<Properties> {
    let api_account = account("sync@orgvue.com").role("admin");
    lines.into_iter().chain([api_account]).map(|Line(row)| row).collect()
}

/// The same as they are read from a dataset.
pub(crate) fn as_read(rows: &[Properties]) -> Vec<Row> {
    rows.iter().cloned().map(Row::from).collect()
}

/// A directory, a dataset of the first tenant, and what a run knows beside them.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) integration: Integration,
    pub(crate) people: Vec<Person>,
    pub(crate) rows: Vec<Properties>,
    pub(crate) scope: Scope,
    pub(crate) completeness: Completeness,
    /// Users whose groups could not be read a second time.
    pub(crate) unconfirmed: BTreeSet<UserId>,
    /// The login under which users had an account when the directory was last read.
    pub(crate) former: FormerLogins,
    pub(crate) approved: HeldSet,
    pub(crate) waiting: HeldSet,
    pub(crate) lately: Harmed,
}

pub(crate) fn case(people: impl Into<Vec<Person>>, lines: impl IntoIterator<Item = Line>) -> Case {
    Case {
        integration: single(),
        people: people.into(),
        rows: rows(lines),
        scope: Scope::Settled,
        completeness: Completeness::Plausible,
        unconfirmed: BTreeSet::new(),
        former: BTreeMap::new(),
        approved: HeldSet::default(),
        waiting: HeldSet::default(),
        lately: Harmed::default(),
    }
}

impl Case {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Integration)) -> Self {
        change(&mut self.integration);
        self
    }

    pub(crate) fn unconfirmed(mut self, name: &str) -> Self {
        self.unconfirmed.insert(UserId::new(name));
        self
    }

    /// The user had an account under this login when the directory was last read.
    pub(crate) fn formerly(mut self, name: &str, old: &str) -> Self {
        self.former.entry(UserId::new(name)).or_default().insert(login(old));
        self
    }

    /// What the users were called when a run saw these.
    pub(crate) fn once(mut self, people: impl IntoIterator<Item = Person>) -> Self {
        self.former = seen(people, &self.integration).former_logins(&self.directory());
        self
    }

    pub(crate) fn approving(self, approved: HeldSet) -> Self {
        Self { approved, ..self }
    }

    pub(crate) fn waiting(self, waiting: HeldSet) -> Self {
        Self { waiting, ..self }
    }

    /// So many accounts were removed in the last 24 hours.
    pub(crate) fn lately(self, n_removed: usize) -> Self {
        Self { lately: Harmed { n_accounts: n_removed, n_removed, n_roles: 0 }, ..self }
    }

    pub(crate) fn blocking(mut self, name: &str) -> Self {
        self.integration.blocked.insert(login(name));
        self
    }

    /// Nothing may be lost without a person's approval.
    pub(crate) fn without_limits(self) -> Self {
        self.with(|acme| acme.limits = Limits { removals_percent: 0, removals_floor: 0 })
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        &self.integration.tenants[0]
    }

    pub(crate) fn directory(&self) -> Directory {
        directory(self.people.clone())
    }

    pub(crate) fn decision(&self) -> Decision {
        desired(&self.directory(), &self.integration)
    }

    pub(crate) fn current(&self) -> Result<Current, DatasetRefusal> {
        Current::read(as_read(&self.rows), self.tenant(), &self.integration.dataset, TODAY)
    }

    pub(crate) fn plan(&self) -> Plan {
        let decision = self.decision();
        let desired = &decision.tenants[&self.tenant().id];
        let users = Users { directory: &self.directory(), former: &self.former };
        plan(desired, &self.current().unwrap(), self.tenant(), &self.integration, users)
    }

    pub(crate) fn guard(&self) -> (Approved, Vec<Held>) {
        self.guard_of(self.plan())
    }

    /// What becomes of another plan under the same facts.
    pub(crate) fn guard_of(&self, plan: Plan) -> (Approved, Vec<Held>) {
        let (directory, decision) = (self.directory(), self.decision());
        let confirmed = directory.users().iter().map(|user| user.id.clone()).filter(|user| !self.unconfirmed.contains(user));
        let facts = Facts {
            desired: &decision.tenants[&self.tenant().id],
            current: &self.current().unwrap(),
            tenant: self.tenant(),
            integration: &self.integration,
            scope: self.scope,
            confirmed: &confirmed.collect(),
            former: &self.former,
            approved: &self.approved,
            waiting: &self.waiting,
            lately: self.lately,
            completeness: self.completeness,
        };
        guard(plan, facts)
    }

    /// What waits for a person before any write.
    pub(crate) fn held(&self) -> HeldSet {
        HeldSet::of(&self.tenant().id, &self.guard().1)
    }

    /// What becomes of the plan when every addition succeeds.
    pub(crate) fn verdict(&self) -> String {
        self.verdict_if_refused(&[])
    }

    /// What becomes of the plan when Orgvue refuses the additions of these: `add`, then `take`; `hold` before any write, `hold late` between the two.
    pub(crate) fn verdict_if_refused(&self, names: &[&str]) -> String {
        let (approved, held) = self.guard();
        let (additions, harm) = approved.split();
        let failed = names.iter().map(|name| login(name)).collect();
        let (removals, held_late) = harm.second_look(&additions, &failed);
        let mut text = String::new();
        let mut say = |what: &str, action: &Action, why: &str| writeln!(text, "{what} {action}{why}").unwrap();
        additions.actions().iter().for_each(|action| say("add", action, ""));
        removals.actions().iter().for_each(|action| say("take", action, ""));
        held.iter().for_each(|held| say("hold", &held.action, &format!("  {:?}", held.why)));
        held_late.iter().for_each(|held| say("hold late", &held.action, &format!("  {:?}", held.why)));
        text
    }
}
