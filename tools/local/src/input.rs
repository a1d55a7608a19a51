//! What is played: the guide's example, or files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::integration::{FileError, Integration};
use serde::Deserialize;
use serde_json::Value;

/// What is played.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Integrations, each with its file.
    pub integrations: Vec<(Integration, String)>,
    /// Directories as the identity provider has them.
    pub directories: Vec<Value>,
    /// The accounts before, by tenant.
    pub accounts: BTreeMap<String, Vec<Value>>,
}

/// Why the input cannot be used. Each says which file.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file cannot be read.
    #[error("read {path}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An integration file has mistakes.
    #[error("{path}", path = path.display())]
    Integration {
        /// The file.
        path: PathBuf,
        /// All of them.
        source: FileError,
    },
    /// A JSON file has another form.
    #[error("{path}: {expected}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The form.
        expected: &'static str,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// Accounts are given for a tenant that no integration has.
    #[error("{path}: no integration has the tenant {tenant}: correct its name, or add it to an integration file", path = path.display())]
    UnknownTenant {
        /// The file.
        path: PathBuf,
        /// The tenant.
        tenant: String,
    },
    /// A directory is given that no integration has.
    #[error("{path}: no integration has the directory {directory}: correct its id, or give its file with --integration", path = path.display())]
    UnknownDirectory {
        /// The file.
        path: PathBuf,
        /// The directory.
        directory: String,
    },
    /// Two integration files cannot both be in force.
    #[error("{first} and {second} have the same {what}: one of them must change")]
    Clash {
        /// An integration.
        first: String,
        /// Another one.
        second: String,
        /// What must differ.
        what: &'static str,
    },
}

impl Input {
    /// The guide's example: users 1, 2, 3 and 5 in single tenancy, users 4 and 6 in multi tenancy.
    ///
    /// # Errors
    /// None, unless the files beside this one have mistakes.
    pub fn example() -> Result<Self, InputError> {
        let integration = |name: &str, text: &str| parse_integration(Path::new(name), text);
        let directory = |name: &str, text: &str| parse_json(Path::new(name), text, DIRECTORY_FORM);
        Ok(Self {
            integrations: vec![
                integration("example/single.toml", include_str!("../example/single.toml"))?,
                integration("example/multi.toml", include_str!("../example/multi.toml"))?,
            ],
            directories: vec![
                directory("example/single-directory.json", include_str!("../example/single-directory.json"))?,
                directory("example/multi-directory.json", include_str!("../example/multi-directory.json"))?,
            ],
            accounts: BTreeMap::new(),
        })
    }

    /// The files of the command line. Without an integration file it is the example's integrations, and with them, unless there
    /// is a directory file, the example's directories.
    ///
    /// # Errors
    /// [`InputError`] names the file and what is wrong with it.
    pub fn read(integrations: &[PathBuf], directories: &[PathBuf], accounts: Option<&Path>) -> Result<Self, InputError> {
        let mut input = if integrations.is_empty() { Self::example()? } else { Self::default() };
        if !directories.is_empty() {
            input.directories.clear();
        }
        for path in integrations {
            input.integrations.push(parse_integration(path, &read(path)?)?);
        }
        for path in directories {
            let text = read(path)?;
            let DirectoryHead { id, .. } = parse_json(path, &text, DIRECTORY_FORM)?;
            if !input.integrations.iter().any(|(integration, _)| integration.directory.as_str() == id) {
                return Err(InputError::UnknownDirectory { path: path.to_owned(), directory: id });
            }
            input.directories.push(parse_json(path, &text, DIRECTORY_FORM)?);
        }
        if let Some(path) = accounts {
            input.accounts =
                parse_json(path, &read(path)?, r#"the accounts before must be {"TENANT":[{"Login":…,"Role":…,"Enabled":…}]}"#)?;
            let known = |tenant: &str| {
                input.integrations.iter().any(|(integration, _)| integration.tenants.iter().any(|t| t.id.as_str() == tenant))
            };
            if let Some(tenant) = input.accounts.keys().find(|tenant| !known(tenant)) {
                return Err(InputError::UnknownTenant { path: path.to_owned(), tenant: tenant.clone() });
            }
        }
        input.check_clashes()?;
        Ok(input)
    }

    fn check_clashes(&self) -> Result<(), InputError> {
        for (at, (first, _)) in self.integrations.iter().enumerate() {
            for (second, _) in &self.integrations[at + 1..] {
                let tenant_of_both = first.tenants.iter().any(|a| second.tenants.iter().any(|b| a.id == b.id));
                let what = match () {
                    () if first.id == second.id => "id",
                    () if first.directory == second.directory => "directory",
                    () if tenant_of_both => "tenant",
                    () => continue,
                };
                return Err(InputError::Clash { first: first.id.to_string(), second: second.id.to_string(), what });
            }
        }
        Ok(())
    }
}

/// What is looked at of a directory before the stand-in reads it.
#[derive(Deserialize)]
struct DirectoryHead {
    id: String,
    #[serde(default)]
    #[expect(dead_code, reason = "that it is one of them is all that is looked at")]
    state: DirectoryState,
}

/// The states that WorkOS has for a directory.
#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DirectoryState {
    #[default]
    Linked,
    Validating,
    InvalidCredentials,
    Unlinked,
    Deleting,
}

const DIRECTORY_FORM: &str = r#"a directory must be {"id":…,"state":…,"users":[{"idp_id":…,"email":…,"state":…,"groups":[…]}]}"#;

fn read(path: &Path) -> Result<String, InputError> {
    fs::read_to_string(path).map_err(|source| InputError::Unreadable { path: path.to_owned(), source })
}

fn parse_integration(path: &Path, text: &str) -> Result<(Integration, String), InputError> {
    match Integration::parse(text) {
        Ok(integration) => Ok((integration, text.to_owned())),
        Err(source) => Err(InputError::Integration { path: path.to_owned(), source }),
    }
}

fn parse_json<T: serde::de::DeserializeOwned>(path: &Path, text: &str, expected: &'static str) -> Result<T, InputError> {
    serde_json::from_str(text).map_err(|source| InputError::Json { path: path.to_owned(), expected, source })
}
