//! `pause` and `resume`: of one integration, or of the whole deployment.

use std::time::Duration;

use adapters::http::Deadline;
use adapters::workos::ReadError;
use domain::ids::IntegrationId;
use domain::pending::Switch;
use serde::Serialize;
use sync::{OperateError, check_directory};

use super::asked::Asked;
use super::fleet;
use super::stop::{DeploymentPause, Stop};
use crate::args::{PauseArgs, ResumeArgs};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Progress, Tone, utc};
use crate::vendors;

/// Longest that the look at a suspended directory may take.
const CHECK: Duration = Duration::from_secs(60);

/// When a pause holds.
const PAUSE_HOLDS: &str = "no run begins from now on; one at work stops before its next write, within a heartbeat (15 s by default; a minute \
                           if it cannot reach the table), and what is owed stays owed";

/// What was stopped.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "scope")]
pub(crate) enum Paused {
    /// One integration.
    Integration {
        id: IntegrationId,
        /// A suspension stays one.
        switch: Switch,
        by: String,
    },
    /// All of them, and who stopped them first.
    Deployment(DeploymentPause),
}

/// What runs again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "scope")]
pub(crate) enum Resumed {
    /// One integration.
    Integration {
        id: IntegrationId,
        by: String,
        #[serde(flatten)]
        asked: Asked,
    },
    /// All of them, but for those that something else stops.
    Deployment { by: String, still_stopped: Vec<StillStopped> },
}

#[derive(Debug, Serialize)]
pub(crate) struct StillStopped {
    id: IntegrationId,
    #[serde(flatten)]
    stop: Stop,
}

/// Stops one integration or all.
pub(crate) async fn pause(cx: &Context, args: &PauseArgs) -> Result<Paused, CliError> {
    let hands = cx.hands().await?;
    let Some(id) = args.which.named() else {
        hands.operator().pause_all().await?;
        // None if somebody has resumed it meanwhile.
        let pause = DeploymentPause::of(&hands.store.deployment().await?);
        return Ok(Paused::Deployment(pause.unwrap_or(DeploymentPause { by: hands.by, since: None })));
    };
    let switch = hands.operator().pause(id).await?;
    Ok(Paused::Integration { id: id.clone(), switch, by: hands.by })
}

/// Lets one integration run again, or all.
pub(crate) async fn resume(cx: &Context, args: &ResumeArgs) -> Result<Resumed, CliError> {
    let hands = cx.hands().await?;
    let Some(id) = args.which.named() else {
        hands.operator().resume_all().await?;
        let still_stopped = still_stopped(cx).await?;
        return Ok(Resumed::Deployment { by: hands.by, still_stopped });
    };
    let progress = Progress::start();
    progress.say(format!("{id}: looking whether it may run"));
    // The vendors are asked only about what was suspended, so that their keys are not needed before. Where they cannot be asked at all, the
    // integration stays as it is, and that is told.
    let mut unconnected = None;
    let check = async |integration: &_| match vendors::connect(cx, "resume").await {
        Ok(deps) => check_directory(&deps, integration, Deadline::after(CHECK)).await,
        Err(error) => {
            unconnected = Some(error);
            Err(ReadError::OutOfTime)
        }
    };
    let resumed = hands.operator().resume(id, check).await;
    let generation = match (unconnected, resumed) {
        (Some(error), Err(OperateError::Directory(_))) => return Err(error),
        (Some(_) | None, resumed) => resumed?,
    };
    drop(progress);
    let asked = Asked::of(&hands, id, generation, Some(&args.wait)).await?;
    Ok(Resumed::Integration { id: id.clone(), by: hands.by, asked })
}

/// What the end of the deployment's pause does not let run.
async fn still_stopped(cx: &Context) -> Result<Vec<StillStopped>, CliError> {
    let store = cx.store().await?;
    let directories: Vec<_> = fleet::all(&store).await?.integrations.into_iter().map(|deployed| deployed.directory).collect();
    let deployment = store.deployment().await?;
    let mut pending: Vec<_> = store.each_pending(&directories).await?.into_iter().filter_map(Result::ok).collect();
    pending.sort_by(|a, b| a.integration.cmp(&b.integration));
    let still = pending.iter().filter_map(|pending| Some((pending, Stop::of(pending, &deployment)?)));
    Ok(still.map(|(pending, stop)| StillStopped { id: pending.integration.clone(), stop }).collect())
}

impl Answer for Paused {
    fn text(&self, page: &Page) -> String {
        let what = match self {
            Self::Integration { id, switch: Switch::Live | Switch::Paused, by } => {
                format!("{id}: {} by {by}", page.paint(Tone::Warn, "paused"))
            }
            Self::Integration { id, switch: Switch::Suspended, by } => {
                format!("{id}: {} by {by}, and suspended as it was", page.paint(Tone::Warn, "paused"))
            }
            Self::Deployment(DeploymentPause { by, since }) => {
                let since = since.map(|at| format!(" since {}", utc(at.0))).unwrap_or_default();
                format!("the whole deployment: {} by {by}{since}", page.paint(Tone::Warn, "paused"))
            }
        };
        format!("{what}\n{PAUSE_HOLDS}\n")
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Integration { id, .. } => format!("`orgvue-scim resume {id}` lets it run again"),
            Self::Deployment(_) => "`orgvue-scim resume --all` lets it run again".to_owned(),
        })
    }
}

impl Answer for Resumed {
    fn text(&self, page: &Page) -> String {
        match self {
            Self::Integration { id, by: _, asked } => {
                let resumed = page.paint(Tone::Good, "resumed");
                format!("{id}: {resumed}; what was quarantined is tried at once\n{}", asked.text(id, page))
            }
            Self::Deployment { by: _, still_stopped } => {
                let resumed = page.paint(Tone::Good, "resumed");
                let mut text = format!("the whole deployment: {resumed}; what is owed is done within some minutes\n");
                for StillStopped { id, stop } in still_stopped {
                    text += &format!("{id}: {}\n", page.paint(Tone::Warn, &stop.text(id)));
                }
                text
            }
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Integration { asked, .. } => asked.exit(),
            Self::Deployment { .. } => Exit::Done,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Integration { id, asked, .. } => asked.failure(id),
            Self::Deployment { .. } => None,
        }
    }
}
