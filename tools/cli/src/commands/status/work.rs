//! What goes on with an integration.

use domain::ids::RunId;
use domain::pending::Pending;
use serde::Serialize;

use crate::output::{At, Page};

/// What goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(super) enum Work {
    /// Nothing is owed.
    Idle,
    /// Events are batched.
    Window {
        /// Its end.
        ends_at: At,
    },
    /// A run works on it.
    Running {
        /// Which.
        run: RunId,
        /// Since when.
        since: Option<At>,
    },
    /// What failed waits for its next try.
    Retry {
        /// When.
        at: At,
    },
    /// A run is about to begin, or begins when nothing stops it any more.
    Owed,
}

impl Work {
    pub(super) fn of(pending: &Pending, now_ms: i64) -> Self {
        match (&pending.lease, pending.window_due_ms, pending.retry_at_ms) {
            (Some(lease), _, _) if lease.until_ms > now_ms => {
                Self::Running { run: lease.run.clone(), since: pending.claimed_at_ms.map(At) }
            }
            (_, _, Some(at)) if pending.backoff.attempts > 0 => Self::Retry { at: At(at) },
            (_, Some(due), _) if due > now_ms => Self::Window { ends_at: At(due) },
            _ if pending.is_owed() => Self::Owed,
            (_, _, Some(at)) => Self::Retry { at: At(at) },
            (_, _, None) => Self::Idle,
        }
    }

    pub(super) fn text(&self, page: &Page) -> String {
        match self {
            Self::Idle => "idle".to_owned(),
            Self::Window { ends_at } => format!("events are gathered, a run begins {}", page.ago(ends_at.0)),
            Self::Running { run: _, since } => format!("a run began {}", since.map(|since| page.ago(since.0)).unwrap_or_default()),
            Self::Retry { at } => format!("next try {}", page.ago(at.0)),
            Self::Owed => "a run is owed".to_owned(),
        }
    }
}
