//! A run that a command asked for: whether it begins, and how it ended.

use domain::ids::{DirectoryId, IntegrationId};
use serde::Serialize;

use super::stop::Stop;
use super::wait::{Waited, Waiter};
use crate::args::Wait;
use crate::context::Hands;
use crate::error::CliError;
use crate::output::{Exit, Page, Progress, Tone};

/// A run that was asked for, or was not because nothing runs.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    /// What was asked for.
    generation: Option<u64>,
    /// Why no run begins.
    stopped: Option<Stop>,
    /// How the run ended, where it was waited for.
    run: Option<Waited>,
}

impl Asked {
    /// Not waited for yet.
    pub(crate) fn new(generation: Option<u64>, stopped: Option<Stop>) -> Self {
        Self { generation, stopped, run: None }
    }

    /// One of this generation; stays until it has ended, where that is wished.
    pub(crate) async fn of(hands: &Hands, id: &IntegrationId, generation: u64, wait: Option<&Wait>) -> Result<Self, CliError> {
        let pending = hands.operator().pending(id).await?;
        let mut asked = Self::new(Some(generation), Stop::of(&pending, &hands.store.deployment().await?));
        if let Some(wait) = wait.filter(|wait| wait.wait) {
            let progress = Progress::start();
            asked.wait(&Waiter::new(&hands.store, &progress, wait), id, &pending.directory).await?;
        }
        Ok(asked)
    }

    /// Stays until the run has ended, if one was asked for.
    pub(crate) async fn wait(&mut self, waiter: &Waiter<'_>, id: &IntegrationId, directory: &DirectoryId) -> Result<(), CliError> {
        if let Some(generation) = self.generation {
            self.run = Some(waiter.run_of(id, directory, generation).await?);
        }
        Ok(())
    }

    /// Whether a run is under way that nobody has waited for.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.generation.is_some() && self.stopped.is_none() && self.run.is_none()
    }

    /// Whether the file alone keeps the run from beginning, and nobody waited for it.
    pub(crate) fn is_paused_by_file(&self) -> bool {
        self.stopped == Some(Stop::File) && self.run.is_none()
    }

    /// For people.
    pub(crate) fn text(&self, id: &IntegrationId, page: &Page) -> String {
        match (&self.run, &self.stopped, self.generation) {
            (Some(run), ..) => run.text(id, page),
            (None, Some(stop), _) => format!("{id}: {}\n", page.paint(Tone::Warn, &format!("no run begins, {}", stop.text(id)))),
            (None, None, Some(_)) => format!("{id}: a run was asked for\n"),
            (None, None, None) => String::new(),
        }
    }

    /// How the program ends with it.
    pub(crate) fn exit(&self) -> Exit {
        match (&self.run, &self.stopped) {
            (Some(run), _) => run.exit(),
            (None, Some(_)) => Exit::Attention,
            (None, None) => Exit::Done,
        }
    }

    /// Why waiting failed, if it did.
    pub(crate) fn failure(&self, id: &IntegrationId) -> Option<String> {
        self.run.as_ref()?.failure(id)
    }
}
