//! Keyset pagination as WorkOS does it, with its three orders.
//!
//! `asc` and `desc` go on with `after`. `normal` is descending with the cursors the other way round: the older page is
//! under `before`, and `after` is null on the first page. That is what recorded answers to calls without `order` show.

use serde_json::{Value, json};

use super::Query;
use super::errors::Invalid;
use super::switches::{DeletedCursor, Order};

const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 100;

/// The place of a row in its list: when it was made, then its id.
pub(crate) type Key = (i64, String);

/// What a list call asked for.
#[derive(Debug)]
pub(crate) struct Paging {
    order: Order,
    limit: usize,
    before: Option<String>,
    after: Option<String>,
}

/// Where the row of a cursor is.
pub(crate) enum Place {
    Present(Key),
    Deleted(Key),
    Unknown,
}

/// One page and its cursors.
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    before: Option<String>,
    after: Option<String>,
}

impl Paging {
    pub(crate) fn parse(query: &Query, order_without: Order) -> Result<Self, Invalid> {
        let limit = match query.get("limit").map(|text| text.parse()) {
            None => LIMIT_DEFAULT,
            Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(_) => {
                return Err(Invalid::field("limit", "limit must be an integer between 1 and 100"));
            }
        };
        let order = match query.get("order").map(String::as_str) {
            None => order_without,
            Some("asc") => Order::Asc,
            Some("desc") => Order::Desc,
            Some("normal") => Order::Normal,
            Some(_) => {
                return Err(Invalid::field("order", "order must be one of normal, desc, asc"));
            }
        };
        Ok(Self { order, limit, before: query.get("before").cloned(), after: query.get("after").cloned() })
    }

    /// Cuts the page out of all rows of the list.
    pub(crate) fn cut<T>(
        &self,
        mut rows: Vec<(Key, T)>,
        place: impl Fn(&str) -> Place,
        deleted: DeletedCursor,
    ) -> Result<Page<T>, Invalid> {
        let ascending = self.order == Order::Asc;
        rows.sort_unstable_by(|(a, _), (b, _)| if ascending { a.cmp(b) } else { b.cmp(a) });
        let is_later = |key: &Key, than: &Key| if ascending { key > than } else { key < than };
        let (onward, back) = match self.order {
            Order::Asc | Order::Desc => (("after", &self.after), ("before", &self.before)),
            Order::Normal => (("before", &self.before), ("after", &self.after)),
        };
        let key_of = |(name, cursor): (&'static str, &Option<String>)| match cursor {
            None => Ok(Cursor::Absent),
            Some(id) => cursor_key(name, place(id), deleted),
        };
        let range = match (key_of(onward)?, key_of(back)?) {
            (Cursor::Empty, _) | (_, Cursor::Empty) => 0..0,
            (Cursor::At(key), _) => {
                let start = rows.partition_point(|(row, _)| !is_later(row, &key));
                start..rows.len().min(start + self.limit)
            }
            (Cursor::Absent, Cursor::At(key)) => {
                let end = rows.partition_point(|(row, _)| is_later(&key, row));
                end.saturating_sub(self.limit)..end
            }
            (Cursor::Absent, Cursor::Absent) => 0..rows.len().min(self.limit),
        };
        let id_at = |index: usize| rows[index].0.1.clone();
        let onward = (!range.is_empty() && range.end < rows.len()).then(|| id_at(range.end - 1));
        let back = (!range.is_empty() && range.start > 0).then(|| id_at(range.start));
        let (before, after) = if self.order == Order::Normal { (onward, back) } else { (back, onward) };
        let rows = rows.drain(range).map(|(_, row)| row).collect();
        Ok(Page { rows, before, after })
    }
}

/// What a cursor means for the cut.
enum Cursor {
    Absent,
    At(Key),
    Empty,
}

fn cursor_key(name: &'static str, place: Place, deleted: DeletedCursor) -> Result<Cursor, Invalid> {
    match (place, deleted) {
        (Place::Present(key), _) | (Place::Deleted(key), DeletedCursor::Keyset) => Ok(Cursor::At(key)),
        (Place::Deleted(_), DeletedCursor::Empty) => Ok(Cursor::Empty),
        (Place::Deleted(_), DeletedCursor::Restart) => Ok(Cursor::Absent),
        (Place::Deleted(_), DeletedCursor::Error) | (Place::Unknown, _) => Err(Invalid::field(name, "no object with this id exists")),
    }
}

impl<T> Page<T> {
    /// The list envelope of this page.
    pub(crate) fn into_list(self, render: impl Fn(T) -> Value, camel_case_too: bool) -> Value {
        let metadata = json!({ "before": self.before, "after": self.after });
        let data: Vec<Value> = self.rows.into_iter().map(render).collect();
        let mut list = json!({ "object": "list", "data": data });
        if camel_case_too {
            list["listMetadata"] = metadata.clone();
        }
        list["list_metadata"] = metadata;
        list
    }

    /// The list envelope of the events route, which has no way back.
    pub(crate) fn into_events(self, render: impl Fn(T) -> Value) -> Value {
        let data: Vec<Value> = self.rows.into_iter().map(render).collect();
        json!({ "object": "list", "data": data, "list_metadata": { "after": self.after } })
    }
}
