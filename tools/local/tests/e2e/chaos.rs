//! Anything may change on either side and any answer may fail: a run puts it right, and the next one finds nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde_json::json;
use standins::workos::Deprovisioning;
use standins::{FaultKind, Matcher, Nth};

use crate::world::{User, World, email, fault, group, single};

crate::tests![whatever_happens_on_either_side_a_run_puts_it_right];

const ROUNDS: u32 = 6;
const CHANGES_OF_A_ROUND: u32 = 12;
const ROLES: [&str; 4] = ["user", "admin", "Retail", "Tech"];
const NAMES: [&str; 9] = ["ada", "bob", "cy", "di", "ed", "flo", "gus", "hal", "ida"];

/// Knuth's generator: the same story for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

type Accounts = BTreeMap<String, BTreeSet<String>>;

async fn whatever_happens_on_either_side_a_run_puts_it_right() {
    join_all((1..=2).map(story)).await;
}

async fn story(seed: u64) {
    let no_limit = "[limits]\nremovals_percent = 100\nremovals_floor = 100";
    let world = World::start(single("ACME").section(no_limit)).await;
    world.workos.switches(|switches| switches.deprovisioning = Deprovisioning::Custom);
    world.add(User::new("root").in_group("admin"));
    world.asked().await;
    let mut dice = Dice(seed);
    let mut directory = Accounts::new();
    for round in 1..=ROUNDS {
        for _ in 0..CHANGES_OF_A_ROUND {
            if dice.below(2) == 0 {
                change_the_directory(&world, &mut directory, &mut dice);
            } else {
                change_orgvue(&world, &mut dice);
            }
        }
        break_something(&world, &mut dice);
        world.asked().await;
        world.workos.clear_faults();
        world.orgvue.clear_faults();

        let is_platform = |roles: &&BTreeSet<String>| roles.contains("user") || roles.contains("admin");
        let mut desired: Accounts = directory.iter().filter(|(_, roles)| is_platform(roles)).map(|(n, r)| (n.clone(), r.clone())).collect();
        desired.insert("root".to_owned(), BTreeSet::from(["admin".to_owned()]));
        assert_eq!(accounts(&world), desired, "seed {seed}, round {round}: {:?}", world.last_run().await);
        let puts = world.puts();
        world.asked().await.assert_nothing_was_done();
        assert_eq!(world.puts(), puts, "seed {seed}, round {round}");
    }
    world.end().await;
}

fn change_the_directory(world: &World, users: &mut Accounts, dice: &mut Dice) {
    let (name, role) = (dice.one_of(&NAMES), dice.one_of(&ROLES));
    let Some(roles) = users.get_mut(name) else {
        world.add(User::new(name).in_group("user").in_group(role));
        users.insert(name.to_owned(), BTreeSet::from(["user".to_owned(), role.to_owned()]));
        return;
    };
    match dice.below(5) {
        0 => {
            world.leaves(name);
            users.remove(name);
        }
        1 => world.add(User::new(name).email(&email(name).to_uppercase())),
        2 if !roles.is_empty() => {
            let role = roles.pop_last().unwrap();
            world.quits(name, &role);
        }
        3 => {
            world.workos.remove_user(&world.directory(), name);
            world.add(User::new(name).in_group("admin"));
            users.insert(name.to_owned(), BTreeSet::from(["admin".to_owned()]));
        }
        _ => {
            world.workos.add_member(&world.directory(), &group(role), name);
            roles.insert(role.to_owned());
        }
    }
}

fn change_orgvue(world: &World, dice: &mut Dice) {
    let (name, role) = (dice.one_of(&NAMES), dice.one_of(&ROLES));
    let rows = world.orgvue.rows("ACME");
    let login = rows.iter().filter_map(|row| row["Login"].as_str()).find(|login| login.eq_ignore_ascii_case(&email(name)));
    match (login, dice.below(4)) {
        (None, _) => world.account("ACME", name, role),
        (Some(login), 0) => world.orgvue.delete_row("ACME", login),
        (Some(login), 1) => world.orgvue.edit("ACME", login, |row| row["Enabled"] = json!(false)),
        (Some(login), 2) => world.orgvue.edit("ACME", login, |row| row["Role"] = json!(null)),
        (Some(login), _) => world.orgvue.edit("ACME", login, |row| row["Role"] = json!(format!("{role}, Tech"))),
    }
}

/// One answer of either vendor fails.
fn break_something(world: &World, dice: &mut Dice) {
    let kinds = [FaultKind::Status(500), FaultKind::Reset, FaultKind::TruncatedJson, FaultKind::CutAfterCommit, FaultKind::CutBody];
    let kind = kinds[dice.below(kinds.len() as u64) as usize].clone();
    let nth = Nth::At(1 + dice.below(4) as u32);
    if dice.below(2) == 0 {
        world.workos.fault(fault(Matcher::any(), nth, kind));
    } else {
        world.orgvue.fault(fault(Matcher::any(), nth, kind));
    }
}

/// What is in Orgvue, all of it enabled.
fn accounts(world: &World) -> Accounts {
    let row = |row: String| {
        let (name, roles) = row.split_once(' ').unwrap();
        assert!(!roles.ends_with(" off"), "{row}");
        (name.to_lowercase().replace("@acme.com", ""), roles.split(',').map(|role| role.trim().to_owned()).collect())
    };
    world.rows("ACME").into_iter().map(row).collect()
}
