use domain::backoff::{Backoff, FaultClass};
use domain::delays::Delays;
use domain::ids::{DirectoryId, IntegrationId, RunId};
use domain::integration::Mode;
use domain::message::Reason;
use domain::pending::{Lease, NotClaimed, Pending, RunEnd, SweepStep, Switch};

const DELAYS: Delays = Delays {
    window_ms: 300,
    lease_ms: 60,
    heartbeat_ms: 15,
    overdue_ms: 90,
    nudge_ms: 200,
    retry_first_ms: 60,
    retry_max_ms: 900,
    quarantine_ms: [3_600, 21_600, 86_400],
    drift_ms: 21_600,
};
const RECONCILED: RunEnd = RunEnd::Reconciled { retry_at_ms: None };

fn pending() -> Pending {
    Pending::new(DirectoryId::parse("directory_01").unwrap(), IntegrationId::parse("acme").unwrap(), 10_000)
}

/// One event at 0, whose window ends at 300.
fn marked() -> Pending {
    let mut pending = pending();
    pending.mark(300);
    pending
}

/// The same, claimed by run `a` at 300.
fn claimed() -> Pending {
    let mut pending = marked();
    claim(&mut pending, 1, "a", 300).unwrap();
    pending
}

fn run(name: &str) -> RunId {
    RunId::new(name)
}

fn claim(pending: &mut Pending, generation: u64, name: &str, now_ms: i64) -> Result<(), NotClaimed> {
    pending.claim(generation, &run(name), now_ms, &DELAYS)
}

/// The directory could not be read for the first time.
fn failed(retry_at_ms: i64) -> RunEnd {
    RunEnd::Failed { retry_at_ms, backoff: Backoff { attempts: 1, own_faults: 1 } }
}

fn sweep(pending: &Pending, now_ms: i64) -> SweepStep {
    pending.sweep(now_ms, &DELAYS)
}

#[test]
fn the_first_event_opens_the_window_and_later_ones_never_move_it() {
    let mut pending = marked();
    pending.mark(700);
    assert_eq!((pending.generation, pending.window_due_ms, pending.is_owed()), (2, Some(300), true));
}

#[test]
fn a_window_wants_a_schedule_until_it_is_known_to_have_one() {
    let mut pending = marked();
    assert_eq!(pending.wants_schedule(), Some(300));
    pending.scheduled_due_ms = Some(300);
    pending.mark(700);
    assert_eq!(pending.wants_schedule(), None);
    claim(&mut pending, 1, "a", 300).unwrap();
    assert_eq!(pending.wants_schedule(), None);
    pending.mark(800);
    assert_eq!(pending.wants_schedule(), Some(800));
}

#[test]
fn a_claim_takes_all_that_is_pending() {
    let mut pending = marked();
    pending.mark(700);
    pending.nudged_at_ms = Some(290);
    claim(&mut pending, 1, "a", 300).unwrap();
    assert_eq!(pending.lease, Some(Lease { run: run("a"), until_ms: 360 }));
    assert_eq!((pending.claimed_generation, pending.claimed_at_ms), (Some(2), Some(300)));
    assert_eq!((pending.window_due_ms, pending.nudged_at_ms, pending.reconciled_generation), (None, None, 0));
}

#[test]
fn why_a_message_leads_to_no_run() {
    let with = |change: fn(&mut Pending)| {
        let mut pending = marked();
        pending.generation = 5;
        pending.reconciled_generation = 4;
        change(&mut pending);
        move |generation, now_ms| pending.refuses(generation, &run("b"), now_ms)
    };
    let plain = with(|_| {});
    assert_eq!(
        [3, 4, 5, 6].map(|generation| plain(generation, 0)),
        [Some(NotClaimed::Superseded), Some(NotClaimed::Superseded), None, None]
    );

    let leased = with(|p| p.lease = Some(Lease { run: run("a"), until_ms: 60 }));
    assert_eq!([59, 60].map(|now_ms| leased(5, now_ms)), [Some(NotClaimed::Busy), None]);

    assert_eq!(with(|p| p.switch = Switch::Paused)(5, 0), Some(NotClaimed::Paused));
    assert_eq!(with(|p| p.switch = Switch::Suspended)(5, 0), Some(NotClaimed::Suspended));
}

#[test]
fn while_the_directory_fails_new_work_waits_for_the_retry() {
    let mut pending = claimed();
    assert!(pending.record(&run("a"), failed(500)));
    pending.mark(700);
    assert_eq!((pending.backoff.attempts, pending.reconciled_generation), (1, 0));
    assert_eq!(pending.refuses(2, &run("b"), 499), Some(NotClaimed::Deferred));
    assert_eq!(sweep(&pending, 499), SweepStep::Nothing);
    assert_eq!(sweep(&pending, 500), SweepStep::Send(Reason::Retry));
    assert_eq!(pending.refuses(2, &run("b"), 500), None);
}

#[test]
fn a_failing_directory_that_is_owed_is_not_swept_before_its_retry_however_overdue() {
    let mut pending = claimed();
    pending.record(&run("a"), failed(50_000));
    pending.mark(400);
    assert_eq!(sweep(&pending, 49_999), SweepStep::Nothing);
}

#[test]
fn failures_are_counted_until_the_directory_is_read() {
    let mut pending = claimed();
    for (n_attempts, now_ms, at_ms) in [(1, 400, 460), (2, 500, 620), (3, 700, 940)] {
        let (backoff, retry_at_ms) = pending.backoff.failed(FaultClass::Own, now_ms, &DELAYS);
        assert!(pending.record(&run("a"), RunEnd::Failed { retry_at_ms, backoff }));
        assert_eq!((pending.backoff.attempts, pending.retry_at_ms), (n_attempts, Some(at_ms)));
        claim(&mut pending, 1, "a", at_ms).unwrap();
    }
    assert!(pending.record(&run("a"), RECONCILED));
    assert_eq!((pending.backoff, pending.retry_at_ms, pending.is_owed()), (Backoff::default(), None, false));
}

#[test]
fn while_only_a_tenant_fails_new_work_is_not_delayed() {
    let mut pending = claimed();
    assert!(pending.record(&run("a"), RunEnd::Reconciled { retry_at_ms: Some(900) }));
    assert_eq!(pending.refuses(1, &run("b"), 899), Some(NotClaimed::Deferred));
    assert_eq!(pending.refuses(1, &run("b"), 900), None);
    pending.mark(700);
    assert_eq!(pending.refuses(2, &run("b"), 400), None);
    assert_eq!((sweep(&pending, 790), sweep(&pending, 791)), (SweepStep::Nothing, SweepStep::Send(Reason::Owed)));
    assert_eq!(sweep(&pending, 900), SweepStep::Send(Reason::Retry));
}

#[test]
fn an_event_during_a_run_keeps_its_window_and_is_owed_behind_the_record() {
    let mut pending = claimed();
    pending.mark(650);
    assert!(pending.record(&run("a"), RECONCILED));
    assert_eq!((pending.reconciled_generation, pending.is_owed(), pending.window_due_ms), (1, true, Some(650)));
    assert_eq!(pending.refuses(1, &run("b"), 650), Some(NotClaimed::Superseded));
    assert_eq!(claim(&mut pending, 2, "b", 650), Ok(()));
}

#[test]
fn a_message_that_met_a_running_sync_is_brought_back_by_the_sweep() {
    let mut pending = claimed();
    pending.generation += 1;
    assert_eq!(claim(&mut pending, 2, "b", 310), Err(NotClaimed::Busy));
    assert_eq!(sweep(&pending, 359), SweepStep::Nothing);
    assert!(pending.record(&run("a"), RECONCILED));
    assert_eq!(sweep(&pending, 359), SweepStep::Send(Reason::Owed));
}

#[test]
fn a_run_that_died_is_brought_back_when_its_lease_ends() {
    let pending = claimed();
    assert_eq!((sweep(&pending, 359), sweep(&pending, 360)), (SweepStep::Nothing, SweepStep::Send(Reason::Owed)));
}

#[test]
fn a_lost_lease_cannot_record() {
    let mut pending = claimed();
    claim(&mut pending, 1, "b", 360).unwrap();
    let before = pending.clone();
    for end in [RECONCILED, failed(1), RunEnd::Suspended, RunEnd::Stopped] {
        assert!(!pending.record(&run("a"), end));
        assert_eq!(pending, before);
    }
    assert!(pending.record(&run("b"), RECONCILED));
    assert!(!pending.record(&run("a"), RECONCILED));
}

#[test]
fn a_lease_that_ended_and_was_not_taken_still_records() {
    let mut pending = claimed();
    assert!(pending.record(&run("a"), RECONCILED));
    assert_eq!((pending.lease.clone(), pending.claimed_generation, pending.claimed_at_ms), (None, None, None));
}

#[test]
fn what_comes_twice_changes_nothing_the_second_time() {
    let mut pending = claimed();
    let once = pending.clone();
    assert_eq!(claim(&mut pending, 1, "a", 300), Ok(()));
    assert_eq!(pending, once);
    assert!(pending.record(&run("a"), RECONCILED));
    let once = pending.clone();
    assert!(pending.record(&run("a"), RECONCILED));
    assert_eq!(pending, once);
    assert_eq!(claim(&mut pending, 1, "b", 300), Err(NotClaimed::Superseded));
}

#[test]
fn paused_work_stays_owed_and_comes_back_with_the_switch() {
    for switch in [Switch::Paused, Switch::Suspended] {
        let mut pending = Pending { switch, ..marked() };
        pending.mark(500);
        assert!(claim(&mut pending, 2, "a", 300).is_err());
        assert_eq!((pending.window_due_ms, sweep(&pending, 99_999)), (Some(300), SweepStep::Nothing));
        pending.switch = Switch::Live;
        assert_eq!(sweep(&pending, 99_999), SweepStep::Send(Reason::Owed));
        assert_eq!(claim(&mut pending, 2, "a", 99_999), Ok(()));
    }
}

#[test]
fn a_run_that_was_under_way_when_its_integration_was_paused_still_records() {
    let mut pending = Pending { switch: Switch::Paused, ..claimed() };
    assert!(pending.record(&run("a"), RECONCILED));
    assert_eq!((pending.switch, pending.is_owed()), (Switch::Paused, false));
}

#[test]
fn a_directory_that_is_gone_suspends_and_reconciles_nothing() {
    let mut pending = claimed();
    pending.backoff = Backoff { attempts: 3, own_faults: 2 };
    pending.retry_at_ms = Some(200);
    assert!(pending.record(&run("a"), RunEnd::Suspended));
    assert_eq!((pending.switch, pending.is_owed()), (Switch::Suspended, true));
    assert_eq!((pending.backoff, pending.retry_at_ms), (Backoff::default(), None));
    assert_eq!(sweep(&Pending { switch: Switch::Live, ..pending }, 301), SweepStep::Send(Reason::Owed));
}

#[test]
fn the_sweep_leaves_an_open_window_to_its_schedule_until_it_is_overdue() {
    let pending = marked();
    assert_eq!((sweep(&pending, 390), sweep(&pending, 391)), (SweepStep::Nothing, SweepStep::Send(Reason::Owed)));
    let without = Pending { window_due_ms: None, ..marked() };
    assert_eq!(sweep(&without, 0), SweepStep::Send(Reason::Owed));
}

#[test]
fn a_nudge_is_not_repeated_at_once() {
    let pending = Pending { nudged_at_ms: Some(400), ..marked() };
    assert_eq!((sweep(&pending, 599), sweep(&pending, 600)), (SweepStep::Nothing, SweepStep::Send(Reason::Owed)));
    let retry = Pending { retry_at_ms: Some(0), ..pending };
    assert_eq!((sweep(&retry, 599), sweep(&retry, 600)), (SweepStep::Nothing, SweepStep::Send(Reason::Retry)));
}

#[test]
fn drift_is_looked_for_when_nothing_else_is_owed() {
    let pending = pending();
    assert_eq!(sweep(&pending, 9_999), SweepStep::Nothing);
    assert_eq!(sweep(&pending, 10_000), SweepStep::Drift { next_drift_ms: 31_600 });
    assert_eq!(sweep(&Pending { switch: Switch::Paused, ..pending.clone() }, 10_000), SweepStep::Nothing);
    assert_eq!(sweep(&Pending { retry_at_ms: Some(10_001), ..pending }, 10_000), SweepStep::Drift { next_drift_ms: 31_600 });
    assert_eq!(sweep(&marked(), 10_000), SweepStep::Send(Reason::Owed));
}

#[test]
fn looks_for_drift_that_fell_due_together_go_apart_again() {
    // Due at 10,000 and every 21,600 from then on, whenever the sweep comes to it; but for a look that would follow too soon.
    for (late, next) in [(0, 31_600), (59, 31_600), (10_800, 31_600), (10_801, 53_200), (21_600, 53_200), (50_000, 74_800)] {
        assert_eq!(sweep(&pending(), 10_000 + late), SweepStep::Drift { next_drift_ms: next }, "{late} late");
    }
}

#[test]
fn the_switch_is_stored_as_its_text() {
    for switch in [Switch::Live, Switch::Paused, Switch::Suspended] {
        assert_eq!(Switch::parse(switch.as_str()), Some(switch));
        assert_eq!(serde_json::to_value(switch).unwrap(), switch.as_str());
    }
    assert_eq!(Switch::parse("Live"), None);
}

#[test]
fn a_person_who_asks_does_not_wait_for_the_retry() {
    let mut pending = claimed();
    pending.record(&run("a"), failed(50_000));
    pending.ask(400);
    assert_eq!((pending.generation, pending.backoff, pending.retry_at_ms), (2, Backoff::default(), None));
    // Who asks sends the message; the sweep comes when it got lost.
    assert_eq!((sweep(&pending, 599), sweep(&pending, 600)), (SweepStep::Nothing, SweepStep::Send(Reason::Owed)));
    assert_eq!(claim(&mut pending, 2, "b", 400), Ok(()));
}

#[test]
fn what_is_asked_during_a_run_waits_for_no_retry_if_the_run_fails() {
    let mut pending = claimed();
    pending.ask(310);
    pending.record(&run("a"), failed(500));
    assert_eq!((pending.backoff, pending.retry_at_ms), (Backoff::default(), None));
    assert_eq!((pending.is_owed(), sweep(&pending, 311)), (true, SweepStep::Send(Reason::Owed)));
    assert_eq!(claim(&mut pending, 2, "b", 311), Ok(()));
}

#[test]
fn what_was_asked_before_a_run_waits_for_its_retry_as_the_run_fails() {
    let mut pending = marked();
    pending.ask(290);
    claim(&mut pending, 2, "a", 300).unwrap();
    pending.mark(700);
    pending.record(&run("a"), failed(500));
    assert_eq!((pending.is_asked(), pending.backoff.attempts, pending.retry_at_ms), (true, 1, Some(500)));
}

#[test]
fn an_event_does_not_lift_what_the_directory_waits_for() {
    let mut pending = claimed();
    let (backoff, retry_at_ms) = pending.backoff.failed(FaultClass::Configuration, 300, &DELAYS);
    pending.record(&run("a"), RunEnd::Failed { retry_at_ms, backoff });
    pending.mark(700);
    assert!(pending.backoff.is_quarantined());
    assert_eq!(pending.refuses(2, &run("b"), 3_899), Some(NotClaimed::Deferred));
    assert_eq!(pending.refuses(2, &run("b"), 3_900), None);
}

#[test]
fn what_a_person_paused_is_resumed_by_a_person_only() {
    let mut pending = marked();
    pending.pause();
    let switches = [Mode::Enforce, Mode::Simulate, Mode::Paused].map(|mode| pending.switch_under(mode));
    assert_eq!(switches, [Switch::Paused; 3]);
    pending.resume(400);
    assert_eq!((pending.switch, pending.paused_by_hand, pending.generation), (Switch::Live, false, 2));
    assert_eq!(claim(&mut pending, 2, "a", 400), Ok(()));
}

#[test]
fn what_a_file_paused_is_resumed_by_a_file() {
    let paused = Pending { switch: marked().switch_under(Mode::Paused), ..marked() };
    assert_eq!(paused.switch, Switch::Paused);
    assert_eq!([Mode::Enforce, Mode::Simulate].map(|mode| paused.switch_under(mode)), [Switch::Live; 2]);
}

#[test]
fn a_suspension_ends_by_resuming_and_neither_by_a_file_nor_by_pausing() {
    let mut pending = Pending { switch: Switch::Suspended, ..marked() };
    assert_eq!([Mode::Enforce, Mode::Simulate, Mode::Paused].map(|mode| pending.switch_under(mode)), [Switch::Suspended; 3]);
    pending.pause();
    assert_eq!(pending.switch, Switch::Suspended);
    pending.resume(400);
    assert_eq!((pending.switch, pending.paused_by_hand), (Switch::Live, false));
}

#[test]
fn a_run_that_was_stopped_leaves_owed_what_was_owed() {
    let mut pending = claimed();
    pending.retry_at_ms = Some(900);
    pending.pause();
    assert!(pending.record(&run("a"), RunEnd::Stopped));
    assert_eq!((pending.is_owed(), pending.retry_at_ms, &pending.lease), (true, Some(900), &None));
    assert_eq!(sweep(&pending, 99_999), SweepStep::Nothing);
    assert_eq!(sweep(&Pending { switch: Switch::Live, ..pending }, 301), SweepStep::Send(Reason::Owed));
}

#[test]
fn work_that_reconciles_nothing_takes_the_lease_of_a_paused_integration_and_leaves_all_else() {
    let mut pending = Pending { switch: Switch::Paused, retry_at_ms: Some(900), ..marked() };
    let before = pending.clone();
    assert_eq!(pending.hold(&run("restore"), 310, &DELAYS), Ok(()));
    assert_eq!(pending.lease, Some(Lease { run: run("restore"), until_ms: 370 }));
    assert!(pending.record(&run("restore"), RunEnd::Stopped));
    assert_eq!(Pending { last_run: None, ..pending }, before);
}

#[test]
fn work_that_reconciles_nothing_waits_for_a_run_and_a_run_for_it() {
    let mut pending = claimed();
    assert_eq!(pending.hold(&run("restore"), 359, &DELAYS), Err(NotClaimed::Busy));
    assert_eq!(pending.hold(&run("restore"), 360, &DELAYS), Ok(()));
    assert_eq!(pending.claimed_generation, None);
    assert_eq!(claim(&mut pending, 1, "b", 361), Err(NotClaimed::Busy));
    assert!(!pending.record(&run("a"), RECONCILED), "the run that lost the lease reconciles nothing");
    assert!(pending.record(&run("restore"), RunEnd::Stopped));
    assert!(pending.is_owed());
}
