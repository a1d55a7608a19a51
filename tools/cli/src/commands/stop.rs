//! What keeps runs from beginning: a person, an integration file, or a directory that is gone.

use std::fmt;

use adapters::store::Deployment;
use domain::ids::IntegrationId;
use domain::pending::{Pending, Switch};
use serde::Serialize;

use crate::output::{At, utc};

/// Why no run of an integration begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub(crate) enum Stop {
    /// Its directory was found unlinked or gone.
    Suspension,
    /// A person stopped the whole deployment.
    Deployment(DeploymentPause),
    /// A person stopped it.
    Hand,
    /// Its file says so.
    File,
}

/// Who stopped the whole deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DeploymentPause {
    pub(crate) by: String,
    /// None where the switch was put by hand.
    pub(crate) since: Option<At>,
}

impl DeploymentPause {
    /// That of the deployment, if it is stopped.
    pub(crate) fn of(deployment: &Deployment) -> Option<Self> {
        match deployment {
            Deployment::Running => None,
            Deployment::Paused { by, at_ms } => Some(Self { by: by.clone(), since: (*at_ms > 0).then_some(At(*at_ms)) }),
        }
    }
}

impl fmt::Display for DeploymentPause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, since } = self;
        let since = since.map(|at| format!(" since {}", utc(at.0))).unwrap_or_default();
        write!(f, "paused with the whole deployment, by {by}{since}; `orgvue-scim resume --all` ends it")
    }
}

impl Stop {
    /// What stops an integration now, if anything does.
    pub(crate) fn of(pending: &Pending, deployment: &Deployment) -> Option<Self> {
        match (pending.switch, DeploymentPause::of(deployment)) {
            (Switch::Suspended, _) => Some(Self::Suspension),
            (Switch::Live | Switch::Paused, Some(pause)) => Some(Self::Deployment(pause)),
            (Switch::Paused, None) => Some(if pending.paused_by_hand { Self::Hand } else { Self::File }),
            (Switch::Live, None) => None,
        }
    }

    /// The same where there may be no pending item, or none that can be read: that everything is stopped is known without one.
    pub(crate) fn known(pending: Option<&Pending>, deployment: &Deployment) -> Option<Self> {
        match pending {
            Some(pending) => Self::of(pending, deployment),
            None => DeploymentPause::of(deployment).map(Self::Deployment),
        }
    }

    /// In words, and what to do.
    pub(crate) fn text(&self, id: &IntegrationId) -> String {
        match self {
            Self::Suspension => format!(
                "suspended: its directory was found unlinked or gone, and nobody was deprovisioned; ask the customer, have it linked again, \
                 then `orgvue-scim resume {id}`"
            ),
            Self::Deployment(pause) => pause.to_string(),
            Self::Hand => format!("paused by hand; `orgvue-scim resume {id}` ends it"),
            Self::File => "paused by its file; give it another mode and `orgvue-scim integration apply` it".to_owned(),
        }
    }
}
