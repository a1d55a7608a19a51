//! `integration diff`: a file against the one that is in force.

use std::path::PathBuf;

use domain::ids::IntegrationId;
use serde::Serialize;
use similar::TextDiff;

use crate::commands::files;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, Exit, Page, Tone};

/// What a diff calls the file that is in force.
pub(super) const IN_FORCE: &str = "in force";

/// What would change.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    id: IntegrationId,
    is_deployed: bool,
    differs: bool,
    /// A unified diff from what is in force to the file; empty when they do not differ.
    diff: String,
}

/// Compares a file with the one that is in force.
pub(crate) async fn diff(cx: &Context, file: &PathBuf) -> Result<Difference, CliError> {
    let store = cx.store().await?;
    let mut difference = None;
    for file in files::read_valid(std::slice::from_ref(file))? {
        let in_force = store.integration_file(&file.integration.id).await?;
        let diff = unified(in_force.as_deref().unwrap_or_default(), &file.text, (IN_FORCE, &file.path.display().to_string()));
        let is_deployed = in_force.is_some();
        difference = Some(Difference { id: file.integration.id, is_deployed, differs: !is_deployed || !diff.is_empty(), diff });
    }
    Ok(difference.expect("one file was read"))
}

/// A unified diff of two texts with these names; empty when nothing differs.
pub(super) fn unified(old: &str, new: &str, (old_name, new_name): (&str, &str)) -> String {
    TextDiff::from_lines(old, new).unified_diff().header(old_name, new_name).to_string()
}

/// A unified diff in colours.
pub(super) fn painted(diff: &str, page: &Page) -> String {
    let tone = |line: &str| match line.as_bytes().first() {
        Some(b'+') => Tone::Good,
        Some(b'-') => Tone::Bad,
        Some(_) | None => Tone::Plain,
    };
    diff.lines().map(|line| format!("{}\n", page.paint(tone(line), line))).collect()
}

impl Answer for Difference {
    fn text(&self, page: &Page) -> String {
        painted(&self.diff, page)
    }

    fn exit(&self) -> Exit {
        if self.differs { Exit::Attention } else { Exit::Done }
    }

    fn hint(&self) -> Option<String> {
        match (self.is_deployed, self.differs) {
            (false, _) => Some(format!("{} is not deployed yet", self.id)),
            (true, true) => None,
            (true, false) => Some(format!("{} is in force as the file says", self.id)),
        }
    }
}
