//! What outlives a run of one tenant.

use domain::backoff::{Backoff, FaultClass};
use domain::delays::Delays;
use domain::guard::Scope;
use domain::harm::{HarmLog, Harmed};
use domain::integration::{Limits, Mode};
use domain::run::{HeldRecord, Status, TenantRecord};
use domain::tenant_state::{Demand, StandingFault, TenantState};

use crate::words::{account, case, single, tenant, user};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn record(status: Status, code: Option<&str>) -> TenantRecord {
    TenantRecord { code: code.map(str::to_owned), ..TenantRecord::new(tenant("ACME"), Mode::Enforce, status) }
}

/// The state behind a fault with this code.
fn failed(state: TenantState, class: FaultClass, code: &str, now_ms: i64) -> TenantState {
    state.after(&record(Status::Failed, Some(code)), Some(class), &single(), now_ms, &Delays::default())
}

fn succeeded(state: TenantState, now_ms: i64) -> TenantState {
    state.after(&record(Status::Applied, None), None, &single(), now_ms, &Delays::default())
}

#[test]
fn whose_the_fault_is_decides_when_to_try_again() {
    let (vendor, own, configuration) = (FaultClass::Vendor, FaultClass::Own, FaultClass::Configuration);
    let retry = |class| failed(TenantState::default(), class, "x", 1_000).retry_at_ms.unwrap() - 1_000;
    assert_eq!([vendor, own, configuration].map(retry), [MINUTE, MINUTE, HOUR]);
    let sixth = (0..6).fold(TenantState::default(), |state, _| failed(state, own, "x", 0));
    assert_eq!((sixth.retry_at_ms, sixth.backoff.is_quarantined()), (Some(HOUR), true));
    let outage = (0..6).fold(TenantState::default(), |state, _| failed(state, vendor, "x", 0));
    assert_eq!((outage.retry_at_ms, outage.backoff.is_quarantined()), (Some(15 * MINUTE), false));
}

#[test]
fn a_fault_keeps_its_date_while_its_code_stays() {
    let first = failed(TenantState::default(), FaultClass::Own, "orgvue_down", 10);
    let again = failed(first, FaultClass::Vendor, "orgvue_down", 20);
    assert_eq!(again.fault, Some(StandingFault { code: "orgvue_down".to_owned(), since_ms: 10 }));
    let other = failed(again, FaultClass::Configuration, "missing_property", 30);
    assert_eq!(other.fault, Some(StandingFault { code: "missing_property".to_owned(), since_ms: 30 }));
}

#[test]
fn success_clears_the_fault_and_keeps_what_is_not_about_it() {
    let harm = HarmLog::default().with(Harmed { n_accounts: 1, n_removed: 1, n_roles: 0 }, 5);
    let state = TenantState { harm, decisions_used_ms: Some(7), ..failed(TenantState::default(), FaultClass::Own, "x", 10) };
    let behind = succeeded(state.clone(), 20);
    let settled_scope = Some(single().scope());
    let expected =
        TenantState { harm: state.harm, decisions_used_ms: Some(7), settled_scope, succeeded_ms: Some(20), ..TenantState::default() };
    assert_eq!((behind.backoff, &behind), (Backoff::default(), &expected));
}

#[test]
fn a_fault_leaves_the_last_success_and_the_scope() {
    let behind = failed(succeeded(TenantState::default(), 20), FaultClass::Own, "x", 30);
    assert_eq!((behind.succeeded_ms, behind.scope(&single())), (Some(20), Scope::Settled));
}

#[test]
fn a_run_that_only_single_accounts_refuse_settles_the_scope_and_forgives_own_faults() {
    let own = failed(TenantState::default(), FaultClass::Own, "x", 10);
    let behind = failed(own, FaultClass::Accounts, "accounts_not_settled", 20);
    assert_eq!((behind.backoff.own_faults, behind.scope(&single()), behind.succeeded_ms), (0, Scope::Settled, None));
    assert_eq!(behind.retry_at_ms, Some(20 + 2 * MINUTE));
}

#[test]
fn a_scope_is_settled_by_a_run_that_writes_and_holds_no_removal() {
    let none = Limits { removals_percent: 0, removals_floor: 0 };
    let holding = |rows: [crate::words::Line; 1]| {
        let people = [user("boss").in_group("admin"), user("dem").in_group("user")];
        let (_, held) = case(people, rows).with(|acme| acme.limits = none).guard();
        assert_eq!(held.len(), 1);
        TenantRecord { held: held.iter().map(HeldRecord::from).collect(), ..record(Status::PartlyHeld, None) }
    };
    let simulated = TenantRecord { mode: Mode::Simulate, ..record(Status::Simulated, None) };
    let scope = |record: &TenantRecord| TenantState::default().after(record, None, &single(), 0, &Delays::default()).scope(&single());
    assert_eq!(scope(&record(Status::Applied, None)), Scope::Settled);
    assert_eq!(scope(&holding([account("dem").role("admin,user")])), Scope::Settled);
    assert_eq!(scope(&holding([account("gone")])), Scope::New);
    assert_eq!(scope(&simulated), Scope::New);
}

#[test]
fn whatever_a_person_asked_for_is_tried_at_once() {
    assert_eq!([true, false].map(|is_new| Demand::of(true, is_new)), [Demand::Person; 2]);
    assert_eq!([true, false].map(|is_new| Demand::of(false, is_new)), [Demand::Change, Demand::Retry]);
}

#[test]
fn all_users_are_read_again_before_the_next_look_for_drift_would_be_late() {
    let delays = Delays::default();
    let knows = |whole_ms, now_ms| TenantState { whole_ms, ..TenantState::default() }.knew_all_users(now_ms, &delays);
    assert!(knows(Some(5), 5) && knows(Some(5), 3 * HOUR));
    assert!(!knows(Some(5), 3 * HOUR + 5) && !knows(None, 5));
}

#[test]
fn a_new_event_does_not_lift_the_quarantine() {
    let quarantined = failed(TenantState::default(), FaultClass::Configuration, "x", 0);
    assert!(!quarantined.is_due(Demand::Change, HOUR - 1) && quarantined.is_due(Demand::Change, HOUR));
    assert!(quarantined.is_due(Demand::Person, 0));
}

#[test]
fn a_standing_fault_is_read_and_written_the_same() {
    let text = r#"{"code":"missing_property","since_ms":1763800000000}"#;
    let fault: StandingFault = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&fault).unwrap(), text);
}
