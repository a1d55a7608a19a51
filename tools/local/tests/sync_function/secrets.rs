//! The WorkOS key and the tenants' tokens, kept in Secrets Manager.

use std::time::Duration;

use adapters::clock::now_ms;
use adapters::secrets::{Ages, Source};
use domain::message::{Reason, SyncMessage};
use domain::run::{RunRecord, Status};
use local::aws::{FaultKind, SecretsManager, Times};
use serde_json::json;
use standins::orgvue::{self, Orgvue};
use standins::workos::UserSpec;
use standins::{Fault, Matcher, Nth};
use sync::TokenSource;

use crate::Function;
use crate::bench::{DIRECTORY, Logs, directory};

const GET: &str = "GetSecretValue";
const KEY: &str = "orgvue-scim/workos";
const TOKEN: &str = "orgvue-scim/orgvue/ACME";
const TOKEN_VALUE: &str = "orgvue_pr1vate";

/// The function, whose key and token are kept, and both vendors with one user who has no account yet.
struct Kept {
    function: Function,
    orgvue: Orgvue,
}

impl Kept {
    async fn new(ages: Ages) -> Self {
        let orgvue = Orgvue::start(orgvue::Options { token: TOKEN_VALUE.to_owned(), ..orgvue::Options::default() }).await.unwrap();
        let api_account = json!({"Login": "sync@orgvue.com", "Role": "admin", "Enabled": true});
        orgvue.add_tenant("ACME", "0B533DE6-7107-9FCD-48FC-000000000406", vec![api_account]);
        let function = Function::with(|config, bench| {
            bench.secrets.put(TOKEN, TOKEN_VALUE);
            config.workos_key = Source::Kept(bench.secrets.put(KEY, "sk_test_standin\n"));
            config.orgvue_tokens = TokenSource::Kept { prefix: "orgvue-scim/orgvue/".to_owned() };
            config.orgvue_url = orgvue.url().parse().unwrap();
            config.secret_ages = ages;
        })
        .await;
        function.workos.add_directory(DIRECTORY);
        function.workos.edit(|model| model.put_user(DIRECTORY, UserSpec::new("ada", "ada@acme.com")));
        function.workos.put_group(DIRECTORY, "ORG_user");
        function.workos.add_member(DIRECTORY, "ORG_user", "ada");
        Self { function, orgvue }
    }

    fn manager(&self) -> &SecretsManager {
        &self.function.bench.secrets
    }

    /// A person asks for a run, which is told.
    async fn run(&self) -> RunRecord {
        let store = &self.function.bench.store;
        let generation = store.ask(&directory(), now_ms()).await.unwrap().unwrap();
        let message = SyncMessage::new(directory(), generation, Reason::OnDemand).to_json();
        assert_eq!(self.function.handle(&[&message]).await, crate::NONE);
        store.run(&self.function.bench.pending().await.last_run.unwrap()).await.unwrap().unwrap()
    }
}

/// Status, code and words of the only tenant.
fn tenant(run: &RunRecord) -> (Status, &str, &str) {
    let [tenant] = &run.tenants[..] else { panic!("one tenant: {run:?}") };
    (tenant.status, tenant.code.as_deref().unwrap_or_default(), tenant.error.as_deref().unwrap_or_default())
}

#[track_caller]
fn assert_simulated(run: &RunRecord) {
    assert_eq!((run.status, run.code.as_deref()), (Status::Simulated, None), "{run:?}");
    assert_eq!(run.tenants[0].created.len(), 1);
}

#[tokio::test]
async fn key_and_token_are_read_once_for_many_runs() {
    let (logs, _listening) = Logs::listen();
    let kept = Kept::new(Ages::default()).await;
    assert_eq!(kept.manager().calls(GET), 0);
    assert_simulated(&kept.run().await);
    assert_simulated(&kept.run().await);
    assert_eq!(kept.manager().calls(GET), 2);
    assert!(logs.have("run ended") && !logs.have("pr1vate") && !logs.have("sk_test"), "{logs:?}");
}

#[tokio::test]
async fn a_function_without_its_key_does_not_start_unless_secrets_manager_is_down() {
    let kept = Kept::new(Ages::default()).await;
    kept.function.deps.check_secrets().await.unwrap();
    assert_simulated(&kept.run().await);
    assert_eq!(kept.manager().calls(GET), 2, "the key that was read at the start, and the token");

    let kept = Kept::new(Ages::default()).await;
    kept.manager().fault(GET, Times::Next(9), FaultKind::Status500);
    kept.function.deps.check_secrets().await.unwrap();

    let kept = Kept::new(Ages::default()).await;
    kept.manager().mark_for_deletion(KEY);
    let error = kept.function.deps.check_secrets().await.unwrap_err().to_string();
    assert!(error.contains(KEY) && error.lines().count() == 1, "{error}");
}

#[tokio::test]
async fn a_token_that_was_replaced_between_two_runs_is_taken() {
    let kept = Kept::new(Ages::default()).await;
    assert_simulated(&kept.run().await);
    kept.orgvue.add_token("orgvue_pr1vate_new", "ACME");
    kept.orgvue.refuse_token(TOKEN_VALUE, "40102");
    kept.manager().put(TOKEN, "orgvue_pr1vate_new");
    assert_simulated(&kept.run().await);
    assert_eq!(kept.manager().calls(GET), 3);
}

#[tokio::test]
async fn a_token_that_expired_and_was_replaced_is_taken_although_orgvue_says_403() {
    let kept = Kept::new(Ages::default()).await;
    kept.orgvue.add_token("orgvue_pr1vate_new", "ACME");
    assert_simulated(&kept.run().await);
    kept.orgvue.refuse_token(TOKEN_VALUE, "40302");
    kept.manager().put(TOKEN, "orgvue_pr1vate_new");
    assert_simulated(&kept.run().await);
}

#[tokio::test]
async fn a_token_that_stays_refused_is_looked_up_once_a_minute() {
    let kept = Kept::new(Ages::default()).await;
    kept.orgvue.refuse_token(TOKEN_VALUE, "40102");
    for _ in 0..3 {
        let run = kept.run().await;
        assert_eq!((tenant(&run).0, tenant(&run).1), (Status::Refused, "orgvue_40102"));
    }
    assert_eq!(kept.manager().calls(GET), 3, "the key, the token, and the token once more");
}

#[tokio::test]
async fn a_key_that_was_replaced_between_two_runs_is_taken() {
    let kept = Kept::new(Ages::default()).await;
    assert_simulated(&kept.run().await);
    kept.function.workos.add_key("sk_pr1vate_new", "default");
    kept.manager().put(KEY, "sk_pr1vate_new");
    // The old one is refused from here; the new one is what the next try comes with.
    kept.function.workos.fault(Fault::new(Matcher::any(), Nth::First(1), standins::FaultKind::Status(401)));
    assert_simulated(&kept.run().await);
    assert_eq!(kept.manager().calls(GET), 3);
}

#[tokio::test]
async fn a_key_that_is_not_fresh_is_read_again_without_a_refusal() {
    let kept = Kept::new(Ages { fresh: Duration::ZERO, ..Ages::default() }).await;
    assert_simulated(&kept.run().await);
    kept.manager().put(KEY, "sk_wrong");
    let run = kept.run().await;
    assert_eq!((run.status, run.code.as_deref()), (Status::Refused, Some("workos_key_refused")));
}

#[tokio::test]
async fn a_token_that_is_missing_is_told_with_the_name_to_create() {
    let kept = Kept::new(Ages { failure_pause: Duration::ZERO, ..Ages::default() }).await;
    kept.manager().mark_for_deletion(TOKEN);
    let run = kept.run().await;
    let (status, code, error) = tenant(&run);
    assert_eq!((status, code), (Status::Refused, "no_token"));
    let words = "the secret orgvue-scim/orgvue/ACME is not in secrets manager; create it in Secrets Manager, with the tenant's API token as its text";
    assert_eq!(error, words);
    let states = kept.function.bench.store.tenant_states(&run.integration).await.unwrap();
    assert!(states.values().all(|state| state.backoff.is_quarantined()), "only a person can mend it");

    kept.manager().put(TOKEN, TOKEN_VALUE);
    assert_simulated(&kept.run().await);
}

#[tokio::test]
async fn a_token_that_is_denied_or_no_text_wants_a_person() {
    let kept = Kept::new(Ages { fresh: Duration::ZERO, failure_pause: Duration::ZERO, ..Ages::default() }).await;
    let assert_told = async |expected: &str, what: &str| {
        let run = kept.run().await;
        let (status, code, error) = tenant(&run);
        assert_eq!((status, code), (Status::Refused, expected));
        assert!(error.contains(TOKEN) && error.contains(what) && !error.contains("pr1"), "{error}");
    };
    kept.manager().put(TOKEN, r#"{"token":"pr1vate"}"#);
    assert_told("unusable_token", "is a JSON object").await;
    kept.manager().put(TOKEN, "pr1\nvate");
    assert_told("unusable_token", "holds a character that no http header may").await;
    kept.manager().deny(TOKEN);
    assert_told("token_denied", "may not be read; let the function's role read it").await;
}

#[tokio::test]
async fn while_secrets_manager_is_down_runs_go_on_with_what_was_read() {
    let (logs, _listening) = Logs::listen();
    let kept = Kept::new(Ages { fresh: Duration::ZERO, ..Ages::default() }).await;
    assert_simulated(&kept.run().await);
    kept.manager().fault(GET, Times::Always, FaultKind::Status500);
    assert_simulated(&kept.run().await);
    assert!(logs.have("its last value is used") && logs.have(TOKEN) && !logs.have("pr1vate"), "{logs:?}");
}

#[tokio::test]
async fn a_token_that_was_deleted_or_denied_does_not_come_back_with_an_outage() {
    for (code, take) in
        [("no_token", (|manager| manager.mark_for_deletion(TOKEN)) as fn(&SecretsManager)), ("token_denied", |manager| manager.deny(TOKEN))]
    {
        let kept = Kept::new(Ages { fresh: Duration::ZERO, failure_pause: Duration::ZERO, ..Ages::default() }).await;
        assert_simulated(&kept.run().await);
        take(kept.manager());
        assert_eq!(tenant(&kept.run().await).1, code);
        kept.manager().fault(GET, Times::Always, FaultKind::Status500);
        let run = kept.run().await;
        assert_eq!((tenant(&run).0, tenant(&run).1), (Status::Failed, "secrets_unavailable"), "{code}");
    }
}

#[tokio::test]
async fn without_a_value_a_run_waits_for_secrets_manager_and_nobody_is_quarantined() {
    let kept = Kept::new(Ages { failure_pause: Duration::ZERO, ..Ages::default() }).await;
    kept.manager().fault(GET, Times::Always, FaultKind::Status500);
    let run = kept.run().await;
    assert_eq!((run.status, run.code.as_deref(), run.workos_calls), (Status::Failed, Some("secrets_unavailable"), 0));
    let pending = kept.function.bench.pending().await;
    assert!(pending.retry_at_ms.is_some() && !pending.backoff.is_quarantined());

    kept.manager().clear_faults();
    assert_simulated(&kept.run().await);
}

#[tokio::test]
async fn a_tenant_waits_for_its_own_token_only() {
    let kept = Kept::new(Ages { failure_pause: Duration::ZERO, ..Ages::default() }).await;
    let manager = kept.manager().clone();
    // The key is read before WorkOS is asked, and the token after.
    kept.function.workos.before_call(Matcher::any(), 1, move |_| manager.fault(GET, Times::Always, FaultKind::Throttle));
    let run = kept.run().await;
    assert_eq!((tenant(&run).0, tenant(&run).1), (Status::Failed, "secrets_unavailable"));
    assert!(tenant(&run).2.contains(TOKEN));
    let states = kept.function.bench.store.tenant_states(&run.integration).await.unwrap();
    assert!(states.values().all(|state| !state.backoff.is_quarantined()), "it is nobody's fault here");
}

#[tokio::test]
async fn a_key_that_is_missing_denied_or_unusable_refuses_the_run_and_is_named() {
    for (code, spoil) in [
        ("workos_key_missing", (|manager| manager.mark_for_deletion(KEY)) as fn(&SecretsManager)),
        ("workos_key_denied", |manager| manager.deny(KEY)),
        ("workos_key_unusable", |manager| drop(manager.put(KEY, "sk_pr1vate\u{7f}x"))),
    ] {
        let kept = Kept::new(Ages::default()).await;
        spoil(kept.manager());
        let run = kept.run().await;
        assert_eq!((run.status, run.code.as_deref()), (Status::Refused, Some(code)));
        let error = run.error.unwrap();
        assert!(error.contains(KEY) && error.contains("every customer is concerned") && !error.contains("pr1vate"), "{error}");
        assert!(!kept.function.bench.pending().await.backoff.is_quarantined(), "it concerns every customer");
    }
}
