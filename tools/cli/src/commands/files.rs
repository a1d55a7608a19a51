//! Integration files on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::integration::{Integration, Problem};
use serde::Serialize;

use crate::error::CliError;
use crate::output::counted;

/// A file that was read, and what it says or what is wrong with it.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) parsed: Result<Box<Integration>, Vec<Mistake>>,
}

/// A file that may be put in force.
#[derive(Debug)]
pub(crate) struct ValidFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) integration: Box<Integration>,
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mistake {
    /// The line, from 1; none when the file as a whole lacks something.
    pub(crate) line: Option<usize>,
    pub(crate) message: String,
}

impl From<&Problem> for Mistake {
    fn from(problem: &Problem) -> Self {
        Self { line: problem.line, message: problem.message.clone() }
    }
}

impl Mistake {
    /// `FILE:LINE: what`, which editors can follow.
    pub(crate) fn of(&self, path: &Path) -> String {
        let line = self.line.map(|line| format!("{line}:")).unwrap_or_default();
        format!("{}:{line} {}", path.display(), self.message)
    }
}

/// Reads files. No two of them may be about one integration, directory, tenant or dataset.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<File>, CliError> {
    let mut taken: BTreeMap<String, &Path> = BTreeMap::new();
    let mut files = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).map_err(|error| CliError::File(path.clone(), error))?;
        let mut parsed = match Integration::parse(&text) {
            Ok(integration) => Ok(Box::new(integration)),
            Err(error) => Err(error.problems().iter().map(Mistake::from).collect()),
        };
        if let Ok(integration) = &parsed {
            let claims = [format!("integration {}", integration.id), format!("directory {}", integration.directory)];
            let tenants = integration.tenants.iter().flat_map(|of| [format!("tenant {}", of.id), format!("dataset {}", of.dataset)]);
            let clash = |claim: String| {
                let other = taken.insert(claim.clone(), path)?;
                Some(Mistake { line: None, message: format!("{claim} is also in {}; keep one of them", other.display()) })
            };
            let clashes: Vec<_> = claims.into_iter().chain(tenants).filter_map(clash).collect();
            if !clashes.is_empty() {
                parsed = Err(clashes);
            }
        }
        files.push(File { path: path.clone(), text, parsed });
    }
    Ok(files)
}

/// Reads files that are about to be used: one mistake in any of them stops everything.
pub(crate) fn read_valid(paths: &[PathBuf]) -> Result<Vec<ValidFile>, CliError> {
    let mut valid = Vec::new();
    let (mut mistakes, mut n_bad) = (Vec::new(), 0);
    for File { path, text, parsed } in read(paths)? {
        match parsed {
            Ok(integration) => valid.push(ValidFile { path, text, integration }),
            Err(found) => {
                mistakes.extend(found.iter().map(|mistake| mistake.of(&path)));
                n_bad += 1;
            }
        }
    }
    if mistakes.is_empty() { Ok(valid) } else { Err(CliError::Mistakes { mistakes, n_bad, n_files: paths.len() }) }
}

/// How many mistakes there are, and in how many files.
pub(crate) fn n_mistakes(n_mistakes: usize, n_bad: usize, n_files: usize) -> String {
    format!("{} in {n_bad} of {}", counted(n_mistakes, "mistake"), counted(n_files, "file"))
}
