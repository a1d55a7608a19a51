//! `sync`: asks for a sync now, and waits for its run if it is to.

use adapters::store::Deployment;
use domain::ids::{DirectoryId, IntegrationId};
use serde::Serialize;

use super::asked::Asked;
use super::fleet::{self, Deployed};
use super::stop::Stop;
use super::wait::Waiter;
use crate::args::SyncArgs;
use crate::context::{Context, Hands};
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Progress};

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
    #[serde(flatten)]
    asked: Asked,
}

/// Asks for syncs.
pub(crate) async fn sync(cx: &Context, args: &SyncArgs) -> Result<Synced, CliError> {
    let hands = cx.hands().await?;
    let fleet = fleet::chosen(&hands.store, args.which.named()).await?;
    let deployment = hands.store.deployment().await?;
    let progress = Progress::start();
    progress.say("asking for syncs".to_owned());
    let (mut integrations, corrupt) = fleet::each_sound(fleet, |deployed| ask(&hands, &deployment, deployed)).await?;
    if args.wait.wait {
        let waiter = Waiter::new(&hands.store, &progress, &args.wait);
        for Row { id, directory, asked } in &mut integrations {
            asked.wait(&waiter, id, directory).await?;
        }
    }
    Ok(Synced { integrations, corrupt })
}

/// What nothing runs of is not asked for: it would come about at a time that nobody chose.
async fn ask(hands: &Hands, deployment: &Deployment, Deployed { id, directory }: Deployed) -> Result<Row, CliError> {
    let asked = match Stop::of(&hands.operator().pending(&id).await?, deployment) {
        None => Asked::new(Some(hands.operator().sync(&id).await?), None),
        stopped @ Some(_) => Asked::new(None, stopped),
    };
    Ok(Row { id, directory, asked })
}

impl Answer for Synced {
    fn text(&self, page: &Page) -> String {
        self.integrations.iter().map(|row| row.asked.text(&row.id, page)).collect()
    }

    fn exit(&self) -> Exit {
        self.integrations.iter().map(|row| row.asked.exit()).fold(fleet::exit(&self.corrupt), Exit::max)
    }

    fn hint(&self) -> Option<String> {
        let failures: Vec<_> = self.integrations.iter().filter_map(|row| row.asked.failure(&row.id)).collect();
        if !failures.is_empty() {
            return Some(failures.join("\n"));
        }
        let is_unwatched = self.integrations.iter().any(|row| row.asked.is_unwatched());
        fleet::repair(&self.corrupt).or_else(|| is_unwatched.then(|| "see `orgvue-scim status`, or ask with --wait".to_owned()))
    }
}
