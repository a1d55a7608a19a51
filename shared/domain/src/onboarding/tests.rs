use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Map;

use super::*;
use crate::current::{Account, Current};
use crate::desired::desired;
use crate::directory::{Directory, Group, User};
use crate::finding::{Finding, FindingCode};
use crate::group_name::Role;
use crate::guard::{Completeness, Facts, Scope, guard};
use crate::harm::Harmed;
use crate::held::HeldSet;
use crate::ids::{GroupId, ItemId, UserId};
use crate::integration::Integration;
use crate::login::Login;
use crate::plan::{Users, plan};
use crate::row::Row;

fn integration(prefix: &str, tenancy: &str, tenants: &[&str]) -> Integration {
    let mut toml = format!("id = 'acme'\ndirectory = 'directory_1'\nmode = 'enforce'\ntenancy = '{tenancy}'\nprefix = '{prefix}'\n");
    for (at, id) in tenants.iter().enumerate() {
        toml += &format!("[[tenants]]\nid = '{id}'\ndataset = '0B533DE6-7107-9FCD-48FC-{at:012}'\napi_account = 'sync@orgvue.com'\n");
    }
    Integration::parse(&toml).unwrap()
}

fn single(prefix: &str) -> Integration {
    integration(prefix, "single", &["ACME"])
}

/// The steps that are not ok.
fn troubles(steps: Vec<CheckStep>) -> String {
    steps.into_iter().filter(|step| step.outcome != Outcome::Ok).map(|step| format!("{step}\n")).collect()
}

#[test]
fn the_guides_groups_under_the_guides_other_prefix_are_a_slip_in_the_file() {
    let names = ["user", "admin", "Retail", "ManagerRetail", "training", "Tech"].map(|role| format!("IMAPP_Orgvue_SCIM_{role}"));
    let names = names.iter().map(String::as_str).chain(["Everybody"]);
    insta::assert_snapshot!(GroupReport::of(names.clone(), &single("IAMAPP_Orgvue_SCIM_")), @r#"
    "IMAPP_Orgvue_SCIM_ManagerRetail" is 1 edit away from the prefix, with which it would give the role ManagerRetail in ACME
    "IMAPP_Orgvue_SCIM_Retail" is 1 edit away from the prefix, with which it would give the role Retail in ACME
    "IMAPP_Orgvue_SCIM_Tech" is 1 edit away from the prefix, with which it would give the role Tech in ACME
    "IMAPP_Orgvue_SCIM_admin" is 1 edit away from the prefix, with which it would give the role admin in ACME
    "IMAPP_Orgvue_SCIM_training" is 1 edit away from the prefix, with which it would give the role training in ACME
    "IMAPP_Orgvue_SCIM_user" is 1 edit away from the prefix, with which it would give the role user in ACME
    not ours: 1 other group
    no group begins with "IAMAPP_Orgvue_SCIM_", but 6 groups with "IMAPP_Orgvue_SCIM_": the prefix in the file is probably a slip; Orgvue's integration guide writes the prefix both ways, with IAMAPP_ and with IMAPP_
    "#);
    let right = GroupReport::of(names, &single("IMAPP_Orgvue_SCIM_"));
    assert_eq!((right.matching.len(), right.near.len(), right.n_others, right.slip.as_ref()), (6, 0, 1, None));
    assert_eq!(troubles(right.steps()), "");
}

#[test]
fn a_single_slip_among_good_groups_is_told_with_what_it_was_meant_to_give() {
    let names = ["IAMAPP_Orgvue_SCIM_user", "IMAPP_Orgvue_SCIM_admin", "IAMAPP_Orgvue_SCIMhr", "IAMAPP_Orgvue_SCIM_", "Sales"];
    let report = GroupReport::of(names, &single("IAMAPP_Orgvue_SCIM_"));
    assert_eq!(report.slip, None);
    insta::assert_snapshot!(troubles(report.steps()), @r#"
    warning  near_misses: "IAMAPP_Orgvue_SCIMhr" is 1 edit away from the prefix, with which it would give the role hr in ACME, "IMAPP_Orgvue_SCIM_admin" is 1 edit away from the prefix, with which it would give the role admin in ACME; Orgvue's integration guide writes the prefix both ways, with IAMAPP_ and with IMAPP_
             to do: have the groups renamed if they were meant to be ours
    warning  group_names: "IAMAPP_Orgvue_SCIM_" gives nothing (empty_role): the group's name ends where its role should be
             to do: name the role behind the prefix, or rename the group out of the prefix
    warning  administrators: no group gives admin in ACME
             to do: have a group for admin made, or protect the accounts that administer the tenant
    "#);
}

#[test]
fn the_end_of_a_misspelled_prefix_is_where_the_rest_makes_sense() {
    let multi = integration("IAMAPP_Orgvue_SCIM_", "multi", &["MYTENANT"]);
    let meant = |name: &str| {
        let near = NearGroup::of(name, &multi)?;
        Some(format!("{} | {}", near.begins, near.meant.map(|grant| grant.to_string()).unwrap_or_default()))
    };
    let is = |name: &str, told: &str| assert_eq!(meant(name).as_deref(), Some(told), "{name}");
    is("IMAPP_Orgvue_SCIM_MyTenant_user", "IMAPP_Orgvue_SCIM_ | the role user in MYTENANT");
    is("IAMAPP_Orgvue_SCIMMyTenant_EuropeFinance", "IAMAPP_Orgvue_SCIM | the role EuropeFinance in MYTENANT");
    is("iamapp_orgvue_scimm_mytenant_hr", "iamapp_orgvue_scimm_ | the role hr in MYTENANT");
    is("IMAPP_Orgvue_SCIM_Other_user", "IMAPP_Orgvue_SCIM_ | ");
    assert_eq!((meant("IAMAPP_Orgvue_SCIM_MyTenant_user"), meant("Everybody")), (None, None));
}

#[test]
fn tenants_that_nobody_could_get_into_are_told() {
    let names = ["p_A_user", "p_A_admin", "p_B_user", "p_C_hr"];
    let report = GroupReport::of(names, &integration("p_", "multi", &["A", "B", "C", "D"]));
    insta::assert_snapshot!(troubles(report.steps()), @r"
    failed   tenants: no group names D; no group gives user or admin in C: nobody could get in there
             to do: have groups for user and admin made, or take the tenant out of the integration file
    warning  administrators: no group gives admin in B
             to do: have a group for admin made, or protect the accounts that administer the tenant
    ");
}

#[test]
fn slips_in_both_the_file_and_a_name_have_no_common_prefix() {
    let report = GroupReport::of(["IMAPP_Orgvue_SCIM_user", "OAMAPP_Orgvue_SCIM_user"], &single("IAMAPP_Orgvue_SCIM_"));
    assert_eq!(report.slip, None);
    assert_eq!(report.steps()[0].outcome, Outcome::Failed);
}

fn directory(people: &[(&str, &[&str])]) -> Directory {
    let id = single("p_").directory;
    let (mut users, mut all, mut members) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    for (name, groups) in people {
        let user = User { id: UserId::new(*name), idp_id: None, email: Some(format!("{name}@acme.com")), active: true };
        for group in *groups {
            let id = GroupId::new(*group);
            members.entry(id.clone()).or_default().push(user.id.clone());
            all.insert(id.clone(), Group { id, name: (*group).to_owned() });
        }
        users.insert(user.id.clone(), user);
    }
    Directory::new(id, users, all, members, None)
}

#[test]
fn users_in_a_nearly_right_group_are_likely_left_out_for_it() {
    let integration = single("IAMAPP_Orgvue_SCIM_");
    let directory =
        directory(&[("ada", &["IAMAPP_Orgvue_SCIM_user"]), ("bob", &["IMAPP_Orgvue_SCIM_user"]), ("cid", &["IMAPP_Orgvue_SCIM_user"])]);
    let report = GroupReport::of_directory(&directory, &desired(&directory, &integration).findings, &integration);
    assert_eq!((report.near[0].n_members, report.n_users_left_out), (Some(2), Some(2)));
}

fn account(name: &str, roles: &[&str]) -> (Login, Account) {
    let login = Login::as_found(&format!("{name}@acme.com"));
    let roles = Arc::new(roles.iter().map(|role| Role::as_found(role)).collect());
    let account = Account { id: ItemId::new(name), login: login.clone(), roles, enabled: true, expired: false, row: Row::from(Map::new()) };
    (login, account)
}

#[test]
fn a_forecast_counts_what_the_first_run_would_do() {
    let integration = single("p_");
    let directory = directory(&[("ada", &["p_admin"]), ("bob", &["p_user"]), ("cid", &["p_user"]), ("dot", &["p_hr"]), ("eve", &[])]);
    let accounts = [account("ada", &["admin"]), account("cid", &["hr", "user"]), account("eve", &["user"]), account("zoe", &["user"])];
    let current = Current { accounts: accounts.into(), ..Current::default() };
    let decision = desired(&directory, &integration);
    let tenant = &integration.tenants[0];
    let wanted = &decision.tenants[&tenant.id];
    let former = BTreeMap::new();
    let planned = plan(wanted, &current, tenant, &integration, Users { directory: &directory, former: &former });
    let confirmed: BTreeSet<UserId> = ["cid", "eve"].map(UserId::new).into();
    let facts = Facts {
        desired: wanted,
        current: &current,
        tenant,
        integration: &integration,
        scope: Scope::New,
        confirmed: &confirmed,
        former: &former,
        approved: &HeldSet::default(),
        waiting: &HeldSet::default(),
        lately: Harmed::default(),
        completeness: Completeness::Plausible,
    };
    let (approved, held) = guard(planned.clone(), facts);
    let forecast = Forecast::of(&planned, approved.actions(), &held, &decision.findings);
    insta::assert_snapshot!(forecast, @r"
    ACME: 1 to create, 1 to update, 0 to disable, 0 to remove, 1 right already
      Orgvue would send 1 activation e-mail: tell the people to expect them
      1 account would go away, in Orgvue by hand, no active user of the directory has the address: zoe@acme.com; 1 account would go away, the user is active, but no groups ask for the account: eve@acme.com
      1 account would lose hr
      2 held: removals wait until a run that writes has none to hold, after the start and after a change of directory, prefix, tenancy, tenants or domains
      2 no_platform_role: add the user to the group for the role user or admin
    ");
    insta::assert_snapshot!(serde_json::to_string_pretty(&forecast).unwrap(), @r#"
    {
      "tenant": "ACME",
      "n_asked_for": 3,
      "n_create": 1,
      "n_update": 1,
      "n_disable": 0,
      "n_remove": 0,
      "n_unchanged": 1,
      "n_held": {
        "new_scope": 2
      },
      "n_failing": {
        "no_platform_role": 2
      },
      "n_activation_emails": 1,
      "lost_roles": {
        "hr": 1
      },
      "removals": [
        {
          "login": "eve@acme.com",
          "cause": "not_asked_for",
          "held": "new_scope"
        },
        {
          "login": "zoe@acme.com",
          "cause": "by_hand",
          "held": "new_scope"
        }
      ]
    }
    "#);
    assert!(forecast.steps().iter().all(|step| step.outcome != Outcome::Failed));
}

#[test]
fn a_tenant_that_the_directory_asks_nothing_of_cannot_go_live() {
    let integration = single("p_");
    let tenant = &integration.tenants[0];
    let (former, directory) = (BTreeMap::new(), directory(&[]));
    let decision = desired(&directory, &integration);
    let planned =
        plan(&decision.tenants[&tenant.id], &Current::default(), tenant, &integration, Users { directory: &directory, former: &former });
    let steps = Forecast::of(&planned, [], &[], &[]).steps();
    let mut checklist = Checklist::default();
    checklist.extend(steps);
    assert_eq!(checklist.outcome(), Outcome::Failed);
    insta::assert_snapshot!(checklist, @r"
    failed   accounts of ACME: the directory asks for no account that could be synced
             to do: check the prefix, the tenant's name and the members of its groups
    ");
}

#[test]
fn findings_of_other_tenants_and_of_groups_are_no_failing_accounts() {
    let integration = integration("p_", "multi", &["A", "B"]);
    let directory = directory(&[("ada", &["p_A_hr"]), ("bob", &["p_B_hr"]), ("cid", &["p_B_"])]);
    let decision = desired(&directory, &integration);
    let former = BTreeMap::new();
    let tenant = &integration.tenants[0];
    let planned =
        plan(&decision.tenants[&tenant.id], &Current::default(), tenant, &integration, Users { directory: &directory, former: &former });
    let forecast = Forecast::of(&planned, [], &[], &decision.findings);
    assert_eq!(forecast.n_failing, BTreeMap::from([(FindingCode::NoPlatformRole, 1)]));
    let twice: Vec<Finding> = decision.findings.iter().chain(&decision.findings).cloned().collect();
    assert_eq!(Forecast::of(&planned, [], &[], &twice).n_failing, forecast.n_failing);
}
