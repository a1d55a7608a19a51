//! `approve` and `reject`: a person's decision about what is held.

use adapters::clock::now_ms;
use domain::held::{Decision, HeldHash, HeldHead, Verdict};
use domain::ids::{IntegrationId, TenantId};
use serde::Serialize;
use sync::DecidedOn;

use super::asked::Asked;
use crate::args::{ApproveArgs, DecideArgs, Wait};
use crate::context::Context;
use crate::error::CliError;
use crate::output::{Answer, At, Exit, Page, Tone, counted, word};

/// A decision that counts now.
#[derive(Debug, Serialize)]
pub(crate) struct Decided {
    integration: IntegrationId,
    tenant: TenantId,
    hash: HeldHash,
    n_accounts: usize,
    verdict: Verdict,
    by: String,
    at: At,
    /// None for a rejection: it stands until something else is held.
    expires_at: Option<At>,
    /// Whether it had been decided before.
    already: bool,
    /// Whether a run is at work that may not know of it, and go on by what was decided before.
    is_at_work: bool,
    #[serde(flatten)]
    asked: Asked,
}

/// Lets what is held be done.
pub(crate) async fn approve(cx: &Context, args: &ApproveArgs) -> Result<Decided, CliError> {
    decide(cx, &args.decide, Verdict::Approved, Some(&args.wait)).await
}

/// Keeps what is held from being asked for again.
pub(crate) async fn reject(cx: &Context, args: &DecideArgs) -> Result<Decided, CliError> {
    decide(cx, args, Verdict::Rejected, None).await
}

async fn decide(cx: &Context, args: &DecideArgs, verdict: Verdict, wait: Option<&Wait>) -> Result<Decided, CliError> {
    let (hands, id, at_ms) = (cx.hands().await?, &args.id, now_ms());
    let decided = hands.operator().decide(id, args.tenant.as_ref(), &args.hash, verdict).await?;
    let DecidedOn { tenant, held: HeldHead { hash, n_actions, .. }, already, generation, is_at_work } = decided;
    let (already, decision) = match already {
        Some(before) => (true, before),
        None => (false, Decision { verdict, hash: hash.clone(), by: hands.by.clone(), at_ms }),
    };
    let asked = match generation {
        Some(generation) => Asked::of(&hands, id, generation, wait).await?,
        None => Asked::new(None, None),
    };
    Ok(Decided {
        integration: id.clone(),
        tenant,
        hash,
        n_accounts: n_actions,
        verdict,
        expires_at: match verdict {
            Verdict::Approved => Some(At(decision.expires_at_ms())),
            Verdict::Rejected => None,
        },
        by: decision.by,
        at: At(decision.at_ms),
        already,
        is_at_work,
        asked,
    })
}

impl Answer for Decided {
    fn text(&self, page: &Page) -> String {
        let Self { integration, tenant, hash, n_accounts, verdict, by, at, expires_at, already, is_at_work, asked } = self;
        let what = page.paint(Tone::Good, &format!("{}{}", word(verdict), if *already { " already" } else { "" }));
        let until = match expires_at {
            Some(at) => format!("it is good for one run, until {}", page.time(at.0)),
            None if *is_at_work => format!(
                "a run is at work that may know nothing of it and do what was approved before: `orgvue-scim pause {integration}` stops it; \
                 what it leaves stays held"
            ),
            None => "it stays held, and nobody is asked again until something else is held beside it".to_owned(),
        };
        format!(
            "{integration}: {what}, {} in {tenant}, hash {}\nby {by}, {}; {until}\n{}",
            counted(*n_accounts, "account"),
            hash.short(),
            page.time(at.0),
            asked.text(integration, page)
        )
    }

    fn exit(&self) -> Exit {
        self.asked.exit()
    }

    fn hint(&self) -> Option<String> {
        self.asked.failure(&self.integration)
    }
}
