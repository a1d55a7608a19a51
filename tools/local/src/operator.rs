//! What an operator needs to work against this system: the variables of the command line and of the AWS CLI, and a file for a shell.
//!
//! The file holds the vendors' keys, so that nobody but its owner may read it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use domain::delays::Delays;
use secrecy::ExposeSecret as _;
use sync::Tokens;

use crate::aws::REGION;
use crate::system::{AWS_KEY, Options, System, TABLE};

const FILE: &str = "operator.env";

impl System {
    /// The environment variables of a process that works against this system: the operators' command line, or the AWS CLI.
    ///
    /// They make the same configuration as the sync function has here, as far as delays and timeouts are whole seconds:
    /// others are rounded up.
    pub fn operator_env(&self) -> Vec<(String, String)> {
        let Options { workos_url, workos_key, workos_users_per_second, orgvue_url, orgvue_tokens, http_timeout, delays, .. } =
            &self.options;
        let Delays { window_ms, lease_ms, heartbeat_ms, overdue_ms, nudge_ms, retry_first_ms, retry_max_ms, quarantine_ms, drift_ms } =
            *delays;
        let variables = [
            ("AWS_ACCESS_KEY_ID", AWS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", AWS_KEY.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            // Version 1 of the AWS CLI reads this one alone.
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.url().to_owned()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.url().to_owned()),
            ("AWS_ENDPOINT_URL_SCHEDULER", self.scheduler.url().to_owned()),
            ("AWS_ENDPOINT_URL_STS", self.sts.url().to_owned()),
            ("TABLE_NAME", TABLE.to_owned()),
            ("SYNC_QUEUE_URL", self.queue_url.clone()),
            ("DEAD_LETTER_QUEUE_URL", self.dead_letter_queue_url.clone()),
            ("WORKOS_URL", workos_url.clone()),
            ("WORKOS_API_KEY", workos_key.clone()),
            ("WORKOS_USERS_PER_SECOND", workos_users_per_second.to_string()),
            ("ORGVUE_URL", orgvue_url.clone()),
            ("ORGVUE_TOKENS", tokens_json(orgvue_tokens)),
            // The default is longer than the lease here, which the functions refuse.
            ("HTTP_TIMEOUT_SECONDS", seconds(i64::try_from(http_timeout.as_millis()).unwrap_or(i64::MAX))),
            ("WINDOW_SECONDS", seconds(window_ms)),
            ("LEASE_SECONDS", seconds(lease_ms)),
            ("HEARTBEAT_SECONDS", seconds(heartbeat_ms)),
            ("OVERDUE_SECONDS", seconds(overdue_ms)),
            ("NUDGE_SECONDS", seconds(nudge_ms)),
            ("RETRY_FIRST_SECONDS", seconds(retry_first_ms)),
            ("RETRY_MAX_SECONDS", seconds(retry_max_ms)),
            ("QUARANTINE_SECONDS", quarantine_ms.map(seconds).join(",")),
            ("DRIFT_SECONDS", seconds(drift_ms)),
            ("AWS_ENDPOINT_URL_SNS", self.sns.url().to_owned()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// Whole seconds, rounded up: 0 is no delay.
fn seconds(milliseconds: i64) -> String {
    u64::try_from(milliseconds).unwrap_or_default().div_ceil(1_000).clamp(1, u32::MAX.into()).to_string()
}

fn tokens_json(tokens: &Tokens) -> String {
    let Tokens { by_tenant, shared } = tokens;
    let by_tenant = by_tenant.iter().map(|(tenant, token)| (tenant.as_str(), token.expose_secret()));
    let by_name: BTreeMap<&str, &str> = by_tenant.chain(shared.iter().map(|token| ("*", token.expose_secret()))).collect();
    serde_json::to_string(&by_name).expect("a map of texts is JSON")
}

/// Writes the variables to `operator.env` in this folder, in place of an earlier one; returns its path from the root.
///
/// # Errors
/// When the file cannot be written.
pub fn write(folder: &Path, variables: &[(String, String)]) -> io::Result<PathBuf> {
    let path = std::path::absolute(folder)?.join(FILE);
    let mut text = "# Rewritten at each start of `local`. To use it: set -a; . FILE; set +a\n".to_owned();
    for (name, value) in variables {
        text += &format!("{name}={}\n", quoted(value));
    }
    // A temporary file is its owner's alone from its beginning, and takes the place of an older file whole.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(&path)?;
    Ok(path)
}

/// What a person types to take the variables of this file into a shell.
pub fn source_line(path: &Path) -> String {
    format!("set -a; . {}; set +a", quoted(&path.display().to_string()))
}

/// One word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_above_zero() {
        assert_eq!([0, -5, 1, 1_000, 1_001, i64::MAX].map(seconds), ["1", "1", "1", "1", "2", "4294967295"]);
    }
}
