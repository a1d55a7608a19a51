mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Map;

use super::*;
use crate::finding::{Finding, FindingCode};
use crate::group_name::Role;
use crate::guard::HoldReason;
use crate::held::{HeldAction, HeldSet, Verdict};
use crate::ids::{GroupId, ItemId, UserId};
use crate::integration::Mode;
use crate::plan::{Change, Verb};
use crate::row::Row;
use crate::run::{HeldRecord, Status, TenantRecord};
use crate::snapshot::{SeenUser, Snapshot};
use words::{AT_MS, directory, integration, login, run, snapshot, stored, tenant, told};

#[test]
fn the_guides_six_users() {
    let single = ["testuser1: user", "testuser2: admin", "testuser3: user, Retail, ManagerRetail", "testuser5: training, Tech"];
    let told_of = |name| told(&stored(name, &single, &[run("r5", Status::Applied, |_| {})]));
    let told_of_all = ["testuser1", "testuser2", "testuser3", "testuser5"].map(told_of).join("\n");
    insta::assert_snapshot!(told_of_all, @r"
    One Desired [user] [] [RightAlready@r5]
    One Desired [admin] [] [RightAlready@r5]
    One Desired [ManagerRetail Retail user] [] [RightAlready@r5]
    One NotDesired [] [no_platform_role] [NothingToDo@r5]
    ");

    let multi = integration("multi", &["MYTENANT"]);
    let snapshot = snapshot(&directory(&["testuser4: MyTenant_admin", "testuser6: MyTenant_EuropeFinance"]), &multi);
    let told_of = |name| told(&Explanation::from_snapshot(&login(name), &multi, &snapshot, &[]));
    insta::assert_snapshot!(["testuser4", "testuser6"].map(told_of).join("\n"), @r"
    One Desired [admin] [] []
    One NotDesired [] [no_platform_role] []
    ");
}

#[test]
fn an_account_of_several_rows_is_left_alone_and_not_found_right() {
    let integration = integration("single", &["ACME"]);
    let seen = snapshot(&directory(&["ada: user"]), &integration);
    let several = Finding::new(FindingCode::DuplicateAccount, "2 rows").login(&login("ada")).tenant(&tenant());
    let seen = Snapshot { findings: vec![several], ..seen };
    let told_of = told(&Explanation::from_snapshot(&login("ada"), &integration, &seen, &[run("r5", Status::Applied, |_| {})]));
    insta::assert_snapshot!(told_of, @"One LeftAlone [user] [duplicate_account] [NothingToDo@r5]");
}

#[test]
fn reads_as_five_numbered_steps() {
    let created = run("r5", Status::Applied, |record| record.created.push(login("testuser3")));
    insta::assert_snapshot!(stored("testuser3", &["testuser3: user, Retail"], &[created]), @r"
    testuser3@testOrg.com as run r5 read it at 2026-11-22 09:30:00Z
    1. Found in the directory: yes
       user testuser3, active, testuser3@testOrg.com
    2. In groups: IMAPP_Orgvue_SCIM_Retail, IMAPP_Orgvue_SCIM_user
    3. What these give:
       IMAPP_Orgvue_SCIM_Retail: the role Retail in ACME
       IMAPP_Orgvue_SCIM_user: the role user in ACME
    4. Decided:
       ACME: there should be an account with Retail, user
    5. Orgvue's last answer:
       ACME: created by run r5 at 2026-11-22 09:30:00Z
    ");
    insta::assert_snapshot!(stored("testuser5", &["testuser5: training"], &[]), @r"
    testuser5@testOrg.com as run r5 read it at 2026-11-22 09:30:00Z
    1. Found in the directory: yes
       user testuser5, active, testuser5@testOrg.com
    2. In groups: IMAPP_Orgvue_SCIM_training
    3. What these give:
       IMAPP_Orgvue_SCIM_training: the role training in ACME
    4. Decided:
       ACME: there should be no account: it cannot be synced as it stands
         no_platform_role: the user has training but neither user nor admin, since 2026-11-22 09:30:00Z; to do: add the user to the group for the role user or admin
    5. Orgvue's last answer:
       ACME: none among the runs that were looked at
    ");
    insta::assert_snapshot!(stored("nobody", &["testuser1: user"], &[]), @r"
    nobody@testOrg.com as run r5 read it at 2026-11-22 09:30:00Z
    1. Found in the directory: not among the users in groups of ours; others are not known from what is stored: ask with --live
    2. In groups: none that is stored; only groups that give something are
    3. What these give: nothing
    4. Decided:
       ACME: there should be no account: nobody of this address was seen in a group that gives something
    5. Orgvue's last answer:
       ACME: none among the runs that were looked at
    ");
}

#[test]
fn a_later_read_that_saw_the_same_is_named_beside_the_first() {
    let told = stored("testuser1", &["testuser1: user"], &[]).read_again(RunId::new("r7"), AT_MS + 3_600_000).to_string();
    assert_eq!(told.lines().next(), Some("testuser1@testOrg.com as run r7 read it at 2026-11-22 10:30:00Z, unchanged since run r5"));
}

#[test]
fn the_newest_mention_is_the_answer_unless_a_later_run_found_all_well() {
    let failed = run("r5", Status::Failed, |record| record.failed.push(login("ada")));
    let created = run("r4", Status::Applied, |record| record.created.push(login("ada")));
    let quiet = |id| run(id, Status::Applied, |_| {});
    let told_of = |last: &[RunRecord]| told(&stored("ada", &["ada: user"], last));
    assert_eq!(told_of(&[failed.clone(), created.clone()]), "One Desired [user] [] [Failed@r5]");
    assert_eq!(told_of(&[quiet("r6"), failed]), "One Desired [user] [] [RightAlready@r6]");
    assert_eq!(told_of(&[quiet("r6"), created.clone()]), "One Desired [user] [] [RightAlready@r6 Created@r4]");
    // A run before the read does not know whom the directory asks for since.
    assert_eq!(told_of(&[quiet("r4")]), "One Desired [user] [] [NothingToDo@r4]");
    assert_eq!(told_of(&[]), "One Desired [user] [] []");
}

#[test]
fn a_refusal_has_orgvues_reason_and_is_told_once() {
    let finding = Finding::new(FindingCode::RefusedByOrgvue, "Orgvue refused the account: no seats").login(&login("ada")).tenant(&tenant());
    let refused = RunRecord { findings: vec![finding.clone()], ..run("r5", Status::Applied, |_| {}) };
    let integration = integration("single", &["ACME"]);
    let mut snapshot = snapshot(&directory(&["ada: user"]), &integration);
    snapshot.findings.push(finding);
    let explanation = Explanation::from_snapshot(&login("ada"), &integration, &snapshot, &[refused]);
    assert_eq!(told(&explanation), "One Desired [user] [] [Refused@r5]");
    assert_eq!(explanation.tenants[0].answers[0].message.as_deref(), Some("Orgvue refused the account: no seats"));
}

#[test]
fn a_tenant_that_could_not_be_worked_on_is_told_beside_the_last_answer() {
    let stands = run("r5", Status::Refused, |record| record.code = Some("missing_property".to_owned()));
    let created = run("r4", Status::Applied, |record| record.created.push(login("ada")));
    let explanation = stored("ada", &["ada: user"], &[stands, created.clone()]);
    assert_eq!(told(&explanation), "One Desired [user] [] [Created@r4]");
    assert_eq!(explanation.tenants[0].fault.as_ref().unwrap().code.as_deref(), Some("missing_property"));

    let whole = RunRecord { code: Some("unlinked".to_owned()), tenants: Vec::new(), ..run("r5", Status::Refused, |_| {}) };
    assert_eq!(stored("ada", &[], &[whole, created.clone()]).tenants[0].fault.as_ref().unwrap().code.as_deref(), Some("unlinked"));
    assert_eq!(stored("ada", &[], &[run("r6", Status::Applied, |_| {}), created]).tenants[0].fault, None);
}

#[test]
fn a_restore_writes_in_any_mode_and_tells_only_of_those_whom_it_mentions() {
    let restore = |tell: fn(&mut TenantRecord)| RunRecord { restores: Some(RunId::new("r1")), ..run("r6", Status::Applied, tell) };
    let told_of = |last: &[RunRecord]| told(&stored("ada", &["ada: user"], last));
    let made = restore(|record| {
        record.mode = Mode::Simulate;
        record.created.push(login("ada"));
    });
    assert_eq!(told_of(&[made]), "One Desired [user] [] [Created@r6]");
    let created = run("r4", Status::Applied, |record| record.created.push(login("ada")));
    assert_eq!(told_of(&[restore(|_| {}), created]), "One Desired [user] [] [Created@r4]");

    let gone = RunRecord { code: Some("directory_gone".to_owned()), tenants: Vec::new(), ..run("r5", Status::Refused, |_| {}) };
    let explanation = stored("ada", &["ada: user"], &[restore(|_| {}), gone]);
    assert_eq!(explanation.tenants[0].fault.as_ref().unwrap().code.as_deref(), Some("directory_gone"));

    // No approval is about it.
    let held = restore(|record| record.held.push(held_record(Verb::Restore, HoldReason::OverLimit)));
    let explanation = stored("ada", &["ada: user"], &[held]);
    assert_eq!((told(&explanation).as_str(), &explanation.tenants[0].held), ("One Desired [user] [] []", &None));
}

#[test]
fn what_a_restore_did_precedes_what_runs_tell_and_changes_nothing_of_it() {
    let restore = |tell: fn(&mut TenantRecord)| RunRecord { restores: Some(RunId::new("r1")), ..run("r6", Status::Applied, tell) };
    let updated = || restore(|record| record.updated.push(login("ada")));
    let held = run("r5", Status::PartlyHeld, |record| {
        record.held_hash = Some(HeldHash::new("0123456789abcdef"));
        record.held.push(held_record(Verb::Remove, HoldReason::OverLimit));
    });
    let told_of = |last: &[RunRecord]| {
        let explanation = stored("ada", &[], last);
        let hash = explanation.tenants[0].held.as_ref().map(|held| held.hash.clone().unwrap().short().to_owned());
        (told(&explanation), hash.unwrap_or_default())
    };
    let waits = ("NotStored NotDesired [] [] [Updated@r6 Held@r5]".to_owned(), "0123456789ab".to_owned());
    assert_eq!(told_of(&[updated(), held.clone()]), waits);
    let passed = "NotStored NotDesired [] [] [NothingToDo@r7 Updated@r6]".to_owned();
    assert_eq!(told_of(&[run("r7", Status::Applied, |_| {}), updated(), held]), (passed, String::new()));
}

#[test]
fn who_is_blocked_under_an_earlier_address_is_not_found_right() {
    let integration = integration("single", &["ACME"]);
    let seen = snapshot(&directory(&["eve: user"]), &integration);
    let blocked = Finding::new(FindingCode::Blocked, "under an earlier address").login(&login("eve")).user(&UserId::new("eve"));
    let seen = Snapshot { findings: vec![blocked.tenant(&tenant())], ..seen };
    let told_of = told(&Explanation::from_snapshot(&login("eve"), &integration, &seen, &[run("r5", Status::Applied, |_| {})]));
    assert_eq!(told_of, "One Blocked [user] [blocked] [NothingToDo@r5]");
}

/// One account of a held list.
fn held_record(action: Verb, why: HoldReason) -> HeldRecord {
    HeldRecord { login: login("ada"), action, lost_roles: vec![Role::user()], why, renamed_to: None, message: String::new() }
}

#[test]
fn blocked_protected_and_shared_logins_are_told_as_such() {
    assert_eq!(told(&stored("mallory", &["mallory: user"], &[])), "One Blocked [user] [] []");
    assert_eq!(told(&stored("glass", &["glass: user"], &[])), "One Protected [user] [] []");

    let integration = integration("single", &["ACME"]);
    let shared = directory(&["ada: user", "bob=ADA:"]);
    let explanation = Explanation::from_snapshot(&login("ada"), &integration, &snapshot(&shared, &integration), &[]);
    assert!(told(&explanation).starts_with("Several LeftAlone []"), "{explanation}");
}

#[test]
fn what_is_held_is_told_with_its_reason_and_hash_and_the_users_new_address() {
    let held = run("r5", Status::PartlyHeld, |record| {
        record.held_hash = Some(HeldHash::new("0123456789abcdef"));
        record.held.push(HeldRecord { renamed_to: Some(login("ada.king")), ..held_record(Verb::Remove, HoldReason::OverLimit) });
    });
    let explanation = stored("ada", &["ada: user"], std::slice::from_ref(&held));
    assert_eq!(told(&explanation), "One NotDesired [] [] [Held@r5]");
    assert_eq!(explanation.tenants[0].message, "there should be no account: the user's address is ada.king@testOrg.com now");
    let held_seen = explanation.tenants[0].held.as_ref().unwrap();
    assert_eq!((held_seen.why, held_seen.hash.as_ref().unwrap().short()), (HoldReason::OverLimit, "0123456789ab"));
    assert_eq!(told(&stored("ada.king", &["ada: user"], &[held])), "One Desired [user] [] [RightAlready@r5]");
}

#[test]
fn what_was_approved_since_is_told_as_such_unless_the_approval_does_not_reach_so_far() {
    let action = |why| HeldAction {
        tenant: tenant(),
        login: login("ada"),
        action: Verb::Remove,
        lost_roles: [Role::user()].into(),
        why,
        rejected: false,
        rejected_in_part: false,
    };
    let verdict = |held: HoldReason, approved: HoldReason| {
        let held = held_record(Verb::Remove, held);
        let set: HeldSet = serde_json::from_value(serde_json::json!([action(approved)])).unwrap();
        let told = stored("ada", &[], &[run("r5", Status::PartlyHeld, |record| record.held.push(held))]);
        told.with_approvals(&[(tenant(), set)].into()).tenants[0].held.as_ref().unwrap().verdict
    };
    assert_eq!(verdict(HoldReason::OverLimit, HoldReason::NewScope), Some(Verdict::Approved));
    assert_eq!(verdict(HoldReason::LastAdmin, HoldReason::LastAdmin), Some(Verdict::Approved));
    assert_eq!(verdict(HoldReason::LastAdmin, HoldReason::OverLimit), None);
    assert_eq!(verdict(HoldReason::Unconfirmed, HoldReason::OverLimit), None);
}

#[test]
fn what_is_stored_cannot_tell_of_users_in_no_group_of_ours() {
    assert_eq!(told(&stored("ada", &["bob: user"], &[])), "NotStored NotDesired [] [] []");
    let created = run("r5", Status::Applied, |record| record.created.push(login("ada")));
    assert_eq!(told(&stored("ada", &["bob: user"], std::slice::from_ref(&created))), "NotStored NotKnown [] [] [Created@r5]");
    let restored = RunRecord { restores: Some(RunId::new("r1")), ..created };
    assert_eq!(told(&stored("ada", &["bob: user"], &[restored])), "NotStored NotDesired [] [] [Created@r5]");

    let integration = integration("single", &["ACME"]);
    let mut snapshot = snapshot(&directory(&["mallory: user"]), &integration);
    // As one is kept who is blocked and gone.
    snapshot.findings.clear();
    snapshot.users.values_mut().for_each(|seen| *seen = SeenUser { active: false, groups: Arc::default(), ..seen.clone() });
    let explanation = Explanation::from_snapshot(&login("mallory"), &integration, &snapshot, &[]);
    assert!(told(&explanation).starts_with("NotStored Blocked"), "{explanation}");
}

#[test]
fn a_renamed_group_is_read_under_its_name_of_now() {
    let integration = integration("single", &["ACME"]);
    let mut snapshot = snapshot(&directory(&["ada: user"]), &integration);
    let (id, new) = (GroupId::new("IMAPP_Orgvue_SCIM_user"), "IMAPP_Orgvue_SCIM_hr");
    snapshot.findings.push(Finding::new(FindingCode::GroupRenamed, "renamed").group(&id, new).tenant(&tenant()));
    let explanation = Explanation::from_snapshot(&login("ada"), &integration, &snapshot, &[]);
    assert_eq!(told(&explanation), "One NotDesired [] [no_platform_role group_renamed] []");
}

#[test]
fn tenants_of_which_the_same_is_told_share_a_line_and_unreadable_groups_are_named() {
    let multi = integration("multi", &["A", "B", "C"]);
    let snapshot = snapshot(&directory(&["ada: A_user, B_"]), &multi);
    insta::assert_snapshot!(Explanation::from_snapshot(&login("ada"), &multi, &snapshot, &[]), @r"
    ada@testOrg.com as run r5 read it at 2026-11-22 09:30:00Z
    1. Found in the directory: yes
       user ada, active, ada@testOrg.com
    2. In groups: IMAPP_Orgvue_SCIM_A_user
       members not known of IMAPP_Orgvue_SCIM_B_
    3. What these give:
       IMAPP_Orgvue_SCIM_A_user: the role user in A
    4. Decided:
       A: there should be an account with user
       B, C: there should be no account: no group of the user gives a role here
    5. Orgvue's last answer:
       A, B, C: none among the runs that were looked at
    ");
}

#[test]
fn live_tells_the_account_as_it_is_and_what_is_planned() {
    let integration = integration("single", &["ACME"]);
    let directory = directory(&["ada: user", "cid: =IAMAPP_Orgvue_SCIM_user"]);
    let decision = desired(&directory, &integration);
    let account = Account {
        id: ItemId::new("1"),
        login: login("ada"),
        roles: BTreeSet::from([Role::as_found("hr"), Role::user()]).into(),
        enabled: true,
        expired: false,
        row: Row::from(Map::new()),
    };
    let change = Change::Update { before: account.clone(), roles: BTreeSet::from([Role::user()]).into() };
    let action = Action::new(login("ada"), Some(UserId::new("ada")), change);
    let held = Held { action: action.clone(), why: HoldReason::RolesOverLimit };
    let look = |account, action, held| LiveState::Read { account, action, held, hash: None, findings: &[] };
    let acme = tenant();
    let explain = |name, state| {
        Explanation::from_directory(&login(name), &integration, &directory, &decision, &[LiveTenant { tenant: &acme, state }])
    };
    insta::assert_snapshot!(explain("ada", look(Some(&account), Some(&action), Some(&held))), @r"
    ada@testOrg.com as it is now
    1. Found in the directory: yes
       user ada, active, ada@testOrg.com
    2. In groups: IMAPP_Orgvue_SCIM_user
    3. What these give:
       IMAPP_Orgvue_SCIM_user: the role user in ACME
    4. Decided:
       ACME: there should be an account with user
         held: update, losing hr: more accounts would lose a role than the limit of one run and the 24 hours before it; was a group renamed?
    5. Orgvue's last answer:
       ACME: now enabled with hr, user; planned: update with user, losing hr
    ");
    insta::assert_snapshot!(explain("cid", look(None, None, None)), @r"
    cid@testOrg.com as it is now
    1. Found in the directory: yes
       user cid, active, cid@testOrg.com
    2. In groups: IAMAPP_Orgvue_SCIM_user
    3. What these give:
       IAMAPP_Orgvue_SCIM_user: nothing, for it only nearly has the prefix; with it, the role user in ACME
    4. Decided:
       no_platform_role: the user is in no Orgvue group; probably because these groups only nearly have the prefix: IAMAPP_Orgvue_SCIM_user; to do: add the user to the group for the role user or admin
       ACME: there should be no account: no group of the user gives a role here
    5. Orgvue's last answer:
       ACME: now no account; nothing planned
    ");
    insta::assert_snapshot!(explain("nobody", LiveState::Failed { code: "missing_property", error: "no Login" }), @r"
    nobody@testOrg.com as it is now
    1. Found in the directory: no
    2. In groups: none of those that were read
    3. What these give: nothing
    4. Decided:
       ACME: there should be no account: no user of the directory has this address
    5. Orgvue's last answer:
       ACME: could not be worked on: missing_property: no Login
    ");
}

#[test]
fn values_are_stable_json() {
    let created = run("r5", Status::Applied, |record| record.created.push(login("testuser1")));
    let explanation = stored("testuser1", &["testuser1: user"], &[created]);
    assert_eq!(
        serde_json::to_value(&explanation).unwrap(),
        serde_json::json!({
            "login": "testuser1@testOrg.com",
            "source": {"kind": "snapshot", "run": "r5", "at_ms": AT_MS},
            "found": "one",
            "users": [{
                "id": "testuser1", "active": true, "email": "testuser1@testOrg.com",
                "groups": [{"name": "IMAPP_Orgvue_SCIM_user", "reading": "gives", "tenant": "ACME", "role": "user"}]
            }],
            "groups_not_read": [],
            "findings": [],
            "tenants": [{
                "tenant": "ACME", "mode": "enforce", "decision": "desired", "roles": ["user"],
                "message": "there should be an account with user", "findings": [],
                "answers": [{"outcome": "created", "run": "r5", "at_ms": AT_MS}]
            }]
        })
    );
}
