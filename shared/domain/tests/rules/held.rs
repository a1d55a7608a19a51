//! What a person decides about, and how far a decision reaches.

use domain::guard::HoldReason;
use domain::held::{APPROVAL_MS, Decision, HeldHash, HeldHead, HeldSet, Verdict};
use domain::ids::RunId;
use domain::integration::{Deprovision, Integration, Limits};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::words::{Case, account, case, login, tenant, user};

/// An administrator stays, and all of these leave; nothing goes without approval.
fn leavers(names: &[&str]) -> Case {
    let rows = names.iter().map(|name| account(name)).chain([account("boss").role("admin")]);
    case([user("boss").in_group("admin")], rows).without_limits()
}

/// Dem keeps the role `user` of these.
fn demoted(roles: &str) -> Case {
    let people = [user("boss").in_group("admin"), user("dem").in_group("user")];
    case(people, [account("boss").role("admin"), account("dem").role(roles)]).without_limits()
}

#[test]
fn an_approval_covers_what_two_plans_have_in_common_and_the_rest_is_a_new_question() {
    let approved = leavers(&["ada", "bob"]).held();
    let later = leavers(&["bob", "cid"]).approving(approved.clone());
    assert_snapshot!(later.verdict(), @r"
    take - bob@acme.com  was user
    hold - cid@acme.com  was user  OverLimit
    ");
    assert_ne!(later.held().hash(), approved.hash());
}

#[test]
fn what_was_approved_does_not_count_against_the_limit() {
    let two = Limits { removals_percent: 0, removals_floor: 2 };
    let leavers = |names: &[&str]| leavers(names).with(|acme| acme.limits = two);
    let approved = leavers(&["ada", "bob", "cid"]).held();
    assert_eq!(approved.len(), 3);
    let later = leavers(&["ada", "bob", "cid", "dan", "eve"]).approving(approved.clone());
    let (gone, held) = later.guard();
    assert_eq!((gone.actions().count(), held.len()), (5, 0));
    assert_eq!(gone.counted(&approved, &tenant("ACME")).n_accounts, 2);
    assert_eq!(leavers(&["ada", "dan", "eve", "fay"]).approving(approved).held().len(), 3);
}

#[test]
fn an_approval_covers_a_smaller_loss_of_the_same_account_and_no_larger_one() {
    let approved = demoted("admin,hr,user").held();
    assert_snapshot!(demoted("admin,user").approving(approved.clone()).verdict(), @"take ~ dem@acme.com  -admin");
    assert_snapshot!(demoted("admin,hr,it,user").approving(approved).verdict(), @"hold ~ dem@acme.com  -admin -hr -it  OverLimit");
}

#[test]
fn an_approval_is_for_one_verb_one_login_and_one_tenant() {
    let approved = leavers(&["ada"]).held();
    let disabled = leavers(&["ada"]).with(|acme| acme.deprovision = Deprovision::Disable);
    assert_snapshot!(disabled.approving(approved.clone()).verdict(), @"hold o ada@acme.com  disable, was user  OverLimit");
    assert_snapshot!(leavers(&["adam"]).approving(approved).verdict(), @"hold - adam@acme.com  was user  OverLimit");
    let elsewhere = HeldSet::of(&tenant("BETA"), &leavers(&["ada"]).guard().1);
    assert_snapshot!(leavers(&["ada"]).approving(elsewhere).verdict(), @"hold - ada@acme.com  was user  OverLimit");
}

#[test]
fn an_approval_covers_every_reason_to_ask() {
    let rows = || [account("boss").role("admin"), account("ada"), account("bob")];
    let incomplete = case([user("boss").in_group("admin")], rows());
    let incomplete = Case { completeness: domain::guard::Completeness::Doubtful, ..incomplete };
    let new = Case { scope: domain::guard::Scope::New, ..case([user("boss").in_group("admin")], rows()) };
    let ownerless = case([user("boss").in_group("admin"), user("x").without_email().in_group("user")], rows());
    for case in [incomplete, new, ownerless] {
        let approved = case.held();
        assert!(!approved.is_empty());
        assert_eq!(case.approving(approved).held(), HeldSet::default());
    }
}

#[test]
fn nobody_is_asked_about_a_user_who_was_not_read_again_and_no_approval_covers_one() {
    let leaver = || case([user("ada"), user("boss").in_group("admin")], [account("ada"), account("boss").role("admin")]);
    assert_eq!(leaver().unconfirmed("ada").held(), HeldSet::default());
    let approved = leaver().without_limits().held();
    assert_snapshot!(leaver().unconfirmed("ada").approving(approved).verdict(), @"hold - ada@acme.com  was user  Unconfirmed");
}

#[test]
fn the_last_administrator_goes_only_when_a_person_approved_it_as_that() {
    let case = || case([user("ada").in_group("user")], [account("ada"), account("boss").role("admin")]).without_limits();
    let over_limit = case().held();
    let last_admin = case().approving(over_limit.clone());
    assert_snapshot!(last_admin.verdict(), @"hold - boss@acme.com  was admin  LastAdmin");
    assert_ne!(last_admin.held().hash(), over_limit.hash());
    assert_snapshot!(case().approving(last_admin.held()).verdict(), @"take - boss@acme.com  was admin");
}

#[test]
fn of_the_last_administrators_only_the_one_who_was_given_up_goes() {
    let rows = [account("ada"), account("boss").role("admin"), account("chief").role("admin")];
    let case = case([user("ada").in_group("user")], rows);
    let approved = case.held().without(&login("chief"));
    assert_snapshot!(case.approving(approved).verdict(), @r"
    take - boss@acme.com  was admin
    hold - chief@acme.com  was admin  LastAdmin
    ");
}

#[test]
fn what_was_over_the_limit_waits_for_a_decision_though_it_fits_the_limit_of_another_day() {
    let leavers = |names: &[&str]| leavers(names).with(|acme| acme.limits = Limits::default());
    let held = leavers(&["ada", "bob", "cid"]).lately(3).held();
    assert_eq!(held.len(), 3);
    let a_day_later = leavers(&["bob", "cid", "dan"]).waiting(held.waiting(None));
    assert_snapshot!(a_day_later.verdict(), @r"
    take - dan@acme.com  was user
    hold - bob@acme.com  was user  OverLimit
    hold - cid@acme.com  was user  OverLimit
    ");
    let approved = a_day_later.held();
    assert_eq!(a_day_later.approving(approved).held(), HeldSet::default());
}

#[test]
fn what_was_turned_down_is_held_though_its_reason_is_gone() {
    let with = |x| case([user("boss").in_group("admin"), x], [account("boss").role("admin"), account("ada")]);
    let held = with(user("x").without_email().in_group("user")).held();
    let rejected = Decision { hash: held.hash(), ..decided(Verdict::Rejected, 1_000) };
    let later = |decision| with(user("x").in_group("user")).waiting(held.clone().waiting(decision));
    assert_eq!(later(Some(&rejected)).held(), held);
    for decision in [None, Some(&decided(Verdict::Rejected, 1_000))] {
        assert_eq!(later(decision).held(), HeldSet::default());
    }
}

#[test]
fn who_waits_for_a_word_about_one_role_waits_with_it_when_another_is_to_go_too() {
    let demoted = |roles, boss: &str| {
        let people = [user("boss").in_group(boss), user("dem").in_group("user")];
        case(people, [account("boss").role(boss), account("dem").role(roles)])
    };
    let held = demoted("admin,user", "user").held();
    let rejected = Decision { hash: held.hash(), ..decided(Verdict::Rejected, 1_000) };
    let waiting = held.waiting(Some(&rejected));
    let later = demoted("admin,hr,user", "admin").waiting(waiting.clone());
    assert_snapshot!(later.verdict(), @"hold ~ dem@acme.com  -admin -hr  LastAdmin");

    let asked = later.held().remembering(&waiting);
    assert!(!asked.is_rejected(), "nobody said a word about the other role");
    let (undecided, decision) = (asked.clone().waiting(None), Decision { hash: asked.hash(), ..rejected });
    assert_eq!((undecided, asked.judged(Some(&decision)).is_rejected()), (later.held().remembering(&waiting), true));
    assert_snapshot!(demoted("admin,it,user", "admin").waiting(waiting.clone()).verdict(), @"hold ~ dem@acme.com  -admin -it  LastAdmin");
    assert_snapshot!(demoted("hr,user", "admin").waiting(waiting).verdict(), @"add ~ dem@acme.com  -hr");
}

#[test]
fn what_takes_nothing_waits_for_nobody() {
    let waiting = demoted("admin,user").held();
    assert_eq!(waiting.len(), 1);
    let case = demoted("admin,user").waiting(waiting);
    let promoted = Case { people: vec![user("boss").in_group("admin"), user("dem").in_group("admin")], ..case };
    assert_snapshot!(promoted.verdict(), @"add ~ dem@acme.com  -user");

    let disabled = leavers(&["ada"]).with(|acme| acme.deprovision = Deprovision::Disable);
    let waiting = disabled.held();
    assert_snapshot!(disabled.waiting(waiting).blocking("ada").verdict(), @"take o ada@acme.com  disable, blocked, was user");
}

#[test]
fn what_was_turned_down_is_held_one_by_one_and_what_is_held_beside_it_is_undecided() {
    let both = leavers(&["ada", "bob"]);
    let (held, first) = (both.held(), leavers(&["ada"]).held());
    let rejected = Decision { hash: first.hash(), ..decided(Verdict::Rejected, 1_000) };
    let waiting = first.waiting(Some(&rejected));
    let marks = |set: &HeldSet| set.actions().map(|held| held.rejected).collect::<Vec<_>>();
    let later = held.clone().remembering(&waiting);
    assert_eq!((marks(&later), later.is_rejected(), later.hash()), (vec![true, false], false, held.hash()));
    assert_eq!(marks(&later.clone().judged(Some(&rejected))), [true, false], "it is about another set");
    let approved = Decision { hash: held.hash(), ..decided(Verdict::Approved, 2_000) };
    assert_eq!(marks(&later.clone().judged(Some(&approved))), [false, false], "the newest word counts");
    assert!(later.without(&login("bob")).is_rejected());
}

#[test]
fn a_removal_waits_whichever_way_it_is_done() {
    let disabling = |acme: &mut Integration| (acme.deprovision, acme.limits) = (Deprovision::Disable, Limits::default());
    let later = leavers(&["ada", "bob"]).with(disabling).waiting(leavers(&["ada"]).held());
    assert_snapshot!(later.verdict(), @r"
    take o bob@acme.com  disable, was user
    hold o ada@acme.com  disable, was user  OverLimit
    ");
}

#[test]
fn where_nobody_knows_what_was_held_all_that_takes_from_anybody_waits() {
    let case = || demoted("admin,hr,user").with(|acme| acme.limits = Limits::default());
    let lost = HeldSet::lost(&case().plan());
    assert_snapshot!(case().waiting(lost.clone()).verdict(), @"hold ~ dem@acme.com  -admin -hr  HeldSetLost");
    assert_eq!(lost.clone().waiting(None), lost, "until somebody decides");
}

/// A held set of one action of each kind.
const VERSION_1: &str = r#"[{"tenant":"ACME","login":"Ada@acme.com","action":"remove","lost_roles":["hr","user"],"why":"over_limit"},{"tenant":"ACME","login":"bob@acme.com","action":"update","lost_roles":["hr"],"why":"roles_over_limit"},{"tenant":"ACME","login":"cid@acme.com","action":"disable","lost_roles":["admin"],"why":"last_admin"}]"#;

fn version_1() -> HeldSet {
    serde_json::from_str(VERSION_1).unwrap()
}

/// The set with one thing about its first action changed.
fn but(key: &str, value: impl Into<Value>) -> HeldSet {
    let mut json: Value = serde_json::from_str(VERSION_1).unwrap();
    json[0][key] = value.into();
    serde_json::from_value(json).unwrap()
}

#[test]
fn version_1_of_a_held_set_is_read_and_written_the_same_and_keeps_its_hash() {
    assert_eq!(serde_json::to_string(&version_1()).unwrap(), VERSION_1);
    // A decision that was stored yesterday is about this text.
    assert_eq!(version_1().hash().as_str(), "cda3f3793da2de28aea50e4e5cd0bee75a9398b63be879b0c7b2a8a4c389e897");
    assert_eq!(version_1().hash().short(), "cda3f3793da2");
}

#[test]
fn the_hash_does_not_depend_on_order_case_or_the_reason() {
    let mut json: Vec<Value> = serde_json::from_str(VERSION_1).unwrap();
    json.reverse();
    let backwards: HeldSet = serde_json::from_value(json.into()).unwrap();
    assert_eq!(backwards.hash(), version_1().hash());
    assert_eq!(but("login", "ADA@ACME.com").hash(), version_1().hash());
    for why in HoldReason::ALL.iter().filter(|why| **why != HoldReason::LastAdmin) {
        assert_eq!(but("why", serde_json::to_value(why).unwrap()).hash(), version_1().hash(), "{why:?}");
    }
}

#[test]
fn the_hash_depends_on_all_that_is_decided() {
    let others = [
        but("why", "last_admin"),
        but("tenant", "BETA"),
        but("login", "eve@acme.com"),
        but("action", "disable"),
        but("lost_roles", json!(["user"])),
        but("lost_roles", json!(["hr,user"])),
        version_1().without(&login("ada")),
        HeldSet::default(),
    ];
    let hashes: std::collections::BTreeSet<_> = others.iter().map(HeldSet::hash).chain([version_1().hash()]).collect();
    assert_eq!(hashes.len(), others.len() + 1);
}

#[test]
fn the_head_of_what_is_held_is_read_and_written_the_same() {
    let head = HeldHead { hash: version_1().hash(), n_actions: 3, run: RunId::new("run_1"), since_ms: 7, rejected: false };
    let text = format!(r#"{{"hash":"{}","n_actions":3,"run":"run_1","since_ms":7}}"#, head.hash);
    assert_eq!(serde_json::to_string(&head).unwrap(), text);
    assert_eq!(serde_json::from_str::<HeldHead>(&text).unwrap(), head);
}

fn decided(verdict: Verdict, at_ms: i64) -> Decision {
    Decision { verdict, hash: version_1().hash(), by: "arn:aws:iam::1:user/op".to_owned(), at_ms }
}

#[test]
fn an_approval_is_good_for_seven_days_to_the_millisecond() {
    let approved = decided(Verdict::Approved, 1_000);
    assert_eq!(APPROVAL_MS, 604_800_000);
    assert_eq!(approved.approves(None, 604_800_999), Some(&version_1().hash()));
    assert_eq!(approved.approves(None, 604_801_000), None);
}

#[test]
fn an_approval_is_used_up_by_a_run_that_ended_behind_it() {
    let approved = decided(Verdict::Approved, 1_000);
    let good = |used_ms| approved.approves(used_ms, 2_000).is_some();
    assert_eq!([None, Some(999), Some(1_000), Some(1_001)].map(good), [true, true, false, false]);
}

#[test]
fn a_rejection_is_remembered_for_the_very_set_it_was_about_and_for_what_is_left_of_it() {
    let head = |hash, rejected| HeldHead { hash, n_actions: 1, run: RunId::new("run_1"), since_ms: 7, rejected };
    let (this, other) = (version_1().hash(), but("login", "eve@acme.com").hash());
    let is_rejected = |hash: &HeldHash, rejected, verdict| head(hash.clone(), rejected).is_rejected(Some(&decided(verdict, 1_000)), None);
    assert!(is_rejected(&this, false, Verdict::Rejected) && !is_rejected(&other, false, Verdict::Rejected));
    assert!(is_rejected(&other, true, Verdict::Rejected) && !head(other, true).is_rejected(None, None));
    assert!(!is_rejected(&this, true, Verdict::Approved), "the newest word counts");
    let used_up = |rejected| head(this.clone(), rejected).is_rejected(Some(&decided(Verdict::Rejected, 1_000)), Some(1_000));
    assert_eq!([true, false].map(used_up), [true, false], "what it was about is marked");
    assert_eq!(decided(Verdict::Rejected, 1_000).approves(None, 1_000), None);
}
