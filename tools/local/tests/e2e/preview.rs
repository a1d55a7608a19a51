//! A look ahead changes nothing, and is right.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::integration::Integration;
use domain::plan::{Action, Verb};
use sync::TenantPreview;

use crate::words::{short, word};
use crate::world::{User, World, deadline, people, single};

crate::tests![
    #[both]
    a_preview_writes_nothing_and_is_what_the_next_run_does,
    a_preview_of_a_file_that_is_not_in_force_shows_what_it_would_hold,
];

async fn preview(world: &World, file: &str) -> TenantPreview {
    let integration = Integration::parse(file).unwrap();
    let tenants: Vec<_> = integration.tenants.iter().collect();
    let (puts, before) = (world.puts(), items(world).await);
    let mut preview = sync::preview(world.sync(), &integration, &tenants, deadline()).await.unwrap();
    let after = items(world).await;
    assert_eq!((world.puts(), after.len()), (puts, before.len()), "nothing is written");
    assert!(after.iter().all(|item| before.contains(item)), "no item has changed");
    preview.tenants.pop_first().unwrap().1.unwrap()
}

/// All that is stored, without what the sweep notes at its own time.
async fn items(world: &World) -> Vec<HashMap<String, AttributeValue>> {
    let mut items = world.items().await;
    items.iter_mut().for_each(|item| item.retain(|name, _| !name.starts_with("owed_")));
    items
}

fn approved(preview: &TenantPreview, is: impl Fn(&Action) -> bool) -> Vec<&str> {
    preview.approved.iter().filter(|action| is(action)).map(|action| short(action.login.as_str())).collect()
}

fn held(preview: &TenantPreview) -> Vec<String> {
    let text =
        |held: &domain::guard::Held| format!("{} {} {}", short(held.action.login.as_str()), word(&held.action.verb()), word(&held.why));
    preview.held.iter().map(text).collect()
}

async fn a_preview_writes_nothing_and_is_what_the_next_run_does() {
    let world = World::in_step(20).await;
    world.joins("p19", "admin");
    world.asked().await;
    world.depart(0..4);
    world.asked().await;
    // What is due: somebody new, another role, the last administrator; and two more leavers than what is left of the day's limit.
    world.add(User::new("new").in_group("user"));
    world.joins("p10", "Retail");
    world.leaves("p19");
    world.depart(4..6);
    world.add(User::new("null").no_email().in_group("user"));
    world.add(User::new("idle"));

    let preview = preview(&world, &single("ACME").toml()).await;
    let run = world.asked().await;
    assert_eq!(run.created(), approved(&preview, |action| action.verb() == Verb::Create));
    assert_eq!(run.updated(), approved(&preview, |action| action.verb() == Verb::Update));
    assert_eq!(run.removed(), approved(&preview, Action::is_removal));
    assert_eq!((run.held(), run.tenants[0].plan.clone()), (held(&preview), preview.plan.to_string()));
    assert_eq!((run.created(), run.updated(), run.held().len()), (vec!["new"], vec!["p10"], 3));
    let codes: HashSet<&str> = run.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, HashSet::from(["no_email", "no_platform_role"]));
    world.end().await;
}

async fn a_preview_of_a_file_that_is_not_in_force_shows_what_it_would_hold() {
    let world = World::in_step(4).await;
    let preview = preview(&world, &single("ACME").prefix("IMAPP_Orgvue_SICM_").toml()).await;

    let all: Vec<_> = people(0..4).iter().map(|name| format!("{name} remove nothing_desired")).collect();
    assert_eq!((held(&preview), preview.approved.len()), (all, 0));
    world.end().await;
}
