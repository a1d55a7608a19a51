//! Text for people: tables that fit the terminal, colours, times.
//!
//! Names come from customers' directories. Whatever is put on a page goes through [`clean`], so that none can steer the terminal.

use std::borrow::Cow;
use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table};
use serde::Serialize;

use super::time::{relative, utc};

/// Whether text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    On,
    Off,
}

/// What a text says of the matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    /// It passes by itself, or is as somebody wanted it.
    Warn,
    /// A person must look.
    Bad,
}

/// What text is written for: a terminal of some width, or a program that reads lines.
#[derive(Debug)]
pub(crate) struct Page {
    colors: Colors,
    width: Option<u16>,
    now_ms: i64,
}

impl Page {
    /// As wide as the terminal. Where there is none, rows are never broken: one row is one line.
    pub(crate) fn new(colors: Colors, now_ms: i64) -> Self {
        Self { colors, width: Table::new().width(), now_ms }
    }

    /// A table without rows. The first column is what people copy from: it is never broken.
    pub(crate) fn table(&self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(header.iter().map(|text| Cell::new(text.to_uppercase()).add_attribute(Attribute::Bold)));
        match self.colors {
            Colors::On => table.enforce_styling(),
            Colors::Off => table.force_no_tty(),
        };
        match self.width {
            Some(width) => table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some(first) = table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
        }
        table
    }

    /// A cell of a table.
    pub(crate) fn cell(&self, tone: Tone, text: impl ToString) -> Cell {
        let text = text.to_string();
        let cell = Cell::new(clean(&text));
        match tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::DarkGreen),
            Tone::Warn => cell.fg(Color::DarkYellow),
            Tone::Bad => cell.fg(Color::DarkRed),
        }
    }

    /// A cell without a tone.
    pub(crate) fn plain(&self, text: impl ToString) -> Cell {
        self.cell(Tone::Plain, text)
    }

    /// Text outside of tables.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        let text = clean(text);
        let color = match (self.colors, tone) {
            (Colors::Off, _) | (Colors::On, Tone::Plain) => return text.into_owned(),
            (Colors::On, Tone::Good) => AnsiColor::Green,
            (Colors::On, Tone::Warn) => AnsiColor::Yellow,
            (Colors::On, Tone::Bad) => AnsiColor::Red,
        };
        let style = Style::new().fg_color(Some(color.into()));
        format!("{style}{text}{style:#}")
    }

    /// How long ago a time was.
    pub(crate) fn ago(&self, ms: i64) -> String {
        relative(ms, self.now_ms)
    }

    /// A time, and how long ago it was.
    pub(crate) fn time(&self, ms: i64) -> String {
        format!("{} ({})", utc(ms), self.ago(ms))
    }
}

/// A table as lines without trailing space.
pub(crate) fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// So many things: the name is in the singular, and gets an `s` where there is not one of it.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(n: N, name: &str) -> String {
    if n == N::from(1) { format!("{n} {name}") } else { format!("{n} {name}s") }
}

/// A code as it is in JSON.
pub(crate) fn word(code: &impl Serialize) -> String {
    serde_json::to_value(code).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Shows control characters instead of obeying them.
fn clean(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c.is_control() && c != '\n';
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_bad(c) { c.escape_default().to_string() } else { c.to_string() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(colors: Colors, width: Option<u16>) -> Page {
        Page { colors, width, now_ms: 0 }
    }

    fn shown(page: &Page) -> String {
        let mut table = page.table(&["who", "why"]);
        table.add_row([page.plain("ada"), page.cell(Tone::Bad, "one two three four five")]);
        lines(&table)
    }

    #[test]
    fn without_a_terminal_one_row_is_one_line_without_colours() {
        assert_eq!(shown(&page(Colors::Off, None)), "WHO  WHY\nada  one two three four five\n");
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let text = shown(&page(Colors::Off, Some(20)));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.len() <= 20), "{text}");
    }

    #[test]
    fn one_of_a_thing_is_in_the_singular() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "account")), ["0 accounts", "1 account", "2 accounts"]);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let page = page(Colors::On, None);
        assert_eq!(page.paint(Tone::Plain, "a\u{1b}[2Jb\rc"), r"a\u{1b}[2Jb\rc");
        assert_eq!(page.paint(Tone::Good, "ok"), "\u{1b}[32mok\u{1b}[0m");
    }
}
