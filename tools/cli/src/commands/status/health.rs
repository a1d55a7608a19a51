//! What is judged of an integration: whether it needs a person, and for what.

use domain::fleet::Stale;
use serde::Serialize;

use super::facts::Facts;
use super::work::Work;
use crate::commands::stop::Stop;
use crate::output::{Tone, counted, utc};

/// How an integration is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Health {
    /// As its last run wanted it, and nothing is owed.
    Ok,
    /// No run has ended yet, and none is owed.
    New,
    /// A run works on it, or is about to begin.
    Working,
    /// Something passing stands in the way; it is tried again by itself.
    Waiting,
    /// As a person wanted it.
    Paused,
    /// Something waits for a person's decision.
    Held,
    /// No run of it ends as it should for long.
    Stale,
    /// What stands in the way has stayed, or only a person can mend it.
    Quarantined,
    /// Its directory is unlinked or gone.
    Suspended,
    /// It cannot run as it stands in the table.
    Unusable,
}

/// How an integration is doing, and what to do about it.
#[derive(Debug, Serialize)]
pub(super) struct Judgement {
    pub(super) health: Health,
    /// Whether nothing gets better unless a person acts.
    pub(super) needs_person: bool,
    /// What a person can do, or why nothing runs.
    pub(super) advice: Option<String>,
}

impl Health {
    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Good,
            Self::New | Self::Working => Tone::Plain,
            Self::Waiting | Self::Paused => Tone::Warn,
            Self::Held | Self::Stale | Self::Quarantined | Self::Suspended | Self::Unusable => Tone::Bad,
        }
    }

    fn needs_person(self) -> bool {
        match self {
            Self::Ok | Self::New | Self::Working | Self::Waiting | Self::Paused => false,
            Self::Held | Self::Stale | Self::Quarantined | Self::Suspended | Self::Unusable => true,
        }
    }
}

/// The worst comes first.
pub(super) fn judge(facts: &Facts) -> Judgement {
    let (health, advice) = worst(facts);
    Judgement { health, needs_person: health.needs_person(), advice }
}

fn worst(facts: &Facts) -> (Health, Option<String>) {
    let id = &facts.id;
    if let Some(problem) = &facts.problem {
        return (Health::Unusable, Some(problem.clone()));
    }
    match &facts.stopped {
        Some(stop @ Stop::Suspension) => return (Health::Suspended, Some(stop.text(id))),
        Some(stop @ (Stop::Deployment(_) | Stop::Hand | Stop::File)) => return (Health::Paused, Some(stop.text(id))),
        None => {}
    }
    if let Some((whose, fault)) = facts.faults().find(|(_, fault)| fault.quarantined) {
        let advice = format!("{whose}: {}; {}, or at once with `orgvue-scim sync {id}`", fault.text(), fault.next());
        return (Health::Quarantined, Some(advice));
    }
    if let Some(stale) = facts.stale {
        return (Health::Stale, Some(why_stale(facts, stale)));
    }
    let n_asked: usize = facts.asked().map(|(_, held)| held.n_accounts).sum();
    if n_asked > 0 {
        let tenants: Vec<_> = facts.asked().map(|(tenant, _)| tenant.as_str()).collect();
        return (
            Health::Held,
            Some(format!("{} held in {}: see `orgvue-scim held {id}`", counted(n_asked, "account"), tenants.join(", "))),
        );
    }
    if let Some((whose, fault)) = facts.faults().next() {
        return (Health::Waiting, Some(format!("{whose}: {}; {}", fault.text(), fault.next())));
    }
    let health = match (&facts.work, &facts.last_run) {
        (Some(Work::Running { .. } | Work::Window { .. } | Work::Owed), _) => Health::Working,
        (Some(Work::Idle | Work::Retry { .. }) | None, None) => Health::New,
        (Some(Work::Idle | Work::Retry { .. }) | None, Some(_)) => Health::Ok,
    };
    let findings = facts.findings.filter(|n| *n > 0);
    let what = |n| if n == 1 { "1 account or group".to_owned() } else { format!("{n} accounts or groups") };
    (health, findings.map(|n| format!("{} cannot be synced: see `orgvue-scim findings {id}`", what(n))))
}

fn why_stale(facts: &Facts, stale: Stale) -> String {
    let since = match stale {
        Stale::Owed(since_ms) => format!("a run has been owed since {}", utc(since_ms)),
        Stale::Quiet(since_ms) => format!("no success since {}", utc(since_ms)),
    };
    match facts.faults().next() {
        Some((whose, fault)) => format!("{since}; {whose}: {}; {}", fault.text(), fault.next()),
        None => format!("{since}: do runs begin, and end? is the sweep invoked, is the queue read?"),
    }
}
