//! The customers as a test tells of them: their integration files, and the tenants that go with these.

use domain::ids::{DirectoryId, IntegrationId};
use domain::integration::Integration;
use uuid::Uuid;

use crate::words::PREFIX;

/// Who owns the API token of every tenant. The tests do not show this account unless it is what they are about.
pub(crate) const API_ACCOUNT: &str = "sync@orgvue.com";

/// A customer in single tenancy, whose integration writes.
pub(crate) fn single(tenant: &str) -> Customer {
    Customer::new("single", &[tenant])
}

/// A customer in multi tenancy, whose integration writes.
pub(crate) fn multi(tenants: &[&str]) -> Customer {
    Customer::new("multi", tenants)
}

/// A customer's integration file, and the tenants that go with it.
#[derive(Clone)]
pub(crate) struct Customer {
    pub(crate) id: String,
    mode: &'static str,
    tenancy: &'static str,
    prefix: &'static str,
    lines: Vec<String>,
    /// Each with further lines of its section.
    tenants: Vec<(String, Vec<String>)>,
    sections: Vec<String>,
}

impl Customer {
    fn new(tenancy: &'static str, tenants: &[&str]) -> Self {
        Self {
            id: tenants[0].to_lowercase().replace('_', "-"),
            mode: "enforce",
            tenancy,
            prefix: PREFIX,
            lines: Vec::new(),
            tenants: tenants.iter().map(|tenant| ((*tenant).to_owned(), Vec::new())).collect(),
            sections: Vec::new(),
        }
    }

    pub(crate) fn mode(self, mode: &'static str) -> Self {
        Self { mode, ..self }
    }

    /// With another prefix than that of the groups.
    pub(crate) fn prefix(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    /// Adds a line to the top of the file.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Adds a line to a tenant's section.
    pub(crate) fn tenant_line(mut self, tenant: &str, line: &str) -> Self {
        let found = self.tenants.iter_mut().find(|(id, _)| id == tenant);
        found.unwrap().1.push(line.to_owned());
        self
    }

    /// Adds a section to the end of the file.
    pub(crate) fn section(mut self, text: &str) -> Self {
        self.sections.push(text.to_owned());
        self
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = &str> {
        self.tenants.iter().map(|(tenant, _)| tenant.as_str())
    }

    pub(crate) fn directory(&self) -> String {
        format!("directory_01{}", self.id.to_uppercase().replace('-', ""))
    }

    pub(crate) fn directory_id(&self) -> DirectoryId {
        DirectoryId::parse(&self.directory()).unwrap()
    }

    pub(crate) fn integration_id(&self) -> IntegrationId {
        IntegrationId::parse(&self.id).unwrap()
    }

    pub(crate) fn integration(&self) -> Integration {
        Integration::parse(&self.toml()).unwrap()
    }

    pub(crate) fn toml(&self) -> String {
        let Self { id, mode, tenancy, prefix, lines, tenants, sections } = self;
        let directory = self.directory();
        let mut file = format!(
            "id = \"{id}\"\ndirectory = \"{directory}\"\nmode = \"{mode}\"\ntenancy = \"{tenancy}\"\nprefix = \"{prefix}\"\n{}\n",
            lines.join("\n")
        );
        for (tenant, lines) in tenants {
            let dataset = dataset(tenant);
            file += &format!(
                "[[tenants]]\nid = \"{tenant}\"\ndataset = \"{dataset}\"\napi_account = \"{API_ACCOUNT}\"\n{}\n",
                lines.join("\n")
            );
        }
        file + &sections.join("\n")
    }
}

/// The id of a tenant's Users dataset.
pub(crate) fn dataset(tenant: &str) -> String {
    let number = tenant.bytes().fold(0x0B53_3DE6_7107_9FCD_u128, |number, byte| number.wrapping_mul(131) + u128::from(byte));
    Uuid::from_u128(number).to_string().to_uppercase()
}
