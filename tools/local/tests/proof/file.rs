//! The integration file as a person rewrites it in the middle of a history, and what a group's name gives under it: read from the guide's rules,
//! with none of the code that is tested.

use std::collections::{BTreeMap, BTreeSet};

use domain::integration::Integration;

use crate::customer::{Customer, multi, single};
use crate::dice::Dice;
use crate::taboo::Taboo;
use crate::words::{PREFIX, email};

/// The prefix of the guide's other spelling.
const OTHER_PREFIX: &str = "IAMAPP_Orgvue_SCIM_";
/// The first tenant is always there: without it the file would be another customer's.
const FIRST: &str = "ACME";
/// What groups call the tenant `BETA` while it has an alias.
const ALIAS: &str = "EU";
/// The role that may be reserved.
const RESERVED: &str = "Tech";
/// Whom a file neither blocks nor protects: somebody has to be the administrator.
const ADMIN: &str = "root";

/// Whom the file protects at first: one whom the directory does not know, one who has other roles than there, and one who is there and has no account.
pub(crate) const PROTECTED: [&str; 4] = ["vip", "kim", "lou", PARTNER];
/// Whom the file blocks at first: one whose account is switched off, one whose account the directory does not know, and one who has none.
pub(crate) const BLOCKED: [&str; 3] = ["mal", "nat", "oz"];
/// Who is protected by the domain, always.
pub(crate) const PARTNER: &str = "eve@partner.com";
const PARTNERS: &str = "@partner.com";

/// How the customer's file reads now.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Those with an alias have it beside them; in single tenancy there is one, and it has none.
    tenants: BTreeMap<&'static str, Option<&'static str>>,
    is_multi: bool,
    prefix: &'static str,
    is_reserved: bool,
    blocked: BTreeSet<String>,
    protected: BTreeSet<String>,
    mode: &'static str,
    /// Of the last tenant, where it has one of its own.
    tenant_mode: Option<&'static str>,
    /// Whether accounts that are to go are disabled and not deleted.
    disables: bool,
    /// How many accounts may go in a day; any number without it.
    limit: Option<u32>,
    /// How often the customer has moved to another directory.
    n_moves: usize,
}

impl File {
    /// Of a customer in single tenancy, whose accounts are disabled or deleted, with this limit.
    pub(crate) fn single(disables: bool, limit: Option<u32>) -> Self {
        Self {
            tenants: BTreeMap::from([(FIRST, None)]),
            is_multi: false,
            prefix: PREFIX,
            is_reserved: false,
            blocked: BLOCKED.map(email).into(),
            protected: PROTECTED.map(email).into(),
            mode: "enforce",
            tenant_mode: None,
            disables,
            limit,
            n_moves: 0,
        }
    }

    /// Of a customer in multi tenancy.
    pub(crate) fn multi(limit: Option<u32>) -> Self {
        Self { tenants: BTreeMap::from([(FIRST, None), ("BETA", None)]), is_multi: true, ..Self::single(false, limit) }
    }

    /// The same with another limit.
    pub(crate) fn limited(&self, limit: Option<u32>) -> Self {
        Self { limit, ..self.clone() }
    }

    /// The same with this account protected, or blocked.
    pub(crate) fn sparing(&self, login: &str, blocks: bool) -> Self {
        let mut file = self.clone();
        let (takes, leaves) = if blocks { (&mut file.blocked, &mut file.protected) } else { (&mut file.protected, &mut file.blocked) };
        takes.insert(login.to_owned());
        leaves.remove(login);
        file
    }

    /// The same about another directory.
    pub(crate) fn moved(&self) -> Self {
        Self { n_moves: self.n_moves + 1, ..self.clone() }
    }

    /// Every tenant that the file may name.
    pub(crate) fn tenants_ever(&self) -> &'static [&'static str] {
        if self.is_multi { &[FIRST, "BETA", "GAMMA"] } else { &[FIRST] }
    }

    /// The names of all groups that give this role under one file or another, those of now first.
    pub(crate) fn groups_ever(&self, role: &str) -> Vec<String> {
        if !self.is_multi {
            return vec![format!("{PREFIX}{role}"), format!("{OTHER_PREFIX}{role}")];
        }
        [FIRST, "BETA", "GAMMA", ALIAS].map(|word| format!("{PREFIX}{word}_{role}")).to_vec()
    }

    /// The tenant and the role that a group of this name gives.
    pub(crate) fn grant<'a>(&self, group: &'a str) -> Option<(&'static str, &'a str)> {
        let granted = group.strip_prefix(self.prefix)?;
        let (tenant, role) = if self.is_multi {
            let (word, role) = granted.split_once('_')?;
            let named = |(tenant, alias): (&&'static str, &Option<&'static str>)| (alias.unwrap_or(tenant) == word).then_some(*tenant);
            (self.tenants.iter().find_map(named)?, role)
        } else {
            (FIRST, granted)
        };
        (!self.is_reserved || role != RESERVED).then_some((tenant, role))
    }

    /// The tenants of the file, by their ids.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.tenants.keys().copied()
    }

    /// The tenants that the file does not name, though it may have before.
    pub(crate) fn absent(&self) -> BTreeSet<String> {
        self.tenants_ever().iter().filter(|tenant| !self.tenants.contains_key(**tenant)).map(|tenant| (*tenant).to_owned()).collect()
    }

    pub(crate) fn taboo(&self) -> Taboo {
        Taboo { absent: self.absent(), protected: self.protected.clone(), blocked: self.blocked.clone() }
    }

    /// Whether anything is said of an account: it is neither blocked nor protected, nor one of these.
    pub(crate) fn is_said(&self, login: &String, unsaid: &BTreeSet<String>) -> bool {
        ![unsaid, &self.blocked, &self.protected].iter().any(|set| set.contains(login))
    }

    pub(crate) fn limit(&self) -> Option<u32> {
        self.limit
    }

    pub(crate) fn blocked(&self) -> &BTreeSet<String> {
        &self.blocked
    }

    pub(crate) fn protected(&self) -> &BTreeSet<String> {
        &self.protected
    }

    /// The same with everything at work.
    pub(crate) fn at_work(&self) -> Self {
        Self { mode: "enforce", tenant_mode: None, ..self.clone() }
    }

    /// The file with one change, and what it is; somebody with an account is blocked or protected, or is so no more.
    pub(crate) fn changed(&self, dice: &mut Dice, accounts: BTreeSet<String>) -> (Self, String) {
        let mut file = self.clone();
        let logins =
            accounts.iter().chain(&self.blocked).chain(&self.protected).filter(|login| ![ADMIN, PARTNER].map(email).contains(login));
        let logins: Vec<&String> = logins.collect();
        let login = if logins.is_empty() { email("ada") } else { (*dice.one_of(&logins)).clone() };
        let told = match dice.below(14) {
            0..3 if self.is_multi => file.come_or_go("GAMMA"),
            3 | 4 if self.is_multi => file.come_or_go("BETA"),
            5 if self.is_multi && self.tenants.contains_key("BETA") => {
                let alias = if self.tenants["BETA"].is_none() { Some(ALIAS) } else { None };
                file.tenants.insert("BETA", alias);
                format!("BETA has the alias {alias:?}")
            }
            0..4 => {
                file.prefix = if !self.is_multi && self.prefix == PREFIX { OTHER_PREFIX } else { PREFIX };
                format!("the prefix is {}", file.prefix)
            }
            4..6 => {
                file.is_reserved = !self.is_reserved;
                format!("{RESERVED} is reserved: {}", file.is_reserved)
            }
            6..8 => {
                file.protected.remove(&login);
                format!("{login} is blocked: {}", come_or_go(&mut file.blocked, &login))
            }
            8..10 => {
                file.blocked.remove(&login);
                format!("{login} is protected: {}", come_or_go(&mut file.protected, &login))
            }
            10 => {
                file.limit = *dice.one_of(&[Some(1), Some(3), None]);
                format!("the limit is {:?}", file.limit)
            }
            11 => {
                file.mode = *dice.one_of(&["paused", "simulate", "enforce"]);
                format!("the mode is {}", file.mode)
            }
            12 => {
                file.disables = !self.disables;
                format!("accounts are disabled and not deleted: {}", file.disables)
            }
            _ => {
                file.tenant_mode = *dice.one_of(&[Some("paused"), Some("simulate"), None]);
                format!("the last tenant's mode is {:?}", file.tenant_mode)
            }
        };
        (file, told)
    }

    fn come_or_go(&mut self, tenant: &'static str) -> String {
        if self.tenants.remove(tenant).is_none() {
            self.tenants.insert(tenant, None);
            return format!("{tenant} comes");
        }
        format!("{tenant} goes")
    }

    /// The customer whose file this is.
    pub(crate) fn customer(&self) -> Customer {
        let tenants: Vec<&str> = self.tenants().collect();
        let customer = if self.is_multi { multi(&tenants) } else { single(FIRST) };
        let customer = customer.prefix(self.prefix).mode(self.mode);
        let customer = if self.disables { customer.line("deprovision = \"disable\"") } else { customer };
        let customer = if self.is_reserved { customer.line(&format!("reserved_roles = [\"superAdmin\", {RESERVED:?}]")) } else { customer };
        let customer = customer.line(&format!("blocked = {:?}", self.blocked.iter().collect::<Vec<_>>()));
        let protected = self.protected.iter().map(String::as_str).filter(|login| *login != PARTNER).chain([PARTNERS]);
        let customer = customer.line(&format!("protected = {:?}", protected.collect::<Vec<_>>()));
        let alias = |(tenant, alias): (&&'static str, &Option<&'static str>)| Some((*tenant, format!("alias = {:?}", (*alias)?)));
        let mode = self.tenant_mode.map(|mode| (tenants[tenants.len() - 1], format!("mode = {mode:?}")));
        let lines = self.tenants.iter().filter_map(alias).chain(mode);
        lines.fold(customer, |customer, (tenant, line)| customer.tenant_line(tenant, &line)).section(&match self.limit {
            None => "[limits]\nremovals_percent = 100\nremovals_floor = 100".to_owned(),
            Some(limit) => format!("[limits]\nremovals_percent = 0\nremovals_floor = {limit}"),
        })
    }

    /// The directory that it names.
    pub(crate) fn directory(&self) -> String {
        let first = self.customer().directory();
        if self.n_moves == 0 { first } else { format!("{first}{}", self.n_moves) }
    }

    /// The file itself.
    pub(crate) fn toml(&self) -> String {
        let customer = self.customer();
        customer.toml().replace(&customer.directory(), &self.directory())
    }

    pub(crate) fn integration(&self) -> Integration {
        Integration::parse(&self.toml()).unwrap()
    }
}

/// Puts it in if it is not there, else takes it out; whether it is there then.
fn come_or_go(set: &mut BTreeSet<String>, login: &str) -> bool {
    let comes = !set.remove(login);
    if comes {
        set.insert(login.to_owned());
    }
    comes
}
