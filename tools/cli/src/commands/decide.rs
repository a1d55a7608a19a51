//! `approve` and `reject`: a person's decision about what is held.

use adapters::clock::now_ms;
use domain::held::{Decision, HeldHash, Verdict};
use domain::ids::{IntegrationId, TenantId};
use serde::Serialize;
use sync::DecidedOn;

use super::stop::Stop;
use super::wait::{Waited, Waiter};
use crate::args::{ApproveArgs, DecideArgs, Wait};
use crate::context::{Context, Hands};
use crate::error::CliError;
use crate::output::{Answer, At, Exit, Page, Progress, Tone, word};

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
    /// The generation of the run that was asked for.
    generation: Option<u64>,
    /// Why that run does not begin.
    stopped: Option<Stop>,
    /// How the run ended, where it was waited for.
    run: Option<Waited>,
}

/// Lets what is held be done.
pub(crate) async fn approve(cx: &Context, args: &ApproveArgs) -> Result<Decided, CliError> {
    let hands = cx.hands().await?;
    let mut decided = decide(&hands, &args.decide, Verdict::Approved).await?;
    let pending = hands.operator().pending(&args.decide.id).await?;
    decided.stopped = Stop::of(&pending, &hands.store.deployment().await?);
    if let (Wait { wait: true, .. }, Some(generation)) = (&args.wait, decided.generation) {
        let progress = Progress::start();
        let waiter = Waiter::new(&hands.store, &progress, &args.wait);
        decided.run = Some(waiter.run_of(&args.decide.id, &pending.directory, generation).await?);
    }
    Ok(decided)
}

/// Keeps what is held from being asked for again.
pub(crate) async fn reject(cx: &Context, args: &DecideArgs) -> Result<Decided, CliError> {
    decide(&cx.hands().await?, args, Verdict::Rejected).await
}

async fn decide(hands: &Hands, args: &DecideArgs, verdict: Verdict) -> Result<Decided, CliError> {
    let at_ms = now_ms();
    let DecidedOn { tenant, held, already, generation } =
        hands.operator().decide(&args.id, args.tenant.as_ref(), &args.hash, verdict).await?;
    let (is_old, decision) = match already {
        Some(decision) => (true, decision),
        None => (false, Decision { verdict, hash: held.hash.clone(), by: hands.by.clone(), at_ms }),
    };
    Ok(Decided {
        integration: args.id.clone(),
        tenant,
        hash: held.hash,
        n_accounts: held.n_actions,
        verdict,
        expires_at: match verdict {
            Verdict::Approved => Some(At(decision.expires_at_ms())),
            Verdict::Rejected => None,
        },
        by: decision.by,
        at: At(decision.at_ms),
        already: is_old,
        generation,
        stopped: None,
        run: None,
    })
}

impl Answer for Decided {
    fn text(&self, page: &Page) -> String {
        let Self { integration, tenant, hash, n_accounts, verdict, by, at, expires_at, already, stopped, run, .. } = self;
        let what = format!("{}{}", word(verdict), if *already { " already" } else { "" });
        let until = match expires_at {
            Some(at) => format!("it is good for one run, until {}", page.time(at.0)),
            None => "it stays held, and nobody is asked again until it changes".to_owned(),
        };
        let mut text =
            format!("{integration}: {} of {n_accounts} accounts in {tenant}, hash {}\n", page.paint(Tone::Good, &what), hash.short());
        text += &format!("by {by}, {}; {until}\n", page.time(at.0));
        text += &match (run, stopped) {
            (Some(run), _) => run.text(integration, page),
            (None, Some(stop)) => format!("{}\n", page.paint(Tone::Bad, &format!("no run begins: {}", stop.text(integration)))),
            (None, None) if self.generation.is_some() => "a run was asked for\n".to_owned(),
            (None, None) => String::new(),
        };
        text
    }

    fn exit(&self) -> Exit {
        match (&self.run, &self.stopped) {
            (Some(run), _) => run.exit(),
            (None, Some(_)) => Exit::Attention,
            (None, None) => Exit::Done,
        }
    }

    fn hint(&self) -> Option<String> {
        self.run.as_ref()?.failure(&self.integration)
    }
}
