//! How people stand to what is held of a tenant.

use domain::held::{Decision, HeldHead, Verdict};
use serde::Serialize;

use crate::output::{At, Page};

/// What has been decided about what is held now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub(crate) enum Standing {
    /// Nothing: a person is asked.
    Waits,
    /// A run may do it.
    Approved {
        /// By whom.
        by: String,
        /// When.
        at: At,
        /// Until when.
        expires_at: At,
    },
    /// It was approved, and no run did it in time: a person is asked again.
    Expired {
        /// By whom.
        by: String,
        /// When.
        at: At,
        /// Until when.
        expires_at: At,
    },
    /// It stays held, and nobody is asked.
    Rejected {
        /// By whom.
        by: String,
        /// When.
        at: At,
    },
}

impl Standing {
    /// By the newest decision about the tenant, of which a run may have used up those made until `used_ms`.
    pub(crate) fn of(head: &HeldHead, decision: Option<&Decision>, used_ms: Option<i64>, now_ms: i64) -> Self {
        let Some(decision) = decision else { return Self::Waits };
        let (by, at, expires_at) = (decision.by.clone(), At(decision.at_ms), At(decision.expires_at_ms()));
        match decision.verdict {
            Verdict::Rejected if head.is_rejected(Some(decision), used_ms) => Self::Rejected { by, at },
            Verdict::Approved if decision.hash != head.hash => Self::Waits,
            Verdict::Approved if decision.approves(used_ms, now_ms).is_some() => Self::Approved { by, at, expires_at },
            Verdict::Approved if now_ms >= decision.expires_at_ms() => Self::Expired { by, at, expires_at },
            Verdict::Rejected | Verdict::Approved => Self::Waits,
        }
    }

    /// Whether a person is asked.
    pub(crate) fn asks(&self) -> bool {
        match self {
            Self::Waits | Self::Expired { .. } => true,
            Self::Approved { .. } | Self::Rejected { .. } => false,
        }
    }

    /// For people.
    pub(crate) fn text(&self, page: &Page) -> String {
        match self {
            Self::Waits => "waits for a decision".to_owned(),
            Self::Approved { by, at, expires_at } => {
                format!("approved by {by} {}, until {}", page.ago(at.0), page.time(expires_at.0))
            }
            Self::Expired { by, at, expires_at } => {
                format!("waits for a decision; that of {by}, {}, expired {}", page.ago(at.0), page.ago(expires_at.0))
            }
            Self::Rejected { by, at } => format!("rejected by {by} {}", page.ago(at.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::held::{APPROVAL_MS, HeldHash};
    use domain::ids::RunId;

    use super::*;

    const AT_MS: i64 = 1_000;

    fn standing(verdict: Verdict, about: &str, used_ms: Option<i64>, now_ms: i64) -> Standing {
        let head = HeldHead { hash: HeldHash::new("one"), n_actions: 1, run: RunId::new("r1"), since_ms: 0, rejected: false };
        let decision = Decision { verdict, hash: HeldHash::new(about), by: "ada".to_owned(), at_ms: AT_MS };
        Standing::of(&head, Some(&decision), used_ms, now_ms)
    }

    #[test]
    fn a_decision_counts_for_what_it_is_about() {
        assert!(matches!(standing(Verdict::Approved, "one", None, AT_MS), Standing::Approved { .. }));
        assert!(matches!(standing(Verdict::Rejected, "one", None, AT_MS + APPROVAL_MS), Standing::Rejected { .. }));
        assert_eq!(standing(Verdict::Approved, "other", None, AT_MS), Standing::Waits);
        assert_eq!(standing(Verdict::Rejected, "other", None, AT_MS), Standing::Waits);
    }

    #[test]
    fn a_decision_that_was_used_up_or_has_expired_asks_again() {
        for verdict in [Verdict::Approved, Verdict::Rejected] {
            assert_eq!(standing(verdict, "one", Some(AT_MS), AT_MS), Standing::Waits);
        }
        let expired = standing(Verdict::Approved, "one", None, AT_MS + APPROVAL_MS);
        assert!(matches!(expired, Standing::Expired { .. }) && expired.asks());
    }
}
