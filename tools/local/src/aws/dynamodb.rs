//! DynamoDB, by the `dynoxide` emulator.
//!
//! It answers nearly all of DynamoDB; known gaps: consistent reads are as any other, transactions never conflict,
//! and `ReturnValues=ALL_OLD` returns the key of an item that did not exist.
//! Faults cannot be scripted and calls are not counted: the server is not ours.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dynoxide::Database;
use tokio::sync::oneshot;

use super::endpoint;

/// An in-process DynamoDB; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct Dynamodb(Arc<Running>);

struct Running {
    url: String,
    database: Database,
    /// Never sent on: the server stops when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Dynamodb {
    /// Starts DynamoDB on `port` (0 is any free one), with its tables in `file`, or in memory.
    ///
    /// It has the tables that the file has: creating one is the caller's work.
    pub async fn start(port: u16, file: Option<&Path>) -> io::Result<Self> {
        let database = open(file.map(Path::to_owned)).await?;
        let (listener, url) = endpoint::bind(port).await?.into_parts();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), async {
            // An error is the drop of the sender, which is how this is told to stop.
            let _ = stopped.await;
        }));
        Ok(Self(Arc::new(Running { url, database, _stop: stop })))
    }

    /// Copies every table into a file that is not there yet.
    pub fn save(&self, file: &Path) -> io::Result<()> {
        self.0.database.vacuum_into(utf8(file)?).map_err(io::Error::other)
    }

    /// Puts in the place of all tables what [`Self::save`] has copied, here or elsewhere.
    pub fn restore(&self, file: &Path) -> io::Result<()> {
        self.0.database.restore_from(utf8(file)?).map_err(io::Error::other)
    }

    /// The URL to give the SDK as its endpoint.
    pub fn url(&self) -> &str {
        &self.0.url
    }
}

/// Opens the database on a thread that may block: SQLite reads and recovers the file.
async fn open(file: Option<PathBuf>) -> io::Result<Database> {
    let open = move || match file {
        None => Database::memory().map_err(io::Error::other),
        Some(file) => Database::new(utf8(&file)?).map_err(io::Error::other),
    };
    tokio::task::spawn_blocking(open).await.map_err(io::Error::other)?
}

fn utf8(file: &Path) -> io::Result<&str> {
    let refused = || io::Error::new(io::ErrorKind::InvalidInput, "path of the database is not UTF-8");
    file.to_str().ok_or_else(refused)
}
