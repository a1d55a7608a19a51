//! One queue as a value: messages, and when they can be seen. The time is an argument.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::QueueSettings;

/// How many messages a queue holds, by what they wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// A receive would return them.
    pub visible: usize,
    /// Received, not deleted, and hidden until their visibility timeout ends.
    pub in_flight: usize,
    /// Sent with a delay that has not passed.
    pub delayed: usize,
}

/// Messages in the order they were sent.
pub(super) struct Queue {
    pub(super) settings: QueueSettings,
    messages: Vec<Message>,
}

/// A message that was sent and not deleted.
pub(super) struct Message {
    id: Uuid,
    body: String,
    sent_at: Timestamp,
    hidden_until: Timestamp,
    first_received_at: Option<Timestamp>,
    n_receives: u32,
}

/// A message as its receiver sees it.
pub(super) struct Delivery {
    pub(super) id: Uuid,
    pub(super) receipt: Receipt,
    pub(super) body: String,
    pub(super) sent_at: Timestamp,
    pub(super) first_received_at: Timestamp,
}

/// What one look at a queue took from it.
pub(super) struct Received {
    pub(super) deliveries: Vec<Delivery>,
    /// Received too often before: for the dead-letter queue.
    pub(super) dead: Vec<Message>,
}

/// Which receive of which message: only a message's latest receipt deletes it.
#[derive(Clone, Copy)]
pub(super) struct Receipt {
    message: Uuid,
    pub(super) n_receives: u32,
}

/// A message whose visibility cannot be changed, as it is not in flight under this receipt.
pub(super) struct NotInFlight;

impl Queue {
    pub(super) fn new(settings: QueueSettings) -> Self {
        Self { settings, messages: Vec::new() }
    }

    pub(super) fn send(&mut self, body: String, delay: Duration, now: Timestamp) -> Uuid {
        let message = Message::new(body, delay, now);
        let id = message.id;
        self.messages.push(message);
        id
    }

    /// Takes in what another queue gave up, visible at once.
    pub(super) fn bury(&mut self, dead: Vec<Message>, now: Timestamp) {
        self.messages.extend(dead.into_iter().map(|message| Message { hidden_until: now, n_receives: 0, ..message }));
    }

    /// Hides up to `n_max` visible messages for `visibility` and returns them, oldest first.
    pub(super) fn receive(&mut self, n_max: usize, visibility: Duration, now: Timestamp) -> Received {
        let dead = self.give_up(now);
        let visible = self.messages.iter_mut().filter(|message| message.is_visible(now));
        let deliveries = visible.take(n_max).map(|message| message.deliver(visibility, now)).collect();
        Received { deliveries, dead }
    }

    /// Deletes the message, unless it was received again since; deleting twice is no error.
    pub(super) fn delete(&mut self, receipt: Receipt) {
        self.messages.retain(|message| !message.is_held_by(receipt));
    }

    pub(super) fn change_visibility(&mut self, receipt: Receipt, visibility: Duration, now: Timestamp) -> Result<(), NotInFlight> {
        let mut messages = self.messages.iter_mut();
        let message = messages.find(|message| message.is_held_by(receipt) && !message.is_visible(now)).ok_or(NotInFlight)?;
        message.hidden_until = now + visibility;
        Ok(())
    }

    pub(super) fn purge(&mut self) {
        self.messages.clear();
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        self.messages.iter().map(|message| message.body.clone()).collect()
    }

    pub(super) fn depth(&self, now: Timestamp) -> Depth {
        let mut depth = Depth::default();
        for message in &self.messages {
            *match (message.is_visible(now), message.n_receives) {
                (true, _) => &mut depth.visible,
                (false, 0) => &mut depth.delayed,
                (false, _) => &mut depth.in_flight,
            } += 1;
        }
        depth
    }

    /// When the next hidden message can be seen, if nothing else happens.
    pub(super) fn next_visible_at(&self) -> Option<Timestamp> {
        self.messages.iter().map(|message| message.hidden_until).min()
    }

    fn give_up(&mut self, now: Timestamp) -> Vec<Message> {
        let Some((n_receives_max, _)) = self.settings.max_receive_count else {
            return Vec::new();
        };
        let is_dead = |message: &mut Message| message.is_visible(now) && message.n_receives >= n_receives_max;
        self.messages.extract_if(.., is_dead).collect()
    }
}

impl Message {
    fn new(body: String, delay: Duration, now: Timestamp) -> Self {
        Self { id: Uuid::new_v4(), body, sent_at: now, hidden_until: now + delay, first_received_at: None, n_receives: 0 }
    }

    fn is_visible(&self, now: Timestamp) -> bool {
        self.hidden_until <= now
    }

    fn is_held_by(&self, receipt: Receipt) -> bool {
        self.id == receipt.message && self.n_receives == receipt.n_receives
    }

    fn deliver(&mut self, visibility: Duration, now: Timestamp) -> Delivery {
        self.n_receives += 1;
        self.hidden_until = now + visibility;
        Delivery {
            id: self.id,
            receipt: Receipt { message: self.id, n_receives: self.n_receives },
            body: self.body.clone(),
            sent_at: self.sent_at,
            first_received_at: *self.first_received_at.get_or_insert(now),
        }
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}#{}", self.message, self.n_receives)
    }
}

/// A text that was never a receipt handle.
pub(super) struct NotAReceipt;

impl FromStr for Receipt {
    type Err = NotAReceipt;

    fn from_str(handle: &str) -> Result<Self, NotAReceipt> {
        let (message, n_receives) = handle.split_once('#').ok_or(NotAReceipt)?;
        Ok(Self { message: message.parse().map_err(|_| NotAReceipt)?, n_receives: n_receives.parse().map_err(|_| NotAReceipt)? })
    }
}
