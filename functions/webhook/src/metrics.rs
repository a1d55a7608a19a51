//! What is counted of webhooks.

use adapters::metrics::Metric;
use lambda_http::http::StatusCode;

use crate::Outcome;

/// The metric of a request. What is turned away unread, for its method or size, is none.
pub(crate) fn of(outcome: Outcome) -> Option<Metric> {
    let name = match outcome {
        Outcome::Accepted => "WebhooksAccepted",
        Outcome::Ignored("unparseable") => "WebhooksUnparseable",
        Outcome::Ignored(_) => "WebhooksIgnored",
        // Signed with our secret, so no stranger's.
        Outcome::Refused(StatusCode::UNAUTHORIZED, "stale") => "StaleSignatures",
        // Signed, by a secret that is not ours: WorkOS's, after a rotation that went wrong, or forged.
        Outcome::Refused(StatusCode::UNAUTHORIZED, "signature_mismatch") => "SignatureMismatches",
        // A token or a list of sources that is not as in WorkOS turns every webhook away. Who merely tries the URL sends no signature.
        Outcome::TurnedAway(_) => "WebhooksTurnedAway",
        Outcome::Refused(StatusCode::UNAUTHORIZED, _) => "SignatureFailures",
        Outcome::Refused(_, _) => return None,
        Outcome::NotDurable => "WebhooksNotDurable",
    };
    Some(Metric::count(name, 1))
}
