//! The sweep: sends for what is owed and has no message on its way.
//!
//! It is part of correctness: a message that met a running sync was acknowledged, and this is what brings the work back.

use adapters::aws::{AwsError, chain};
use adapters::clock::now_ms;
use adapters::store::{Deployment, StoreError};
use domain::message::{Reason, SyncMessage};
use domain::pending::{Pending, SweepStep};
use futures::{StreamExt, stream};

use crate::Deps;

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

/// Looks at every integration.
///
/// # Errors
/// [`StoreError`] when they could not be read. A fault with one of them stops no other.
pub async fn sweep(deps: &Deps) -> Result<Swept, StoreError> {
    if let Deployment::Paused { at_ms, .. } = deps.store.deployment().await? {
        tracing::warn!(since_ms = at_ms, "the whole deployment is paused; nothing was swept");
        return Ok(Swept::default());
    }
    let (integrations, corrupt): (Vec<_>, Vec<_>) = deps.store.each_integration().await?.into_iter().partition(Result::is_ok);
    let directories: Vec<_> = integrations.into_iter().flatten().map(|(_, directory)| directory).collect();
    let mut pending = deps.store.each_pending(&directories).await?;
    pending.extend(corrupt.into_iter().filter_map(Result::err).map(Err));
    let n_integrations = pending.len();
    let steps: Vec<Result<bool, SweepFault>> =
        stream::iter(pending).map(|pending| async move { step(deps, &pending?).await }).buffer_unordered(AT_ONCE).collect().await;
    let mut swept = Swept { n_integrations, ..Swept::default() };
    for step in steps {
        match step {
            Ok(sent) => swept.n_sent += usize::from(sent),
            Err(error) => {
                swept.n_failed += 1;
                tracing::error!(error = chain(&error), "an integration was not swept");
            }
        }
    }
    tracing::info!(n_integrations = swept.n_integrations, n_sent = swept.n_sent, n_failed = swept.n_failed, "sweep ended");
    Ok(swept)
}

#[derive(Debug, thiserror::Error)]
enum SweepFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] AwsError),
}

/// Sees to one directory; whether a message was sent. It is sent before it is noted: once too often is harmless.
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
