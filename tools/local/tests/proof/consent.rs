//! What a person agreed to and what waits for a word, by what that person was shown; and what runs take without being asked.
//!
//! Of what was rejected nobody loses anything until it is approved, however the limit moves, whatever else is held, and though the directory asks
//! for fewer roles; otherwise the facts themselves may change, and then it is another matter. Of the rest no more goes within a day than the limit.

use std::collections::{BTreeMap, BTreeSet};

use domain::held::{HeldSet, Verdict};

use crate::census::{Accounts, Tenants, usable};
use crate::file::File;
use crate::oracle::{Rows, Write};

/// What is certainly within the day of the limits, by whichever clock.
const DAY_MS: i64 = 23 * 3_600_000;

/// What people said so far.
#[derive(Default)]
pub(crate) struct Consent {
    /// The accounts, by tenant, of which somebody gave up something since all was at rest.
    agreed: BTreeSet<(String, String)>,
    withheld: BTreeMap<(String, String), Withheld>,
    /// Every limit so far, with since when.
    limits: Vec<(i64, Option<u32>)>,
    /// Who was removed or disabled unasked: when, and where.
    taken: Vec<(i64, String)>,
    /// Everybody whom a file has blocked: that is a person's word as well.
    blocked: BTreeSet<String>,
}

/// What an account is not to lose.
struct Withheld {
    roles: BTreeSet<String>,
    /// What the directory asked for then. If it asks for anything else but fewer roles, it is another matter.
    desired: Option<BTreeSet<String>>,
}

impl Consent {
    /// A file is in force. Under one that does not write, nothing is held any more.
    pub(crate) fn file_changes(&mut self, now_ms: i64, file: &File) {
        self.limits.push((now_ms, file.limit()));
        self.blocked.extend(file.blocked().iter().cloned());
        if *file != file.at_work() {
            self.withheld.clear();
        }
        let absent = file.absent();
        self.withheld
            .retain(|(tenant, login), _| !absent.contains(tenant) && !file.blocked().contains(login) && !file.protected().contains(login));
        self.taken.retain(|(_, tenant)| !absent.contains(tenant));
    }

    /// What the directory asks for now. Of those of whom nothing is said nothing is known.
    pub(crate) fn facts_change(&mut self, desired: &Tenants, unsaid: &BTreeSet<String>) {
        self.withheld.retain(|(tenant, login), withheld| {
            let is_no_more = match (desired.get(tenant).map(|accounts| accounts.get(login)), &withheld.desired) {
                (Some(Some(now)), Some(then)) => now.is_subset(then),
                (Some(None), None) => true,
                (Some(Some(_)), None) | (Some(None), Some(_)) | (None, _) => false,
            };
            is_no_more && !unsaid.contains(login)
        });
    }

    /// A person writes to Orgvue: what runs had held is another matter.
    pub(crate) fn accounts_change(&mut self) {
        self.withheld.clear();
    }

    /// A person decides about what is held of a tenant. What a run at work makes of a rejection nobody can tell.
    pub(crate) fn decides(&mut self, verdict: Verdict, set: &HeldSet, desired: &Tenants, is_at_work: bool) {
        for held in set.actions() {
            let (tenant, login) = (held.tenant.to_string(), held.login.as_str().to_lowercase());
            let now = desired.get(&tenant).and_then(|accounts| accounts.get(&login)).cloned();
            let key = (tenant, login);
            match verdict {
                Verdict::Approved => {
                    self.withheld.remove(&key);
                    self.agreed.insert(key);
                }
                Verdict::Rejected if is_at_work => {}
                Verdict::Rejected => {
                    self.agreed.remove(&key);
                    let roles = held.lost_roles.iter().map(ToString::to_string).collect();
                    self.withheld.insert(key, Withheld { roles, desired: now });
                }
            }
        }
    }

    /// All that was approved is done.
    pub(crate) fn rests(&mut self) {
        self.agreed.clear();
    }

    /// What a run wrote is no more than what people said and the limit lets through. `had` are the addresses that each person had.
    pub(crate) fn judge(&mut self, now_ms: i64, write: &Write, after: &Rows, had: &BTreeMap<String, BTreeSet<String>>) {
        let is_blocked =
            |login: &String| self.blocked.contains(login) || had.values().any(|had| had.contains(login) && !had.is_disjoint(&self.blocked));
        for (tenant, before) in &write.before {
            let (before, after) = (usable(before), usable(&after[tenant]));
            for (login, roles) in before.iter().filter(|(login, _)| !is_blocked(login)) {
                let key = (tenant.clone(), login.clone());
                if let Some(withheld) = self.withheld.get(&key) {
                    let lost = roles - &after.get(login).cloned().unwrap_or_default();
                    assert!(lost.is_disjoint(&withheld.roles), "nobody approved that {login} of {tenant} loses {lost:?}");
                }
                if !after.contains_key(login) && !self.agreed.contains(&key) {
                    self.taken.push((now_ms, tenant.clone()));
                }
            }
            if let Some(limit) = self.limit(now_ms) {
                let n_taken = self.taken.iter().filter(|(at_ms, of)| of == tenant && now_ms - at_ms < DAY_MS).count();
                assert!(
                    n_taken <= limit as usize,
                    "{n_taken} accounts of {tenant} went unasked, more than {limit}: {:?}",
                    gone(&before, &after)
                );
            }
        }
    }

    /// The highest limit of the last day, if there always was one.
    fn limit(&self, now_ms: i64) -> Option<u32> {
        let ended_ms = self.limits.iter().skip(1).map(|(since_ms, _)| *since_ms).chain([i64::MAX]);
        let lately = self.limits.iter().zip(ended_ms).filter(|(_, ended_ms)| now_ms.saturating_sub(*ended_ms) < DAY_MS + 3_600_000);
        lately.map(|((_, limit), _)| *limit).collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

fn gone<'a>(before: &'a Accounts, after: &Accounts) -> Vec<&'a String> {
    before.keys().filter(|login| !after.contains_key(*login)).collect()
}
