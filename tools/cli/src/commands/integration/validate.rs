//! `integration validate`: every mistake of every file, without asking AWS.

use std::path::PathBuf;

use domain::ids::IntegrationId;
use serde::Serialize;

use crate::args::ValidateArgs;
use crate::commands::files::{self, Mistake};
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Tone};

/// What is wrong with each file.
#[derive(Debug, Serialize)]
pub(crate) struct Validated {
    files: Vec<FileChecked>,
}

#[derive(Debug, Serialize)]
struct FileChecked {
    file: PathBuf,
    /// None where the file cannot be used.
    id: Option<IntegrationId>,
    problems: Vec<Mistake>,
}

/// Checks files.
pub(crate) fn validate(args: &ValidateArgs) -> Result<Validated, CliError> {
    let check = |file: files::File| {
        let (id, problems) = match file.parsed {
            Ok(integration) => (Some(integration.id), Vec::new()),
            Err(problems) => (None, problems),
        };
        FileChecked { file: file.path, id, problems }
    };
    Ok(Validated { files: files::read(&args.files)?.into_iter().map(check).collect() })
}

impl Validated {
    fn n_problems(&self) -> usize {
        self.files.iter().map(|file| file.problems.len()).sum()
    }
}

impl Answer for Validated {
    fn text(&self, page: &Page) -> String {
        let mut text = String::new();
        for FileChecked { file, id, problems } in &self.files {
            for problem in problems {
                text += &format!("{}\n", page.paint(Tone::Bad, &problem.of(file)));
            }
            if let Some(id) = id {
                text += &format!("{}: ok, integration {id}\n", page.paint(Tone::Good, &file.display().to_string()));
            }
        }
        text
    }

    fn exit(&self) -> Exit {
        if self.n_problems() == 0 { Exit::Done } else { Exit::Failed }
    }

    fn hint(&self) -> Option<String> {
        let n_bad = self.files.iter().filter(|file| !file.problems.is_empty()).count();
        let mistakes = || files::n_mistakes(self.n_problems(), n_bad, self.files.len());
        (n_bad > 0).then(|| format!("error: {}: correct them", mistakes()))
    }
}
