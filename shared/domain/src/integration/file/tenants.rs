//! The `[[tenants]]` of an integration file: each by itself, then all against each other.

use crate::ids::{DatasetId, TenantId};
use crate::integration::{Mode, Tenancy, Tenant};
use crate::login::Login;

use super::reader::{Reader, Section};
use super::{MODES, TENANT, check_name};

/// A tenant and the section it was read from.
struct Placed<'s> {
    tenant: Tenant,
    section: &'s Section<'s>,
}

/// The tenants that can be read, by id. `tenancy` is `None` where the file does not say it: its rules are not checked then.
pub(super) fn read(reader: &mut Reader<'_>, top: &Section<'_>, tenancy: Option<Tenancy>, mode: Mode) -> Vec<Tenant> {
    reader.require(top, "tenants", "one section that begins with [[tenants]] for each tenant");
    let Some(sections) = reader.sections(top, "tenants", TENANT) else { return Vec::new() };
    check_count(reader, top, tenancy, sections.len());
    let placed: Vec<_> = sections.iter().filter_map(|section| read_one(reader, section, tenancy, mode)).collect();
    for (at, later) in placed.iter().enumerate() {
        for earlier in &placed[..at] {
            check_pair(reader, earlier, later);
        }
    }
    let mut tenants: Vec<_> = placed.into_iter().map(|placed| placed.tenant).collect();
    tenants.sort_by(|a, b| a.id.cmp(&b.id));
    tenants
}

fn check_count(reader: &mut Reader<'_>, top: &Section<'_>, tenancy: Option<Tenancy>, n_tenants: usize) {
    if n_tenants == 0 {
        let line = reader.line_of(top, "tenants");
        reader.problem(line, "tenants is empty; write one section that begins with [[tenants]] for each tenant");
    } else if tenancy == Some(Tenancy::Single) && n_tenants > 1 {
        let line = reader.line_of(top, "tenancy");
        reader.problem(line, format!("tenancy is \"single\", with {n_tenants} tenants; write \"multi\", or keep one of the tenants"));
    }
}

fn read_one<'s>(reader: &mut Reader<'_>, section: &'s Section<'s>, tenancy: Option<Tenancy>, mode: Mode) -> Option<Placed<'s>> {
    let id = reader.required_text(section, "id", "id = \"…\", Orgvue's id of the tenant");
    let id = reader.checked(id, TenantId::parse);
    let dataset = reader.required_text(section, "dataset", "dataset = \"…\", the id of the tenant's Users dataset");
    let dataset = reader.checked(dataset, DatasetId::parse);
    let alias = read_alias(reader, section, tenancy);
    let mode = reader.choice(section, "mode", MODES).unwrap_or(mode);
    let api_account = read_api_account(reader, section, mode);
    let id = id?.value;
    let name = alias.unwrap_or_else(|| id.as_str().to_owned());
    Some(Placed { tenant: Tenant { id, dataset: dataset?.value, name, api_account, mode }, section })
}

fn read_alias(reader: &mut Reader<'_>, section: &Section<'_>, tenancy: Option<Tenancy>) -> Option<String> {
    let alias = reader.text(section, "alias");
    let alias = reader.checked(alias, |text| check_alias(text, tenancy).map(|()| text.to_owned()));
    Some(alias?.value)
}

fn check_alias(text: &str, tenancy: Option<Tenancy>) -> Result<(), String> {
    if tenancy == Some(Tenancy::Single) {
        Err("alias has no meaning in single tenancy, where group names name no tenant; take it out".to_owned())
    } else if text.trim().is_empty() {
        Err("alias is blank; write the tenant's name inside group names, or take the line out".to_owned())
    } else if text.ends_with('_') {
        Err(format!("alias \"{text}\" ends with _, which group names have behind the tenant anyway; take the _ out"))
    } else {
        check_name("alias", text)
    }
}

/// A paused tenant needs its account too: it writes as soon as it is resumed.
fn read_api_account(reader: &mut Reader<'_>, section: &Section<'_>, mode: Mode) -> Option<Login> {
    match mode {
        Mode::Simulate => {}
        Mode::Enforce | Mode::Paused => {
            reader.require(section, "api_account", "api_account = \"…\", the account that owns the API token, or mode = \"simulate\"");
        }
    }
    let account = reader.text(section, "api_account");
    let account = reader.checked(account, |text| {
        let remedy = "write the login of the account that owns the API token";
        Login::parse(text).map_err(|_| format!("api_account \"{text}\" is no e-mail address; {remedy}"))
    });
    Some(account?.value)
}

/// Notes what two tenants have in common and must not.
fn check_pair(reader: &mut Reader<'_>, earlier: &Placed<'_>, later: &Placed<'_>) {
    let (a, b) = (&earlier.tenant, &later.tenant);
    if a.id == b.id {
        let line = reader.line_of(later.section, "id");
        return reader.problem(line, format!("tenant {} is there twice; take one of the two out", b.id));
    }
    if a.dataset.as_str().eq_ignore_ascii_case(b.dataset.as_str()) {
        let line = reader.line_of(later.section, "dataset");
        reader.problem(line, format!("dataset {} is that of tenant {} too; give each tenant its own Users dataset", b.dataset, a.id));
    }
    // A tenant's id stays its name for people, so that no other tenant may be called by it.
    let clash = |x: &str, y: &str| x.eq_ignore_ascii_case(y);
    if clash(&b.name, &a.name) || clash(&b.name, a.id.as_str()) {
        note_clash(reader, later, a);
    } else if clash(&a.name, b.id.as_str()) {
        note_clash(reader, earlier, b);
    }
}

fn note_clash(reader: &mut Reader<'_>, named: &Placed<'_>, other: &Tenant) {
    let key = if named.section.has("alias") { "alias" } else { "id" };
    let line = reader.line_of(named.section, key);
    let message = format!("\"{}\" is the name of tenant {} too; give each tenant a name of its own", named.tenant.name, other.id);
    reader.problem(line, message);
}
