//! What a person agreed to since: a run holds it no longer, though the records of runs before still tell that it waits.

use std::collections::BTreeMap;

use super::{Explanation, HeldSeen};
use crate::guard::HoldReason;
use crate::held::{HeldAction, HeldSet, Verdict};
use crate::ids::TenantId;

impl Explanation {
    /// Adds what was approved in each tenant and no run has used up: the next run does it. It comes last, behind what runs tell.
    #[must_use]
    pub fn with_approvals(mut self, approved: &BTreeMap<TenantId, HeldSet>) -> Self {
        for told in &mut self.tenants {
            let Some(set) = approved.get(&told.tenant) else { continue };
            match (&mut told.held, &told.now) {
                // The look knew of the approval: what is held all the same is not covered by it.
                (Some(_), Some(_)) => {}
                (Some(held), None) => {
                    if set
                        .covering(&told.tenant, &self.login, held.action, &held.lost_roles)
                        .is_some_and(|agreed| counts(held.why, agreed.why))
                    {
                        held.verdict = Some(Verdict::Approved);
                    }
                }
                (None, now) => {
                    told.held = now.as_ref().and_then(|now| now.next.as_ref()).and_then(|next| {
                        let HeldAction { why, .. } = set.covering(&told.tenant, &self.login, next.action, &next.lost_roles)?;
                        Some(HeldSeen {
                            action: next.action,
                            lost_roles: next.lost_roles.clone(),
                            why: *why,
                            message: why.explain(),
                            hash: Some(set.hash()),
                            verdict: Some(Verdict::Approved),
                            renamed_to: next.renamed_to.clone(),
                        })
                    });
                }
            }
        }
        self
    }
}

/// Whether an approval of what was held for the second reason lets through what is held for the first.
fn counts(held: HoldReason, approved: HoldReason) -> bool {
    match held {
        HoldReason::Unconfirmed => false,
        HoldReason::LastAdmin => approved == HoldReason::LastAdmin,
        HoldReason::OverLimit
        | HoldReason::RolesOverLimit
        | HoldReason::NewScope
        | HoldReason::NothingDesired
        | HoldReason::DirectoryLooksIncomplete
        | HoldReason::UnknownOwner
        | HoldReason::RenamedNotCreated
        | HoldReason::HeldSetLost => true,
    }
}
