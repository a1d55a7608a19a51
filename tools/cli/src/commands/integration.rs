//! `integration …`: files, and what is in force.

mod apply;
mod compare;
mod diff;
mod list;
mod remove;
mod validate;

use adapters::store::InForce;
use domain::ids::{DirectoryId, IntegrationId};
use serde::Serialize;

use crate::args::ShowArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, At, Page, utc};

pub(crate) use apply::apply;
pub(crate) use compare::compare;
pub(crate) use diff::diff;
pub(crate) use list::list;
pub(crate) use remove::remove;
pub(crate) use validate::validate;

/// The file that is in force.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    id: IntegrationId,
    directory: DirectoryId,
    applied_at: At,
    /// None where it was applied by a version that did not note it.
    applied_by: Option<String>,
    file: String,
}

/// Shows the file that is in force, byte for byte.
pub(crate) async fn show(cx: &Context, args: &ShowArgs) -> Result<Shown, CliError> {
    let in_force = cx.store().await?.integration_in_force(&args.id).await?;
    let InForce { file, directory, applied_at_ms, applied_by } = in_force.ok_or_else(|| CliError::UnknownIntegration(args.id.clone()))?;
    Ok(Shown { id: args.id.clone(), directory, applied_at: At(applied_at_ms), applied_by, file })
}

impl Answer for Shown {
    fn text(&self, _: &Page) -> String {
        self.file.clone()
    }

    fn hint(&self) -> Option<String> {
        let by = self.applied_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        Some(format!("applied{by} at {}", utc(self.applied_at.0)))
    }
}
