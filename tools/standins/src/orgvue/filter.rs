//! `POST …/items`: the rows that fit a filter, with the properties of a projection.
//!
//! The filter is MongoDB-like: equality is a plain value, several keys must all hold, and there is no `$eq`.

use serde_json::{Map, Value};

use super::errors::ApiError;
use super::model::ID;

/// What a filtered read asks for.
#[derive(Debug)]
pub(crate) struct Selection {
    filter: Map<String, Value>,
    projection: Option<Map<String, Value>>,
}

impl Selection {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let body: Map<String, Value> = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
        let object = |name: &str| match body.get(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object.clone())),
            Some(_) => Err(invalid(format!("{name} must be an object"))),
        };
        let (filter, projection) = (object("filter")?.unwrap_or_default(), object("projection")?);
        if projection.iter().flat_map(Map::values).any(|value| value != 1) {
            return Err(invalid("a projection may only have the value 1"));
        }
        for condition in filter.values().filter_map(Value::as_object) {
            if let Some(operator) = condition.keys().find(|operator| !OPERATORS.contains(&operator.as_str())) {
                return Err(invalid(format!("the operator {operator} is unknown")));
            }
        }
        Ok(Self { filter, projection })
    }

    pub(crate) fn fits(&self, row: &Value) -> bool {
        self.filter.iter().all(|(key, condition)| {
            let value = row.get(key).unwrap_or(&Value::Null);
            match condition {
                Value::Object(operators) => operators.iter().all(|(name, operand)| holds(name, value, operand)),
                plain => value == plain,
            }
        })
    }

    pub(crate) fn project(&self, row: Value) -> Value {
        match (&self.projection, row) {
            (Some(wanted), Value::Object(row)) => row.into_iter().filter(|(key, _)| key == ID || wanted.contains_key(key)).collect(),
            (_, row) => row,
        }
    }
}

const OPERATORS: [&str; 7] = ["$gt", "$gte", "$in", "$lt", "$lte", "$ne", "$nin"];

fn holds(operator: &str, value: &Value, operand: &Value) -> bool {
    let is_in = || operand.as_array().is_some_and(|values| values.contains(value));
    let order = || match (value, operand) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    };
    match operator {
        "$in" => is_in(),
        "$nin" => !is_in(),
        "$ne" => value != operand,
        "$gt" => order().is_some_and(|order| order.is_gt()),
        "$gte" => order().is_some_and(|order| order.is_ge()),
        "$lt" => order().is_some_and(|order| order.is_lt()),
        _ => order().is_some_and(|order| order.is_le()),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("400604").message(message)
}
