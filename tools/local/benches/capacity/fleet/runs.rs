//! What a run has to do, what it reads for that, and what it costs.

use domain::delays::Delays;

use super::Customer;
use super::day::Bill;
use super::world::{GROUPS_PER_TENANT, GROUPS_PER_USER, JOINING};
use crate::prices::{AWS_SECONDS, SYNC_GB, TENANTS_AT_ONCE, USERS_INTERVAL, WORKOS_SECONDS, on_lambda};
use crate::rig::Measured;
use crate::scenes::{Figures, Kind};

/// What a change does to accounts, the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Nothing: a title, a telephone number, a group of another application.
    Nothing,
    /// Somebody joins, or is given a role.
    Adds,
    /// Somebody leaves, or moves from one role to another.
    Takes,
}

impl Effect {
    /// That of a change thrown as `share`, evenly from 0 to 1, where so many take something.
    pub(super) fn thrown(share: f64, taking: f64) -> Self {
        match share {
            share if share < taking => Self::Takes,
            share if share < taking + JOINING => Self::Adds,
            _ => Self::Nothing,
        }
    }
}

/// When something changed, and what it does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) at_ms: i64,
    pub(super) effect: Effect,
}

/// What is read of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The members of groups of ours.
    Members,
    /// The list of users behind the members, because something is to be taken.
    Rest,
    /// Both from the beginning.
    Whole,
}

impl Extent {
    /// How a run begins: by the members alone if the list of users was read lately enough.
    pub(super) fn at_first(whole_ms: Option<i64>, now_ms: i64, delays: &Delays) -> Self {
        match whole_ms {
            Some(at) if now_ms - at < delays.drift_ms / 2 => Self::Members,
            _ => Self::Whole,
        }
    }

    /// Like which scene a run is that has read so much.
    pub(super) fn kind(self, effect: Effect) -> Kind {
        match (self, effect) {
            (Self::Members, Effect::Nothing) => Kind::Members,
            (Self::Members, _) => Kind::Joined,
            (Self::Whole, Effect::Nothing) => Kind::Unchanged,
            (Self::Rest, _) | (Self::Whole, _) => Kind::Changed,
        }
    }
}

impl Customer {
    /// Limited calls. Of each list the last page is half full.
    pub(super) fn calls(&self, extent: Extent) -> f64 {
        let (users, groups) = (self.users as f64, self.tenants as f64 * GROUPS_PER_TENANT);
        let list = (users / 100.0).ceil();
        let members = (users * GROUPS_PER_USER / 100.0 + groups / 2.0).ceil().max(groups);
        match extent {
            Extent::Members => members,
            Extent::Rest => list,
            Extent::Whole => list + members,
        }
    }

    /// The strongest of what the run at work has to do.
    pub(super) fn effect(&self) -> Effect {
        self.claimed.iter().map(|change| change.effect).max().unwrap_or(Effect::Nothing)
    }
}

pub(super) struct Costs<'a> {
    pub(super) figures: &'a Figures,
}

/// What a run takes behind its limited calls.
pub(super) struct Behind {
    pub(super) seconds: f64,
    /// Its limited calls included.
    pub(super) bill: Bill,
}

impl Costs<'_> {
    /// What runs of any size take, from those that were measured: so much, so much more for each user, and for each further tenant.
    fn run(&self, kind: Kind, users: usize, tenants: usize, of: impl Fn(&Measured) -> f64) -> f64 {
        let at = |users, tenants| of(self.figures.run(kind, users, tenants));
        let per_user = (at(10_000, 1) - at(100, 1)) / 9_900.0;
        let per_tenant = (at(1_000, 10) - at(1_000, 1)) / 9.0;
        at(100, 1) + per_user * (users as f64 - 100.0) + per_tenant * (tenants as f64 - 1.0)
    }

    /// What a run takes behind so many limited calls; where Orgvue is out, a fixed time for each four tenants.
    pub(super) fn behind(&self, kind: Kind, one: &Customer, limited: f64, outage_seconds: Option<f64>) -> Behind {
        let run = |of: &dyn Fn(&Measured) -> f64| self.run(kind, one.users, one.tenants, of);
        let tenants = one.tenants as f64;
        let orgvue = match outage_seconds {
            Some(seconds) => (tenants / TENANTS_AT_ONCE).ceil() * seconds,
            None => run(&|m| m.orgvue_seconds()) / TENANTS_AT_ONCE.min(tenants),
        };
        let workos = run(&|m| m.workos_other as f64) * WORKOS_SECONDS;
        let seconds = workos + orgvue + run(&|m| m.n_aws()) * AWS_SECONDS + on_lambda(run(&|m| m.cpu_seconds), SYNC_GB);
        let bill = Bill {
            calls_usd: run(&|m| m.calls_usd(true)),
            gb_seconds: (limited * USERS_INTERVAL + seconds) * SYNC_GB,
            write_units: run(&|m| m.aws.wcu),
            read_units: run(&|m| m.aws.rcu),
        };
        Behind { seconds, bill }
    }
}
