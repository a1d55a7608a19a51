//! What the answer to a write says, and what its absence leaves open.

use std::fmt;

use bytes::Bytes;

use super::super::wire::{self, ItemAnswer, VendorError};
use super::OrgvueError;
use super::batch::Item;
use crate::http::CallError;

/// How Orgvue refused an account.
///
/// [`Display`](fmt::Display) shows no personal data and can be logged; [`explain`](Self::explain) is for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The account's `_status`, or the HTTP status of a call with this account alone.
    pub status: String,
    /// Orgvue's code.
    pub code: Option<String>,
    /// Orgvue's name for the code.
    pub name: Option<String>,
    /// Orgvue's words. They may hold personal data: they belong in reports for people, never in a log.
    pub message: Option<String>,
}

impl Refusal {
    fn new(status: String, vendor: VendorError) -> Self {
        let VendorError { code, name, message, is_about_path: _ } = vendor;
        Self { status, code, name, message }
    }

    /// Of an account that is not as it was to be, though its status is the one of success.
    pub(super) fn of_nothing_done() -> Self {
        let message = "but the dataset does not have it so: may the token's account write the login, the roles and the switch?";
        Self { status: wire::SUCCESS.to_owned(), code: None, name: None, message: Some(message.to_owned()) }
    }

    /// What Orgvue says, whole, for a report.
    pub fn explain(&self) -> String {
        match &self.message {
            Some(message) => format!("{self}: {message}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "orgvue answered {}", self.status)?;
        [&self.code, &self.name].into_iter().flatten().try_for_each(|word| write!(f, " {word}"))
    }
}

/// What the answer to a write says.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was worked on: one result for each item, in order.
    Items(Vec<Result<(), Refusal>>),
    /// It was turned away, for something in it.
    Refused(Refusal),
    /// Nobody knows.
    Lost {
        /// What came instead of an answer.
        error: OrgvueError,
        /// Whether it may be worked on even now.
        still_running: bool,
    },
}

impl Answer {
    /// Reads the answer to a write of these items.
    ///
    /// # Errors
    /// What stands in the way of every account. The write was not applied.
    pub(super) fn read(answer: Result<Bytes, CallError>, items: &[Item<'_>]) -> Result<Self, OrgvueError> {
        let lost = |error, still_running| Ok(Self::Lost { error, still_running });
        let error = match answer {
            Ok(body) => return Ok(Self::read_body(&body, items)),
            Err(error) => error,
        };
        match &error {
            CallError::OutOfTime => Err(OrgvueError::OutOfTime),
            CallError::Secret(secret) => Err(OrgvueError::Token(secret.clone())),
            CallError::TooLarge { .. } => lost(OrgvueError::Malformed { expected: RESULTS, at: None }, false),
            CallError::Transport(source) => {
                // Who gave up waiting, or lost the connection, knows nothing of what was sent; only what was never sent is not worked on. That an
                // idle connection was cut is mostly found by the reads before a write.
                let still_running = !source.is_connect();
                lost(OrgvueError::from_call(error), still_running)
            }
            CallError::Status { status, body, .. } => match status.as_u16() {
                // The answer to a call of which a part was applied may come with any status.
                400 | 403 | 409 | 413 | 422 if body.trim_ascii_start().starts_with(b"[") => Ok(Self::read_body(body, items)),
                code @ (400 | 403 | 409 | 413 | 422) => {
                    let vendor = VendorError::read(body);
                    if vendor.is_about_path || (code == 403 && !vendor.is_about_items()) {
                        Err(OrgvueError::from_call(error))
                    } else {
                        Ok(Self::Refused(Refusal::new(code.to_string(), vendor)))
                    }
                }
                // The gateway stopped waiting; what is behind it did not stop working.
                504 => lost(OrgvueError::from_call(error), true),
                408 | 500.. | ..400 => lost(OrgvueError::from_call(error), false),
                _ => Err(OrgvueError::from_call(error)),
            },
        }
    }

    fn read_body(body: &[u8], items: &[Item<'_>]) -> Self {
        let lost = |error| Self::Lost { error, still_running: false };
        match ItemAnswer::list(body) {
            Ok(answers) if answers.len() != items.len() => {
                let at = format!("but {} for {}", answers.len(), items.len());
                lost(OrgvueError::Malformed { expected: RESULTS, at: Some(at) })
            }
            Ok(answers) if !are_in_order(&answers, items) => {
                lost(OrgvueError::Malformed { expected: RESULTS, at: Some("but in another order".to_owned()) })
            }
            Ok(answers) => Self::Items(answers.into_iter().map(result).collect()),
            Err(error) => lost(OrgvueError::malformed(RESULTS, &error)),
        }
    }
}

/// What the answer to a write should be.
const RESULTS: &str = "one result for each item";

/// Whether no result names another item than the one in its place. That results come in the order of the items is what the examples
/// show, and said nowhere.
fn are_in_order(answers: &[ItemAnswer<'_>], items: &[Item<'_>]) -> bool {
    answers.iter().zip(items).all(|(answer, item)| match (&answer.item_id, item.action.before()) {
        (Some(answered), Some(account)) => *answered == account.id,
        (_, None) | (None, _) => true,
    })
}

fn result(answer: ItemAnswer<'_>) -> Result<(), Refusal> {
    if answer.status == wire::SUCCESS {
        return Ok(());
    }
    let vendor = VendorError::of_item(&answer);
    let status = if wire::is_word(&answer.status) { answer.status.into_owned() } else { "an unknown status".to_owned() };
    Err(Refusal::new(status, vendor))
}
