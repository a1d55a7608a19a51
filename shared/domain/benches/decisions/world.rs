//! A customer to measure with: a directory of 200 groups whose every user has three roles, and the datasets of its tenants.
//!
//! Nothing is left to chance: the same size is the same customer. The logins are in another order than the users.

use std::collections::{BTreeMap, BTreeSet};

use domain::current::Current;
use domain::directory::{Directory, Group, User};
use domain::ids::{DirectoryId, GroupId, RunId, UserId};
use domain::integration::{Integration, Tenant};
use domain::row::Row;
use domain::snapshot::{Snapshot, Undone};
use jiff::civil::{Date, date};
use serde_json::{Value, json};

const TODAY: Date = date(2026, 11, 22);
const PREFIX: &str = "IAMAPP_Orgvue_SCIM_";
const N_GROUPS: usize = 200;
const FIRST_NAMES: [&str; 16] = [
    "ada",
    "barbara",
    "charles",
    "dorothy",
    "edsger",
    "frances",
    "grace",
    "hedy",
    "ivan",
    "jean",
    "katherine",
    "leslie",
    "margaret",
    "niklaus",
    "ole-johan",
    "peter",
];
const LAST_NAMES: [&str; 16] = [
    "allen",
    "backus",
    "church",
    "dijkstra",
    "engelbart",
    "floyd",
    "goldberg",
    "hopper",
    "iverson",
    "johnson",
    "knuth",
    "lovelace",
    "mccarthy",
    "naur",
    "perlis",
    "turing",
];

/// How group names are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tenants {
    One,
    Fifty,
}

impl Tenants {
    fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Fifty => 50,
        }
    }

    pub(crate) fn integration(self) -> Integration {
        let tenancy = match self {
            Self::One => "single",
            Self::Fifty => "multi",
        };
        let mut toml = format!(
            "id = \"customer\"\ndirectory = \"directory_01\"\nmode = \"enforce\"\ntenancy = \"{tenancy}\"\nprefix = \"{PREFIX}\"\n\
             domains = [\"customer.example.com\"]\nprotected = [\"breakglass@customer.example.com\", \"@orgvue.com\"]\n"
        );
        for at in 0..self.count() {
            toml += &format!(
                "[[tenants]]\nid = \"CUSTOMER_{at:02}\"\ndataset = \"0B533DE6-7107-9FCD-48FC-{at:012}\"\napi_account = \"sync@orgvue.com\"\n"
            );
        }
        Integration::parse(&toml).expect("the file has no mistakes")
    }

    /// The groups' names behind the prefix.
    fn group_names(self) -> Vec<String> {
        let per_tenant = N_GROUPS / self.count();
        let role = |at: usize| match at {
            0 => "user".to_owned(),
            1 => "admin".to_owned(),
            at => format!("Region {at:03} HR"),
        };
        let roles = || (0..per_tenant).map(role);
        match self {
            Self::One => roles().collect(),
            Self::Fifty => (0..self.count()).flat_map(|tenant| roles().map(move |role| format!("Customer_{tenant:02}_{role}"))).collect(),
        }
    }

    /// In which tenant a user is, and in which three of its groups: one in a hundred is an administrator.
    fn groups_of(self, user: usize) -> (usize, [usize; 3]) {
        let per_tenant = N_GROUPS / self.count();
        let others = per_tenant - 2;
        let chance = mix(user) as usize;
        let first = chance % others;
        let second = if user.is_multiple_of(100) { 1 } else { 2 + (first + 1 + chance / 1_000 % (others - 1)) % others };
        let tenant = (chance >> 32) % self.count();
        (tenant, [0, 2 + first, second].map(|group| tenant * per_tenant + group))
    }
}

/// How the datasets differ from the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Not at all.
    Nothing,
    /// Of a hundred accounts a third of one is missing, as many have another role, and as many are of people who left.
    OnePercent,
    /// There is nobody yet.
    First,
    /// The groups are empty: every account is to go.
    Leave,
}

impl Scenario {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::OnePercent, Self::First, Self::Leave];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing to do",
            Self::OnePercent => "1 % changes",
            Self::First => "first sync",
            Self::Leave => "everybody leaves",
        }
    }
}

/// Group names, as a directory has them.
pub(crate) fn group_names(tenants: Tenants) -> Vec<String> {
    tenants.group_names().into_iter().map(|name| format!("{PREFIX}{name}")).collect()
}

/// The lists that a directory is made of.
#[derive(Clone)]
pub(crate) struct Lists {
    users: BTreeMap<UserId, User>,
    groups: BTreeMap<GroupId, Group>,
    members: Vec<(GroupId, Vec<UserId>)>,
}

impl Lists {
    pub(crate) fn directory(self) -> Directory {
        let id = DirectoryId::parse("directory_01").expect("it is one");
        let n_users = self.users.len() as u64;
        Directory::new(id, self.users, self.groups, self.members, Some(n_users))
    }
}

/// A directory of `n` users.
pub(crate) fn directory(tenants: Tenants, scenario: Scenario, n: usize) -> Directory {
    lists(tenants, scenario, n).directory()
}

/// What is read of a directory of `n` users.
pub(crate) fn lists(tenants: Tenants, scenario: Scenario, n: usize) -> Lists {
    let names = group_names(tenants);
    let ids: Vec<GroupId> = (0..names.len()).map(|at| GroupId::new(format!("directory_group_{}", ulid(at)))).collect();
    let mut members: Vec<(GroupId, Vec<UserId>)> = ids.iter().map(|id| (id.clone(), Vec::new())).collect();
    let mut users = BTreeMap::new();
    for user in 0..n {
        let id = user_id(user);
        if scenario != Scenario::Leave {
            for group in tenants.groups_of(user).1 {
                members[group].1.push(id.clone());
            }
        }
        let idp_id = Some(format!("00u{:017x}", mix(user)));
        users.insert(id.clone(), User { id, idp_id, email: has_address(user).then(|| address(user)), active: true });
    }
    let groups = ids.iter().zip(names).map(|(id, name)| (id.clone(), Group { id: id.clone(), name })).collect();
    Lists { users, groups, members }
}

/// The rows of each tenant's dataset.
pub(crate) fn rows(tenants: Tenants, scenario: Scenario, n: usize) -> Vec<Vec<Row>> {
    let names = tenants.group_names();
    let role = |group: usize| names[group].rsplit_once('_').map_or(names[group].as_str(), |(_, role)| role);
    let first = || {
        vec![row("sync@orgvue.com", "Orgvue sync", vec!["admin"]), row("breakglass@customer.example.com", "Break the glass", vec!["admin"])]
    };
    let mut rows: Vec<Vec<Row>> = (0..tenants.count()).map(|_| first()).collect();
    let changes = scenario == Scenario::OnePercent;
    for user in (0..n).filter(|user| has_address(*user) && scenario != Scenario::First) {
        let (tenant, groups) = tenants.groups_of(user);
        let mut roles: Vec<&str> = groups.map(role).into();
        match user % 300 {
            7 if changes => continue,
            8 if changes => roles[2] = "Of yesterday",
            9 if changes => rows[tenant].push(row(&format!("left.{}", address(user)), "Somebody Who Left", roles.clone())),
            _ => {}
        }
        rows[tenant].push(row(&address(user), "Somebody Who Works Here", roles));
    }
    rows
}

/// The accounts of each tenant.
pub(crate) fn current(rows: Vec<Vec<Row>>, integration: &Integration) -> Vec<Current> {
    let read = |(tenant, rows): (&Tenant, Vec<Row>)| {
        Current::read(rows, tenant, &integration.dataset, TODAY).expect("the rows are spelled as configured")
    };
    integration.tenants.iter().zip(rows).map(read).collect()
}

/// What a run saw.
pub(crate) fn snapshot(directory: &Directory, integration: &Integration, before: Option<&Snapshot>) -> Snapshot {
    let undone = Undone { renamed: &BTreeSet::new(), holds: false };
    Snapshot::take(directory, integration, &RunId::new("run"), 0, before, undone)
}

/// An event of a user, its body made this long by attributes that nobody reads.
pub(crate) fn event(bytes: usize) -> Vec<u8> {
    let event = |more: &str| {
        json!({
            "id": "event_01JE7Z9V3KMB3SNXAQ2M1E6T0R",
            "event": "dsync.user.updated",
            "created_at": "2026-11-22T10:00:00.000Z",
            "data": {
                "object": "directory_user",
                "id": user_id(1).as_str(),
                "directory_id": "directory_01JE7Z9V3KMB3SNXAQ2M1E6T0R",
                "organization_id": "org_01JE7Z9V3KMB3SNXAQ2M1E6T0R",
                "idp_id": "00u1a2b3c4d5e6f7g8h9",
                "email": address(1),
                "first_name": "Ada",
                "last_name": "Lovelace",
                "state": "active",
                "raw_attributes": { "more": more },
                "previous_attributes": { "job_title": "Analyst" },
            }
        })
        .to_string()
    };
    let short = event("").len();
    event(&"x".repeat(bytes.saturating_sub(short))).into_bytes()
}

fn row(login: &str, name: &str, roles: Vec<&str>) -> Row {
    let id = format!("{:024x}", login.bytes().fold(0_u128, |hash, byte| hash.wrapping_mul(257) + u128::from(byte)) >> 32);
    let row = json!({ "_id": id, "Login": login, "Name": name, "Role": roles.join(","), "Enabled": true, "ExpiryDate": null });
    let Value::Object(row) = row else { unreachable!("a row is an object") };
    row.into()
}

/// One user in a thousand has none.
fn has_address(user: usize) -> bool {
    user % 1_000 != 500
}

fn address(user: usize) -> String {
    let chance = mix(user) as usize;
    let (first, last) = (FIRST_NAMES[chance % 16], LAST_NAMES[chance / 16 % 16]);
    format!("{first}.{last}{user}@customer.example.com")
}

fn user_id(user: usize) -> UserId {
    UserId::new(format!("directory_user_{}", ulid(user)))
}

/// In the order of time, as WorkOS's ids are.
fn ulid(at: usize) -> String {
    format!("01J{at:010}{:013X}", mix(at) >> 12)
}

/// A number that looks like chance (SplitMix64).
fn mix(at: usize) -> u64 {
    let mut z = (at as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
