//! Who should have an account in which tenant, with which roles, as the directory has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::directory::{Directory, Group, User};
use crate::finding::{Finding, FindingCode};
use crate::group_name::{self, GroupName, Role, Roles};
use crate::ids::{TenantId, UserId};
use crate::integration::{Integration, Tenancy};
use crate::login::Login;

/// Above this many users in no Orgvue group, they are one finding: a customer may sync 50,000 users of whom 200 use Orgvue.
const OUTSIDERS_LISTED_MAX: usize = 1_000;

/// What the directory asks for, over all tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Per tenant of the integration, every one of them.
    pub tenants: BTreeMap<TenantId, Desired>,
    /// Users and groups that cannot be synced, sorted.
    pub findings: Vec<Finding>,
}

/// The accounts that should be in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desired {
    /// By login.
    pub accounts: BTreeMap<Login, DesiredAccount>,
    /// Logins that nobody may decide about: two users have one address.
    pub untouched: BTreeSet<Login>,
    /// Users who should be in the tenant but have no usable address: any account might be theirs.
    pub unknown_owners: BTreeSet<UserId>,
    /// Users who should be in the tenant but have the address of another: the account that they had under their own is theirs.
    pub sharing: BTreeSet<UserId>,
}

/// One account that should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredAccount {
    /// The address as the directory writes it.
    pub login: Login,
    /// At least one of them is a platform role.
    pub roles: Roles,
    /// Whose account it is.
    pub user: UserId,
}

/// Works out the desired accounts of every tenant, and what stands in the way of the others.
pub fn desired(directory: &Directory, integration: &Integration) -> Decision {
    let mut findings = Vec::new();
    let grants = grants(directory, integration, &mut findings);
    let memberships = directory.memberships(grants.iter().map(|(group, _)| &group.id));
    let given = memberships.each(|set| given(set.iter().map(|at| &grants[*at].1)));
    let mut drafts: BTreeMap<TenantId, Draft> = integration.tenants.iter().map(|tenant| (tenant.id.clone(), Draft::default())).collect();
    let mut outsiders = Vec::new();
    for same in directory.by_login() {
        let users = || same.iter().map(|place| (&directory.users()[*place], &given[memberships.of_users[*place]]));
        let login = directory.logins()[same[0]].as_ref();
        if let (Some(login), n_users @ 2..) = (login, same.len()) {
            let what = format!("{n_users} active users have this e-mail address");
            findings.extend(users().map(|(user, _)| Finding::new(FindingCode::DuplicateLogin, &what).login(login).user(&user.id)));
            drafts.values_mut().for_each(|draft| draft.desired.untouched.extend([login.clone()]));
        }
        for (user, given) in users() {
            if given.is_empty() {
                outsiders.push(user);
            }
            for given in given {
                let draft = drafts.get_mut(given.tenant).expect("the grammar yields configured tenants only");
                findings.extend(draft.add(user, account(user, login, given, integration)).err());
            }
        }
    }
    let tenants = drafts.into_iter().map(|(tenant, draft)| (tenant, draft.done())).collect();
    findings.extend(outsider_findings(&outsiders, integration));
    name_groups(&mut findings, directory);
    findings.sort();
    Decision { tenants, findings }
}

/// The accounts of one tenant, as far as the users were gone through.
#[derive(Default)]
struct Draft {
    desired: Desired,
    /// In the order of their logins: a map is made from these in a small part of the time that it takes to insert one by one.
    accounts: Vec<DesiredAccount>,
}

impl Draft {
    /// Takes in the account that a user should have, unless something stands in the way.
    fn add(&mut self, user: &User, account: Result<DesiredAccount, Finding>) -> Result<(), Finding> {
        let Desired { untouched, unknown_owners, sharing, .. } = &mut self.desired;
        let account = account.inspect_err(|finding| {
            if matches!(finding.code, FindingCode::NoEmail | FindingCode::InvalidEmail) {
                unknown_owners.insert(user.id.clone());
                // An account under the very text that is no address is this user's.
                untouched.extend(finding.login.clone());
            }
        })?;
        if untouched.contains(&account.login) {
            sharing.insert(account.user);
        } else {
            self.accounts.push(account);
        }
        Ok(())
    }

    fn done(self) -> Desired {
        Desired { accounts: self.accounts.into_iter().map(|account| (account.login.clone(), account)).collect(), ..self.desired }
    }
}

/// The groups that the grammar accepts, and what each gives to its members; a finding for each group of ours that it does not.
fn grants<'a>(directory: &'a Directory, integration: &Integration, findings: &mut Vec<Finding>) -> Vec<(&'a Group, GroupName)> {
    let mut grants = Vec::new();
    for group in directory.groups.values() {
        match group_name::parse(&group.name, integration) {
            Some(Ok(name)) => grants.push((group, name)),
            Some(Err(error)) => findings.push(Finding::new(error.code(), error.explain()).group(&group.id, &group.name)),
            None => {}
        }
    }
    findings.extend(roles_that_differ_by_case(&grants));
    grants
}

fn roles_that_differ_by_case(grants: &[(&Group, GroupName)]) -> Vec<Finding> {
    let mut seen: BTreeMap<(&TenantId, String), &Role> = BTreeMap::new();
    let mut findings = Vec::new();
    for (group, GroupName { tenant, role }) in grants {
        let first = *seen.entry((tenant, role.as_str().to_lowercase())).or_insert(role);
        if first != role {
            let what = format!("the role {role} differs from the role {first} by case only");
            findings.push(Finding::new(FindingCode::RolesDifferByCase, what).group(&group.id, &group.name).tenant(tenant));
        }
    }
    findings
}

/// What a user has in one tenant.
struct Given<'a> {
    tenant: &'a TenantId,
    roles: Roles,
    has_platform_role: bool,
}

fn given<'a>(grants: impl Iterator<Item = &'a GroupName>) -> Vec<Given<'a>> {
    let mut roles: BTreeMap<&TenantId, BTreeSet<Role>> = BTreeMap::new();
    for GroupName { tenant, role } in grants {
        roles.entry(tenant).or_default().insert(role.clone());
    }
    let given = |(tenant, roles): (_, BTreeSet<Role>)| Given {
        tenant,
        has_platform_role: roles.iter().any(Role::is_platform),
        roles: roles.into(),
    };
    roles.into_iter().map(given).collect()
}

/// `login` is the user's address, where it is one.
fn account(user: &User, login: Option<&Login>, given: &Given<'_>, integration: &Integration) -> Result<DesiredAccount, Finding> {
    let Given { tenant, roles, has_platform_role } = given;
    let finding = |code, what: &str| Finding::new(code, what).user(&user.id).tenant(tenant);
    let email = || user.email.as_deref().map(str::trim).filter(|email| !email.is_empty()).map(Login::as_found);
    if !has_platform_role {
        let held: Vec<_> = roles.iter().map(Role::as_str).collect();
        let finding = finding(FindingCode::NoPlatformRole, &format!("the user has {} but neither user nor admin", held.join(", ")));
        return Err(email().into_iter().fold(finding, |finding, email| finding.login(&email)));
    }
    match (login, email) {
        (Some(login), _) if integration.allows_domain(login) => {
            Ok(DesiredAccount { login: login.clone(), roles: Arc::clone(roles), user: user.id.clone() })
        }
        (Some(login), _) => Err(finding(FindingCode::DomainNotAllowed, "the domain of the e-mail address is not allowed").login(login)),
        (None, email) => Err(match email() {
            Some(email) => finding(FindingCode::InvalidEmail, "the user's e-mail address is not one").login(&email),
            None => finding(FindingCode::NoEmail, "the user has no e-mail address"),
        }),
    }
}

/// Adds to each finding about a user the groups that the user was seen in, and where there is no login the identity provider's id.
pub fn name_groups(findings: &mut [Finding], directory: &Directory) {
    let place = |finding: &Finding| directory.place(finding.user.as_ref()?);
    let mut seen_in: HashMap<usize, Vec<String>> = findings.iter().filter_map(|finding| Some((place(finding)?, Vec::new()))).collect();
    if seen_in.is_empty() {
        return;
    }
    for group in directory.groups.values() {
        for member in directory.places(&group.id) {
            if let Some(names) = seen_in.get_mut(member) {
                names.push(group.name.clone());
            }
        }
    }
    for finding in findings {
        let Some(place) = place(finding) else { continue };
        if finding.groups.is_empty() {
            finding.groups.clone_from(&seen_in[&place]);
        }
        if finding.login.is_none() {
            finding.idp_id.clone_from(&directory.users()[place].idp_id);
        }
    }
}

fn outsider_findings(outsiders: &[&User], integration: &Integration) -> Vec<Finding> {
    let code = match integration.tenancy {
        Tenancy::Single => FindingCode::NoPlatformRole,
        Tenancy::Multi => FindingCode::NoTenant,
    };
    if outsiders.len() > OUTSIDERS_LISTED_MAX {
        return vec![Finding::new(code, format!("{} users are in no Orgvue group", outsiders.len()))];
    }
    let finding = |user: &&User| {
        let finding = Finding::new(code, "the user is in no Orgvue group").user(&user.id);
        match user.email.as_deref().map(str::trim) {
            Some(email) if !email.is_empty() => finding.login(&Login::as_found(email)),
            Some(_) | None => finding,
        }
    };
    outsiders.iter().map(finding).collect()
}
