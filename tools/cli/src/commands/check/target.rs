//! What is checked: a file, or what is in force.

use std::path::PathBuf;

use adapters::store::Store;
use domain::ids::IntegrationId;
use domain::integration::{Integration, Mode};
use domain::onboarding::{Check, CheckStep, Outcome};

use crate::commands::files::{self, File, Mistake};
use crate::error::{Advice, CliError};
use crate::output::word;

/// What is checked.
pub(super) enum Target {
    File(PathBuf),
    InForce(IntegrationId),
}

impl Target {
    /// A name that is an id is a file all the same where there is one.
    pub(super) fn of(text: &str) -> Result<Self, CliError> {
        let path = PathBuf::from(text);
        match IntegrationId::parse(text) {
            Ok(id) if !path.is_file() => Ok(Self::InForce(id)),
            Ok(_) | Err(_) if path.exists() || text.contains(['.', '/', '\\']) => Ok(Self::File(path)),
            Ok(_) | Err(_) => {
                let what = format!("{text} is no file, and no integration id");
                Err(Advice::new(what, "name an integration file, or an integration of `orgvue-scim integration list`").into())
            }
        }
    }

    /// The integration, or a step for every mistake.
    pub(super) async fn read(&self, store: &Store) -> Result<Result<Integration, Vec<CheckStep>>, CliError> {
        match self {
            Self::File(path) => {
                let File { path, parsed, .. } = files::read(std::slice::from_ref(path))?.remove(0);
                let step = |mistake: &Mistake| CheckStep::failed(Check::File, mistake.of(&path), "correct the file");
                Ok(parsed.map(|integration| *integration).map_err(|mistakes| mistakes.iter().map(step).collect()))
            }
            Self::InForce(id) => {
                let file = store.integration_file(id).await?.ok_or_else(|| CliError::UnknownIntegration(id.clone()))?;
                let step = |problem: &domain::integration::Problem| {
                    CheckStep::failed(Check::File, problem.to_string(), "correct the file and apply it again")
                };
                Ok(Integration::parse(&file).map_err(|error| error.problems().iter().map(step).collect()))
            }
        }
    }

    /// That the file is good.
    pub(super) fn step(&self, integration: &Integration) -> CheckStep {
        let Integration { id, mode, tenancy, tenants, .. } = integration;
        let source = match self {
            Self::File(path) => path.display().to_string(),
            Self::InForce(_) => "what is in force".to_owned(),
        };
        let n_tenants = tenants.len();
        let about = format!("integration {id}, mode {}, {} tenancy, tenants: {n_tenants}", word(mode), word(tenancy));
        match mode {
            Mode::Simulate | Mode::Enforce => CheckStep::ok(Check::File, format!("{source} keeps every rule: {about}")),
            Mode::Paused => CheckStep::warning(Check::File, format!("{source}: {about}"), "nothing runs before its mode is another one"),
        }
    }

    /// What to do next.
    pub(super) fn next(&self, outcome: Outcome) -> String {
        let (again, go) = match self {
            Self::File(path) => {
                let path = path.display();
                (format!("`orgvue-scim check {path}`"), format!("`orgvue-scim integration apply {path}`"))
            }
            Self::InForce(id) => (format!("`orgvue-scim check {id}`"), format!("`orgvue-scim sync {id} --wait`")),
        };
        match outcome {
            Outcome::Failed => format!("put right what failed, then {again} again"),
            Outcome::Warning => format!("look at every warning, then {go}"),
            Outcome::Ok => format!("all is well: {go}"),
        }
    }
}
