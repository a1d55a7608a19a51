//! The limits look back over a day.

use domain::harm::{HarmLog, Harmed};
use domain::held::HeldSet;

use crate::words::{Case, account, case, tenant, user};

const HOUR: i64 = 3_600_000;

/// Of a hundred accounts some have gone before, and so many more are to go.
fn leavers(n_leavers: usize, n_gone: usize, lately: Harmed) -> Case {
    let name = |n| format!("u{n:03}");
    let people: Vec<_> = (n_gone + n_leavers..100).map(|n| user(&name(n)).in_group("user")).collect();
    Case { lately, ..case(people, (n_gone..100).map(|n| account(&name(n)))) }
}

fn removed(n_removed: usize) -> Harmed {
    Harmed { n_accounts: n_removed, n_removed, n_roles: 0 }
}

#[test]
fn of_ten_runs_in_a_day_that_each_take_just_under_the_limit_only_the_first_does() {
    let mut log = HarmLog::default();
    let mut gone = Vec::new();
    for hour in [0, 1, 2, 5, 9, 13, 17, 21, 23, 24] {
        let case = leavers(15, gone.iter().sum(), log.lately(hour * HOUR));
        let harmed = case.guard().0.counted(&HeldSet::default(), &tenant("ACME"));
        log = log.with(harmed, hour * HOUR);
        gone.push(harmed.n_accounts);
    }
    assert_eq!(gone, [15, 0, 0, 0, 0, 0, 0, 0, 0, 15]);
}

#[test]
fn what_was_removed_lately_is_still_a_part_of_the_base() {
    // A fifth of a hundred in a day, though only ninety are left.
    assert_eq!((leavers(10, 10, removed(10)).held().len(), leavers(11, 10, removed(10)).held().len()), (0, 11));
    // Who lost a platform role is still one of them.
    let demoted = Harmed { n_accounts: 10, ..Harmed::default() };
    assert_eq!((leavers(8, 10, demoted).held().len(), leavers(9, 10, demoted).held().len()), (0, 9));
}

#[test]
fn what_is_held_or_approved_is_not_counted() {
    let case = leavers(15, 0, removed(7));
    let counted = |case: &Case| case.guard().0.counted(&case.approved, &tenant("ACME"));
    assert_eq!((case.held().len(), counted(&case)), (15, Harmed::default()));
    let approved = case.held();
    let case = case.approving(approved);
    assert_eq!((case.held().len(), counted(&case)), (0, Harmed::default()));
}

#[test]
fn an_approval_leaves_the_limit_to_what_nobody_looked_at() {
    let approved = leavers(15, 0, removed(7)).held();
    let both = leavers(29, 0, removed(7)).approving(approved);
    assert_eq!((both.held().len(), both.guard().0.counted(&both.approved, &tenant("ACME"))), (0, removed(14)));
}

/// What version 1 looks like in the table.
const VERSION_1: &str =
    r#"[{"at_ms":3600000,"n_accounts":4,"n_removed":3,"n_roles":0},{"at_ms":7200000,"n_accounts":0,"n_removed":0,"n_roles":2}]"#;

#[test]
fn version_1_of_the_log_is_read_and_written_the_same() {
    let log: HarmLog = serde_json::from_str(VERSION_1).unwrap();
    assert_eq!(serde_json::to_string(&log).unwrap(), VERSION_1);
    let harmed = Harmed { n_accounts: 4, n_removed: 3, n_roles: 0 };
    assert_eq!(log, HarmLog::default().with(harmed, HOUR).with(Harmed { n_roles: 2, ..Harmed::default() }, 2 * HOUR));
}
