//! The sweep: sends for what is owed and has no message on its way.
//!
//! It is part of correctness: a message that met a running sync was acknowledged, and this is what brings the work back.
//! As it reads every pending item anyway, it also tells how all of them stand.

use adapters::aws::{AwsError, chain};
use adapters::clock::now_ms;
use adapters::store::{Deployment, StoreError};
use domain::fleet::{Gauges, Owed, Standing};
use domain::message::{Reason, SyncMessage};
use domain::pending::{Pending, SweepStep};
use futures::{StreamExt, stream};

use crate::{Deps, metrics};

/// How many directories are seen to at once.
const AT_ONCE: usize = 16;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Integrations looked at.
    pub n_integrations: usize,
    /// Messages sent.
    pub n_sent: usize,
    /// Integrations that could not be seen to; the next sweep tries again.
    pub n_failed: usize,
}

/// Looks at every integration, and tells the metrics how all of them stand. While the whole deployment is paused it does no more than that.
///
/// # Errors
/// [`StoreError`] when they could not be read. A fault with one of them stops no other.
pub async fn sweep(deps: &Deps) -> Result<Swept, StoreError> {
    let swept = look_and_send(deps).await;
    let measured = match &swept {
        Ok((swept, gauges)) => metrics::of_sweep(*swept, gauges),
        Err(_) => vec![metrics::NOT_SWEPT],
    };
    deps.config.metrics.write(now_ms(), &measured);
    swept.map(|(swept, _)| swept)
}

async fn look_and_send(deps: &Deps) -> Result<(Swept, Gauges), StoreError> {
    let deployment = deps.store.deployment().await?;
    let (integrations, corrupt): (Vec<_>, Vec<_>) = deps.store.each_integration().await?.into_iter().partition(Result::is_ok);
    let directories: Vec<_> = integrations.into_iter().flatten().map(|(_, directory)| directory).collect();
    let mut fleet = deps.store.each_standing(&directories).await?;
    let n_missing = directories.len().saturating_sub(fleet.len());
    if n_missing > 0 {
        tracing::error!(n_missing, "integrations without a pending item are never run: apply their files again");
    }
    fleet.extend(corrupt.into_iter().filter_map(Result::err).map(Err));
    let known: Vec<Standing> = fleet.iter().flatten().cloned().collect();
    let gauges = Gauges::of(now_ms(), &known, &deps.config.delays);
    let mut swept = Swept { n_integrations: fleet.len() + n_missing, n_failed: n_missing, ..Swept::default() };
    let see_to = |standing: Result<Standing, StoreError>| see_to(deps, &deployment, standing);
    let steps: Vec<Result<bool, SweepFault>> = stream::iter(fleet).map(see_to).buffer_unordered(AT_ONCE).collect().await;
    for step in steps {
        match step {
            Ok(sent) => swept.n_sent += usize::from(sent),
            Err(error) => {
                swept.n_failed += 1;
                tracing::error!(error = chain(&error), "an integration was not swept");
            }
        }
    }
    match deployment {
        Deployment::Running => {
            tracing::info!(n_integrations = swept.n_integrations, n_sent = swept.n_sent, n_failed = swept.n_failed, "sweep ended");
        }
        Deployment::Paused { at_ms, .. } => tracing::warn!(since_ms = at_ms, "the whole deployment is paused; nothing was swept"),
    }
    Ok((swept, gauges))
}

#[derive(Debug, thiserror::Error)]
enum SweepFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] AwsError),
}

/// Sees to one directory; whether a message was sent. What is owed is noted also while nothing can be sent.
async fn see_to(deps: &Deps, deployment: &Deployment, standing: Result<Standing, StoreError>) -> Result<bool, SweepFault> {
    let Standing { pending, owed: before, tally: _ } = standing?;
    let owed = Owed::seen(before, &pending, now_ms());
    let noted = if owed == before { Ok(()) } else { deps.store.note_owed(&pending.directory, owed).await };
    let sent = match deployment {
        Deployment::Running => step(deps, &pending).await?,
        Deployment::Paused { .. } => false,
    };
    noted?;
    Ok(sent)
}

/// Sends what is due. It is sent before it is noted: once too often is harmless.
async fn step(deps: &Deps, pending: &Pending) -> Result<bool, SweepFault> {
    let send = async |generation, reason| deps.queue.send(&SyncMessage::new(pending.directory.clone(), generation, reason), 0).await;
    let now_ms = now_ms();
    match pending.sweep(now_ms, &deps.config.delays) {
        SweepStep::Nothing => Ok(false),
        SweepStep::Send(reason) => {
            send(pending.generation, reason).await?;
            deps.store.nudged(pending, now_ms).await?;
            Ok(true)
        }
        SweepStep::Drift { next_drift_ms } => match deps.store.bump_for_drift(pending, next_drift_ms, now_ms).await? {
            Some(generation) => {
                send(generation, Reason::Drift).await?;
                Ok(true)
            }
            None => Ok(false),
        },
    }
}
