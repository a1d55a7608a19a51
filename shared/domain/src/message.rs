//! The message that asks for a sync. It says what, never how: everything else is read when it is handled.

use serde::{Deserialize, Serialize};

use crate::ids::DirectoryId;

/// Why a sync is asked for. For people; nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A window of webhooks ended.
    Webhook,
    /// The sweep found work whose message got lost, or met a running sync.
    Owed,
    /// A failed run is tried again.
    Retry,
    /// A regular look for changes that no event told of.
    Drift,
    /// A person asked.
    OnDemand,
    /// An integration was applied.
    Applied,
    /// A person resumed the integration.
    Resumed,
    /// A person approved what was held.
    Approved,
    /// A person put back what a run had overwritten. No message asks for it.
    Restored,
}

/// Asks for a sync of one directory, up to a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncMessage {
    /// The version of this format.
    v: Version,
    /// Which directory.
    pub directory: DirectoryId,
    /// The generation that the sender saw: a message whose generation is reconciled is superseded.
    pub generation: u64,
    /// Why.
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
struct Version;

impl From<Version> for u8 {
    fn from(_: Version) -> u8 {
        1
    }
}

impl TryFrom<u8> for Version {
    type Error = String;

    fn try_from(v: u8) -> Result<Self, String> {
        if v == 1 { Ok(Self) } else { Err(format!("message version {v} is not 1")) }
    }
}

impl SyncMessage {
    /// A message of the current version.
    pub fn new(directory: DirectoryId, generation: u64, reason: Reason) -> Self {
        Self { v: Version, directory, generation, reason }
    }

    /// The text that is queued.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a message has no map keys or numbers that JSON lacks")
    }

    /// Reads a queued text.
    ///
    /// # Errors
    /// When the text is no message of a version that we know. Nothing of it is quoted.
    pub fn from_json(text: &str) -> Result<Self, MalformedMessage> {
        serde_json::from_str(text).map_err(|_| MalformedMessage)
    }
}

/// A queued text that asks for nothing we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sync message of version 1")]
pub struct MalformedMessage;

#[cfg(test)]
mod tests {
    use super::*;

    /// What version 1 looks like in queues and schedules. It stays as long as one of them may hold it.
    const VERSION_1: &str = r#"{"v":1,"directory":"directory_01HZX","generation":7,"reason":"webhook"}"#;

    #[test]
    fn version_1_is_read_and_written() {
        let message = SyncMessage::new(DirectoryId::parse("directory_01HZX").unwrap(), 7, Reason::Webhook);
        assert_eq!(SyncMessage::from_json(VERSION_1), Ok(message.clone()));
        assert_eq!(message.to_json(), VERSION_1);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"v":2,"directory":"directory_01HZX","generation":7,"reason":"webhook"}"#,
            r#"{"v":1,"directory":"nonsense","generation":7,"reason":"webhook"}"#,
            r#"{"v":1,"directory":"directory_01HZX","generation":-1,"reason":"webhook"}"#,
        ] {
            assert_eq!(SyncMessage::from_json(text), Err(MalformedMessage), "{text}");
        }
    }
}
