//! Scripted faults: which requests they meet, and what happens to those.
//!
//! The same types are the JSON of `POST /_standin/faults`, for example
//! `{"on":{"path_contains":"/directory_users"},"nth":{"at":3},"kind":{"status":500}}`.

use std::sync::Mutex;
use std::time::Duration;

use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::store::lock;

/// One scripted fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests count.
    #[serde(default)]
    pub on: Matcher,
    /// Which of those fail; the count starts when the fault is scripted.
    #[serde(default)]
    pub nth: Nth,
    /// What happens to them.
    pub kind: FaultKind,
}

impl Fault {
    /// The `kind` of fault for the requests `on` that `nth` picks.
    pub fn new(on: Matcher, nth: Nth, kind: FaultKind) -> Self {
        Self { on, nth, kind }
    }
}

/// Which requests a fault or a hook is about; what is `None` matches everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// The method, in upper case.
    pub method: Option<String>,
    /// A part of the path.
    pub path_contains: Option<String>,
    /// A part of the query, as it was sent.
    pub query_contains: Option<String>,
}

impl Matcher {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests whose path has this part.
    pub fn path(part: &str) -> Self {
        Self { path_contains: Some(part.to_owned()), ..Self::default() }
    }

    /// Of these, only the ones with this method.
    pub fn method(self, method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..self }
    }

    /// Of these, only the ones whose query has this part.
    pub fn query(self, part: &str) -> Self {
        Self { query_contains: Some(part.to_owned()), ..self }
    }

    pub(crate) fn matches(&self, request: &Parts) -> bool {
        let has = |part: &Option<String>, text: &str| part.as_deref().is_none_or(|part| text.contains(part));
        self.method.as_deref().is_none_or(|method| method == request.method.as_str())
            && has(&self.path_contains, request.uri.path())
            && has(&self.query_contains, request.uri.query().unwrap_or_default())
    }
}

/// Which of the matching requests, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nth {
    /// Only this one.
    At(u32),
    /// This one and all later ones.
    From(u32),
    /// This many, from the start.
    First(u32),
}

impl Default for Nth {
    /// The next one.
    fn default() -> Self {
        Self::At(1)
    }
}

impl Nth {
    fn picks(self, n: u32) -> bool {
        match self {
            Self::At(at) => n == at,
            Self::From(from) => n >= from,
            Self::First(first) => n <= first,
        }
    }
}

/// What happens to the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// This status with the body the vendor gives for it.
    Status(u16),
    /// 429, with a `Retry-After` header if given.
    TooMany {
        /// The value of the header.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// This status with a page of HTML, as a gateway in front of the vendor gives.
    Html(u16),
    /// The connection is closed without an answer; the request is not performed.
    Reset,
    /// The request is performed after this time; in JSON in milliseconds.
    Slow(#[serde(with = "milliseconds")] Duration),
    /// A whole answer whose JSON text stops in the middle.
    TruncatedJson,
    /// An answer that breaks off before the announced length.
    CutBody,
    /// The request is performed, then the connection is closed without an answer.
    CutAfterCommit,
    /// 200 with `{}`.
    WrongShape,
    /// 200 with an empty list.
    EmptyList,
    /// WorkOS: the page names the cursor that was sent as the next one.
    RepeatedCursor,
    /// WorkOS: 422, as if the row of the cursor were gone.
    CursorError,
    /// WorkOS: an empty page, as if the row of the cursor were gone.
    CursorEmpty,
    /// WorkOS: the first page again, as if the row of the cursor were gone.
    CursorRestart,
    /// WorkOS: the first row of the page belongs to another directory.
    ForeignDirectoryRow,
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(duration.as_millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// The faults in force, each with the number of matching requests so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<(Fault, u32)>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        lock(&self.0).push((fault, 0));
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// Counts the request for every fault it matches; the first one that picks it decides.
    pub(crate) fn meet(&self, request: &Parts) -> Option<FaultKind> {
        let mut faults = lock(&self.0);
        let mut met = None;
        for (fault, n) in faults.iter_mut().filter(|(fault, _)| fault.on.matches(request)) {
            *n += 1;
            if met.is_none() && fault.nth.picks(*n) {
                met = Some(fault.kind.clone());
            }
        }
        met
    }
}
