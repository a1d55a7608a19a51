//! `events`: what came and what was done, in one list: webhooks of the directory, and actions of operators.

use adapters::store::{AuditEntry, EventRecord};
use domain::ids::{EventId, IntegrationId};
use serde::Serialize;

use crate::args::EventsArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, At, Page, lines};

/// The newest entries, the last one first.
#[derive(Debug, Serialize)]
pub(crate) struct Events {
    integration: IntegrationId,
    events: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    at: At,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum What {
    /// WorkOS told of a change.
    Webhook { event: String, id: EventId },
    /// An operator did something to the integration.
    Operator { action: String, by: String, detail: Option<String> },
    /// An operator did something to the whole deployment.
    Deployment { action: String, by: String, detail: Option<String> },
}

/// Lists what came and what was done. What was done to an integration that was removed is known for a while.
pub(crate) async fn events(cx: &Context, args: &EventsArgs) -> Result<Events, CliError> {
    let store = cx.store().await?;
    let in_force = store.integration_in_force(&args.id).await?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let webhooks = async {
        match &in_force {
            Some(in_force) => store.events(&in_force.directory, limit).await,
            None => Ok(Vec::new()),
        }
    };
    let (webhooks, actions, of_all) = tokio::try_join!(webhooks, store.audits(Some(&args.id), limit), store.audits(None, limit))?;
    if in_force.is_none() && actions.is_empty() {
        return Err(CliError::UnknownIntegration(args.id.clone()));
    }
    let operator = |AuditEntry { at_ms, by, action, detail }| Entry { at: At(at_ms), what: What::Operator { action, by, detail } };
    let deployment = |AuditEntry { at_ms, by, action, detail }| Entry { at: At(at_ms), what: What::Deployment { action, by, detail } };
    let mut events: Vec<_> = webhooks.into_iter().map(Entry::from).collect();
    events.extend(actions.into_iter().map(operator).chain(of_all.into_iter().map(deployment)));
    events.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    events.truncate(limit);
    Ok(Events { integration: args.id.clone(), events })
}

impl From<EventRecord> for Entry {
    fn from(EventRecord { id, kind, directory: _, received_at_ms }: EventRecord) -> Self {
        Self { at: At(received_at_ms), what: What::Webhook { event: kind, id } }
    }
}

impl Answer for Events {
    fn text(&self, page: &Page) -> String {
        if self.events.is_empty() {
            return String::new();
        }
        let mut table = page.table(&["when", "what", "by", "about"]);
        for Entry { at, what } in &self.events {
            let [what, by, about] = match what {
                What::Webhook { event, id } => [event.clone(), "WorkOS".to_owned(), id.to_string()],
                What::Operator { action, by, detail } => [action.clone(), by.clone(), detail.clone().unwrap_or_default()],
                What::Deployment { action, by, detail } => {
                    [format!("{action} --all"), by.clone(), detail.clone().unwrap_or_else(|| "the whole deployment".to_owned())]
                }
            };
            table.add_row([page.time(at.0), what, by, about].map(|text| page.plain(text)));
        }
        lines(&table)
    }

    fn hint(&self) -> Option<String> {
        self.events.is_empty().then(|| format!("no webhook has come for {} within 30 days, and no operator did anything", self.integration))
    }
}
