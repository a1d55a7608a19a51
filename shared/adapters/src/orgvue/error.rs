//! What can stand in the way at Orgvue, sorted by what the caller can do about it.
//!
//! Nothing here quotes a body: codes and names are kept only in the form that Orgvue documents for them.

use domain::backoff::FaultClass;
use domain::current::DatasetRefusal;
use reqwest::StatusCode;

use super::wire::VendorError;
use crate::http::CallError;
use crate::secrets::SecretError;

/// Why a tenant's Users dataset could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OrgvueError {
    /// Orgvue turns the token, the tenant or the dataset down: refuse; a person must act, see [`Self::remedy`].
    #[error("orgvue answered {status}{}{}", spaced(code.as_deref()), spaced(name.as_deref()))]
    Configuration {
        /// The HTTP status.
        status: StatusCode,
        /// Orgvue's code, such as `40302`.
        code: Option<String>,
        /// Orgvue's name for the code, such as `ApiTokenExpired`.
        name: Option<String>,
        /// `X-Amzn-Trace-Id`, which Orgvue's support asks for.
        trace_id: Option<String>,
    },
    /// The token cannot be sent: refuse; a person must store it anew.
    #[error("the API token holds characters that a header cannot carry")]
    UnusableToken,
    /// There is no token to use: refuse, unless Secrets Manager does not answer.
    #[error(transparent)]
    Token(SecretError),
    /// The dataset is not as configured: refuse; a person must act.
    #[error("the users dataset cannot be worked on")]
    Dataset(#[source] DatasetRefusal),
    /// The dataset is more than we hold, or than a synchronous read returns and an export does not give it either: refuse.
    #[error("the users dataset is too large: {0}")]
    DatasetTooLarge(TooLarge),
    /// The tenant's requests of the day are used up, by us or by the customer's other integrations: retry later, and every hour until its day begins.
    #[error("the tenant's daily quota of requests is used up")]
    QuotaExceeded,
    /// Orgvue does not work or cannot be reached: retry later.
    #[error("orgvue is unavailable{}", spaced(self.trace_id()))]
    Unavailable(#[source] CallError),
    /// An answer that is none of the endpoint's: retry later.
    #[error("the answer is not {expected}{}", spaced(at.as_deref()))]
    Malformed {
        /// What should have come.
        expected: &'static str,
        /// Where the text stopped being that. Never the parser's own words, for they quote the text.
        at: Option<String>,
    },
    /// The time of the run is over: retry at once, in a new run.
    #[error("out of time")]
    OutOfTime,
}

/// Why there is no way to a large dataset.
#[derive(Debug, thiserror::Error)]
pub enum TooLarge {
    /// It is larger than what we hold.
    #[error("it has more than {0} bytes")]
    Bytes(usize),
    /// It has more rows than we hold.
    #[error("it has more than {0} rows")]
    Rows(usize),
    /// Orgvue does not export it for us.
    #[error("a synchronous read does not return it, and its export was refused: {0}")]
    ExportRefused(Box<OrgvueError>),
    /// The export was begun and came to nothing.
    #[error("a synchronous read does not return it, and its export failed{}", spaced(code.as_deref()))]
    ExportFailed {
        /// Orgvue's code, if it gives one.
        code: Option<String>,
        /// `X-Amzn-Trace-Id` of the job.
        trace_id: Option<String>,
    },
    /// The export's files were gone, or not for us, before they were fetched; twice.
    #[error("a synchronous read does not return it, and the files of its export were not to be had")]
    ExportGone,
    /// The export had not ended when we gave it up.
    #[error("a synchronous read does not return it, and its export did not end within {seconds} s")]
    ExportLate {
        /// What it was given.
        seconds: u64,
    },
    /// There is no export, and what stood in the way of the synchronous read was a gateway, which says the same when all of Orgvue is out of order.
    #[error(transparent)]
    Perhaps(Box<Self>),
}

impl TooLarge {
    /// The same, where nobody can tell whether it is the dataset or Orgvue. What we counted ourselves is sure.
    pub(super) fn perhaps(self) -> Self {
        match self {
            Self::Bytes(_) | Self::Rows(_) | Self::Perhaps(_) => self,
            Self::ExportRefused(_) | Self::ExportFailed { .. } | Self::ExportGone | Self::ExportLate { .. } => {
                Self::Perhaps(Box::new(self))
            }
        }
    }

    /// Whether it is the vendor's matter and may pass, as far as anybody can tell.
    fn is_vendors(&self) -> bool {
        match self {
            Self::Perhaps(_) | Self::ExportLate { .. } => true,
            Self::Bytes(_) | Self::Rows(_) | Self::ExportRefused(_) | Self::ExportFailed { .. } | Self::ExportGone => false,
        }
    }

    fn trace_id(&self) -> Option<&str> {
        match self {
            Self::ExportRefused(error) => error.trace_id(),
            Self::ExportFailed { trace_id, .. } => trace_id.as_deref(),
            Self::Perhaps(why) => why.trace_id(),
            Self::Bytes(_) | Self::Rows(_) | Self::ExportGone | Self::ExportLate { .. } => None,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Bytes(_) | Self::Rows(_) => "have the tenant split: the limit is in the code",
            Self::ExportRefused(_) => "let the api_account export the dataset; if it may, give Orgvue's support the trace id",
            Self::Perhaps(why) => why.remedy(),
            Self::ExportFailed { .. } | Self::ExportGone | Self::ExportLate { .. } => {
                "if it lasts, ask Orgvue's support why the export does not come"
            }
        }
    }
}

impl OrgvueError {
    /// What is wrong with a call that has no answer to use. Lost answers of writes never come here.
    pub(super) fn from_call(error: CallError) -> Self {
        let (status, trace_id, vendor) = match &error {
            CallError::OutOfTime => return Self::OutOfTime,
            CallError::TooLarge { bytes_max } => return Self::DatasetTooLarge(TooLarge::Bytes(*bytes_max)),
            CallError::Transport(_) => return Self::Unavailable(error),
            CallError::Secret(secret) => return Self::Token(secret.clone()),
            CallError::Status { status, body, request_id, .. } => (*status, request_id.clone(), VendorError::read(body)),
        };
        match status.as_u16() {
            429 if vendor.code.as_deref() == Some("42902") => Self::QuotaExceeded,
            408 | 429 | 500.. => Self::Unavailable(error),
            400..=499 => Self::Configuration { status, code: vendor.code, name: vendor.name, trace_id },
            // The client follows no redirection: there is none in this API, and the token must not travel.
            _ => Self::Malformed { expected: "one of Orgvue's API", at: None },
        }
    }

    /// An answer that is not what the endpoint gives.
    pub(super) fn malformed(expected: &'static str, error: &serde_json::Error) -> Self {
        let at = format!("at line {} column {} ({:?})", error.line(), error.column(), error.classify());
        Self::Malformed { expected, at: Some(at) }
    }

    /// The stable code, for records: Orgvue's own, where it gives one.
    pub fn code(&self) -> String {
        let code = match self {
            Self::Configuration { code: Some(code), .. } => return format!("orgvue_{code}"),
            Self::Configuration { code: None, .. } => "orgvue_configuration",
            Self::UnusableToken | Self::Token(SecretError::Unusable { .. }) => "unusable_token",
            Self::Token(SecretError::NotFound { .. }) => "no_token",
            Self::Token(SecretError::Denied { .. }) => "token_denied",
            Self::Token(SecretError::Unavailable { .. }) => "secrets_unavailable",
            Self::Dataset(refusal) => refusal.code(),
            Self::DatasetTooLarge(why) if why.is_vendors() => "orgvue_unavailable",
            Self::DatasetTooLarge(_) => "dataset_too_large",
            Self::QuotaExceeded => "orgvue_quota_exceeded",
            Self::Unavailable(_) => "orgvue_unavailable",
            Self::Malformed { .. } => "orgvue_answer_malformed",
            Self::OutOfTime => "out_of_time",
        };
        code.to_owned()
    }

    /// Whether a person must act before another try can succeed.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Token(error) => !error.is_passing(),
            Self::DatasetTooLarge(why) => !why.is_vendors(),
            Self::Configuration { .. } | Self::UnusableToken | Self::Dataset(_) => true,
            Self::QuotaExceeded | Self::Unavailable(_) | Self::Malformed { .. } | Self::OutOfTime => false,
        }
    }

    /// Whose fault it is: the vendor's, or that of the tenant and its configuration. A refusal without one of Orgvue's codes may be a
    /// gateway's or a proxy's and pass by itself, so it has its short retries first.
    pub fn class(&self) -> FaultClass {
        match self {
            Self::Token(error) if error.is_passing() => FaultClass::Vendor,
            Self::DatasetTooLarge(why) if why.is_vendors() => FaultClass::Vendor,
            Self::DatasetTooLarge(TooLarge::ExportFailed { .. } | TooLarge::ExportGone) => FaultClass::Own,
            Self::DatasetTooLarge(TooLarge::ExportRefused(error)) => error.class(),
            Self::Configuration { code: Some(_), .. }
            | Self::UnusableToken
            | Self::Token(_)
            | Self::Dataset(_)
            | Self::DatasetTooLarge(_) => FaultClass::Configuration,
            Self::Configuration { code: None, .. } => FaultClass::Own,
            Self::QuotaExceeded => FaultClass::Quota,
            Self::Unavailable(_) | Self::Malformed { .. } | Self::OutOfTime => FaultClass::Vendor,
        }
    }

    /// `X-Amzn-Trace-Id` of the answer, where there was one.
    pub fn trace_id(&self) -> Option<&str> {
        match self {
            Self::Configuration { trace_id, .. } => trace_id.as_deref(),
            Self::DatasetTooLarge(why) => why.trace_id(),
            Self::Unavailable(CallError::Status { request_id, .. }) => request_id.as_deref(),
            Self::Unavailable(CallError::Transport(_) | CallError::TooLarge { .. } | CallError::OutOfTime | CallError::Secret(_))
            | Self::UnusableToken
            | Self::Token(_)
            | Self::Dataset(_)
            | Self::QuotaExceeded
            | Self::Malformed { .. }
            | Self::OutOfTime => None,
        }
    }

    /// What to do about it. The codes are those of Orgvue's [error list](https://orgvue.eu-west-1.concentra.io/app/docs/1.0.0/errors/list/).
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Configuration { status, code, .. } => remedy_of(*status, code.as_deref()),
            Self::UnusableToken | Self::Token(SecretError::Unusable { .. }) => {
                "store the tenant's API token again, as text, without line breaks or quotes"
            }
            Self::Token(SecretError::NotFound { .. }) => "create it in Secrets Manager, with the tenant's API token as its text",
            Self::Token(SecretError::Denied { .. }) => "let the function's role read it and decrypt with its key",
            Self::Token(SecretError::Unavailable { .. }) => "nothing to do: it is tried again; look at the state of AWS if it lasts",
            Self::Dataset(_) => "compare the tenant's dataset id, api_account and [dataset] with the Users list in Orgvue",
            Self::DatasetTooLarge(why) => why.remedy(),
            Self::QuotaExceeded => {
                "nothing to do: it is tried again, later every hour; if it lasts, have Orgvue's support raise the tenant's quota"
            }
            Self::Unavailable(_) | Self::Malformed { .. } => "nothing to do unless it lasts; then give Orgvue's support the trace id",
            Self::OutOfTime => "nothing to do: the next run goes on",
        }
    }
}

fn remedy_of(status: StatusCode, code: Option<&str>) -> &'static str {
    match code.unwrap_or_default() {
        "40101" | "40103" => {
            "no bearer token reached Orgvue: check that the tenant's API token is stored and that no proxy strips Authorization"
        }
        "40102" => "the API token is not valid: make a new one on Orgvue's /tokens page of the same region and store it",
        "40301" => "the API token's start date is still to come: wait, or make a new token that starts today",
        "40302" => "the API token has expired: make a new one on Orgvue's /tokens page and store it",
        "40303" => "the API token may not be used from our address: make one without Subnets, or with our fixed addresses if there are any",
        "40321" => "the token's user has several accounts: ask Orgvue's support to merge them",
        "40322" => "the token's account is disabled: enable it in the tenant's Users list",
        "40323" => "the token's account has expired: clear or move its ExpiryDate in the tenant's Users list",
        "40324" => "the token's account may not be used from our address: lift its limit, or add our fixed addresses if there are any",
        "400602" | "400603" => "Orgvue does not take the tenant's id or dataset for one: correct them in the integration file",
        "40345" => "API access is not enabled for the tenant: ask Orgvue's support to configure its usage plan",
        _ => match status.as_u16() {
            401 => "Orgvue does not accept the API token: make a new one on Orgvue's /tokens page and store it",
            403 => "the token's account may not do this: it needs the admin role and TokenAccess in this tenant",
            404 => {
                "Orgvue knows no such tenant or dataset: correct the tenant's id and dataset in the integration file, or the region's URL"
            }
            _ => "Orgvue does not understand the request: check the URL of the region, then give Orgvue's support the trace id",
        },
    }
}

fn spaced(text: Option<&str>) -> String {
    text.map(|text| format!(" {text}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use domain::backoff::Backoff;
    use domain::delays::Delays;

    use super::*;

    fn refused(code: Option<&str>) -> OrgvueError {
        OrgvueError::Configuration { status: StatusCode::FORBIDDEN, code: code.map(str::to_owned), name: None, trace_id: None }
    }

    #[test]
    fn what_orgvue_did_not_say_itself_may_pass_and_needs_a_person_all_the_same() {
        assert_eq!((refused(Some("40302")).class(), refused(Some("40302")).needs_person()), (FaultClass::Configuration, true));
        assert_eq!((refused(None).class(), refused(None).needs_person()), (FaultClass::Own, true));
    }

    #[test]
    fn a_used_up_quota_is_asked_after_at_every_hour_of_the_day() {
        let again = |(backoff, _): (Backoff, i64)| backoff.failed(OrgvueError::QuotaExceeded.class(), 0, &Delays::default());
        let (backoff, wait_ms) = (0..10).fold((Backoff::default(), 0), |before, _| again(before));
        assert_eq!((wait_ms, backoff.is_quarantined()), (3_600_000, true));
    }

    #[test]
    fn what_passes_by_itself_needs_nobody() {
        for error in [OrgvueError::QuotaExceeded, OrgvueError::OutOfTime, OrgvueError::Malformed { expected: "a list", at: None }] {
            assert!(!error.needs_person(), "{error}");
        }
        for error in [
            OrgvueError::UnusableToken,
            OrgvueError::DatasetTooLarge(TooLarge::ExportGone),
            OrgvueError::Dataset(DatasetRefusal::ApiAccountMissing),
        ] {
            assert!(error.needs_person(), "{error}");
        }
    }
}
