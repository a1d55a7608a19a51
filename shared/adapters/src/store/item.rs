//! Reading the attributes of an item.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use super::StoreError;

/// An item, with errors that say which.
pub(super) struct Item<'a>(pub &'a HashMap<String, AttributeValue>);

impl Item<'_> {
    /// The error for an attribute that is missing or wrong.
    pub(super) fn corrupt(&self, attribute: &'static str) -> StoreError {
        let part = |name| self.0.get(name).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
        StoreError::Corrupt { key: format!("{}/{}", part("pk"), part("sk")), attribute }
    }

    pub(super) fn opt_text(&self, name: &'static str) -> Option<&str> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&str, StoreError> {
        self.opt_text(name).ok_or_else(|| self.corrupt(name))
    }

    pub(super) fn opt_number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_n().ok().and_then(|digits| digits.parse().ok()).map(Some).ok_or_else(|| self.corrupt(name)),
        }
    }

    pub(super) fn number<T: FromStr>(&self, name: &'static str) -> Result<T, StoreError> {
        self.opt_number(name)?.ok_or_else(|| self.corrupt(name))
    }

    /// A text that is parsed into a value.
    pub(super) fn parsed<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        parse(self.text(name)?).ok_or_else(|| self.corrupt(name))
    }

    /// Whether a switch is on; one that is not there is off.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, StoreError> {
        self.0.get(name).map_or(Ok(false), |value| value.as_bool().copied().map_err(|_| self.corrupt(name)))
    }

    /// The texts of a set; none if it is not there.
    pub(super) fn texts(&self, name: &'static str) -> Result<BTreeSet<String>, StoreError> {
        let texts = self.0.get(name).map(|value| value.as_ss().map_err(|_| self.corrupt(name))).transpose()?;
        Ok(texts.into_iter().flatten().cloned().collect())
    }

    /// A value that is stored as JSON.
    pub(super) fn opt_json<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_s().ok().and_then(|text| serde_json::from_str(text).ok()).map(Some).ok_or_else(|| self.corrupt(name)),
        }
    }
}

/// A value as it is stored as JSON.
pub(super) fn json<T: serde::Serialize>(value: &T) -> AttributeValue {
    AttributeValue::S(serde_json::to_string(value).expect("numbers, texts and lists of them are JSON"))
}
