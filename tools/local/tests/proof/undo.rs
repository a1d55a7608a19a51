//! A run that surely overwrote something is put back right behind it: then every row is as it was, with all that it had. At the next rest it is as
//! the directory says again.

use std::collections::{BTreeMap, BTreeSet};

use adapters::store::AfterApply;
use domain::held::Verdict;
use domain::ids::RunId;
use serde_json::{Map, Value, json};
use sync::RestoreError;

use crate::customer::API_ACCOUNT;
use crate::file::File;
use crate::history::History;
use crate::stage::Stage;

/// Of so many of the latest runs one may be the episode's own.
const RUNS_MAX: usize = 4;

/// The rows of each tenant by their logins, with all their properties but for those that are Orgvue's own.
type Whole = BTreeMap<String, BTreeMap<String, Map<String, Value>>>;

impl Stage {
    /// Gives every account what a customer keeps beside.
    pub(crate) fn adorns(&self, tenant: &str) {
        let rows = self.orgvue.rows(tenant);
        for login in rows.iter().filter_map(|row| row["Login"].as_str()).filter(|login| *login != API_ACCOUNT) {
            self.orgvue.edit(tenant, login, |row| {
                row["ExpiryDate"] = "2099-01-31".into();
                row["Cost centre"] = format!("4711 {}", login.len()).into();
                row["Level"] = json!(3.5);
            });
        }
    }

    fn whole_rows(&self) -> Whole {
        let of = |tenant: &str| {
            let rows = self.orgvue.rows(tenant).into_iter().filter_map(|row| match row {
                Value::Object(row) => Some(row),
                _ => None,
            });
            rows.map(|row| (row["Login"].as_str().unwrap_or_default().to_lowercase(), comparable(row))).collect()
        };
        self.orgvue.datasets().into_keys().map(|tenant| (tenant.clone(), of(&tenant))).collect()
    }

    /// The latest runs that are none of these, the last one first.
    async fn runs_but(&self, known: &BTreeSet<RunId>) -> Vec<RunId> {
        let id = self.customers()[0].integration_id();
        let heads = self.store.latest_runs(&id, RUNS_MAX).await.unwrap();
        heads.into_iter().map(|head| head.id).filter(|run| !known.contains(run)).collect()
    }
}

/// The roles are a set, and Orgvue's own properties are none of ours.
fn comparable(row: Map<String, Value>) -> Map<String, Value> {
    let mut row: Map<String, Value> = row.into_iter().filter(|(key, _)| !key.starts_with('_')).collect();
    let roles: BTreeSet<String> = roles(&row);
    row.insert("Role".to_owned(), json!(roles));
    row
}

fn roles(row: &Map<String, Value>) -> BTreeSet<String> {
    let text = row.get("Role").and_then(Value::as_str).unwrap_or_default();
    text.split(',').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned).collect()
}

impl History<'_> {
    /// A run takes and changes, and is put back.
    pub(crate) async fn a_bad_run_is_put_back(&mut self) {
        let stage = self.stage;
        let known = stage.runs_but(&BTreeSet::new()).await.into_iter().collect();
        let was = stage.whole_rows();
        self.a_mistake_is_made();
        stage.sync_until_quiet().await;
        for tenant in stage.file().tenants() {
            if stage.state(tenant).await.held.is_some() {
                stage.says(tenant, Verdict::Approved).await.unwrap();
            }
        }
        stage.run_until_quiet().await;
        let bad = stage.whole_rows();
        let runs = stage.runs_but(&known).await;
        let id = stage.customers()[0].integration_id();
        let is_paused = self.dice.percent(60);
        if is_paused {
            stage.by_hand(stage.operator().pause(&id)).await.unwrap();
        }
        let spared = self.somebody_is_spared(&was, &bad).await;
        self.tell(format!("{} bad runs are put back but for {spared:?}", runs.len()));
        // At first nobody may have agreed to what that takes from somebody.
        for agrees in [false, true].into_iter().skip(usize::from(self.dice.percent(25))) {
            for run in &runs {
                match stage.put_back_by_hand(run, agrees).await.unwrap() {
                    // It only created, or held all the rest.
                    Ok(()) | Err(RestoreError::NothingSaved(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_put_back(&was, &bad, &stage.whole_rows(), agrees, &stage.file());
        }
        if is_paused {
            stage.resumes().await.unwrap();
        } else {
            stage.ask().await;
        }
        stage.play().n_told = stage.workos.emitted().len();
    }

    /// Some leave, and the others have other roles.
    fn a_mistake_is_made(&mut self) {
        let stage = self.stage;
        let (file, directory) = (stage.file(), stage.directory());
        let same = self.dice.percent(60).then_some(2);
        for (name, login) in stage.employees().into_iter().take(4) {
            match same.unwrap_or_else(|| self.dice.below(4)) {
                0 | 1 => stage.goes(name),
                2 => file.groups_ever("admin").iter().for_each(|group| stage.workos.add_member(&directory, group, name)),
                _ => {
                    stage.goes(name);
                    stage.workos.put_user(&directory, standins::workos::UserSpec::new(name, &login));
                    file.groups_ever("user").iter().for_each(|group| stage.workos.add_member(&directory, group, name));
                }
            }
        }
        stage.note_desired();
    }

    /// The file blocks one of those whom the run changed and protects another, so that nobody puts these back.
    async fn somebody_is_spared(&mut self, was: &Whole, bad: &Whole) -> Vec<String> {
        let changed = was.iter().flat_map(|(tenant, rows)| rows.iter().filter(|(login, row)| bad[tenant].get(*login) != Some(*row)));
        let logins: BTreeSet<&String> = changed.map(|(login, _)| login).collect();
        if self.dice.percent(35) {
            return Vec::new();
        }
        let logins: Vec<String> = logins.into_iter().take(2).cloned().collect();
        let spares = |file: File, (n, login): (usize, &String)| file.sparing(login, n == 0);
        let file = logins.iter().enumerate().fold(self.stage.file(), spares);
        assert!(self.stage.put_in_force(file, AfterApply::Wait).await);
        logins
    }
}

/// What the runs changed is as it was. Where nobody agreed to what that takes it is as it was or has that still, and has it still where that is more
/// than the limit. The rest is as the runs left it.
fn assert_put_back(was: &Whole, bad: &Whole, is: &Whole, agrees: bool, file: &File) {
    for tenant in file.tenants() {
        let (was, bad, is) = (&was[tenant], &bad[tenant], &is[tenant]);
        let is_spared = |login: &String| file.protected().contains(login) || file.blocked().contains(login);
        let harmed = was.iter().filter(|(login, was)| !is_spared(login) && bad.get(*login).is_some_and(|bad| harms(was, bad)));
        let harmed: BTreeSet<&String> = harmed.map(|(login, _)| login).collect();
        let is_over = !agrees && file.limit().is_some_and(|limit| harmed.len() > limit as usize);
        let logins: BTreeSet<&String> = was.keys().chain(bad.keys()).chain(is.keys()).collect();
        for login in logins {
            let (was, bad, is) = (was.get(login), bad.get(login), is.get(login));
            if is_over && harmed.contains(login) {
                assert_ne!(is, was, "nobody agreed to what {login} of {tenant} loses");
            }
            let Some(was) = was.filter(|_| !is_spared(login)) else {
                assert_eq!(is, bad, "{login} of {tenant} is left alone");
                continue;
            };
            let Some(bad) = bad.filter(|_| !agrees) else {
                assert_eq!(is, Some(was), "{login} of {tenant} is put back");
                continue;
            };
            let is = is.expect("a restore removes nobody");
            let with_roles_of_both = Map::from_iter(bad.clone().into_iter().chain([("Role".to_owned(), both(was, bad))]));
            let keeps = is == bad || *is == with_roles_of_both;
            assert!(is == was || (keeps && takes(was, bad)), "{login} of {tenant} was {was:?}, became {bad:?}, is {is:?}");
        }
    }
}

/// The roles of both.
fn both(one: &Map<String, Value>, other: &Map<String, Value>) -> Value {
    let all = |row: &Map<String, Value>| row["Role"].as_array().cloned().unwrap_or_default();
    let roles: BTreeSet<String> = all(one).iter().chain(&all(other)).filter_map(|role| role.as_str().map(str::to_owned)).collect();
    json!(roles)
}

/// Whether the account loses so much that the limits count it.
fn harms(was: &Map<String, Value>, bad: &Map<String, Value>) -> bool {
    let is_platform = |role: &str| ["user", "admin"].contains(&role);
    let roles = |row: &Map<String, Value>| -> BTreeSet<String> { serde_json::from_value(row["Role"].clone()).unwrap() };
    let (was_roles, bad_roles) = (roles(was), roles(bad));
    let loses_role = bad_roles.difference(&was_roles).any(|role| is_platform(role) && !was_roles.contains("admin"));
    bad["Enabled"] == true && (was["Enabled"] != true || loses_role)
}

/// Whether the account loses something when it becomes as it was.
fn takes(was: &Map<String, Value>, bad: &Map<String, Value>) -> bool {
    bad["Enabled"] == true && (was["Enabled"] != true || both(was, bad) != was["Role"])
}
