//! What holds of every directory, dataset and configuration.

use std::collections::{BTreeMap, BTreeSet};

use domain::current::{Account, spell_account, spell_enabled};
use domain::guard::{Completeness, HoldReason, Scope};
use domain::harm::Harmed;
use domain::held::HeldSet;
use domain::ids::UserId;
use domain::integration::{Deprovision, EnabledForm, Limits, RoleForm};
use domain::login::Login;
use domain::plan::{Action, Change, Plan, Weight, restore};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::words::{Case, Line, Person, Properties, account, case, login, user};

const NAMES: &[&str] = &["ada", "bob", "cid", "dan", "eve", "fay", "breakglass", "x@orgvue.com"];
const IDS: &[&str] = &["u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"];
const GROUPS: &[&str] = &["user", "admin", "ADMIN", "hr", "Hr", ""];
const ROLES: &[&str] = &["user", "admin", "Admin", "hr", "Hr", "it"];

fn person() -> impl Strategy<Value = Person> {
    let email = prop_oneof![
        12 => select(NAMES).prop_map(|name| login(name).as_str().to_owned()),
        1 => select(NAMES).prop_map(|name| login(name).as_str().to_uppercase()),
        1 => Just(String::new()),
        1 => Just("nonsense".to_owned()),
    ];
    (select(IDS), email, subsequence(GROUPS, 0..4), 0..4_u8).prop_map(|(id, email, groups, fate)| {
        let person = groups.into_iter().fold(user(id).with_email(&email), Person::in_group);
        if fate == 0 { person.inactive() } else { person }
    })
}

fn row() -> impl Strategy<Value = Line> {
    let enabled = prop_oneof![4 => Just(json!(true)), 1 => Just(json!(false)), 1 => Just(Value::Null), 1 => Just(json!("TRUE"))];
    let fate = prop_oneof![12 => Just(0), 2 => Just(1), 1 => Just(2)];
    (select(NAMES), subsequence(ROLES, 0..4), enabled, fate).prop_map(|(name, roles, enabled, fate)| {
        let line = account(name).with("Role", roles).with("Enabled", enabled);
        match fate {
            0 => line,
            1 => line.expired(),
            _ => line.again(),
        }
    })
}

/// Rows that differ in `_id`, in either form of the roles.
fn dataset() -> impl Strategy<Value = (RoleForm, Vec<Properties>)> {
    (vec(row(), 0..10), any::<bool>()).prop_map(|(lines, text)| {
        let mut seen = BTreeSet::new();
        let lines = crate::words::rows(lines).into_iter().filter(|row| seen.insert(row["_id"].to_string()));
        let joined = |mut row: Properties| {
            let Value::Array(roles) = &row["Role"] else { return row };
            let text = roles.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ,");
            row["Role"] = text.into();
            row
        };
        let listed = |mut row: Properties| {
            if let Value::String(text) = &row["Role"] {
                row["Role"] = json!([text]);
            }
            row
        };
        if text {
            (RoleForm::Text { separator: ",".to_owned() }, lines.map(joined).collect())
        } else {
            (RoleForm::Array, lines.map(listed).collect())
        }
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let limits = (0..100_u32, 0..8_u32).prop_map(|(removals_percent, removals_floor)| Limits { removals_percent, removals_floor });
    let lately = prop_oneof![2 => Just(Harmed::default()), 1 => (0..4_usize, 0..4_usize, 0..4_usize).prop_map(
        |(n_removed, n_demoted, n_roles)| Harmed { n_accounts: n_removed + n_demoted, n_removed, n_roles }
    )];
    let former = btree_map(select(IDS).prop_map(UserId::new), btree_set(select(NAMES).prop_map(login), 1..3), 0..4);
    let blocked = prop_oneof![2 => Just(BTreeSet::new()), 1 => btree_set(select(&NAMES[..6]).prop_map(login), 1..3)];
    let knowledge = (0..4_u8, 0..8_u8, btree_set(select(IDS), 0..4), lately, former);
    (vec(person(), 0..8), dataset(), limits, any::<bool>(), any::<bool>(), blocked, knowledge).prop_map(
        |(people, (role_form, rows), limits, disable, text, blocked, (new, doubt, unconfirmed, lately, former))| {
            let case = case(people, []).with(|acme| {
                acme.limits = limits;
                acme.blocked = blocked;
                acme.deprovision = if disable { Deprovision::Disable } else { Deprovision::Delete };
                acme.dataset.role_form = role_form;
                acme.dataset.enabled_form = if text { EnabledForm::Text } else { EnabledForm::Boolean };
            });
            let scope = if new == 0 { Scope::New } else { Scope::Settled };
            let completeness = if doubt == 0 { Completeness::Doubtful } else { Completeness::Plausible };
            let case = Case { rows, scope, completeness, lately, former, ..case };
            unconfirmed.into_iter().fold(case, Case::unconfirmed)
        },
    )
}

/// The case with the actions written to its dataset, as the dataset spells things.
fn written(case: &Case, actions: &[Action]) -> Case {
    let mut case = case.clone();
    let spelling = &case.integration.dataset;
    for action in actions {
        let at = action.before().map(|before| case.rows.iter().position(|row| row["_id"] == before.id.as_str()).expect("the row is there"));
        match &action.change {
            Change::Create { roles } => {
                let mut row = spell_account(roles, true, spelling);
                row.insert("_id".to_owned(), format!("new {}", action.login).into());
                row.insert("Login".to_owned(), action.login.as_str().into());
                case.rows.push(row);
            }
            Change::Update { roles, .. } => case.rows[at.unwrap()].extend(spell_account(roles, true, spelling)),
            Change::Restore { before, to, properties } => {
                if before.is_none() {
                    let own = [("_id", format!("restored {}", action.login)), ("Login", to.login.to_string())];
                    case.rows.push(own.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect());
                }
                let at = at.unwrap_or(case.rows.len() - 1);
                case.rows[at].extend(properties.clone().into_iter().chain(spell_account(&to.roles, to.enabled, spelling)));
            }
            Change::Disable { .. } | Change::Block { .. } => {
                case.rows[at.unwrap()]["Enabled"] = spell_enabled(false, spelling.enabled_form)
            }
            Change::Remove { .. } => drop(case.rows.remove(at.unwrap())),
        }
    }
    case
}

/// The logins of those who can administer the tenant and are not protected.
fn admins(case: &Case) -> BTreeSet<Login> {
    let accounts = case.current().unwrap().accounts.into_values();
    let admins = accounts.filter(|account| account.is_usable_admin() && !case.integration.protects(case.tenant(), &account.login));
    admins.map(|account| account.login).collect()
}

/// What a run does to the dataset when the additions of `failed` fail: the additions, the removals, and the case behind both.
fn ran(case: &Case, failed: &BTreeSet<Login>) -> (Vec<Action>, Vec<Action>, Case) {
    let (additions, harm) = case.guard().0.split();
    let (removals, _) = harm.second_look(&additions, failed);
    let (additions, removals) = (additions.actions().to_vec(), removals.actions().to_vec());
    let succeeded: Vec<_> = additions.iter().filter(|action| !failed.contains(&action.login)).cloned().collect();
    let behind = written(&written(case, &succeeded), &removals);
    (additions, removals, behind)
}

/// What a person agreed to of a plan: a part of it, held for whatever reason.
fn agreed(case: &Case, logins: &BTreeSet<Login>, why: HoldReason) -> HeldSet {
    let actions = case.plan().actions.into_iter().filter(|action| logins.contains(&action.login));
    let held: Vec<_> = actions.map(|action| domain::guard::Held { action, why }).collect();
    HeldSet::of(&case.tenant().id, &held)
}

/// The rows of one case as the dataset of another spells them.
fn respelled(case: &Case, other: &Case) -> Vec<Properties> {
    let spelled = |row: &Properties| {
        let texts: Vec<&str> = match &row["Role"] {
            Value::String(text) => text.split(" ,").filter(|text| !text.is_empty()).collect(),
            value => value.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        };
        let roles = texts.into_iter().map(domain::group_name::Role::as_found).collect();
        let enabled = row["Enabled"] == true || row["Enabled"] == "TRUE";
        row.clone().into_iter().chain(spell_account(&roles, enabled, &other.integration.dataset)).collect()
    };
    case.rows.iter().map(spelled).collect()
}

/// What puts the dataset back as it was.
fn back(before: &Case, now: &Case) -> Plan {
    restore(&before.current().unwrap(), &now.current().unwrap(), now.tenant(), &now.integration, &BTreeSet::new())
}

/// Roles and switch of the accounts that may be written.
fn accounts(case: &Case) -> BTreeMap<Login, (domain::group_name::Roles, bool)> {
    let is_ours = |login: &Login| !case.integration.protects(case.tenant(), login) && !case.integration.blocked.contains(login);
    let accounts = case.current().unwrap().accounts.into_values().filter(|account| is_ours(&account.login));
    accounts.map(|account| (account.login, (account.roles, account.enabled))).collect()
}

fn logins() -> impl Strategy<Value = BTreeSet<Login>> {
    btree_set(select(NAMES).prop_map(login), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn a_plan_that_was_applied_leaves_nothing_to_plan(case in cases()) {
        let again = written(&case, &case.plan().actions).plan();
        prop_assert_eq!(again.actions, []);
    }

    #[test]
    fn a_run_that_was_applied_leaves_only_what_was_held(case in cases()) {
        let held: BTreeSet<Login> = case.guard().1.into_iter().map(|held| held.action.login).collect();
        let (_, _, behind) = ran(&case, &BTreeSet::new());
        // An account whose user was renamed waits for the one that is to follow it.
        let waits = |action: &Action| held.contains(&action.login) || action.renamed_to.is_some();
        prop_assert!(behind.plan().actions.iter().all(waits), "{}\nthen\n{}", case.plan(), behind.plan());
    }

    #[test]
    fn the_order_of_what_was_read_means_nothing((case, people, rows) in cases().prop_flat_map(|case| {
        // Of people with one id the later would win, which is the reader's affair.
        let people = Just(case.people.clone()).prop_shuffle();
        let rows = Just(case.rows.clone()).prop_shuffle();
        (Just(case), people, rows)
    })) {
        let ids = |case: &Case| crate::words::directory(case.people.clone()).users().len();
        let shuffled = Case { people: if ids(&case) == case.people.len() { people } else { case.people.clone() }, rows, ..case.clone() };
        prop_assert_eq!(case.decision(), shuffled.decision());
        prop_assert_eq!(case.plan(), shuffled.plan());
        prop_assert_eq!(case.verdict(), shuffled.verdict());
    }

    #[test]
    fn a_protected_account_is_in_no_plan(case in cases()) {
        let protected = |login: &Login| case.integration.protects(case.tenant(), login);
        prop_assert!(!case.plan().actions.iter().any(|action| protected(&action.login)));
    }

    #[test]
    fn no_harm_above_the_limit_is_approved(case in cases(), failed in logins()) {
        let plan = case.plan();
        let (additions, removals, _) = ran(&case, &failed);
        prop_assert!(!additions.iter().any(Action::is_harm));
        let n_harm = removals.iter().filter(|action| action.is_harm()).count();
        let max = case.integration.limits.harm_max(plan.managed + case.lately.n_removed);
        prop_assert!(n_harm == 0 || n_harm + case.lately.n_accounts <= max);
        let n_roles = additions.iter().filter(|action| action.weight() == Weight::Role).count();
        prop_assert!(n_roles == 0 || n_roles + case.lately.n_roles <= max);
    }

    #[test]
    fn the_guard_never_adds_and_loses_nothing_whatever_was_approved(case in cases(), logins in logins(), as_last in any::<bool>()) {
        let plan = case.plan();
        let why = if as_last { HoldReason::LastAdmin } else { HoldReason::OverLimit };
        let agreed = agreed(&case, &logins, why);
        let case = case.approving(agreed);
        let (approved, held) = case.guard();
        let halves: Vec<Action> = held.iter().filter_map(|held| held.action.without_loss()).collect();
        let whole: Vec<Action> = approved.actions().filter(|action| !halves.contains(action)).cloned().collect();
        prop_assert_eq!(approved.actions().count(), whole.len() + halves.len());
        let mut covered: Vec<Action> = whole.into_iter().chain(held.into_iter().map(|held| held.action)).collect();
        covered.sort_by(|a, b| a.login.cmp(&b.login));
        prop_assert_eq!(covered, plan.actions);
    }

    #[test]
    fn the_second_look_only_holds_administrators_and_the_renamed(case in cases(), failed in logins()) {
        let approved = case.guard().0;
        let n_all = approved.actions().count();
        let (additions, harm) = approved.split();
        let (removals, held) = harm.second_look(&additions, &failed);
        let n_halves = held.iter().filter(|held| held.action.without_loss().is_some()).count();
        prop_assert_eq!(n_all, additions.actions().len() + removals.actions().len() + held.len() - n_halves);
        for held in held {
            let can_be_used = |login: &Login| case.current().unwrap().accounts.get(login).is_some_and(|account| account.enabled);
            let waits_in_vain = held.action.renamed_to.is_some_and(|login| !can_be_used(&login));
            prop_assert!(held.why == HoldReason::LastAdmin || (held.why == HoldReason::RenamedNotCreated && waits_in_vain));
        }
    }

    #[test]
    fn nobody_loses_an_account_because_the_one_that_follows_it_was_refused(case in cases(), failed in logins()) {
        let (_, removals, behind) = ran(&case, &failed);
        let now = behind.current().unwrap();
        for old in removals.iter().filter(|action| action.is_harm()) {
            let Some(new) = &old.renamed_to else { continue };
            // Who is blocked under the new login must not stay under the old one.
            let is_blocked = case.integration.blocked.contains(new);
            prop_assert!(is_blocked || now.accounts.get(new).is_some_and(|account| account.enabled), "{}", case.plan());
        }
    }

    #[test]
    fn a_blocked_account_is_switched_off_and_nothing_else(case in cases(), failed in logins()) {
        let is_blocked = |login: &Login| case.integration.blocked.contains(login);
        let was_blocked = |user: &UserId| case.former.get(user).is_some_and(|logins| logins.iter().any(is_blocked));
        let is_block = |action: &Action| matches!(action.change, Change::Block { .. });
        for action in case.plan().actions {
            prop_assert!(is_block(&action) || !is_blocked(&action.login), "{action}");
            prop_assert!(!is_block(&action) || is_blocked(&action.login) || action.user.as_ref().is_some_and(was_blocked), "{action}");
        }
        let (_, held) = case.guard();
        prop_assert!(held.iter().all(|held| !is_block(&held.action) || held.why == HoldReason::LastAdmin));
        let (_, _, behind) = ran(&case, &failed);
        let (before, after) = (case.current().unwrap().accounts, behind.current().unwrap().accounts);
        for login in &case.integration.blocked {
            prop_assert_eq!(before.contains_key(login), after.contains_key(login));
        }
    }

    #[test]
    fn when_all_that_was_held_is_approved_only_the_unconfirmed_and_the_last_administrators_stay_held(case in cases()) {
        let approved = case.held();
        let (_, held) = case.approving(approved).guard();
        prop_assert!(held.iter().all(|held| matches!(held.why, HoldReason::Unconfirmed | HoldReason::LastAdmin)), "{held:?}");
    }

    #[test]
    fn where_everybody_was_read_again_whoever_approves_run_by_run_is_asked_no_more(case in cases()) {
        let mut case = Case { unconfirmed: BTreeSet::new(), ..case };
        // What is left may be the last administrator, the next one of an unknown owner, and what waited for another account.
        for _ in 0..5 {
            let held = case.held();
            case = ran(&case.approving(held), &BTreeSet::new()).2;
        }
        prop_assert_eq!(case.approving(HeldSet::default()).held(), HeldSet::default());
    }

    #[test]
    fn what_waits_is_not_done_whatever_the_rest_lets_through(case in cases(), other in cases()) {
        let waiting = other.without_limits().held();
        let case = case.waiting(waiting.clone());
        for action in case.guard().0.actions().filter(|action| action.weight() != Weight::None) {
            prop_assert!(!waiting.covers(&case.tenant().id, action), "{action}");
        }
    }

    #[test]
    fn an_approval_of_another_plan_costs_nobody_more_than_was_agreed_or_allowed(case in cases(), other in cases()) {
        // Nothing may be lost, so that whatever is lost was agreed to.
        let agreed = other.held();
        let case = case.without_limits().approving(agreed.clone());
        for action in case.guard().0.actions().filter(|action| action.weight() != Weight::None) {
            prop_assert!(agreed.covers(&case.tenant().id, action), "{action}");
            let held = agreed.actions().find(|held| held.login == action.login).expect("it was held");
            prop_assert!(held.action == action.verb() && action.lost_roles().is_subset(&held.lost_roles));
        }
    }

    #[test]
    fn what_a_run_did_a_restore_undoes_and_a_second_one_plans_nothing(case in cases(), failed in logins()) {
        let (_, _, behind) = ran(&case, &failed);
        let restored = written(&behind, &back(&case, &behind).actions);
        prop_assert_eq!(back(&case, &restored).actions, []);
        let now = accounts(&restored);
        for (login, before) in accounts(&case) {
            prop_assert_eq!(now.get(&login), Some(&before));
        }
    }

    #[test]
    fn a_restore_under_the_guard_takes_no_more_than_the_limits_and_leaves_an_administrator(case in cases(), behind in cases()) {
        let behind = Case { integration: case.integration.clone(), rows: respelled(&behind, &case), ..behind };
        let plan = back(&case, &behind);
        let has_admin = !admins(&behind).is_empty();
        let max = case.integration.limits.harm_max(plan.managed + behind.lately.n_removed);
        let (additions, harm) = behind.guard_of(plan).0.split();
        let (removals, _) = harm.second_look(&additions, &BTreeSet::new());
        prop_assert!(removals.actions().len() <= max);
        let after = written(&written(&behind, additions.actions()), removals.actions());
        prop_assert!(!has_admin || !admins(&after).is_empty());
    }

    #[test]
    fn the_harmless_half_of_an_action_takes_nothing(case in cases()) {
        for half in case.plan().actions.iter().filter_map(Action::without_loss) {
            prop_assert!(half.lost_roles().is_empty() && !half.is_harm() && !half.is_removal());
        }
    }

    #[test]
    fn whoever_fails_a_tenant_that_has_an_administrator_keeps_one(case in cases(), failed in logins()) {
        let (_, _, behind) = ran(&case, &failed);
        prop_assert!(admins(&case).is_empty() || !admins(&behind).is_empty(), "{}", case.plan());
    }

    #[test]
    fn whom_nobody_confirmed_keeps_every_role_of_an_enabled_account(case in cases()) {
        let (_, _, behind) = ran(&case, &BTreeSet::new());
        let (before, after) = (case.current().unwrap().accounts, behind.current().unwrap().accounts);
        let directory = case.directory();
        // Who is blocked under an earlier address is blocked by a person's word, and the lists say nothing of it.
        let was_blocked = |user: &UserId| case.former.get(user).is_some_and(|logins| !logins.is_disjoint(&case.integration.blocked));
        let is_unconfirmed = |login: &Login| {
            directory.active_user(login).is_some_and(|user| case.unconfirmed.contains(&user.id) && !was_blocked(&user.id))
        };
        let is_free = |account: &Account| account.enabled && !case.integration.blocked.contains(&account.login);
        for account in before.values().filter(|account| is_free(account) && is_unconfirmed(&account.login)) {
            let kept = after.get(&account.login).expect("the account is still there");
            prop_assert!(account.roles.iter().all(|role| kept.roles.iter().any(|other| other.means(role))));
            prop_assert!(kept.enabled);
        }
    }
}
