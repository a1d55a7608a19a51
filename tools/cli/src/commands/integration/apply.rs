//! `integration apply`: puts files in force, and asks for a sync of each that changed.

use std::path::PathBuf;

use adapters::store::{AfterApply, Applied};
use domain::delays::Delays;
use domain::ids::IntegrationId;
use serde::Serialize;
use sync::OperateError;

use super::diff::{IN_FORCE, painted, unified};
use crate::args::ApplyArgs;
use crate::commands::asked::Asked;
use crate::commands::files::{self, ValidFile};
use crate::commands::wait::Waiter;
use crate::context::{Context, Hands};
use crate::error::{CliError, Place};
use crate::output::{Answer, Exit, Page, Progress, Tone};
use crate::vendors;

/// What became of each file.
#[derive(Debug, Serialize)]
pub(crate) struct AppliedFiles {
    files: Vec<FileApplied>,
}

#[derive(Debug, Serialize)]
struct FileApplied {
    file: PathBuf,
    id: IntegrationId,
    outcome: Outcome,
    /// A unified diff from what was in force.
    diff: String,
    /// The run that was asked for, and how it ended, where it was waited for.
    #[serde(flatten)]
    asked: Asked,
    /// Why it failed, and the next step.
    error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Created,
    Changed,
    Unchanged,
    Failed,
}

/// Puts files in force. What fails for one of them does not stop the others.
pub(crate) async fn apply(cx: &Context, args: &ApplyArgs) -> Result<AppliedFiles, CliError> {
    let files = files::read_valid(&args.files)?;
    // Of the delays only the look for drift counts here: until the first one, which is spread over the interval.
    let delays = vendors::delays("integration apply")?;
    let hands = cx.hands().await?.in_time()?;
    let progress = Progress::start();
    let mut applied = Vec::new();
    for file in &files {
        progress.say(format!("putting {} in force", file.integration.id));
        applied.push(apply_one(&hands, file, &delays, &cx.place()).await);
    }
    if args.wait.wait {
        let waiter = Waiter::new(&hands.store, &progress, &args.wait);
        for (row, file) in applied.iter_mut().zip(files) {
            row.asked.wait(&waiter, &row.id, &file.integration.directory).await?;
        }
    }
    Ok(AppliedFiles { files: applied })
}

async fn apply_one(hands: &Hands, file: &ValidFile, delays: &Delays, place: &Place) -> FileApplied {
    let ValidFile { path, text: _, integration } = file;
    let mut row = FileApplied {
        file: path.clone(),
        id: integration.id.clone(),
        outcome: Outcome::Failed,
        diff: String::new(),
        asked: Asked::new(None, None),
        error: None,
    };
    if let Err(error) = put_in_force(hands, file, delays, &mut row).await {
        row.error = Some(error.advice(place).to_string());
    }
    row
}

async fn put_in_force(hands: &Hands, file: &ValidFile, delays: &Delays, row: &mut FileApplied) -> Result<(), CliError> {
    let ValidFile { path, text, integration } = file;
    let before = hands.store.integration_file(&integration.id).await?;
    let applied = hands.operator().apply(integration, text, AfterApply::Sync, delays).await;
    match &applied {
        Ok(Applied::Unchanged) => row.outcome = Outcome::Unchanged,
        Ok(Applied::Changed { .. }) | Err(OperateError::Queue(_)) => {
            row.outcome = if before.is_some() { Outcome::Changed } else { Outcome::Created };
            row.diff = unified(before.as_deref().unwrap_or_default(), text, (IN_FORCE, &path.display().to_string()));
        }
        Err(_) => {}
    }
    if let Applied::Changed { generation } = applied? {
        row.asked = Asked::of(hands, &integration.id, generation, None).await?;
    }
    Ok(())
}

impl Answer for AppliedFiles {
    fn text(&self, page: &Page) -> String {
        let mut text = String::new();
        // Why one failed is the hint.
        for FileApplied { file: _, id, outcome, diff, asked, error: _ } in &self.files {
            let (tone, what) = match outcome {
                Outcome::Created => (Tone::Good, "in force, new"),
                Outcome::Changed => (Tone::Good, "in force, changed"),
                Outcome::Unchanged => (Tone::Plain, "in force already, unchanged"),
                Outcome::Failed => (Tone::Bad, "not applied"),
            };
            text += &format!("{id}: {}\n", page.paint(tone, what));
            if *outcome == Outcome::Changed {
                text += &painted(diff, page);
            }
            if !asked.is_unwatched() {
                text += &asked.text(id, page);
            }
        }
        text
    }

    fn exit(&self) -> Exit {
        let of = |row: &FileApplied| match &row.error {
            Some(_) => Exit::Failed,
            // A file that pauses is meant to.
            None if row.asked.is_paused_by_file() => Exit::Done,
            None => row.asked.exit(),
        };
        self.files.iter().map(of).max().unwrap_or(Exit::Done)
    }

    fn hint(&self) -> Option<String> {
        let failure = |row: &FileApplied| match &row.error {
            Some(error) => Some(format!("error: {}: {error}", row.id)),
            None => row.asked.failure(&row.id),
        };
        let failed: Vec<_> = self.files.iter().filter_map(failure).collect();
        let asked = self.files.iter().any(|row| row.asked.is_unwatched());
        match failed.as_slice() {
            [] => asked.then(|| "a sync was asked for: see `orgvue-scim status`".to_owned()),
            failed => Some(failed.join("\n")),
        }
    }
}
