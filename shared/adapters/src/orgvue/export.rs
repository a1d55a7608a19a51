//! The Users dataset by way of an asynchronous export, for one that a synchronous read does not return.
//!
//! Orgvue gives a [job ticket](https://orgvue.eu-west-1.concentra.io/app/docs/1.0.0/working/async/), which is looked at until the job has
//! ended. Ticket and result are files behind presigned links:
//!
//! * A link is all that is needed to read the file. It gets no token, is in no log and no error, and is followed only over https, or to the
//!   host that we talk to anyway. Nothing is redirected.
//! * The files are gone after 15 minutes. Then the export is asked for once more.
//!
//! An export holds more than is stored: generated properties, which begin with `_` and are never put back, and calculated ones, which nothing
//! tells apart from the stored. Whether it holds `_id` is not documented; without it no row can be written, and the tenant is refused.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use domain::row::Row;
use flate2::read::MultiGzDecoder;
use reqwest::Method;
use url::Url;

use super::error::TooLarge;
use super::wire::{Link, Ticket, VendorError};
use super::{LIST, OrgvueError, UsersDataset};
use crate::http::{CallError, Effect, is_request_id};

/// Most exports of one read.
const EXPORTS_MAX: usize = 2;
/// Wait before the first look at a ticket; each further one is half as long again.
const LOOK_FIRST: Duration = Duration::from_secs(1);
/// Longest wait before a look.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// Longest that is waited between looks in one read: a large dataset is exported within a minute, and whoever never ends is not to use up the
/// invocation, in which other tenants and the record have their part. It is tried again.
const WAITED_MAX: Duration = Duration::from_secs(240);
/// Largest ticket; the links in it are long.
const TICKET_BYTES_MAX: usize = 64 * 1024;
/// How a file in gzip begins, and JSON does not.
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl UsersDataset {
    /// Every row with every property, stored, calculated and generated.
    ///
    /// # Errors
    /// [`OrgvueError`] says whether to retry or to refuse.
    pub(super) async fn exported_rows(&self) -> Result<Vec<Row>, OrgvueError> {
        let mut waited = Duration::ZERO;
        for _ in 0..EXPORTS_MAX {
            if let Some(result) = self.export(&mut waited).await? {
                return self.rows_of(&result);
            }
        }
        Err(OrgvueError::DatasetTooLarge(TooLarge::ExportGone))
    }

    /// The result of one export; none if its files are gone. `waited` is for it by all exports of the read.
    async fn export(&self, waited: &mut Duration) -> Result<Option<Bytes>, OrgvueError> {
        let request = || self.request(Method::POST, "/export?exportFormat=jsonObjects&resultEncoding=gzip").body("{}");
        let ordered = self.calls.send_as(&self.token, Effect::None, TICKET_BYTES_MAX, request, || std::future::ready(())).await;
        let mut body = ordered.map_err(|error| refused(OrgvueError::from_call(error)))?;
        let mut ticket = Ticket::read(&body)?;
        let own = ticket.link("self")?.clone();
        let mut wait = LOOK_FIRST;
        loop {
            match ticket.job_status.as_str() {
                "completed" => return self.file(ticket.link("result")?, self.options.dataset_bytes_max).await,
                "failed" => {
                    let code = VendorError::read(&body).code;
                    let trace_id = ticket.trace_id.filter(|id| is_request_id(id));
                    return Err(OrgvueError::DatasetTooLarge(TooLarge::ExportFailed { code, trace_id }));
                }
                _ if *waited + wait > WAITED_MAX => {
                    return Err(OrgvueError::DatasetTooLarge(TooLarge::ExportLate { seconds: WAITED_MAX.as_secs() }));
                }
                // Created, running, or a word that is not documented: not ended.
                _ => self.wait(wait).await?,
            }
            *waited += wait;
            wait = LOOK_MAX.min(wait * 3 / 2);
            body = match self.file(&own, TICKET_BYTES_MAX).await? {
                Some(body) => body,
                None => return Ok(None),
            };
            ticket = Ticket::read(&body)?;
        }
    }

    /// What is behind a presigned link; nothing if it is not there any more, or not for us.
    async fn file(&self, link: &Link, bytes_max: usize) -> Result<Option<Bytes>, OrgvueError> {
        let url = followed(link, &self.options.base_url)?;
        let request = || self.http.get(url.clone());
        match self.calls.send(Effect::None, bytes_max, request, || std::future::ready(())).await {
            Ok(body) => Ok(Some(body)),
            // Whatever keeps the files never saw the token: what it refuses says nothing of that, nor of the tenant.
            Err(CallError::Status { status, .. }) if status.is_client_error() && !matches!(status.as_u16(), 408 | 429) => Ok(None),
            Err(error) => Err(OrgvueError::from_call(error)),
        }
    }

    /// The rows in a result, in gzip as it was asked for, or as somebody on the way has unpacked it.
    fn rows_of(&self, result: &[u8]) -> Result<Vec<Row>, OrgvueError> {
        let bytes_max = self.options.dataset_bytes_max;
        let text: Box<dyn Read + Send> = if result.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(result)) } else { Box::new(result) };
        let mut json = Vec::new();
        text.take(bytes_max as u64 + 1).read_to_end(&mut json).map_err(|_| OrgvueError::Malformed { expected: LIST, at: None })?;
        if json.len() > bytes_max { Err(OrgvueError::DatasetTooLarge(TooLarge::Bytes(bytes_max))) } else { self.listed(json) }
    }
}

/// What it means that an export was turned away. A 401 and codes of five digits are about the token, the account or the tenant, and not about
/// the export.
fn refused(error: OrgvueError) -> OrgvueError {
    match &error {
        OrgvueError::Configuration { status, code, .. } if *status != 401 && code.as_ref().is_none_or(|code| code.len() != 5) => {
            OrgvueError::DatasetTooLarge(TooLarge::ExportRefused(Box::new(error)))
        }
        _ => error,
    }
}

/// The link as a URL that may be followed.
fn followed(link: &Link, base_url: &Url) -> Result<Url, OrgvueError> {
    let url = Url::parse(&link.url).ok().filter(|url| {
        let is_our_host = (url.scheme(), url.host_str()) == (base_url.scheme(), base_url.host_str());
        url.scheme() == "https" || is_our_host
    });
    url.ok_or(OrgvueError::Malformed { expected: "a link that may be followed", at: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_followed(link: &str, base_url: &str) -> bool {
        let link = Link { url: link.to_owned() };
        followed(&link, &base_url.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_link_is_followed_over_https_or_to_our_own_host() {
        let base_url = "https://orgvue.example.com";
        assert!(is_followed("https://files.s3.amazonaws.com/ticket?X-Amz-Signature=1", base_url));
        for bad in ["http://files.s3.amazonaws.com/ticket", "http://orgvue.example.com/ticket", "file:///etc/passwd", "ticket", ""] {
            assert!(!is_followed(bad, base_url), "{bad}");
        }
        assert!(is_followed("http://127.0.0.1:4001/ticket", "http://127.0.0.1:4000"));
        assert!(!is_followed("http://169.254.169.254/ticket", "http://127.0.0.1:4000"));
    }

    #[test]
    fn a_refusal_of_the_token_stays_one() {
        let refusal = |status: u16, code: Option<&str>| {
            let (status, code) = (reqwest::StatusCode::from_u16(status).unwrap(), code.map(str::to_owned));
            refused(OrgvueError::Configuration { status, code, name: None, trace_id: Some("Root=1".to_owned()) })
        };
        assert_eq!(refusal(403, Some("40302")).code(), "orgvue_40302");
        assert_eq!(refusal(401, None).code(), "orgvue_configuration");
        for code in [None, Some("403603")] {
            let error = refusal(403, code);
            assert_eq!((error.code().as_str(), error.trace_id()), ("dataset_too_large", Some("Root=1")));
        }
    }
}
