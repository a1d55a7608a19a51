//! The one place where answers are shown: as text for people, or as one JSON document.

mod csv;
mod page;
mod progress;
mod time;

use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use adapters::clock::now_ms;
use serde::Serialize;

use crate::args::{ColorWhen, OutputForm};
use crate::error::CliError;

pub(crate) use csv::to_csv;
pub(crate) use page::{Colors, Page, Tone, counted, lines, word};
pub(crate) use progress::Progress;
pub(crate) use time::{At, utc};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, and nothing differs.
    Done,
    /// There are differences, or something that a person must look at.
    Attention,
    /// It failed.
    Failed,
    /// The command line is wrong.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Attention => Self::from(2),
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(64),
        }
    }
}

/// What a command answers. As JSON it is its own serialization, whose field names are stable.
pub(crate) trait Answer: Serialize {
    /// The same for people.
    fn text(&self, page: &Page) -> String;

    /// How the program ends with it.
    fn exit(&self) -> Exit {
        Exit::Done
    }

    /// What goes to stderr beside it: a next step, or why it failed.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Where answers are shown.
#[derive(Debug)]
pub(crate) struct Screen {
    form: OutputForm,
    colors: Colors,
}

impl Screen {
    /// The process's stdout.
    pub(crate) fn new(form: OutputForm, color: ColorWhen) -> Self {
        Self { form, colors: colors(color) }
    }

    /// Shows an answer, and says how the program ends with it.
    pub(crate) fn show(&self, answer: &impl Answer) -> Result<Exit, CliError> {
        match self.form {
            OutputForm::Table => self.print(&answer.text(&Page::new(self.colors, now_ms())))?,
            OutputForm::Json => {
                let mut json = serde_json::to_string_pretty(answer).map_err(io::Error::from)?;
                json.push('\n');
                self.print(&json)?;
            }
        }
        Ok(Self::end(answer))
    }

    /// Shows an answer in a form of its own.
    pub(crate) fn show_as(&self, text: &str, answer: &impl Answer) -> Result<Exit, CliError> {
        self.print(text)?;
        Ok(Self::end(answer))
    }

    fn end(answer: &impl Answer) -> Exit {
        if let Some(hint) = answer.hint() {
            eprintln!("{hint}");
        }
        answer.exit()
    }

    /// Writes a text as it is.
    pub(crate) fn print(&self, text: &str) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            // `head` has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

/// <https://no-color.org>
fn colors(when: ColorWhen) -> Colors {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    match when {
        ColorWhen::Always => Colors::On,
        ColorWhen::Auto if io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb => Colors::On,
        ColorWhen::Auto | ColorWhen::Never => Colors::Off,
    }
}
