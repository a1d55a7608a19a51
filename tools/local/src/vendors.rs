//! The folder of the state, and the vendors' stand-ins in it, as far as no other server is named.

use std::io;
use std::path::PathBuf;

use local::input::Input;
use local::play;
use standins::orgvue::Orgvue;
use standins::workos::WorkOs;

use crate::Error;
use crate::args::Args;

const WORKOS_KEY: &str = "sk_local";
const ORGVUE_TOKEN: &str = "orgvue_local";
/// The ports behind the webhook's: DynamoDB, SQS, Scheduler, these, then STS and SNS.
const WORKOS_PORT_OFFSET: u16 = 4;
const ORGVUE_PORT_OFFSET: u16 = 5;

/// Why nothing listens.
pub(crate) fn unheard(args: &Args, error: &io::Error) -> String {
    format!("--port {}: a server cannot be started on this port or one of the seven behind it: {error}", args.port)
}

/// The folder that keeps the state; a temporary one is gone with the process.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    pub(crate) fn open(data: Option<PathBuf>) -> Result<Self, Error> {
        match data {
            Some(path) => {
                std::fs::create_dir_all(&path).map_err(|error| format!("--data {}: {error}", path.display()))?;
                Ok(Self { path, _temporary: None })
            }
            None => {
                let temporary = tempfile::tempdir()?;
                Ok(Self { path: temporary.path().to_owned(), _temporary: Some(temporary) })
            }
        }
    }
}

/// The stand-ins, as far as no other server is named.
pub(crate) struct Vendors {
    pub(crate) workos: Option<WorkOs>,
    pub(crate) orgvue: Option<Orgvue>,
    pub(crate) workos_url: String,
    pub(crate) workos_key: String,
    pub(crate) orgvue_url: String,
    pub(crate) orgvue_token: String,
}

impl Vendors {
    pub(crate) async fn start(args: &Args, input: &Input, folder: &Folder) -> Result<Self, Error> {
        let port = |offset: u16| if args.port == 0 { 0 } else { args.port.saturating_add(offset) };
        let workos = match args.workos_url {
            Some(_) => None,
            None => {
                let options = standins::workos::Options {
                    port: port(WORKOS_PORT_OFFSET),
                    key: WORKOS_KEY.to_owned(),
                    webhook_secret: args.webhook_secret.first().cloned().unwrap_or_default(),
                    state_file: Some(folder.path.join("workos.json")),
                };
                let workos = WorkOs::start(options).await.map_err(|error| unheard(args, &error))?;
                play::seed_directories(&workos, input)?;
                Some(workos)
            }
        };
        let orgvue = match args.orgvue_url {
            Some(_) => None,
            None => {
                let options = standins::orgvue::Options {
                    port: port(ORGVUE_PORT_OFFSET),
                    token: ORGVUE_TOKEN.to_owned(),
                    state_file: Some(folder.path.join("orgvue.json")),
                };
                let orgvue = Orgvue::start(options).await.map_err(|error| unheard(args, &error))?;
                play::set_forms(&orgvue, input);
                play::seed_tenants(&orgvue, input);
                Some(orgvue)
            }
        };
        let or = |given: &Option<String>, own: Option<String>| given.clone().or(own).unwrap_or_default();
        Ok(Self {
            workos_url: or(&args.workos_url, workos.as_ref().map(WorkOs::url)),
            workos_key: or(&args.workos_key, Some(WORKOS_KEY.to_owned())),
            orgvue_url: or(&args.orgvue_url, orgvue.as_ref().map(Orgvue::url)),
            orgvue_token: or(&args.orgvue_token, Some(ORGVUE_TOKEN.to_owned())),
            workos,
            orgvue,
        })
    }
}
