//! Waiting for the run that covers what was asked for, by looking at the table.

use std::time::{Duration, Instant};

use adapters::clock::now_ms;
use adapters::store::Store;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::pending::Pending;
use domain::run::{RunRecord, Status};
use serde::Serialize;

use super::run_text::RunView;
use super::stop::Stop;
use crate::args::Wait;
use crate::error::CliError;
use crate::output::{Answer as _, Exit, Page, Progress, Tone, counted, utc};

/// How often the table is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// How it ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub(crate) enum Waited {
    /// With a run that covers it.
    Ended(Box<RunView>),
    /// There was nothing to do: all its tenants are paused.
    NothingToDo,
    /// Not in time.
    Unended {
        /// How long it was waited for.
        seconds: u64,
    },
    /// Nothing runs until a person acts.
    Stopped(Stop),
}

/// Waits for several runs, up to one point in time.
#[derive(Debug)]
pub(crate) struct Waiter<'a> {
    store: &'a Store,
    progress: &'a Progress,
    began: Instant,
    limit: Duration,
}

impl<'a> Waiter<'a> {
    /// Begins now.
    pub(crate) fn new(store: &'a Store, progress: &'a Progress, wait: &Wait) -> Self {
        Self { store, progress, began: Instant::now(), limit: Duration::from_secs(wait.timeout_seconds.into()) }
    }

    /// Waits until the run that covers a sync of this generation has ended.
    pub(crate) async fn run_of(&self, id: &IntegrationId, directory: &DirectoryId, generation: u64) -> Result<Waited, CliError> {
        let mut looked_at = None;
        loop {
            let found = self.store.pending(std::slice::from_ref(directory)).await?.pop();
            let pending = found.ok_or_else(|| CliError::UnknownIntegration(id.clone()))?;
            if pending.last_run.is_some() && pending.last_run != looked_at {
                if let Some(run) = self.covering(pending.last_run.as_ref(), generation).await? {
                    return Ok(Waited::Ended(Box::new(run)));
                }
                looked_at.clone_from(&pending.last_run);
            }
            if let Some(stop) = Stop::of(&pending, &self.store.deployment().await?) {
                return Ok(Waited::Stopped(stop));
            }
            if pending.reconciled_generation >= generation && pending.lease.is_none() {
                return Ok(Waited::NothingToDo);
            }
            if self.began.elapsed() > self.limit {
                return Ok(Waited::Unended { seconds: self.limit.as_secs() });
            }
            self.progress.say(format!("{id}: {}", under_way(&pending, now_ms())));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The run, if it began reading behind the question.
    async fn covering(&self, run: Option<&RunId>, generation: u64) -> Result<Option<RunView>, CliError> {
        let Some(run) = run else { return Ok(None) };
        let record = self.store.run(run).await?;
        let covers =
            |record: &RunRecord| record.generation >= generation && record.status != Status::Superseded && record.restores.is_none();
        Ok(record.filter(covers).map(RunView::new))
    }
}

/// What a person sees while waiting.
fn under_way(pending: &Pending, now_ms: i64) -> String {
    match (&pending.lease, pending.retry_at_ms) {
        (Some(lease), _) if lease.until_ms > now_ms => {
            let seconds = pending.claimed_at_ms.map_or(0, |at| (now_ms - at).max(0) / 1_000);
            format!("run {} has been going on for {seconds} s", lease.run)
        }
        (_, Some(at)) if pending.backoff.attempts > 0 => {
            let times = counted(pending.backoff.attempts, "time");
            format!("the directory could not be read {times}; the next try is at {}", utc(at))
        }
        (Some(_) | None, _) => "waits for a run to begin".to_owned(),
    }
}

impl Waited {
    /// For people.
    pub(crate) fn text(&self, id: &IntegrationId, page: &Page) -> String {
        match self {
            Self::Ended(run) => run.text(page),
            Self::NothingToDo => "nothing was done: all its tenants are paused\n".to_owned(),
            Self::Unended { seconds } => format!("no run has ended within {seconds} s\n"),
            Self::Stopped(stop) => format!("{}\n", page.paint(Tone::Bad, &stop.text(id))),
        }
    }

    /// How the program ends with it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Ended(run) => run.exit(),
            Self::NothingToDo => Exit::Done,
            Self::Unended { .. } => Exit::Failed,
            Self::Stopped(_) => Exit::Attention,
        }
    }

    /// Why it failed, if it did.
    pub(crate) fn failure(&self, id: &IntegrationId) -> Option<String> {
        let Self::Unended { seconds } = self else { return None };
        Some(format!("error: no run of {id} has ended within {seconds} s: it goes on by itself; see `orgvue-scim status {id}`"))
    }
}
