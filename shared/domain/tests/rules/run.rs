use std::collections::BTreeSet;

use domain::integration::{Limits, Mode};
use domain::plan::{Change, restore};
use domain::run::{HeldRecord, RunRecord, Status, TenantRecord};

use crate::words::{account, case, login, tenant, user};

/// What version 1 looks like in the table. It stays as long as one of them may be read.
const VERSION_1: &str = r#"{
  "v": 1,
  "id": "0199b3c0-0000-7000-8000-000000000001",
  "integration": "acme",
  "directory": "directory_01",
  "reason": "webhook",
  "generation": 7,
  "status": "partly_held",
  "started_at_ms": 1763800000000,
  "tenants": [
    {
      "tenant": "ACME",
      "status": "partly_held",
      "mode": "enforce",
      "created": [
        "new@acme.com"
      ],
      "updated": [],
      "removed": [
        "out@acme.com"
      ],
      "unchanged": 41,
      "held": [
        {
          "login": "Boss@acme.com",
          "action": "remove",
          "lost_roles": [
            "admin"
          ],
          "why": "last_admin",
          "message": "the tenant would be left without an enabled administrator other than protected accounts"
        }
      ],
      "failed": [],
      "plan": "ACME: 1 to create\n"
    },
    {
      "tenant": "BETA",
      "status": "simulated",
      "error": "nothing",
      "mode": "simulate",
      "created": [],
      "updated": [],
      "removed": [],
      "unchanged": 0,
      "held": [],
      "failed": []
    }
  ],
  "findings": [
    {
      "code": "no_email",
      "user": "directory_user_1",
      "tenant": "ACME",
      "message": "the user has no e-mail address"
    }
  ],
  "workos_calls": 12,
  "orgvue_calls": 5,
  "seconds": 1.5
}"#;

#[test]
fn version_1_is_read_and_written_the_same() {
    let record: RunRecord = serde_json::from_str(VERSION_1).unwrap();
    assert_eq!(serde_json::to_string_pretty(&record).unwrap(), VERSION_1);
    assert_eq!(record.status, record.tenants.iter().map(|tenant| tenant.status).max().unwrap());
}

#[test]
fn a_record_from_before_and_one_from_behind_a_change_are_read() {
    let without = VERSION_1.replace("      \"failed\": [],\n", "").replace("\"v\": 1,", "\"v\": 1, \"not known yet\": {},");
    let record: RunRecord = serde_json::from_str(&without).unwrap();
    assert_eq!(record, serde_json::from_str(VERSION_1).unwrap());
}

#[test]
fn the_status_of_a_run_is_the_one_of_most_concern() {
    let order = [Status::Simulated, Status::Applied, Status::PartlyHeld, Status::Superseded, Status::Failed, Status::Refused];
    assert!(order.is_sorted());
    assert_eq!(serde_json::to_string(&order).unwrap(), r#"["simulated","applied","partly_held","superseded","failed","refused"]"#);
}

#[test]
fn only_what_stood_in_the_way_is_tried_again() {
    let wants = |status| TenantRecord::new(tenant("ACME"), Mode::Enforce, status).wants_retry();
    assert_eq!([Status::Failed, Status::Refused, Status::Superseded].map(wants), [true; 3]);
    assert_eq!([Status::Applied, Status::Simulated, Status::PartlyHeld].map(wants), [false; 3]);
}

#[test]
fn actions_are_listed_by_what_they_do() {
    let people = [user("new").in_group("user"), user("pro").in_group("admin")];
    let plan = case(people, [account("old"), account("pro")]).plan();
    let mut record = TenantRecord::new(tenant("ACME"), Mode::Enforce, Status::Applied);
    plan.actions.iter().for_each(|action| record.list(action));
    let lists =
        [record.created, record.updated, record.removed].map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    assert_eq!(lists, ["new@acme.com", "pro@acme.com", "old@acme.com"]);
}

#[test]
fn a_disable_is_listed_as_a_removal() {
    let case =
        case([user("ada").in_group("user")], [account("old")]).with(|acme| acme.deprovision = domain::integration::Deprovision::Disable);
    let mut record = TenantRecord::new(tenant("ACME"), Mode::Enforce, Status::Applied);
    case.plan().actions.iter().for_each(|action| record.list(action));
    assert_eq!((record.created.len(), record.updated.len(), record.removed.len()), (1, 0, 1));
}

#[test]
fn what_is_held_is_recorded_with_what_it_would_cost() {
    let none = Limits { removals_percent: 0, removals_floor: 0 };
    let case = case([user("dem").in_group("user"), user("zoe").in_group("admin")], [account("dem").role("admin,it")]);
    let (_, held) = case.with(|acme| acme.limits = none).guard();
    let record = serde_json::to_value(HeldRecord::from(&held[0])).unwrap();
    assert_eq!(record["action"], "update");
    assert_eq!(record["lost_roles"], serde_json::json!(["admin", "it"]));
    assert_eq!((record["why"].as_str(), record["login"].as_str()), (Some("over_limit"), Some("dem@acme.com")));
}

#[test]
fn a_record_tells_what_was_decided_what_it_restores_and_who_was_renamed() {
    let mut json: serde_json::Value = serde_json::from_str(VERSION_1).unwrap();
    json["restores"] = "0199b3c0-0000-7000-8000-000000000000".into();
    json["tenants"][0]["held_hash"] = "00ff".into();
    json["tenants"][0]["verdict"] = "rejected".into();
    json["tenants"][0]["held"][0]["renamed_to"] = "new@acme.com".into();
    let record: RunRecord = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&record).unwrap(), json);
}

#[test]
fn what_is_restored_and_what_is_blocked_is_listed_by_what_it_does() {
    let saved = case([], [account("gone"), account("other").role("hr")]).current().unwrap();
    let now = case([], [account("other"), account("bad")]).blocking("bad");
    let back = restore(&saved, &now.current().unwrap(), now.tenant(), &now.integration, &BTreeSet::new());
    let blocks = now.plan().actions.into_iter().filter(|action| matches!(action.change, Change::Block { .. }));
    let mut record = TenantRecord::new(tenant("ACME"), Mode::Enforce, Status::Applied);
    back.actions.into_iter().chain(blocks).for_each(|action| record.list(&action));
    assert_eq!((record.created, record.updated, record.removed), (vec![login("gone")], vec![login("other")], vec![login("bad")]));
}
