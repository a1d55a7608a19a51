//! What the names of a directory's groups give, and where they look like a slip.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::checklist::{Check, CheckStep, Outcome, counted, listed};
use super::near::{Grant, NearGroup, common_beginning, is_the_guides_slip};
use crate::directory::Directory;
use crate::finding::{Finding, FindingCode};
use crate::group_name::{self, Role, near_miss};
use crate::ids::{TenantId, UserId};
use crate::integration::Integration;

/// What is said of a slip that the guide itself makes.
const GUIDES_SLIP: &str = "Orgvue's integration guide writes the prefix both ways, with IAMAPP_ and with IMAPP_";

/// What the names of all groups give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupReport {
    /// The prefix of the integration file.
    pub prefix: String,
    /// Groups that give a role, by name.
    pub matching: Vec<MatchingGroup>,
    /// Groups that nearly have the prefix, by name.
    pub near: Vec<NearGroup>,
    /// Groups that have the prefix and give nothing, by name.
    pub unparsed: Vec<UnparsedGroup>,
    /// Groups that are not ours.
    pub n_others: usize,
    /// Tenants that no group names: nobody would have an account there.
    pub tenants_unnamed: Vec<TenantId>,
    /// Tenants that groups name, but none for `user` or `admin`: nobody could get in.
    pub tenants_closed: Vec<TenantId>,
    /// Tenants that have a group for `user` and none for `admin`.
    pub tenants_without_admin: Vec<TenantId>,
    /// The likely slip in the file, where no group has its prefix and some nearly have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slip: Option<PrefixSlip>,
    /// Users with `no_platform_role` or `no_tenant` who are in a group that nearly has the prefix: the likely reason. `None` where the
    /// members of such groups are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_users_left_out: Option<usize>,
}

/// A group that gives a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MatchingGroup {
    /// Its name.
    pub name: String,
    /// What it gives.
    #[serde(flatten)]
    pub gives: Grant,
}

/// A group that has the prefix and gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnparsedGroup {
    /// Its name.
    pub name: String,
    /// Why.
    pub code: FindingCode,
    /// The same in words.
    pub message: String,
    /// What to do.
    pub remedy: &'static str,
}

/// A prefix in the file that no group has, while groups have one that is nearly it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrefixSlip {
    /// What the file has.
    pub configured: String,
    /// What the groups have: the beginning that they share.
    pub seen: String,
    /// How many have it.
    pub n_groups: usize,
    /// Whether it is the slip of Orgvue's own integration guide.
    pub is_the_guides: bool,
}

impl GroupReport {
    /// Reads names of groups.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>, integration: &Integration) -> Self {
        let mut report = Self {
            prefix: integration.prefix.clone(),
            matching: Vec::new(),
            near: Vec::new(),
            unparsed: Vec::new(),
            n_others: 0,
            tenants_unnamed: Vec::new(),
            tenants_closed: Vec::new(),
            tenants_without_admin: Vec::new(),
            slip: None,
            n_users_left_out: None,
        };
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        for name in names {
            match (group_name::parse(name, integration), NearGroup::of(name, integration)) {
                (Some(Ok(gives)), _) => report.matching.push(MatchingGroup { name: name.to_owned(), gives: gives.into() }),
                (Some(Err(error)), _) => {
                    let (code, message) = (error.code(), error.explain());
                    report.unparsed.push(UnparsedGroup { name: name.to_owned(), code, message, remedy: code.remedy() });
                }
                (None, Some(near)) => report.near.push(near),
                (None, None) => report.n_others += 1,
            }
        }
        // Two groups of one name are told once.
        report.matching.dedup();
        report.near.dedup();
        report.unparsed.dedup();
        report.note_tenants(integration);
        report.slip = report.slip();
        report
    }

    /// Reads the names of a directory's groups; and who is left out by a slip in one, as far as the members of such groups were read.
    pub fn of_directory(directory: &Directory, findings: &[Finding], integration: &Integration) -> Self {
        let mut report = Self::of(directory.groups.values().map(|group| group.name.as_str()), integration);
        let mut seen: BTreeSet<&UserId> = BTreeSet::new();
        for near in &mut report.near {
            let groups = directory.groups.values().filter(|group| group.name == near.name);
            for members in groups.filter_map(|group| directory.members(&group.id)) {
                *near.n_members.get_or_insert_default() += members.len();
                seen.extend(members.map(|user| &user.id));
            }
        }
        if report.near.iter().any(|near| near.n_members.is_some()) {
            let is_left_out = |finding: &&Finding| matches!(finding.code, FindingCode::NoPlatformRole | FindingCode::NoTenant);
            let left_out: BTreeSet<&UserId> = findings.iter().filter(is_left_out).filter_map(|finding| finding.user.as_ref()).collect();
            report.n_users_left_out = Some(left_out.intersection(&seen).count());
        }
        report
    }

    fn note_tenants(&mut self, integration: &Integration) {
        for tenant in &integration.tenants {
            let given: Vec<&Role> =
                self.matching.iter().filter(|group| group.gives.tenant == tenant.id).map(|group| &group.gives.role).collect();
            let list = match () {
                () if given.is_empty() => &mut self.tenants_unnamed,
                () if !given.iter().any(|role| role.is_platform()) => &mut self.tenants_closed,
                () if !given.contains(&&Role::admin()) => &mut self.tenants_without_admin,
                () => continue,
            };
            list.push(tenant.id.clone());
        }
    }

    fn slip(&self) -> Option<PrefixSlip> {
        if !self.matching.is_empty() || !self.unparsed.is_empty() {
            return None;
        }
        let seen = common_beginning(self.near.iter().map(|near| near.begins.as_str()));
        near_miss(seen, &self.prefix)?;
        Some(PrefixSlip {
            configured: self.prefix.clone(),
            seen: seen.to_owned(),
            n_groups: self.near.len(),
            is_the_guides: is_the_guides_slip(&self.prefix, seen),
        })
    }

    /// The lines of the checklist.
    pub fn steps(&self) -> Vec<CheckStep> {
        let mut steps = vec![self.groups_step()];
        steps.extend(self.near_step());
        steps.extend(self.names_steps());
        if !self.matching.is_empty() {
            steps.push(self.tenants_step());
            steps.push(self.admins_step());
        }
        steps
    }

    fn groups_step(&self) -> CheckStep {
        match (&self.slip, self.matching.len()) {
            (Some(slip), _) => {
                let remedy = format!("write prefix = {:?} in the integration file, or have the groups renamed", slip.seen);
                let message = [slip.to_string()].into_iter().chain(self.notes()).collect::<Vec<_>>().join("; ");
                CheckStep::failed(Check::Groups, message, remedy)
            }
            (None, 0) => {
                let message = format!("no group gives a role under the prefix {:?}", self.prefix);
                CheckStep::failed(Check::Groups, message, "agree on the prefix with the customer's IAM administrator")
            }
            (None, n) => CheckStep::ok(
                Check::Groups,
                format!("{} with the prefix and a role, {} without", counted(n, "group"), counted(self.n_others, "other group")),
            ),
        }
    }

    fn near_step(&self) -> Option<CheckStep> {
        let message = [listed(&self.near)].into_iter().chain(self.notes()).collect::<Vec<_>>().join("; ");
        match &self.slip {
            // The slip is in the file, and has been told.
            Some(_) => None,
            None if self.near.is_empty() => Some(CheckStep::ok(Check::NearMisses, "no group nearly has the prefix")),
            None => Some(CheckStep::warning(Check::NearMisses, message, "have the groups renamed if they were meant to be ours")),
        }
    }

    /// What is to be said of all groups that nearly have the prefix.
    fn notes(&self) -> impl Iterator<Item = String> {
        let is_the_guides = self.near.iter().any(|near| is_the_guides_slip(&near.begins, &self.prefix));
        let guide = is_the_guides.then(|| GUIDES_SLIP.to_owned());
        let left_out = self.n_users_left_out.filter(|n| *n > 0);
        let left_out = left_out.map(|n| format!("{} in such groups without a group of ours: likely for this reason", counted(n, "user")));
        guide.into_iter().chain(left_out)
    }

    /// One step for each way in which names are wrong, for each has a remedy of its own.
    fn names_steps(&self) -> Vec<CheckStep> {
        if self.unparsed.is_empty() {
            return vec![CheckStep::ok(Check::GroupNames, "every group with the prefix has a name that can be read")];
        }
        let mut by_code: BTreeMap<FindingCode, Vec<&UnparsedGroup>> = BTreeMap::new();
        for group in &self.unparsed {
            by_code.entry(group.code).or_default().push(group);
        }
        let step = |(code, groups): (FindingCode, Vec<_>)| CheckStep::warning(Check::GroupNames, listed(groups), code.remedy());
        by_code.into_iter().map(step).collect()
    }

    fn tenants_step(&self) -> CheckStep {
        let unnamed = (!self.tenants_unnamed.is_empty()).then(|| format!("no group names {}", listed(&self.tenants_unnamed)));
        let closed = (!self.tenants_closed.is_empty()).then(|| format!("no group gives user or admin in {}", listed(&self.tenants_closed)));
        match unnamed.into_iter().chain(closed).collect::<Vec<_>>() {
            none if none.is_empty() => CheckStep::ok(Check::Tenants, "every tenant has groups that let somebody in"),
            some => CheckStep::failed(
                Check::Tenants,
                format!("{}: nobody could get in there", some.join("; ")),
                "have groups for user and admin made, or take the tenant out of the integration file",
            ),
        }
    }

    fn admins_step(&self) -> CheckStep {
        match listed(&self.tenants_without_admin) {
            none if none.is_empty() => CheckStep::ok(Check::Administrators, "every tenant that lets users in has a group for admin"),
            some => CheckStep::warning(
                Check::Administrators,
                format!("no group gives admin in {some}"),
                "have a group for admin made, or protect the accounts that administer the tenant",
            ),
        }
    }
}

impl fmt::Display for PrefixSlip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { configured, seen, n_groups, is_the_guides: _ } = self;
        write!(
            f,
            "no group begins with {configured:?}, but {} with {seen:?}: the prefix in the file is probably a slip",
            counted(*n_groups, "group")
        )
    }
}

impl fmt::Display for UnparsedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} gives nothing ({}): {}", self.name, self.code, self.message)
    }
}

impl fmt::Display for GroupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.matching.iter().try_for_each(|group| writeln!(f, "{:?} gives {}", group.name, group.gives))?;
        self.unparsed.iter().try_for_each(|group| writeln!(f, "{group}"))?;
        self.near.iter().try_for_each(|group| writeln!(f, "{group}"))?;
        writeln!(f, "not ours: {}", counted(self.n_others, "other group"))?;
        let is_told = |step: &CheckStep| matches!(step.name, Check::NearMisses | Check::GroupNames) || step.outcome == Outcome::Ok;
        let troubles = self.steps().into_iter().filter(|step| !is_told(step)).map(|step| step.message);
        let notes = self.notes().filter(|_| self.slip.is_none());
        troubles.chain(notes).try_for_each(|text| writeln!(f, "{text}"))
    }
}
