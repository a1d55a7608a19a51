//! Where the system runs that a story is told of: in this process, or deployed.

use adapters::aws::http_client;
use adapters::tls::Tls;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::delays::Delays;
use local::aws::{ACCOUNT, Depth, REGION};
use local::system::{DEAD_LETTERS, Options, QUEUE, System, TABLE};
use sync::Operator;
use tempfile::TempDir;

use crate::stack::Stack;

/// The system's home. What both have in common is here; a story that is for both looks at nothing else.
pub(crate) enum Home {
    InProcess(Box<InProcess>),
    Deployed(Box<Stack>),
}

/// The system in this process, which a story may end and start again.
pub(crate) struct InProcess {
    pub(crate) options: Options,
    pub(crate) running: Option<System>,
    /// Goes with the system.
    pub(crate) _folder: Option<TempDir>,
}

impl InProcess {
    pub(crate) fn system(&self) -> &System {
        self.running.as_ref().unwrap()
    }
}

impl Home {
    /// The person who operates it.
    pub(crate) fn operator(&self) -> Operator<'_> {
        match self {
            Self::InProcess(here) => here.system().operator(),
            Self::Deployed(stack) => stack.operator(),
        }
    }

    /// The sync function's parts, as a person has them who asks the vendors.
    pub(crate) fn sync(&self) -> &sync::Deps {
        match self {
            Self::InProcess(here) => &here.system().sync,
            Self::Deployed(stack) => &stack.sync,
        }
    }

    /// The delays that a person's command line knows.
    pub(crate) fn delays(&self) -> Delays {
        match self {
            Self::InProcess(here) => here.options.delays,
            Self::Deployed(stack) => stack.delays,
        }
    }

    /// Where WorkOS sends its events.
    pub(crate) fn webhook_url(&self) -> &str {
        match self {
            Self::InProcess(here) => &here.system().webhook_url,
            Self::Deployed(stack) => stack.webhook_url(),
        }
    }

    /// What is in the sync queue.
    pub(crate) async fn depth(&self) -> Depth {
        match self {
            Self::InProcess(here) => here.system().sqs.depth(QUEUE),
            Self::Deployed(stack) => stack.depth().await,
        }
    }

    /// The names of the windows whose end is still to come.
    pub(crate) async fn windows(&self) -> Vec<String> {
        match self {
            Self::InProcess(here) => here.system().scheduler.schedules().into_iter().map(|schedule| schedule.name).collect(),
            Self::Deployed(stack) => stack.windows().await,
        }
    }

    /// What is in the dead-letter queues.
    pub(crate) async fn dead_letters(&self) -> Vec<String> {
        match self {
            Self::InProcess(here) => here.system().sqs.bodies(DEAD_LETTERS),
            Self::Deployed(stack) => stack.take_dead_letters().await,
        }
    }

    /// Puts a text into the sync queue that none of ours put there.
    pub(crate) async fn send(&self, body: &str) {
        let (client, queue_url) = match self {
            Self::InProcess(here) => {
                let url = here.system().sqs.url();
                let config = aws_sdk_sqs::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .http_client(http_client(&Tls::default()))
                    .region(Region::new(REGION))
                    .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
                    .endpoint_url(url);
                (aws_sdk_sqs::Client::from_conf(config.build()), format!("{url}/{ACCOUNT}/{QUEUE}"))
            }
            Self::Deployed(stack) => (stack.sqs.clone(), stack.queue_url().to_owned()),
        };
        client.send_message().queue_url(queue_url).message_body(body).send().await.unwrap();
    }

    /// The table, to reach into it behind the system's back, and its name.
    pub(crate) fn dynamodb(&self) -> (aws_sdk_dynamodb::Client, &str) {
        match self {
            Self::InProcess(here) => (dynamodb_at(here.system().dynamodb.url()), TABLE),
            Self::Deployed(stack) => (stack.dynamodb.clone(), stack.table()),
        }
    }
}

/// The emulator at a URL.
pub(crate) fn dynamodb_at(url: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(&Tls::default()))
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .endpoint_url(url);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}
