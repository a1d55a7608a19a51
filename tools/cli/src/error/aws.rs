//! What a fault of AWS means to the person at the command line, and what to do about it.

use std::error::Error;

use adapters::aws::{AwsError, chain};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::ErrorMetadata;
use aws_sdk_dynamodb::types::error::ResourceNotFoundException;
use aws_sdk_sqs::types::error::QueueDoesNotExist;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::Advice;

/// What the commands work on, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) table: String,
    pub(crate) queue_url: String,
    pub(crate) profile: String,
    pub(crate) region: String,
    pub(crate) named: Named,
}

/// How the command line names the deployment: a remedy speaks of the options that it was named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Named {
    /// It is the only one.
    #[default]
    Alone,
    /// The first of two.
    From,
    /// The second of two.
    To,
}

impl Named {
    /// What names its table.
    pub(crate) fn table_option(self) -> &'static str {
        match self {
            Self::Alone => "--table",
            Self::From => "--from-table",
            Self::To => "--to-table",
        }
    }

    /// What names its profile.
    pub(crate) fn profile_option(self) -> &'static str {
        match self {
            Self::Alone => "--profile",
            Self::From => "--from",
            Self::To => "--to",
        }
    }
}

/// The profile of who names none.
pub(crate) const NO_PROFILE: &str = "default";

/// Explains the first cause that is known; else shows all of them.
pub(super) fn advice(error: &AwsError, place: &Place) -> Advice {
    let action = error.to_string();
    let action = action.split(' ').next().unwrap_or_default();
    std::iter::successors(Some(error as &(dyn Error + 'static)), |error: &&(dyn Error + 'static)| (*error).source())
        .find_map(|cause| known(cause, action, place))
        .map(|Advice { what, next }| Advice { what: one_line(&what), next })
        .unwrap_or_else(|| Advice::new(one_line(&chain(error)), "try again; if it stays, see https://health.aws.amazon.com"))
}

/// An error of a service may have several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn known(cause: &(dyn Error + 'static), action: &str, place: &Place) -> Option<Advice> {
    let Place { table, queue_url, profile, region, named } = place;
    if let Some(error) = cause.downcast_ref::<CredentialsError>() {
        return Some(credentials(error, profile, *named));
    }
    if cause.is::<ResourceNotFoundException>() {
        let next = format!("check {}, --region and {}", named.table_option(), named.profile_option());
        return Some(Advice::new(format!("there is no table {table} in {region}, as profile {profile} sees it"), next));
    }
    if cause.is::<QueueDoesNotExist>() {
        return Some(Advice::new(format!("there is no queue {queue_url}"), "check --queue-url, --region and --profile"));
    }
    if let Some(error) = cause.downcast_ref::<ErrorMetadata>() {
        return service(error, action, profile, *named);
    }
    let error = cause.downcast_ref::<ConnectorError>().filter(|error| error.is_io() || error.is_timeout())?;
    Some(Advice::new(format!("AWS cannot be reached for {action}: {}", chain(error)), "check the network, --region and AWS_ENDPOINT_URL*"))
}

fn credentials(error: &CredentialsError, profile: &str, named: Named) -> Advice {
    let (why, option) = (chain(error), named.profile_option());
    let is_sso = ["SSO", "sso", "Session token not found"].iter().any(|sign| why.contains(sign));
    match error {
        _ if is_sso => Advice::new("the sign-in with IAM Identity Center has expired", format!("run `aws sso login --profile {profile}`")),
        CredentialsError::CredentialsNotLoaded(_) if profile != NO_PROFILE => {
            let next = "check its name, and ~/.aws/config";
            Advice::new(format!("there is no AWS profile {profile}, or it has no credentials"), next)
        }
        // Behind all the other places, the chain asks the machine's metadata service, which few machines have.
        _ if profile == NO_PROFILE && (matches!(error, CredentialsError::CredentialsNotLoaded(_)) || why.contains("IMDS")) => {
            let next = format!("pass {option}, run `aws sso login`, or set AWS_ACCESS_KEY_ID and its like");
            Advice::new("there are no AWS credentials", next)
        }
        _ => Advice::new(
            format!("the credentials of profile {profile} cannot be used: {why}"),
            format!("check ~/.aws/config, or pass another {option}"),
        ),
    }
}

fn service(error: &ErrorMetadata, action: &str, profile: &str, named: Named) -> Option<Advice> {
    let message = error.message().unwrap_or_default();
    match error.code()? {
        "AccessDenied" | "AccessDeniedException" | "AuthorizationError" => {
            let what = format!("access denied to {action}: {message}");
            let next = format!("have {action} allowed for this role, or pass another {} than {profile}", named.profile_option());
            Some(Advice::new(what, next))
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Some(Advice::new(
            "the AWS credentials have expired",
            format!("sign in again, such as with `aws sso login --profile {profile}`"),
        )),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            Some(Advice::new(format!("AWS does not accept the credentials: {message}"), "check the profile or the keys, and the clock"))
        }
        // What SQS calls a missing queue where it speaks the older protocol.
        "AWS.SimpleQueueService.NonExistentQueue" => {
            Some(Advice::new("there is no such queue", "check --queue-url, --region and --profile"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::operation::get_item::GetItemError;

    use super::*;

    fn place() -> Place {
        Place { table: "scim".to_owned(), profile: "prod".to_owned(), region: "eu-west-1".to_owned(), ..Place::default() }
    }

    fn line(error: impl Error + Send + Sync + 'static) -> String {
        advice(&AwsError::of("dynamodb:GetItem of an integration")(error), &place()).to_string()
    }

    #[test]
    fn access_that_is_denied_names_the_action() {
        let denied = ErrorMetadata::builder().code("AccessDeniedException").message("User: arn:x is not authorized").build();
        assert_eq!(
            line(GetItemError::generic(denied)),
            "access denied to dynamodb:GetItem: User: arn:x is not authorized: \
             have dynamodb:GetItem allowed for this role, or pass another --profile than prod"
        );
    }

    #[test]
    fn a_missing_table_names_what_to_check() {
        let missing = GetItemError::ResourceNotFoundException(ResourceNotFoundException::builder().build());
        assert_eq!(line(missing), "there is no table scim in eu-west-1, as profile prod sees it: check --table, --region and --profile");
    }

    #[test]
    fn an_expired_sign_in_says_how_to_sign_in() {
        let expired = CredentialsError::provider_error("the SSO token has expired and cannot be refreshed");
        assert_eq!(line(expired), "the sign-in with IAM Identity Center has expired: run `aws sso login --profile prod`");
    }

    #[test]
    fn expired_keys_say_so() {
        let expired = ErrorMetadata::builder().code("ExpiredTokenException").build();
        assert!(line(GetItemError::generic(expired)).starts_with("the AWS credentials have expired: sign in again"));
    }
}
