//! WorkOS Directory Sync: reads a whole directory that can be trusted, or says why there is none.
//!
//! Invariants of a [`Directory`](domain::directory::Directory) made here: the directory was linked before and after, every list
//! ended, every row carried the asked directory id, and no group had another name behind its members than before them. Whatever is less is a [`ReadError`].
//!
//! Deliberately absent: writes (there are none), webhooks (`domain` verifies them), and `groups` on users, which WorkOS no longer fills
//! for newer teams; memberships are read per group.
//!
//! WorkOS's pages: [directories](https://workos.com/docs/reference/directory-sync/directory),
//! [users](https://workos.com/docs/reference/directory-sync/directory-user),
//! [groups](https://workos.com/docs/reference/directory-sync/directory-group),
//! [limits](https://workos.com/docs/reference/rate-limits).

mod again;
mod list;
mod pace;
mod read;
mod wire;

use std::time::Duration;

use domain::backoff::FaultClass;
use domain::ids::DirectoryId;
use reqwest::{Client, StatusCode, redirect};
use url::Url;

use crate::http::{CallError, Deadline, bearer};
use crate::secrets::{Secret, SecretError};
use crate::tls::Tls;

pub use read::DirectoryReader;

/// Where WorkOS is; its staging environment is the same host with another key.
pub const BASE_URL: &str = "https://api.workos.com";

/// Longest that one try of a call may take: a page of 100 users comes in well under a second.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// From one call of `/directory_users` to the next: WorkOS allows [four a second per directory](https://workos.com/docs/reference/rate-limits).
pub const USERS_INTERVAL: Duration = users_interval(4);

/// The interval that keeps to so many calls a second, of which there is at least one. The 5 ms more are for a network's jitter.
pub const fn users_interval(per_second: u32) -> Duration {
    Duration::from_millis(1_000 / if per_second == 0 { 1 } else { per_second as u64 } + 5)
}

/// How to reach WorkOS.
#[derive(Debug, Clone)]
pub struct Options {
    /// The root of the API, with or without a path: [`BASE_URL`] or a stand-in.
    pub base_url: Url,
    /// The API key of the environment, `sk_…`.
    pub key: Secret,
    /// Longest that one try of a call may take; [`TIMEOUT`] by default.
    pub timeout: Duration,
    /// From one call of `/directory_users` to the next, and five times as often one about the groups of a single user;
    /// [`USERS_INTERVAL`] by default. Zero: no throttle.
    pub users_interval: Duration,
    /// Whose word is taken for who WorkOS is; Mozilla's authorities by default.
    pub tls: Tls,
}

impl Options {
    /// The usual timing.
    pub fn new(base_url: Url, key: impl Into<Secret>) -> Self {
        Self { base_url, key: key.into(), timeout: TIMEOUT, users_interval: USERS_INTERVAL, tls: Tls::default() }
    }
}

/// A client of WorkOS. Clones share its connections.
#[derive(Debug, Clone)]
pub struct WorkOs {
    client: Client,
    base_url: Url,
    key: Secret,
    timeout: Duration,
    users_interval: Duration,
}

/// Why there is no client: the configuration must be corrected.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Nothing can be appended to the URL, as to `mailto:`.
    #[error("workos base url has no path to append to")]
    BaseUrl,
    /// The key that was given holds a character that no header may, such as a line break.
    #[error("workos key holds a character that no http header may")]
    Key,
    /// The TLS library could not be set up.
    #[error("set up the http client for workos")]
    Client(#[source] reqwest::Error),
}

impl WorkOs {
    /// Builds the client, once per process. It follows no redirects: WorkOS has none, and the key must not travel.
    ///
    /// # Errors
    /// [`OptionsError`] when the options cannot work with any server.
    pub fn new(options: Options) -> Result<Self, OptionsError> {
        let Options { base_url, key, timeout, users_interval, tls } = options;
        if base_url.cannot_be_a_base() {
            return Err(OptionsError::BaseUrl);
        }
        if key.given().is_some_and(|key| bearer(key).is_none()) {
            return Err(OptionsError::Key);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls.offering(&["h2", "http/1.1"]))
            .user_agent("orgvue-scim")
            .redirect(redirect::Policy::none())
            .build()
            .map_err(OptionsError::Client)?;
        Ok(Self { client, base_url, key, timeout, users_interval })
    }

    /// A reader of one directory for one run. All that the run reads of it goes through this one, for it keeps the run's throttle.
    pub fn reader(&self, directory: DirectoryId, deadline: Deadline) -> DirectoryReader {
        DirectoryReader::new(self.clone(), directory, deadline)
    }

    /// The URL of a route, whose segments are escaped.
    fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base_url.clone();
        url.set_query(None);
        url.path_segments_mut().expect("a base url was checked in new").pop_if_empty().extend(segments);
        url
    }
}

/// Why a directory was not read. Nothing may be removed on the strength of any of these.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The directory is unlinked or being deleted, before or after the read: it no longer speaks for the customer.
    /// Suspend the integration and tell a person.
    #[error("directory no longer speaks for its customer: it is {state}")]
    Gone {
        /// WorkOS's state.
        state: String,
    },
    /// There is no such directory for this API key. It was deleted, or the key is of another environment, which looks the same and
    /// concerns every customer: only if it lasts is the directory gone.
    #[error("directory is not found with this api key")]
    NotFound,
    /// The directory is being validated, its credentials fail, or its state is one that we do not know. Try again later.
    #[error("directory is not settled: it is {state}")]
    Unsettled {
        /// WorkOS's state.
        state: String,
    },
    /// Even without any delay, WorkOS's limit of calls does not let the read fit into the time there is. A person must make the
    /// directory smaller; trying again is in vain.
    ///
    /// Judged by what is known at the moment: pages of users counted in the directory's metadata, pages read, one page for every list that has not
    /// ended. If these fill nine tenths of the time that the read had at its start, it is too large; if they do not but the time is
    /// over, the answers were slow and it is [`ReadError::OutOfTime`].
    #[error("directory needs at least {calls_at_least} throttled calls, which do not fit into {seconds} s")]
    TooLarge {
        /// Calls of `/directory_users`; there may be more.
        calls_at_least: u64,
        /// The time the read had.
        seconds: u64,
    },
    /// What was read contradicts itself or the documentation, after all tries to read it again. Try again later.
    #[error("answer for {what} cannot be trusted: {why}")]
    Untrusted {
        /// Which call, in words and ids.
        what: String,
        /// What is wrong.
        why: Distrust,
    },
    /// WorkOS refuses the API key: a fault of the configuration for all customers, not of this directory.
    #[error("workos refuses the api key with status {status}")]
    Refused {
        /// 401 or 403.
        status: StatusCode,
    },
    /// There is no API key to use: a fault of the configuration or of Secrets Manager for all customers, not of this directory.
    #[error(transparent)]
    Key(SecretError),
    /// WorkOS cannot be reached, fails, or turns us away for too many calls. Try again later.
    #[error("workos is not available")]
    Unavailable(#[source] CallError),
    /// The run's time is over because answers were slow. Try again later.
    #[error("out of time while reading the directory")]
    OutOfTime,
}

impl ReadError {
    /// The stable code, for records.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "directory_gone",
            Self::NotFound => "directory_not_found",
            Self::Unsettled { .. } => "directory_not_settled",
            Self::TooLarge { .. } => "directory_too_large",
            Self::Untrusted { why, .. } if why.class() == FaultClass::Vendor => "workos_answer_malformed",
            Self::Untrusted { .. } => "directory_not_trusted",
            Self::Refused { .. } => "workos_key_refused",
            Self::Key(SecretError::NotFound { .. }) => "workos_key_missing",
            Self::Key(SecretError::Denied { .. }) => "workos_key_denied",
            Self::Key(SecretError::Unusable { .. }) => "workos_key_unusable",
            Self::Key(SecretError::Unavailable { .. }) => "secrets_unavailable",
            Self::Unavailable(_) => "workos_unavailable",
            Self::OutOfTime => "out_of_time",
        }
    }

    /// WorkOS's name for the request, for their support.
    pub fn request_id(&self) -> Option<&str> {
        if let Self::Unavailable(error) = self { error.request_id() } else { None }
    }

    /// Whose fault it is. A key that is refused, or that finds no directory at all, concerns every customer; and a directory that is not
    /// settled costs one call to ask about, and is to be read soon after it is.
    pub fn class(&self) -> FaultClass {
        match self {
            Self::TooLarge { .. } => FaultClass::Configuration,
            Self::Gone { .. } => FaultClass::Own,
            Self::Untrusted { why, .. } => why.class(),
            Self::NotFound | Self::Unsettled { .. } | Self::Refused { .. } | Self::Key(_) | Self::Unavailable(_) | Self::OutOfTime => {
                FaultClass::Vendor
            }
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "nobody was removed and the integration is suspended; ask the customer, and link the directory again",
            Self::NotFound => "compare the directory id with WorkOS, and check that the API key is of the same environment",
            Self::Unsettled { .. } => "nothing to do; ask the customer to mend the connection in WorkOS if it lasts",
            Self::TooLarge { .. } => {
                "have fewer users synced to WorkOS, or two directories: the function has the most time that Lambda gives"
            }
            Self::Refused { .. } => "store a valid WorkOS API key; every customer is concerned",
            Self::Key(SecretError::NotFound { .. }) => {
                "restore it in Secrets Manager, or deploy with the ARN of a new one; every customer is concerned"
            }
            Self::Key(SecretError::Denied { .. }) => {
                "let the function's role read it and decrypt with its key; every customer is concerned"
            }
            Self::Key(SecretError::Unusable { .. }) => {
                "store the WorkOS API key again, as text and nothing more; every customer is concerned"
            }
            Self::Key(SecretError::Unavailable { .. }) => "nothing to do: it is tried again; look at the state of AWS if it lasts",
            Self::Untrusted { .. } | Self::Unavailable(_) | Self::OutOfTime => {
                "nothing to do: it is tried again; tell WorkOS's support if it lasts"
            }
        }
    }
}

/// What is wrong with an answer. None of the texts holds anything of the answer itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// No JSON, or not of the documented shape; a proxy's page of HTML or half an answer, for example.
    #[error("it is not of the documented shape, from line {line}, column {column}")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 0.
        column: usize,
    },
    /// A list that does not say whether there is more.
    #[error("it has no list metadata")]
    NoMetadata,
    /// A row without an id.
    #[error("a row has no id")]
    NoId,
    /// A row, or the directory itself, is not of the directory that was asked for.
    #[error("it is of another directory")]
    Foreign,
    /// The list came in another order than the one asked for, in which it seems to end after the first page.
    #[error("it is not in the order that was asked for")]
    Order,
    /// A group of ours has another name behind the reading of its members than before: which of the two gave them what it gives nobody knows.
    #[error("a group was renamed while its members were read")]
    Renamed,
    /// A cursor came twice.
    #[error("a cursor came twice")]
    RepeatedCursor,
    /// A page had no row that was new.
    #[error("a page had nothing but rows that came before")]
    RepeatedRows,
    /// A cursor was refused; its row is probably deleted.
    #[error("a cursor was refused")]
    RefusedCursor,
    /// A cursor promised more rows, and there were none; its row is probably deleted.
    #[error("a cursor led to an empty page")]
    EmptyPage,
    /// The list has no end within our bound.
    #[error("it has more than {pages_max} pages")]
    TooManyPages {
        /// The bound.
        pages_max: usize,
    },
    /// The page is larger than we can hold.
    #[error("it has more than {bytes_max} bytes")]
    TooManyBytes {
        /// The bound.
        bytes_max: usize,
    },
    /// WorkOS says that there is no such thing, while the directory itself is there.
    #[error("it is not found")]
    NotFound,
    /// WorkOS does not understand the call.
    #[error("it is a status {status}")]
    Status {
        /// A 4xx that is none of the usual ones.
        status: StatusCode,
    },
}

impl Distrust {
    /// Whose fault it is. What is no answer of the API at all, such as a proxy's page of HTML, comes of an outage, which concerns everybody;
    /// an answer that is one and contradicts itself is about its directory.
    fn class(&self) -> FaultClass {
        match self {
            Self::Shape { .. } | Self::NoMetadata | Self::TooManyBytes { .. } | Self::Status { .. } => FaultClass::Vendor,
            Self::NoId
            | Self::Foreign
            | Self::Order
            | Self::Renamed
            | Self::RepeatedCursor
            | Self::RepeatedRows
            | Self::RefusedCursor
            | Self::EmptyPage
            | Self::TooManyPages { .. }
            | Self::NotFound => FaultClass::Own,
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn options(base_url: &str, key: &str) -> Options {
        Options::new(base_url.parse().unwrap(), SecretString::from(key))
    }

    #[test]
    fn a_base_url_may_have_a_path_and_segments_are_escaped() {
        for (base, url) in [("https://a.example", "https://a.example/x/y%2Fz"), ("https://a.example/api/", "https://a.example/api/x/y%2Fz")]
        {
            assert_eq!(WorkOs::new(options(base, "sk")).unwrap().url(["x", "y/z"]).as_str(), url);
        }
    }

    #[test]
    fn refuses_options_that_cannot_work() {
        assert!(matches!(WorkOs::new(options("mailto:a@b.example", "sk")), Err(OptionsError::BaseUrl)));
        assert!(matches!(WorkOs::new(options(BASE_URL, "s\nk")), Err(OptionsError::Key)));
    }

    #[test]
    fn an_answer_that_is_no_answer_is_the_vendors_fault_and_one_that_contradicts_itself_the_directorys() {
        let class = |why| ReadError::Untrusted { what: "users".to_owned(), why }.class();
        for why in [
            Distrust::Shape { line: 1, column: 0 },
            Distrust::NoMetadata,
            Distrust::TooManyBytes { bytes_max: 1 },
            Distrust::Status { status: StatusCode::IM_A_TEAPOT },
        ] {
            assert_eq!(class(why.clone()), FaultClass::Vendor, "{why}");
        }
        for why in [
            Distrust::NoId,
            Distrust::Foreign,
            Distrust::Order,
            Distrust::RepeatedCursor,
            Distrust::RepeatedRows,
            Distrust::RefusedCursor,
            Distrust::EmptyPage,
            Distrust::TooManyPages { pages_max: 1 },
            Distrust::NotFound,
        ] {
            assert_eq!(class(why.clone()), FaultClass::Own, "{why}");
        }
    }

    #[test]
    fn the_key_does_not_show() {
        let options = options(BASE_URL, "sk_secret");
        assert!(!format!("{options:?} {:?}", WorkOs::new(options.clone()).unwrap()).contains("sk_secret"));
    }
}
