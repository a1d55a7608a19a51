//! The last read of a directory. A run that sees what the snapshot shows already does not store it again, so the snapshot's own run may be an older one.

use adapters::store::Store;
use domain::ids::{IntegrationId, RunId};
use domain::run::RunRecord;
use domain::snapshot::Snapshot;

use crate::error::CliError;

/// Most runs that are looked through for one that read: while a directory cannot be read, none does.
const RUNS_LOOKED_AT_MAX: usize = 20;

/// The last run that read what a snapshot shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastRead {
    pub(crate) run: RunId,
    /// In milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The run that saw it so first, if that was another one.
    pub(crate) unchanged_since: Option<RunId>,
}

impl LastRead {
    /// That of the integration's snapshot.
    pub(crate) async fn of(store: &Store, id: &IntegrationId, snapshot: &Snapshot) -> Result<Self, CliError> {
        let heads = store.latest_runs(id, RUNS_LOOKED_AT_MAX).await?;
        for head in heads.into_iter().take_while(|head| head.id > snapshot.run) {
            if store.run(&head.id).await?.is_some_and(|record| has_read(&record)) {
                return Ok(Self { run: head.id, at_ms: head.started_at_ms, unchanged_since: Some(snapshot.run.clone()) });
            }
        }
        Ok(Self { run: snapshot.run.clone(), at_ms: snapshot.at_ms, unchanged_since: None })
    }
}

/// Whether the run read the directory to its end, and told what it saw.
fn has_read(record: &RunRecord) -> bool {
    !record.tenants.is_empty() && record.code.is_none() && record.restores.is_none()
}
