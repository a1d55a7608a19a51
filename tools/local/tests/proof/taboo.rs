//! What no write may do, whatever the directory says: looked at behind every run, write by write.
//!
//! A run goes by the file that it read. What a file forbids counts for the runs that begin under it, until another one takes it back.

use std::collections::BTreeSet;

use crate::census::of_login;
use crate::oracle::Rows;

/// How the row of an account ends that is switched off; see [`shown`](crate::words::shown).
const OFF: &str = " off";

/// What no write may do.
#[derive(Clone, Default)]
pub(crate) struct Taboo {
    /// Tenants that are nobody's.
    pub(crate) absent: BTreeSet<String>,
    /// Accounts that stay as they are, and are not made if they are not there.
    pub(crate) protected: BTreeSet<String>,
    /// Accounts that are at most switched off.
    pub(crate) blocked: BTreeSet<String>,
}

impl Taboo {
    /// What counts for a run at work when the file becomes another one.
    pub(crate) fn then(&self, later: &Self) -> Self {
        Self { absent: later.absent.clone(), protected: &self.protected & &later.protected, blocked: &self.blocked & &later.blocked }
    }

    /// Nothing of it was done.
    pub(crate) fn assert_kept(&self, before: &Rows, after: &Rows) {
        for tenant in &self.absent {
            assert_eq!(before[tenant], after[tenant], "{tenant} is not in the file");
        }
        for (tenant, before) in before {
            let after = &after[tenant];
            for login in &self.protected {
                assert_eq!(of_login(before, login), of_login(after, login), "{login} of {tenant} is protected");
            }
            for login in &self.blocked {
                let (before, after) = (of_login(before, login), of_login(after, login));
                let is_switched_off = after.iter().map(|row| row.strip_suffix(OFF)).eq(before.iter().map(|row| Some(row.as_str())));
                assert!(before == after || is_switched_off, "{login} of {tenant} is blocked: {before:?} became {after:?}");
            }
        }
    }
}
