//! `sync`: asks for a sync now, and waits for its run if it is to.

use adapters::store::Deployment;
use domain::ids::{DirectoryId, IntegrationId};
use serde::Serialize;

use super::fleet::{self, Deployed};
use super::stop::Stop;
use super::wait::{Waited, Waiter};
use crate::args::SyncArgs;
use crate::context::{Context, Hands};
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Progress, Tone};

/// What was asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Synced {
    integrations: Vec<Row>,
    /// Items of the table that cannot be read as an integration.
    corrupt: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: IntegrationId,
    directory: DirectoryId,
    /// The generation that was asked for; none where nothing runs.
    generation: Option<u64>,
    /// Why nothing was asked for.
    stopped: Option<Stop>,
    /// How its run ended, where it was waited for.
    run: Option<Waited>,
}

/// Asks for syncs.
pub(crate) async fn sync(cx: &Context, args: &SyncArgs) -> Result<Synced, CliError> {
    let hands = cx.hands().await?;
    let fleet = fleet::chosen(&hands.store, args.which.named()).await?;
    let deployment = hands.store.deployment().await?;
    let progress = Progress::start();
    progress.say("asking for syncs".to_owned());
    let mut integrations = fleet::each(fleet.integrations, |deployed| ask(&hands, &deployment, deployed)).await?;
    if args.wait.wait {
        let waiter = Waiter::new(&hands.store, &progress, &args.wait);
        for row in &mut integrations {
            if let Some(generation) = row.generation {
                row.run = Some(waiter.run_of(&row.id, &row.directory, generation).await?);
            }
        }
    }
    Ok(Synced { integrations, corrupt: fleet.corrupt })
}

/// What nothing runs of is not asked for: it would come about at a time that nobody chose.
async fn ask(hands: &Hands, deployment: &Deployment, Deployed { id, directory }: Deployed) -> Result<Row, CliError> {
    let stopped = Stop::of(&hands.operator().pending(&id).await?, deployment);
    let generation = match stopped {
        None => Some(hands.operator().sync(&id).await?),
        Some(_) => None,
    };
    Ok(Row { id, directory, generation, stopped, run: None })
}

impl Answer for Synced {
    fn text(&self, page: &Page) -> String {
        let row = |row: &Row| match (&row.run, &row.stopped) {
            (Some(run), _) => run.text(&row.id, page),
            (None, Some(stop)) => format!("{}: {}\n", row.id, page.paint(Tone::Warn, &stop.text(&row.id))),
            (None, None) => format!("{}: {}\n", row.id, page.paint(Tone::Good, "asked for")),
        };
        self.integrations.iter().map(row).collect()
    }

    fn exit(&self) -> Exit {
        let of = |row: &Row| match (&row.run, &row.stopped) {
            (Some(run), _) => run.exit(),
            (None, Some(_)) => Exit::Attention,
            (None, None) => Exit::Done,
        };
        self.integrations.iter().map(of).max().unwrap_or(Exit::Done).max(fleet::exit(&self.corrupt))
    }

    fn hint(&self) -> Option<String> {
        let failures: Vec<_> = self.integrations.iter().filter_map(|row| row.run.as_ref()?.failure(&row.id)).collect();
        if !failures.is_empty() {
            return Some(failures.join("\n"));
        }
        let unwatched = self.integrations.iter().any(|row| row.generation.is_some() && row.run.is_none());
        fleet::repair(&self.corrupt).or_else(|| unwatched.then(|| "see `orgvue-scim status`, or ask with --wait".to_owned()))
    }
}
