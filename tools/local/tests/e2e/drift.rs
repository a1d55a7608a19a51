//! What was changed by hand in Orgvue is put back, and nothing else is touched.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{API_ACCOUNT, Setup, User, World, account, single, until};

crate::tests![
    #[both]
    what_was_changed_by_hand_is_put_back,
    roles_in_another_order_are_the_same_roles,
    properties_that_we_do_not_know_stay,
    protected_accounts_are_never_touched,
    drift_is_corrected_without_an_event,
    roles_as_an_array_and_a_switch_as_text,
    a_login_with_two_rows_is_left_alone,
];

async fn what_was_changed_by_hand_is_put_back() {
    let world = World::start(single("ACME")).await;
    for name in ["ada", "bob", "cy", "di", "ed"] {
        world.add(User::new(name).in_group("user"));
    }
    world.add(User::new("root").in_group("admin"));
    world.asked().await;
    world.account("ACME", "zoe", "admin");
    world.orgvue.delete_row("ACME", "ada@acme.com");
    world.orgvue.edit("ACME", "bob@acme.com", |row| row["Role"] = "admin".into());
    world.orgvue.edit("ACME", "cy@acme.com", |row| row["Enabled"] = false.into());
    world.orgvue.edit("ACME", "di@acme.com", |row| row["Enabled"] = Value::Null);
    world.orgvue.edit("ACME", "ed@acme.com", |row| row["Role"] = "".into());
    let run = world.asked().await;

    assert_eq!((run.created(), run.removed()), (vec!["ada"], vec!["zoe"]));
    assert_eq!(run.updated(), ["cy", "di", "ed", "bob"], "who loses something comes last");
    assert_eq!(world.rows("ACME"), ["ada user", "bob user", "cy user", "di user", "ed user", "root admin"]);
    world.end().await;
}

async fn roles_in_another_order_are_the_same_roles() {
    let world = World::start(single("ACME")).await;
    world.account("ACME", "ada", "user, Retail ,,Tech");
    world.add(User::new("ada").in_group("Tech").in_group("Retail").in_group("user"));
    world.synced().await;

    assert_eq!((world.rows("ACME"), world.puts()), (vec!["ada user, Retail ,,Tech".to_owned()], 0));
    world.end().await;
}

async fn properties_that_we_do_not_know_stay() {
    let world = World::start(single("ACME")).await;
    let mut row = account("ada@acme.com", "user");
    row["Cost centre"] = json!("4711");
    row["TokenAccess"] = json!(true);
    row["ExpiryDate"] = json!("2099-12-31");
    world.orgvue.insert_row("ACME", row.clone());
    world.add(User::new("ada").in_group("admin"));
    world.synced().await;

    let kept = world.orgvue.rows("ACME").remove(0);
    let of = |row: &Value| ["Login", "Cost centre", "TokenAccess", "ExpiryDate"].map(|key| row[key].clone());
    assert_eq!((of(&kept), &kept["Role"]), (of(&row), &json!("admin")));
    let written: BTreeSet<String> = world.orgvue.writes("ACME")[0][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(written, ["Enabled", "Role", "_action", "_id"].map(str::to_owned).into());
    world.end().await;
}

async fn protected_accounts_are_never_touched() {
    let world = World::start(single("ACME").line(r#"protected = ["breakglass@acme.com", "@orgvue.com"]"#)).await;
    world.account("ACME", "breakglass", "admin");
    world.account("ACME", "support@orgvue.com", "superAdmin,user");
    world.add(User::new("ada").in_group("user"));
    world.add(User::new("breakglass").in_group("user"));
    world.add(User::new("sync").email(API_ACCOUNT).in_group("user"));
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada user", "breakglass admin", "support@orgvue.com superAdmin,user"]);
    assert_eq!(run.findings(), ["protected_differs breakglass", "protected_differs sync@orgvue.com"]);
    assert_eq!(world.orgvue.rows("ACME").last().unwrap()["Role"], "admin", "the account that owns the token");
    world.end().await;
}

async fn drift_is_corrected_without_an_event() {
    let world = World::start(Setup { drift_ms: 3_000, ..Setup::from(single("ACME")) }).await;
    world.add(User::new("ada").in_group("user"));
    until("the first look for drift", || world.rows("ACME") == ["ada user"]).await;
    world.orgvue.edit("ACME", "ada@acme.com", |row| row["Role"] = "user,Retail".into());
    until("the next look for drift", || world.rows("ACME") == ["ada user"]).await;
    assert_eq!(world.system().scheduler.created_count(), 0);
}

async fn roles_as_an_array_and_a_switch_as_text() {
    let customer = single("ACME").section("[dataset]\nrole_form = \"array\"\nenabled_form = \"text\"");
    let world = World::start(customer).await;
    world.orgvue.switches(|switches| {
        switches.role_form = standins::orgvue::RoleForm::Array;
        switches.boolean_form = standins::orgvue::BooleanForm::Text;
    });
    world.account("ACME", "bob", "user");
    world.add(User::new("ada").in_group("user").in_group("Retail"));
    world.add(User::new("bob").in_group("admin"));
    world.synced().await;

    assert_eq!(world.rows("ACME"), ["ada Retail+user", "bob admin"]);
    assert_eq!(world.orgvue.writes("ACME")[0][0]["Role"], json!(["Retail", "user"]));
    world.end().await;
}

async fn a_login_with_two_rows_is_left_alone() {
    let world = World::start(single("ACME")).await;
    world.account("ACME", "ada", "user");
    world.account("ACME", "ADA", "admin");
    world.orgvue.insert_row("ACME", json!({ "Login": null, "Role": "user", "Enabled": true }));
    world.add(User::new("ada").in_group("Retail").in_group("user"));
    world.add(User::new("bob").in_group("user"));
    let run = world.synced().await;

    assert_eq!(world.rows("ACME"), [" user", "ADA admin", "ada user", "bob user"]);
    assert_eq!(run.findings().join(", ").to_lowercase(), "duplicate_account ada, blank_login");
    world.end().await;
}
