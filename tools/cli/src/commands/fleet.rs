//! Which integrations a command is about.

use adapters::aws::chain;
use adapters::store::{Store, StoreError};
use domain::ids::{DirectoryId, IntegrationId};
use domain::integration::Integration;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::args::Which;
use crate::error::CliError;
use crate::output::Exit;

/// How many items are read at once.
pub(crate) const READS_AT_ONCE: usize = 8;

/// An integration that has been applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deployed {
    pub(crate) id: IntegrationId,
    pub(crate) directory: DirectoryId,
}

/// The integrations, by id, and what is wrong with items that cannot be read as one.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) integrations: Vec<Deployed>,
    pub(crate) corrupt: Vec<String>,
}

/// Every integration.
pub(crate) async fn all(store: &Store) -> Result<Fleet, CliError> {
    let mut fleet = Fleet { integrations: Vec::new(), corrupt: Vec::new() };
    for item in store.each_integration().await? {
        match item {
            Ok((id, directory)) => fleet.integrations.push(Deployed { id, directory }),
            Err(error) => fleet.corrupt.push(chain(&error)),
        }
    }
    Ok(fleet)
}

/// One integration.
pub(crate) async fn one(store: &Store, id: &IntegrationId) -> Result<Deployed, CliError> {
    let in_force = store.integration_in_force(id).await?.ok_or_else(|| CliError::UnknownIntegration(id.clone()))?;
    Ok(Deployed { id: id.clone(), directory: in_force.directory })
}

/// One integration, or all of them.
pub(crate) async fn chosen(store: &Store, id: Option<&IntegrationId>) -> Result<Fleet, CliError> {
    match id {
        Some(id) => Ok(Fleet { integrations: vec![one(store, id).await?], corrupt: Vec::new() }),
        None => all(store).await,
    }
}

/// How a program ends that met such items: a person must look at them.
pub(crate) fn exit(corrupt: &[String]) -> Exit {
    if corrupt.is_empty() { Exit::Done } else { Exit::Attention }
}

/// What to do about such items.
pub(crate) fn repair(corrupt: &[String]) -> Option<String> {
    (!corrupt.is_empty()).then(|| format!("the table must be repaired: {}", corrupt.join("; ")))
}

impl Which {
    /// The one that is named; `None`: all of them.
    pub(crate) fn named(&self) -> Option<&IntegrationId> {
        if self.all { None } else { self.id.as_ref() }
    }
}

/// The file that is in force, as read; what is wrong with it, if it can no longer be used.
pub(crate) async fn in_force(store: &Store, id: &IntegrationId) -> Result<Result<Integration, String>, StoreError> {
    let Some(file) = store.integration_file(id).await? else { return Ok(Err("it has no file: apply it again".to_owned())) };
    Ok(Integration::parse(&file).map_err(|error| {
        let problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
        format!("its file is not valid any more: {}", problems.join("; "))
    }))
}

/// The pending item of one directory, of all that was found of it; what is wrong with it, if no run can begin.
pub(crate) fn mark<T>(found: Vec<Result<T, StoreError>>) -> Result<T, String> {
    match found.into_iter().next() {
        Some(Ok(mark)) => Ok(mark),
        Some(Err(error)) => Err(format!("{}: it must be repaired by hand", chain(&error))),
        None => Err("its pending item is missing: apply its file again".to_owned()),
    }
}

/// Asks about every integration and keeps their order. One whose items cannot be read stops nobody else: it is told among what is corrupt.
///
/// # Errors
/// Anything else, and also that, where no other integration is left.
pub(crate) async fn each_sound<R, F>(fleet: Fleet, ask: impl FnMut(Deployed) -> F) -> Result<(Vec<R>, Vec<String>), CliError>
where
    F: Future<Output = Result<R, CliError>>,
{
    let Fleet { integrations, mut corrupt } = fleet;
    let (mut sound, mut unsound) = (Vec::new(), None);
    let answers: Vec<_> = stream::iter(integrations).map(ask).buffered(READS_AT_ONCE).collect().await;
    for answer in answers {
        match answer.map_err(|error| (error.corrupt(), error)) {
            Ok(answer) => sound.push(answer),
            Err((Some(item), error)) => {
                corrupt.push(item);
                unsound = Some(error);
            }
            Err((None, error)) => return Err(error),
        }
    }
    match unsound {
        Some(error) if sound.is_empty() => Err(error),
        Some(_) | None => Ok((sound, corrupt)),
    }
}

/// Asks about several things at once and keeps their order.
pub(crate) async fn each<T, R, F>(items: impl IntoIterator<Item = T>, ask: impl FnMut(T) -> F) -> Result<Vec<R>, CliError>
where
    F: Future<Output = Result<R, CliError>>,
{
    stream::iter(items).map(ask).buffered(READS_AT_ONCE).try_collect().await
}
