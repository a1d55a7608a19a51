//! Something is held, surely, and a person decides about it; meanwhile the facts may change. What was approved and is still due is done, what was
//! rejected is not, and nothing else is taken on the strength of either.

use std::collections::{BTreeMap, BTreeSet};

use adapters::store::AfterApply;
use domain::held::{HeldSet, Verdict};
use domain::ids::TenantId;
use domain::plan::Verb;
use standins::workos::UserSpec;

use crate::census::{Accounts, usable};
use crate::file::File;
use crate::history::{History, NAMES};
use crate::oracle::Rows;
use crate::stage::Stage;
use crate::wire::{Kill, Side};
use crate::words::email;

/// What one account is to lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Everything,
    Roles(BTreeSet<String>),
}

/// What the accounts of one tenant are to lose.
type Losses = BTreeMap<String, Loss>;

/// Why something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    ManyLeave,
    /// So many that the limits of the day are used up, and then another.
    OneMoreLeaves,
    AGroupGoes,
    NoAddress,
}

impl Stage {
    /// What is to be taken from whom, if Orgvue is to be as the directory says.
    pub(crate) fn due(&self) -> BTreeMap<String, Losses> {
        let (rows, census, file) = (self.rows(), self.census(), self.file());
        let unsaid = census.unsaid(&file, &self.play().had);
        let loss = |had: &BTreeSet<String>, wanted: Option<&BTreeSet<String>>| match wanted {
            None => Some(Loss::Everything),
            Some(wanted) => Some(had - wanted).filter(|lost| !lost.is_empty()).map(Loss::Roles),
        };
        let of = |(tenant, desired): (String, Accounts)| {
            let accounts = usable(&rows[&tenant]).into_iter().filter(|(login, _)| file.is_said(login, &unsaid));
            let losses = accounts.filter_map(|(login, had)| Some((login.clone(), loss(&had, desired.get(&login))?)));
            (tenant, losses.collect())
        };
        census.desired(&file, &unsaid).into_iter().map(of).collect()
    }

    /// What a person is shown of what a tenant holds.
    pub(crate) async fn shown_held(&self, tenant: &str) -> Option<HeldSet> {
        let (id, head) = (self.customers()[0].integration_id(), self.state(tenant).await.held?);
        let set = self.store.held(&id, &TenantId::parse(tenant).unwrap(), &head.hash).await.unwrap();
        Some(set.expect("a person never sees a hash without its set"))
    }

    /// Somebody asks for a run, and all that is to come of it comes.
    pub(crate) async fn sync_until_quiet(&self) {
        self.ask().await;
        self.run_until_quiet().await;
    }

    /// The people with an account, but for the administrator, each with the address.
    pub(crate) fn employees(&self) -> Vec<(&'static str, String)> {
        let (census, desired) = (self.census(), self.desired());
        let login = |name: &str| Some(census.users.get(name).filter(|person| person.is_active())?.email.as_ref()?.to_lowercase());
        let has_account = |login: &String| desired.values().any(|accounts| accounts.contains_key(login));
        NAMES.iter().filter_map(|name| Some((*name, login(name).filter(has_account)?))).collect()
    }

    /// Somebody joins, or comes again, with this address, and gets in wherever the customer is.
    pub(crate) fn comes(&self, name: &str, login: &str) {
        self.workos.put_user(&self.directory(), UserSpec::new(name, login));
        self.file().groups_ever("user").iter().for_each(|group| self.workos.add_member(&self.directory(), group, name));
        self.note_desired();
    }

    pub(crate) fn goes(&self, name: &str) {
        self.workos.remove_user(&self.directory(), name);
        self.note_desired();
    }
}

pub(crate) fn losses_of(set: &HeldSet) -> Losses {
    let loss = |held: &domain::held::HeldAction| match held.action {
        Verb::Remove | Verb::Disable => Loss::Everything,
        Verb::Create | Verb::Update | Verb::Restore => Loss::Roles(held.lost_roles.iter().map(ToString::to_string).collect()),
    };
    set.actions().map(|held| (held.login.as_str().to_lowercase(), loss(held))).collect()
}

impl History<'_> {
    /// Something is held, and a person decides about it.
    pub(crate) async fn something_is_decided(&mut self) {
        let stage = self.stage;
        let cause = self.brings_about().await;
        let (was, due) = (stage.rows(), stage.due());
        stage.sync_until_quiet().await;
        let held = assert_held(stage, cause, &was, due).await;
        assert!(!held.is_empty(), "{cause:?} holds something");
        let verdict =
            if self.dice.percent(if cause == Cause::NoAddress { 25 } else { 50 }) { Verdict::Approved } else { Verdict::Rejected };
        for tenant in held.keys() {
            stage.says(tenant, verdict).await.unwrap();
        }
        self.tell(format!("{verdict:?}"));
        // A rejection is for ever, as long as it is the same matter.
        for _ in 0..=u64::from(verdict == Verdict::Rejected && self.dice.percent(40)) {
            self.the_facts_change(cause, &held, verdict).await;
            let (was, due) = (stage.rows(), stage.due());
            if self.dice.percent(25) {
                let at = stage.wire.n_calls() + 1 + self.dice.below(40) as usize;
                stage.wire.kill(Kill { at, side: if self.dice.percent(50) { Side::Before } else { Side::After } });
            }
            stage.sync_until_quiet().await;
            stage.wire.calm();
            let was = was.iter().map(|(tenant, rows)| (tenant.clone(), usable(rows))).collect();
            Decided { verdict, held: &held, due, was }.assert_done(stage);
        }
        if (verdict, cause) == (Verdict::Approved, Cause::ManyLeave) && self.dice.percent(60) {
            self.they_come_and_go(&held).await;
        }
    }

    /// The directory changes so that something is to be held.
    async fn brings_about(&mut self) -> Cause {
        let stage = self.stage;
        let (file, directory, employees) = (stage.file(), stage.directory(), stage.employees());
        let limit = file.limit().map(|limit| limit as usize);
        let told = match (self.dice.below(6), limit) {
            (0, Some(limit)) if employees.len() > limit => {
                employees[..limit].iter().for_each(|(name, _)| stage.goes(name));
                stage.sync_until_quiet().await;
                assert!(stage.due().values().all(BTreeMap::is_empty), "the limit lets {limit} go");
                stage.goes(employees[limit].0);
                (Cause::OneMoreLeaves, format!("{limit} leave, and one more"))
            }
            (1 | 2, Some(limit)) if employees.len() > limit => {
                let n = limit + 1 + self.dice.below((employees.len() - limit).min(2) as u64) as usize;
                for (name, _) in &employees[..n] {
                    match self.dice.below(3) {
                        0 => stage.workos.deactivate_user(&directory, name),
                        _ => stage.workos.remove_user(&directory, name),
                    }
                }
                (Cause::ManyLeave, format!("{n} leave at once"))
            }
            (3, Some(_)) => {
                let is_of_retail = |group: &String| file.grant(group).is_some_and(|(_, role)| role == "Retail");
                let group = stage.census().groups.into_keys().find(is_of_retail).expect("the first files have a group for Retail");
                match self.dice.percent(50) {
                    true => stage.workos.rename_group(&directory, &group, &format!("Former_{group}")),
                    false => stage.workos.remove_group(&directory, &group),
                }
                (Cause::AGroupGoes, format!("{group} goes"))
            }
            _ => {
                let (name, _) = employees.first().expect("somebody has an account");
                stage.workos.put_user(&directory, UserSpec { email: None, ..UserSpec::new(name, "") });
                (Cause::NoAddress, format!("{name} has no address"))
            }
        };
        stage.note_desired();
        stage.play().n_told = stage.workos.emitted().len();
        self.tell(told.1);
        told.0
    }

    /// Between the decision and the run.
    async fn the_facts_change(&mut self, cause: Cause, held: &BTreeMap<String, Losses>, verdict: Verdict) {
        let stage = self.stage;
        let (file, due) = (stage.file(), stage.due());
        let is_due = |(tenant, login): &(&String, &String)| due[*tenant].contains_key(*login);
        let first = held.iter().flat_map(|(tenant, held)| held.keys().map(move |login| (tenant, login))).find(is_due);
        let first = first.map(|(_, login)| login.clone()).unwrap_or_default();
        let name = NAMES.iter().find(|name| first == email(name)).copied();
        let more_leave = verdict == Verdict::Approved && file.limit().is_some() && self.dice.percent(50);
        let told = match (self.dice.below(6), cause, name) {
            _ if more_leave => self.more_leave(),
            (0..2, Cause::ManyLeave | Cause::OneMoreLeaves, _) | (0..5, Cause::AGroupGoes, _) => {
                let limit = if file.limit() == Some(1) { None } else { Some(1) };
                assert!(stage.put_in_force(File::limited(&file, limit), AfterApply::Sync).await);
                format!("the limit is {limit:?}")
            }
            (2, Cause::ManyLeave, Some(name)) => {
                stage.comes(name, &first);
                format!("{name} comes again")
            }
            (3 | 4, Cause::ManyLeave, _) => self.more_leave(),
            (_, Cause::NoAddress, Some(name)) => {
                stage.workos.put_user(&stage.directory(), UserSpec::new(name, &format!("{name}.9@acme.com")));
                stage.note_desired();
                format!("{name} has another address")
            }
            _ => "nothing changes".to_owned(),
        };
        stage.play().n_told = stage.workos.emitted().len();
        self.tell(told);
    }

    /// Nobody has seen these yet.
    fn more_leave(&self) -> String {
        let employees = self.stage.employees();
        employees.iter().rev().take(3).for_each(|(name, _)| self.stage.goes(name));
        format!("{} more leave", employees.len().min(3))
    }

    /// Those who went with an approval come again, and go again: nobody has approved that yet.
    async fn they_come_and_go(&mut self, held: &BTreeMap<String, Losses>) {
        let stage = self.stage;
        let Some(limit) = stage.file().limit() else { return };
        let was_held = |login: &String| held.values().any(|held| held.contains_key(login));
        let people: Vec<(&str, String)> = NAMES.iter().map(|name| (*name, email(name))).filter(|(_, login)| was_held(login)).collect();
        if people.len() <= limit as usize {
            return;
        }
        people.iter().for_each(|(name, login)| stage.comes(name, login));
        stage.sync_until_quiet().await;
        people.iter().for_each(|(name, _)| stage.goes(name));
        let (was, due) = (stage.rows(), stage.due());
        stage.play().n_told = stage.workos.emitted().len();
        stage.play().consent.rests();
        stage.sync_until_quiet().await;
        self.tell(format!("{} come and go again", people.len()));
        assert_held(stage, Cause::ManyLeave, &was, due).await;
    }
}

/// What is due is held whole, and not done, wherever it must be; what is held of each tenant.
async fn assert_held(stage: &Stage, cause: Cause, was: &Rows, due: BTreeMap<String, Losses>) -> BTreeMap<String, Losses> {
    let (limit, mut all) = (stage.file().limit(), BTreeMap::new());
    for (tenant, due) in due {
        let held = stage.shown_held(&tenant).await.map(|set| losses_of(&set)).unwrap_or_default();
        let is_over = limit.is_some_and(|limit| due.len() > limit as usize);
        if is_over || [Cause::OneMoreLeaves, Cause::NoAddress].contains(&cause) {
            assert_eq!(held, due, "what is held of {tenant}, because of {cause:?}");
        }
        let (before, now) = (usable(&was[&tenant]), usable(&stage.rows()[&tenant]));
        for login in held.keys() {
            assert_eq!(now.get(login), before.get(login), "{login} of {tenant} is held");
        }
        if !held.is_empty() {
            all.insert(tenant, held);
        }
    }
    all
}

/// What a person said, and how everything was when the next run began.
struct Decided<'a> {
    verdict: Verdict,
    held: &'a BTreeMap<String, Losses>,
    due: BTreeMap<String, Losses>,
    was: BTreeMap<String, Accounts>,
}

impl Decided<'_> {
    /// What is both approved and due is done, what is rejected and due is not. Nobody else who stays has lost anything.
    fn assert_done(&self, stage: &Stage) {
        let (rows, desired, file) = (stage.rows(), stage.desired(), stage.file());
        for (tenant, held) in self.held {
            let (is, was, due) = (usable(&rows[tenant]), &self.was[tenant], &self.due[tenant]);
            for login in held.iter().filter(|(login, loss)| due.get(*login) == Some(*loss)).map(|(login, _)| login) {
                match self.verdict {
                    Verdict::Approved => assert_eq!(is.get(login), desired[tenant].get(login), "{login} of {tenant} was approved"),
                    Verdict::Rejected => assert_eq!(is.get(login), was.get(login), "{login} of {tenant} was rejected"),
                }
            }
            let news: Vec<_> = due.keys().filter(|login| !held.contains_key(*login)).collect();
            if file.limit().is_some_and(|limit| news.len() > limit as usize) {
                for login in news {
                    assert_eq!(is.get(login), was.get(login), "nobody has decided about {login} of {tenant}");
                }
            }
            for (login, roles) in &desired[tenant] {
                assert!(is.get(login).is_some_and(|has| roles.is_subset(has)), "{login} of {tenant} is to have {roles:?}: {is:?}");
            }
        }
    }
}
