//! The mode of an integration as a whole.

use domain::integration::{Integration, Mode};
use serde::{Serialize, Serializer};

/// The mode of its tenants, each of which may have its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modes {
    /// All have this one.
    Same(Mode),
    /// They differ.
    Mixed,
}

impl Modes {
    /// Of the tenants; where there is none, what the file says.
    pub(crate) fn of(integration: &Integration) -> Self {
        let mut modes = integration.tenants.iter().map(|tenant| tenant.mode);
        let first = modes.next().unwrap_or(integration.mode);
        if modes.all(|mode| mode == first) { Self::Same(first) } else { Self::Mixed }
    }
}

impl Serialize for Modes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Same(mode) => mode.serialize(serializer),
            Self::Mixed => serializer.serialize_str("mixed"),
        }
    }
}
