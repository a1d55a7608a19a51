//! `erase`: takes a person out of what is stored.

use adapters::clock::now_ms;
use adapters::store::{Claim, Erased as Counts, Store};
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::integration::Integration;
use domain::login::Login;
use domain::pending::{NotClaimed, RunEnd};
use serde::Serialize;
use uuid::Uuid;

use crate::args::EraseArgs;
use crate::context::Context;
use crate::error::{Advice, CliError};
use crate::output::{Answer, Exit, Page, Progress, Tone, counted};

/// Where the person was found and taken out, or would be looked for.
#[derive(Debug, Serialize)]
pub(crate) struct Erased {
    integration: IntegrationId,
    login: Login,
    /// How many run records there are to look through.
    runs: usize,
    /// None: nothing has been erased.
    erased: Option<ErasedFrom>,
    /// The keys of the integration file that name the login still.
    named_in_file: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct ErasedFrom {
    runs: usize,
    rows: usize,
    held: usize,
    snapshot: bool,
}

impl From<Counts> for ErasedFrom {
    fn from(Counts { n_runs, n_rows, n_held, snapshot }: Counts) -> Self {
        Self { runs: n_runs, rows: n_rows, held: n_held, snapshot }
    }
}

/// Says where a person would be looked for, or erases the person there. An integration that was removed has records for a while.
pub(crate) async fn erase(cx: &Context, args: &EraseArgs) -> Result<Erased, CliError> {
    let EraseArgs { id, login, yes } = args;
    let store = cx.store().await?;
    let in_force = store.integration_in_force(id).await?;
    let runs = store.runs(id).await?.len();
    if in_force.is_none() && runs == 0 {
        return Err(CliError::UnknownIntegration(id.clone()));
    }
    let file = in_force.as_ref().and_then(|in_force| Integration::parse(&in_force.file).ok());
    let mut answer = Erased {
        integration: id.clone(),
        login: login.clone(),
        runs,
        erased: None,
        named_in_file: file.map(|file| keys_that_name(&file, login)).unwrap_or_default(),
    };
    if *yes {
        let hands = cx.hands().await?.in_time()?;
        let progress = Progress::start();
        progress.say(format!("looking through {} of {id}", counted(runs, "run record")));
        let claim = match &in_force {
            Some(in_force) => hold(&store, &in_force.directory).await?,
            None => None,
        };
        // Without the login: the audit is kept for longer than what is erased.
        hands.operator().note(Some(id), "erase", None).await?;
        answer.erased = Some(erase_under(&store, id, login, claim).await?.into());
    }
    Ok(answer)
}

/// A run under way may store the person anew. Where there is no directory to hold, there are no runs.
async fn hold(store: &Store, directory: &DirectoryId) -> Result<Option<Claim>, CliError> {
    let run = RunId::new(Uuid::now_v7().to_string());
    match store.hold(directory, &run, now_ms(), &Delays::default()).await? {
        Ok(claim) => Ok(Some(claim)),
        Err(NotClaimed::UnknownDirectory) => Ok(None),
        Err(NotClaimed::Busy | NotClaimed::Superseded | NotClaimed::Deferred | NotClaimed::Paused | NotClaimed::Suspended) => {
            Err(Advice::new("a run is at work on this integration", "try again when it has ended").into())
        }
    }
}

async fn erase_under(store: &Store, id: &IntegrationId, login: &Login, claim: Option<Claim>) -> Result<Counts, CliError> {
    let Some(claim) = claim else { return Ok(store.erase_login(id, login).await?) };
    let lease = claim.lease().clone();
    let erased = tokio::select! {
        erased = store.erase_login(id, login) => erased.map_err(CliError::from),
        _lost = lease.keep() => {
            Err(Advice::new("a run has begun meanwhile and may have stored the person anew", "erase again when it has ended").into())
        }
    };
    // The lease ends by itself where it cannot be given back.
    let released = store.release(claim, RunEnd::Stopped).await;
    let counts = erased?;
    released?.ok();
    Ok(counts)
}

fn keys_that_name(file: &Integration, login: &Login) -> Vec<&'static str> {
    let keys = [
        ("protected", file.protected.logins.contains(login)),
        ("blocked", file.blocked.contains(login)),
        ("api_account", file.tenants.iter().any(|tenant| tenant.api_account.as_ref() == Some(login))),
    ];
    keys.into_iter().filter_map(|(key, names)| names.then_some(key)).collect()
}

impl Answer for Erased {
    fn text(&self, page: &Page) -> String {
        let Self { integration, login, runs, erased, named_in_file } = self;
        let mut text = match erased {
            None => format!(
                "{integration}: would look for {login} in {}, the rows saved with them, what is held, and the snapshot\n",
                counted(*runs, "stored run record")
            ),
            Some(ErasedFrom { runs, rows, held, snapshot }) => {
                let snapshot = if *snapshot { " and the snapshot" } else { "" };
                let [runs, rows, held] =
                    [(*runs, "run record"), (*rows, "saved row"), (*held, "held set")].map(|(n, name)| counted(n, name));
                format!("{integration}: {login} was taken out of {runs}, {rows}, {held}{snapshot}\n")
            }
        };
        if !named_in_file.is_empty() {
            let keys = named_in_file.join(", ");
            text += &page.paint(Tone::Warn, &format!("the integration file still names the login: correct {keys} and apply it again\n"));
        }
        text + "the account in Orgvue and the user in the directory are left alone\n\
                the next run stores the person again while the directory or a dataset has the login\n\
                point-in-time backups of the table keep what was erased for up to 35 days\n"
    }

    fn exit(&self) -> Exit {
        if self.erased.is_some() { Exit::Done } else { Exit::Attention }
    }

    fn hint(&self) -> Option<String> {
        match self.erased {
            None => Some("nothing has been erased: add --yes; it cannot be undone".to_owned()),
            Some(ErasedFrom { runs: 0, rows: 0, held: 0, snapshot: false }) => {
                Some("nothing was found under this address: check its spelling".to_owned())
            }
            Some(_) => None,
        }
    }
}
