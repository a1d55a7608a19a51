//! Actions on their way: spelled once, sent in bounded batches.

use std::collections::VecDeque;

use domain::integration::DatasetSpelling;
use domain::plan::Action;

use super::super::wire;
use super::Refusal;

/// One action and the JSON of it.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) action: &'a Action,
    json: String,
    /// What Orgvue said of it in a call that applied others: it can only be about this one.
    pub(super) refusal: Option<Refusal>,
}

impl<'a> Item<'a> {
    pub(super) fn new(action: &'a Action, spelling: &DatasetSpelling) -> Self {
        let json = wire::item_action(action, spelling);
        Self { action, json, refusal: None }
    }
}

/// What is sent in one call.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) items: Vec<Item<'a>>,
    pub(super) turn: Turn,
}

/// Why a batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has not been sent yet.
    First,
    /// It was refused with others, and was not applied.
    Isolating,
    /// Its answer was lost, and it was not in the dataset.
    Again {
        /// How many times so far.
        n_lost: u32,
    },
}

impl Turn {
    pub(super) fn n_lost(self) -> u32 {
        match self {
            Self::First | Self::Isolating => 0,
            Self::Again { n_lost } => n_lost,
        }
    }
}

impl Batch<'_> {
    /// The JSON array of the actions.
    pub(super) fn body(&self) -> String {
        let actions: Vec<&str> = self.items.iter().map(|item| item.json.as_str()).collect();
        format!("[{}]", actions.join(","))
    }
}

/// Batches of at most so many actions and bytes, in order. An action that alone is larger is a batch of its own.
pub(super) fn batches(items: Vec<Item<'_>>, actions_max: usize, bytes_max: usize) -> VecDeque<Batch<'_>> {
    let mut batches = VecDeque::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for item in items {
        // With its comma or one of the brackets.
        let item_bytes = item.json.len() + 1;
        if !batch.is_empty() && (batch.len() >= actions_max || bytes + item_bytes >= bytes_max) {
            batches.push_back(Batch { items: std::mem::take(&mut batch), turn: Turn::First });
            bytes = 0;
        }
        bytes += item_bytes;
        batch.push(item);
    }
    if !batch.is_empty() {
        batches.push_back(Batch { items: batch, turn: Turn::First });
    }
    batches
}

/// The same items in at most so many batches, as even as can be.
pub(super) fn parts(items: Vec<Item<'_>>, n_max: usize, turn: Turn) -> Vec<Batch<'_>> {
    let size = items.len().div_ceil(n_max);
    let mut items = items.into_iter().peekable();
    let mut parts = Vec::with_capacity(n_max);
    while items.peek().is_some() {
        parts.push(Batch { items: items.by_ref().take(size).collect(), turn });
    }
    parts
}
