//! `integration diff --from --to`: what is in force in one deployment against what is in force in another one. It only reads.

mod settings;

use std::collections::{BTreeMap, BTreeSet};

use adapters::aws::chain;
use adapters::store::{InForce, Store};
use domain::ids::IntegrationId;
use domain::integration::Integration;
use serde::Serialize;

use super::diff::{painted, unified};
use crate::args::DeploymentsArgs;
use crate::commands::fleet;
use crate::context::Context;
use crate::error::{Advice, CliError, Named};
use crate::output::{Answer, At, Exit, Page, Tone, counted};
use settings::ByNature;

/// How two deployments differ.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    from: Side,
    to: Side,
    differs: bool,
    integrations: Vec<Row>,
    /// Items of the tables that cannot be read as an integration.
    corrupt: Vec<String>,
    /// Whether people are shown that too.
    #[serde(skip)]
    shows_by_nature: bool,
}

/// Where one of the deployments is.
#[derive(Debug, Serialize)]
struct Side {
    profile: String,
    region: String,
    table: String,
}

#[derive(Debug, Serialize)]
struct Row {
    id: IntegrationId,
    outcome: Outcome,
    differs: bool,
    /// A unified diff of what ought to be the same, from what is in force in `to` to what is in force in `from`.
    diff: String,
    /// What differs by nature; it does not count.
    by_nature: Vec<ByNature>,
    /// Why the two cannot be compared.
    problem: Option<String>,
    from: Option<There>,
    to: Option<There>,
}

/// What is in force on one side.
#[derive(Debug, Serialize)]
struct There {
    applied_at: At,
    applied_by: Option<String>,
    file: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// But for what differs by nature.
    Same,
    Differs,
    OnlyFrom,
    OnlyTo,
    /// A side cannot be read.
    Unusable,
}

/// What was found of an integration on one side; the error says why it cannot be read.
type Found = Result<Option<InForce>, String>;

/// Compares what is in force in two deployments.
pub(crate) async fn compare(cx: &Context, args: &DeploymentsArgs) -> Result<Comparison, CliError> {
    let (from, to) = (cx.side(Named::From, &args.from).await?, cx.side(Named::To, &args.to).await?);
    let (from_side, to_side) = (told(&from, Side::of(&from).await)?, told(&to, Side::of(&to).await)?);
    if (&from_side.profile, &from_side.table) == (&to_side.profile, &to_side.table) {
        let what = format!("--from and --to are both the table {} of the profile {}", from_side.table, from_side.profile);
        return Err(CliError::Usage(Advice::new(what, "name two deployments")));
    }
    let (from_store, to_store) = (told(&from, from.store().await)?, told(&to, to.store().await)?);
    let mut corrupt = Vec::new();
    let mut ids: BTreeSet<_> = args.ids.iter().cloned().collect();
    if ids.is_empty() {
        for (side, store) in [(&from, &from_store), (&to, &to_store)] {
            let fleet = told(side, fleet::all(store).await)?;
            ids.extend(fleet.integrations.into_iter().map(|deployed| deployed.id));
            corrupt.extend(fleet.corrupt);
        }
    }
    // Each is asked for on both sides, also where it was not listed: a corrupt one must not look as if it were not there.
    let mut in_from = told(&from, found(&from_store, &ids).await)?;
    let mut in_to = told(&to, found(&to_store, &ids).await)?;
    let mut integrations = Vec::new();
    for id in ids {
        let missing = || Ok(None);
        let (a, b) = (in_from.remove(&id).unwrap_or_else(missing), in_to.remove(&id).unwrap_or_else(missing));
        if matches!((&a, &b), (Ok(None), Ok(None))) {
            // One that was listed has gone meanwhile.
            if args.ids.is_empty() {
                continue;
            }
            let what = format!("there is no integration {id}, neither in {} nor in {}", from_side.profile, to_side.profile);
            return Err(Advice::new(what, "see `orgvue-scim integration list`").into());
        }
        integrations.push(row(id, (&from_side, a), (&to_side, b)));
    }
    let differs = integrations.iter().any(|row| row.differs);
    Ok(Comparison { from: from_side, to: to_side, differs, integrations, corrupt, shows_by_nature: args.by_nature })
}

/// An error of one side is told with the names of that side.
fn told<T>(side: &Context, result: Result<T, CliError>) -> Result<T, CliError> {
    result.map_err(|error| error.advice(&side.place()).into())
}

/// These integrations, as they are on one side.
async fn found(store: &Store, ids: &BTreeSet<IntegrationId>) -> Result<BTreeMap<IntegrationId, Found>, CliError> {
    let found = fleet::each(ids.iter().cloned(), |id| async move {
        match store.integration_in_force(&id).await.map_err(|error| (chain(&error), CliError::from(error))) {
            Ok(in_force) => Ok((id, Ok(in_force))),
            Err((_, error)) if error.corrupt().is_none() => Err(error),
            Err((why, _)) => Ok((id, Err(why))),
        }
    });
    Ok(found.await?.into_iter().collect())
}

fn row(id: IntegrationId, (from_side, from): (&Side, Found), (to_side, to): (&Side, Found)) -> Row {
    let mut row = Row {
        id,
        outcome: Outcome::Unusable,
        differs: true,
        diff: String::new(),
        by_nature: Vec::new(),
        problem: None,
        from: There::of(&from),
        to: There::of(&to),
    };
    match (usable(from_side, from), usable(to_side, to)) {
        (Err(problem), _) | (_, Err(problem)) => row.problem = Some(problem),
        (Ok(_), Ok(None)) => row.outcome = Outcome::OnlyFrom,
        (Ok(None), Ok(Some(_))) => row.outcome = Outcome::OnlyTo,
        (Ok(Some(from)), Ok(Some(to))) => {
            let pairs = settings::pairs(&from, &to);
            let (new, old) = settings::common(&from, &to, &pairs);
            row.diff = unified(&old, &new, (&to_side.in_force(), &from_side.in_force()));
            row.by_nature = settings::by_nature(&from, &to, &pairs);
            row.differs = !row.diff.is_empty();
            row.outcome = if row.differs { Outcome::Differs } else { Outcome::Same };
        }
    }
    row
}

/// What a side has in force, as this version reads it.
fn usable(side: &Side, found: Found) -> Result<Option<Integration>, String> {
    let file = found.map_err(|why| format!("in {}: {why}", side.profile))?;
    let read = |in_force: InForce| {
        Integration::parse(&in_force.file).map_err(|error| {
            let problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
            format!("in {} its file is not valid any more: {}", side.profile, problems.join("; "))
        })
    };
    file.map(read).transpose()
}

impl There {
    fn of(found: &Found) -> Option<Self> {
        let InForce { file, directory: _, applied_at_ms, applied_by } = found.as_ref().ok()?.as_ref()?;
        Some(Self { applied_at: At(*applied_at_ms), applied_by: applied_by.clone(), file: file.clone() })
    }
}

impl Side {
    async fn of(side: &Context) -> Result<Self, CliError> {
        side.aws().await?;
        let place = side.place();
        Ok(Self { profile: place.profile, region: place.region, table: place.table })
    }

    /// What a diff calls its file.
    fn in_force(&self) -> String {
        format!("in force in {} ({})", self.profile, self.table)
    }

    /// The program, as it works on this deployment whatever the shell was made ready for.
    fn program(&self) -> String {
        let Self { profile, region, table } = self;
        format!("orgvue-scim --profile {profile} --region {region} --table {table}")
    }
}

impl Comparison {
    fn n(&self, outcome: Outcome) -> usize {
        self.integrations.iter().filter(|row| row.outcome == outcome).count()
    }

    /// What to do about those with this outcome, where there are any: with the id, where there is one.
    fn next(&self, outcome: Outcome, next: impl Fn(&str) -> String) -> Option<String> {
        let mut rows = self.integrations.iter().filter(|row| row.outcome == outcome);
        let first = rows.next()?;
        Some(next(if rows.next().is_none() { first.id.as_str() } else { "ID" }))
    }
}

impl Answer for Comparison {
    fn text(&self, page: &Page) -> String {
        let (from, to) = (&self.from.profile, &self.to.profile);
        let mut text = String::new();
        for Row { id, outcome, differs: _, diff, by_nature, problem, from: _, to: _ } in &self.integrations {
            let (tone, what) = match outcome {
                Outcome::Same => (Tone::Good, "the same".to_owned()),
                Outcome::Differs => (Tone::Warn, "differs".to_owned()),
                Outcome::OnlyFrom => (Tone::Warn, format!("only in {from}")),
                Outcome::OnlyTo => (Tone::Warn, format!("only in {to}")),
                Outcome::Unusable => (Tone::Bad, format!("cannot be compared: {}", problem.as_deref().unwrap_or_default())),
            };
            let shown: &[ByNature] = if self.shows_by_nature { by_nature } else { &[] };
            // As with a file, what is the same takes no line.
            if *outcome != Outcome::Same || !shown.is_empty() {
                text += &format!("{id}: {}\n", page.paint(tone, &what));
            }
            text += &painted(diff, page);
            for ByNature { key, from: a, to: b } in shown {
                let [a, b] = [a, b].map(|value| value.as_deref().unwrap_or("not set"));
                text += &page.paint(Tone::Plain, &format!("  by nature: {key} is {a} in {from}, {b} in {to}\n"));
            }
        }
        text
    }

    fn exit(&self) -> Exit {
        if self.differs { Exit::Attention } else { fleet::exit(&self.corrupt) }
    }

    fn hint(&self) -> Option<String> {
        let (from, to) = (&self.from.profile, &self.to.profile);
        let n_same = self.n(Outcome::Same);
        let but = if self.integrations.iter().any(|row| !row.by_nature.is_empty()) && !self.shows_by_nature {
            ", but for what differs by nature: --by-nature shows it"
        } else {
            ""
        };
        let same = match (n_same, self.integrations.is_empty()) {
            (_, true) => Some(format!("there is no integration, neither in {from} nor in {to}")),
            (0, false) => None,
            (1, false) => self.next(Outcome::Same, |id| format!("{id} is the same in {from} and in {to}{but}")),
            (n, false) => Some(format!("{} are the same in {from} and in {to}{but}", counted(n, "integration"))),
        };
        let differs = self.next(Outcome::Differs, |id| {
            let show = format!("{} integration show {id} > {id}.toml", self.to.program());
            format!("to promote {id}: `{show}`, write into it what has a +, take out what has a -")
        });
        let only_from = self.next(Outcome::OnlyFrom, |id| {
            let show = format!("{} integration show {id} > {id}.toml", self.from.program());
            format!(
                "to promote {id}: `{show}`, replace directory and each tenant's id, dataset and api_account, begin with mode = \"simulate\""
            )
        });
        let then = (differs.is_some() || only_from.is_some()).then(|| {
            format!(
                "then: `{} integration diff ID.toml`, and with {to}'s environment `orgvue-scim integration apply ID.toml --wait`",
                self.to.program()
            )
        });
        let lines: Vec<_> = [same, differs, only_from, then, fleet::repair(&self.corrupt)].into_iter().flatten().collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}
