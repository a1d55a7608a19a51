//! Who should have an account in which tenant, with which roles, as the directory has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::directory::{Directory, User};
use crate::finding::{Finding, FindingCode};
use crate::group_name::{self, GroupName, Role};
use crate::ids::{GroupId, TenantId, UserId};
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
    /// The active users by their login, so that a leaver can be told from a user whose groups changed.
    pub active: BTreeMap<Login, UserId>,
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
    pub roles: BTreeSet<Role>,
    /// Whose account it is.
    pub user: UserId,
}

/// Works out the desired accounts of every tenant, and what stands in the way of the others.
pub fn desired(directory: &Directory, integration: &Integration) -> Decision {
    let mut findings = Vec::new();
    let grants = grants(directory, integration, &mut findings);
    let grants = by_user(directory, &grants);
    let active = by_login(directory);
    let logins = Logins::of(&active, &mut findings);

    let mut tenants: BTreeMap<_, _> = integration
        .tenants
        .iter()
        .map(|tenant| (tenant.id.clone(), Desired { untouched: logins.shared.clone(), ..Desired::default() }))
        .collect();
    // A map is made from what is in order in a small part of the time that it takes to insert one by one.
    let mut accounts: BTreeMap<&TenantId, Vec<(Login, DesiredAccount)>> = BTreeMap::new();
    let mut outsiders = Vec::new();
    for (login, user) in active {
        let Some(grants) = grants.get(&user.id) else {
            outsiders.push(user);
            continue;
        };
        for (tenant, roles) in roles_by_tenant(grants) {
            let desired = tenants.get_mut(tenant).expect("the grammar yields configured tenants only");
            match account(user, login.as_ref(), tenant, roles, integration) {
                Ok(account) if desired.untouched.contains(&account.login) => {
                    desired.sharing.insert(account.user);
                }
                Ok(account) => accounts.entry(tenant).or_default().push((account.login.clone(), account)),
                Err(finding) => {
                    if matches!(finding.code, FindingCode::NoEmail | FindingCode::InvalidEmail) {
                        desired.unknown_owners.insert(user.id.clone());
                        // An account under the very text that is no address is this user's.
                        desired.untouched.extend(finding.login.clone());
                    }
                    findings.push(finding);
                }
            }
        }
    }
    for (tenant, accounts) in accounts {
        tenants.get_mut(tenant).expect("it was there before").accounts = accounts.into_iter().collect();
    }
    findings.extend(outsider_findings(&outsiders, integration));
    findings.extend(blocked_findings(&tenants, integration));
    name_groups(&mut findings, directory);
    findings.sort();
    Decision { tenants, findings, active: logins.single }
}

/// What each group that the grammar accepts gives to its members; a finding for each group of ours that it does not.
fn grants(directory: &Directory, integration: &Integration, findings: &mut Vec<Finding>) -> BTreeMap<GroupId, GroupName> {
    let mut grants = BTreeMap::new();
    for group in directory.groups.values() {
        match group_name::parse(&group.name, integration) {
            Some(Ok(name)) => {
                grants.insert(group.id.clone(), name);
            }
            Some(Err(error)) => findings.push(Finding::new(error.code(), error.explain()).group(&group.id, &group.name)),
            None => {}
        }
    }
    findings.extend(roles_that_differ_by_case(directory, &grants));
    grants
}

fn roles_that_differ_by_case(directory: &Directory, grants: &BTreeMap<GroupId, GroupName>) -> Vec<Finding> {
    let mut seen: BTreeMap<(&TenantId, String), &Role> = BTreeMap::new();
    let mut findings = Vec::new();
    for (id, GroupName { tenant, role }) in grants {
        let first = *seen.entry((tenant, role.as_str().to_lowercase())).or_insert(role);
        if first != role {
            let what = format!("the role {role} differs from the role {first} by case only");
            findings.push(Finding::new(FindingCode::RolesDifferByCase, what).group(id, &directory.groups[id].name).tenant(tenant));
        }
    }
    findings
}

/// What each user is given. Only asked for one user after the other: the order of a hash map is nowhere to be seen.
fn by_user<'a>(directory: &'a Directory, grants: &'a BTreeMap<GroupId, GroupName>) -> HashMap<&'a UserId, Vec<&'a GroupName>> {
    let mut by_user: HashMap<&UserId, Vec<&GroupName>> = HashMap::with_capacity(directory.users.len());
    for (group, name) in grants {
        for user in directory.members.get(group).into_iter().flatten() {
            by_user.entry(user).or_default().push(name);
        }
    }
    by_user
}

fn roles_by_tenant<'a>(grants: &[&'a GroupName]) -> BTreeMap<&'a TenantId, BTreeSet<Role>> {
    let mut roles: BTreeMap<&TenantId, BTreeSet<Role>> = BTreeMap::new();
    for GroupName { tenant, role } in grants {
        roles.entry(tenant).or_default().insert(role.clone());
    }
    roles
}

/// The active users in the order of their addresses, each of which is read only here; first of all those who have none.
fn by_login(directory: &Directory) -> Vec<(Option<Login>, &User)> {
    let login = |user: &User| Login::parse(user.email.as_deref()?).ok();
    let active = directory.users.values().filter(|user| user.active);
    let mut users: Vec<_> = active.map(|user| (login(user), user)).collect();
    users.sort_by(|(a, _), (b, _)| a.cmp(b));
    users
}

/// The active users' addresses: those of one user, and those that several share.
struct Logins {
    single: BTreeMap<Login, UserId>,
    shared: BTreeSet<Login>,
}

impl Logins {
    /// Of users in the order of their addresses.
    fn of(users: &[(Option<Login>, &User)], findings: &mut Vec<Finding>) -> Self {
        let mut single = Vec::with_capacity(users.len());
        let mut shared = BTreeSet::new();
        for users in users.chunk_by(|(a, _), (b, _)| a == b) {
            let [(Some(login), user), others @ ..] = users else { continue };
            if others.is_empty() {
                single.push((login.clone(), user.id.clone()));
                continue;
            }
            for (_, user) in users {
                let what = format!("{} active users have this e-mail address", users.len());
                findings.push(Finding::new(FindingCode::DuplicateLogin, what).login(login).user(&user.id));
            }
            shared.insert(login.clone());
        }
        Self { single: single.into_iter().collect(), shared }
    }
}

/// `login` is the user's address, where it is one.
fn account(
    user: &User,
    login: Option<&Login>,
    tenant: &TenantId,
    roles: BTreeSet<Role>,
    integration: &Integration,
) -> Result<DesiredAccount, Finding> {
    let finding = |code, what: String| Finding::new(code, what).user(&user.id).tenant(tenant);
    let email = user.email.as_deref().map(str::trim).unwrap_or_default();
    if !roles.iter().any(Role::is_platform) {
        let held: Vec<_> = roles.iter().map(Role::as_str).collect();
        let finding = finding(FindingCode::NoPlatformRole, format!("the user has {} but neither user nor admin", held.join(", ")));
        return Err(if email.is_empty() { finding } else { finding.login(&Login::as_found(email)) });
    }
    if email.is_empty() {
        return Err(finding(FindingCode::NoEmail, "the user has no e-mail address".to_owned()));
    }
    let Some(login) = login else {
        return Err(finding(FindingCode::InvalidEmail, "the user's e-mail address is not one".to_owned()).login(&Login::as_found(email)));
    };
    if !integration.allows_domain(login) {
        return Err(finding(FindingCode::DomainNotAllowed, "the domain of the e-mail address is not allowed".to_owned()).login(login));
    }
    Ok(DesiredAccount { login: login.clone(), roles, user: user.id.clone() })
}

/// Adds to each finding about a user the groups that the user was seen in.
pub fn name_groups(findings: &mut [Finding], directory: &Directory) {
    let mut groups: HashMap<UserId, Vec<String>> =
        findings.iter().filter_map(|finding| Some((finding.user.clone()?, Vec::new()))).collect();
    if groups.is_empty() {
        return;
    }
    for (group, members) in &directory.members {
        let Some(group) = directory.groups.get(group) else { continue };
        for user in members {
            if let Some(names) = groups.get_mut(user) {
                names.push(group.name.clone());
            }
        }
    }
    for finding in findings.iter_mut().filter(|finding| finding.groups.is_empty()) {
        finding.groups = finding.user.as_ref().and_then(|user| groups.get(user)).cloned().unwrap_or_default();
    }
}

/// Desired accounts that are kept disabled all the same.
fn blocked_findings(tenants: &BTreeMap<TenantId, Desired>, integration: &Integration) -> Vec<Finding> {
    let finding = |tenant: &TenantId, account: &DesiredAccount| {
        let what = "the account is blocked: it is to be disabled, although the directory asks for it";
        Finding::new(FindingCode::Blocked, what).login(&account.login).user(&account.user).tenant(tenant)
    };
    let blocked = |(tenant, desired): (_, &Desired)| {
        let accounts = integration.blocked.iter().filter_map(|login| desired.accounts.get(login));
        accounts.map(|account| finding(tenant, account)).collect::<Vec<_>>()
    };
    tenants.iter().flat_map(blocked).collect()
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
