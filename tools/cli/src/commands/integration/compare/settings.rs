//! What two integrations of one id have in common and what they have not, in two heaps: what ought to be the same in every deployment,
//! and what differs between deployments by nature.
//!
//! Files are not compared as texts: comments, order and what is left to a default are no difference, and the ids would drown the rest.

use domain::ids::TenantId;
use domain::integration::{DatasetSpelling, EnabledForm, Integration, Limits, RoleForm, Tenancy, Tenant};
use serde::Serialize;

use crate::output::word;

/// Something that differs between deployments by nature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ByNature {
    /// As in the file; of a tenant with its name in group names: `tenants.EU.dataset`.
    pub(super) key: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// Two tenants that correspond, or one that nothing corresponds to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'i> {
    from: Option<&'i Tenant>,
    to: Option<&'i Tenant>,
}

/// Whether two tenants correspond.
type Rule<'r> = &'r dyn Fn(&Tenant, &Tenant) -> bool;

/// Which tenants correspond: those of one id; of the others, those of one name in group names; and in single tenancy the only two.
/// The rest is not guessed.
pub(super) fn pairs<'i>(from: &'i Integration, to: &'i Integration) -> Vec<Pair<'i>> {
    let are_single = from.tenancy == Tenancy::Single && to.tenancy == Tenancy::Single;
    let (mut rest, mut left): (Vec<_>, Vec<_>) = (to.tenants.iter().collect(), from.tenants.iter().collect());
    let mut pairs = Vec::new();
    let rules: [Rule<'_>; 3] = [&|a, b| a.id == b.id, &|a, b| a.name.eq_ignore_ascii_case(&b.name), &|_, _| are_single];
    for corresponds in rules {
        left.retain(|&tenant| {
            let Some(at) = rest.iter().position(|other| corresponds(tenant, other)) else { return true };
            pairs.push(Pair { from: Some(tenant), to: Some(rest.remove(at)) });
            false
        });
    }
    pairs.extend(left.into_iter().map(|tenant| Pair { from: Some(tenant), to: None }));
    pairs.extend(rest.into_iter().map(|tenant| Pair { from: None, to: Some(tenant) }));
    pairs.sort_by_key(|pair| pair.name().to_ascii_lowercase());
    pairs
}

impl<'i> Pair<'i> {
    /// What people call it.
    fn name(self) -> &'i str {
        self.from.or(self.to).map(|tenant| tenant.name.as_str()).unwrap_or_default()
    }
}

/// What ought to be the same in both, of each, as the lines of a file.
pub(super) fn common(from: &Integration, to: &Integration, pairs: &[Pair<'_>]) -> (String, String) {
    let from_tenants = pairs.iter().filter_map(|pair| Some(tenant(from, pair.name(), pair.from?, pair.to)));
    let to_tenants = pairs.iter().filter_map(|pair| Some(tenant(to, pair.name(), pair.to?, pair.from)));
    (spelled(from, from_tenants), spelled(to, to_tenants))
}

/// What is left out of [`common`] and differs.
pub(super) fn by_nature(from: &Integration, to: &Integration, pairs: &[Pair<'_>]) -> Vec<ByNature> {
    let mut differing = Vec::new();
    let mut note = |key: String, from: Option<String>, to: Option<String>| {
        if from != to {
            differing.push(ByNature { key, from, to });
        }
    };
    note("directory".to_owned(), Some(from.directory.to_string()), Some(to.directory.to_string()));
    note("mode".to_owned(), Some(word(&from.mode)), Some(word(&to.mode)));
    for pair in pairs {
        let (Some(a), Some(b)) = (pair.from, pair.to) else { continue };
        for ((key, a), (_, b)) in own(from, a).into_iter().zip(own(to, b)) {
            note(format!("tenants.{}.{key}", pair.name()), a, b);
        }
    }
    differing
}

/// What a tenant has of its own in every deployment. A mode that is the integration's is not its own.
fn own(integration: &Integration, tenant: &Tenant) -> [(&'static str, Option<String>); 4] {
    let Tenant { id, dataset, name: _, api_account, mode } = tenant;
    [
        ("id", Some(id.to_string())),
        ("dataset", Some(dataset.to_string())),
        ("api_account", api_account.as_ref().map(ToString::to_string)),
        ("mode", (*mode != integration.mode).then(|| word(mode))),
    ]
}

/// The lines of a tenant: its name in group names alone where another one corresponds, else all of it.
fn tenant(integration: &Integration, name: &str, tenant: &Tenant, other: Option<&Tenant>) -> String {
    let same_id = |other: &Tenant| other.id == tenant.id;
    // The name keeps the lines of a diff beside the tenant that they are about.
    let mut lines = format!("\n[[tenants]]  # {name}\n");
    match other {
        Some(other) if same_id(other) => line(&mut lines, "id", tenant.id.as_str()),
        Some(_) => {}
        None => own(integration, tenant).into_iter().for_each(|(key, value)| value.iter().for_each(|value| line(&mut lines, key, value))),
    }
    // Where the ids differ, the name that groups have is what must not, whether the file gives it or leaves it to the id.
    let is_named = |id: &TenantId| tenant.name != id.as_str() || other.is_some_and(|other| !same_id(other));
    if integration.tenancy == Tenancy::Multi && is_named(&tenant.id) {
        line(&mut lines, "alias", &tenant.name);
    }
    lines
}

/// All but the tenants is spelled here. A new key must be put on one of the two heaps.
fn spelled(integration: &Integration, tenants: impl Iterator<Item = String>) -> String {
    let Integration {
        id: _,
        directory: _,
        mode: _,
        tenancy,
        prefix,
        domains,
        deprovision,
        protected,
        blocked,
        reserved_roles,
        tenants: _,
        limits: Limits { removals_percent, removals_floor },
        dataset: DatasetSpelling { login, role, enabled, expiry_date, role_form, enabled_form },
    } = integration;
    let mut text = String::new();
    line(&mut text, "tenancy", &word(tenancy));
    line(&mut text, "prefix", prefix);
    line(&mut text, "deprovision", &word(deprovision));
    list(&mut text, "domains", domains.iter().map(ToString::to_string));
    let whole_domains = protected.domains.iter().map(|domain| format!("@{domain}"));
    list(&mut text, "protected", protected.logins.iter().map(ToString::to_string).chain(whole_domains));
    list(&mut text, "blocked", blocked.iter().map(ToString::to_string));
    list(&mut text, "reserved_roles", reserved_roles.iter().cloned());
    text.extend(tenants);
    text += &format!("\n[limits]\nremovals_percent = {removals_percent}\nremovals_floor = {removals_floor}\n\n[dataset]\n");
    for (key, property) in [("login", login), ("role", role), ("enabled", enabled), ("expiry_date", expiry_date)] {
        line(&mut text, key, property);
    }
    match role_form {
        RoleForm::Text { separator } => {
            line(&mut text, "role_form", "text");
            line(&mut text, "role_separator", separator);
        }
        RoleForm::Array => line(&mut text, "role_form", "array"),
    }
    let enabled_form = match enabled_form {
        EnabledForm::Boolean => "boolean",
        EnabledForm::Text => "text",
    };
    line(&mut text, "enabled_form", enabled_form);
    text
}

fn line(text: &mut String, key: &str, value: &str) {
    *text += &format!("{key} = {}\n", quoted(value));
}

/// One entry a line, so that a diff shows the entries that differ and no others; each says of what, for the key may be far above it.
fn list(text: &mut String, key: &str, values: impl Iterator<Item = String>) {
    let entries: String = values.map(|value| format!("    {},  # {key}\n", quoted(&value))).collect();
    *text += &if entries.is_empty() { format!("{key} = []\n") } else { format!("{key} = [\n{entries}]\n") };
}

/// JSON's texts are TOML's basic strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An integration of these tenants, each as `ID` or `ID alias`.
    fn integration(tenancy: &str, tenants: &[&str], more: &str) -> Integration {
        let mut file = format!("id = \"acme\"\ndirectory = \"directory_01A\"\ntenancy = \"{tenancy}\"\nprefix = \"SCIM_\"\n{more}\n");
        for (at, tenant) in tenants.iter().enumerate() {
            let (id, alias) = tenant.split_once(' ').unwrap_or((tenant, ""));
            file += &format!("[[tenants]]\nid = \"{id}\"\ndataset = \"0B533DE6-7107-9FCD-48FC-00000000000{at}\"\n");
            file += &if alias.is_empty() { String::new() } else { format!("alias = \"{alias}\"\n") };
        }
        Integration::parse(&file).unwrap()
    }

    fn are_same(from: &Integration, to: &Integration) -> bool {
        let (from, to) = common(from, to, &pairs(from, to));
        from == to
    }

    #[test]
    fn tenants_correspond_by_id_then_by_name_and_the_only_two_always() {
        let multi = |tenants| integration("multi", tenants, "");
        assert!(are_same(&multi(&["TEST_EU EU", "US"]), &multi(&["ACME_EU EU", "US"])));
        assert!(are_same(&multi(&["EU"]), &multi(&["ACME_EU EU"])));
        assert!(!are_same(&multi(&["TEST"]), &multi(&["ACME"])));
        assert!(!are_same(&multi(&["ACME EU"]), &multi(&["ACME US"])));
        assert!(are_same(&integration("single", &["TEST"], ""), &integration("single", &["ACME"], "")));
    }

    #[test]
    fn what_is_left_to_a_default_is_no_difference() {
        let (bare, full) = ("domains = []", "domains = []\nreserved_roles = [\"superAdmin\"]\ndeprovision = \"delete\" # as ever");
        assert!(are_same(&integration("single", &["ACME"], bare), &integration("single", &["ACME"], full)));
    }

    #[test]
    fn what_differs_by_nature_is_told_by_key() {
        let (from, to) = (integration("multi", &["TEST EU"], ""), integration("multi", &["ACME EU"], "mode = \"simulate\""));
        let differing = by_nature(&from, &to, &pairs(&from, &to));
        let expected = ByNature { key: "tenants.EU.id".to_owned(), from: Some("TEST".to_owned()), to: Some("ACME".to_owned()) };
        assert_eq!(differing, [expected]);
    }

    #[test]
    fn what_is_spelled_is_a_file_but_for_the_ids() {
        let integration = integration("multi", &["ACME EU"], "protected = [\"@orgvue.com\", \"ada@acme.com\"]");
        let (text, _) = common(&integration, &integration, &pairs(&integration, &integration));
        let file = format!("id = \"acme\"\ndirectory = \"directory_01A\"\n{text}");
        let file = file.replace("[[tenants]]  # EU\n", "[[tenants]]\ndataset = \"0B533DE6-7107-9FCD-48FC-000000000000\"\n");
        assert_eq!(Integration::parse(&file).unwrap(), integration);
    }
}
