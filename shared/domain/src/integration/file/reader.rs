//! Walks a TOML document and notes everything that is not as it should be, with lines.
//!
//! Knows TOML and nothing of integrations. `serde` would stop at the first mistake.

use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

/// Most edits between what was written and what is offered instead.
const SLIP_EDITS_MAX: usize = 3;

/// The keys that a table may have.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// As people see it in the file.
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
}

/// One table of the file, its keys known to be its own.
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    /// Where it begins; `None` for the file itself.
    line: Option<usize>,
}

impl Section<'_> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }
}

/// A value and the line it stands in.
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

/// Collects what is wrong.
pub(super) struct Reader<'t> {
    toml: &'t str,
    /// Every table that the file may have, to tell where a misplaced key belongs.
    shapes: &'static [Shape],
    problems: Vec<Problem>,
}

/// Parses the text and lets `walk` read it, from the first of the `shapes`. Nothing comes back but with no problem at all.
pub(super) fn read<T>(
    toml: &str,
    shapes: &'static [Shape],
    walk: impl FnOnce(&mut Reader<'_>, &Section<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(toml);
    let mut reader = Reader { toml, shapes, problems: Vec::new() };
    for error in &errors {
        let line = error.span().map(|span| reader.line(span.start));
        reader.problem(line, format!("this is not TOML: {}", error.message().replace('\n', ", ")));
    }
    if !errors.is_empty() {
        return Err(reader.into_problems());
    }
    let top = Section { table: document.get_ref(), line: None };
    reader.refuse_unknown_keys(&top, shapes[0]);
    match walk(&mut reader, &top) {
        Some(value) if reader.problems.is_empty() => Ok(value),
        Some(_) | None => Err(reader.into_problems()),
    }
}

impl<'t> Reader<'t> {
    /// Notes one thing that is wrong. The message becomes one line, whatever the file holds.
    pub(super) fn problem(&mut self, line: Option<usize>, message: impl Display) {
        let mut shown = String::new();
        for c in message.to_string().chars() {
            if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
        }
        self.problems.push(Problem { line, message: shown });
    }

    fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }

    fn line(&self, at: usize) -> usize {
        1 + self.toml.bytes().take(at).filter(|b| *b == b'\n').count()
    }

    /// The line of a key's value, or else of the section.
    pub(super) fn line_of(&self, section: &Section<'_>, key: &str) -> Option<usize> {
        section.table.get(key).map(|value| self.line(value.span().start)).or(section.line)
    }

    /// Notes every key that the section should not have, and where it belongs or what was perhaps meant.
    fn refuse_unknown_keys(&mut self, section: &Section<'_>, Shape { name, keys }: Shape) {
        for key in section.table.keys().filter(|key| !keys.contains(&key.get_ref().as_ref())) {
            let text = key.get_ref().as_ref();
            let home = self.shapes.iter().find(|shape| shape.keys.contains(&text));
            let remedy = match (home, nearest(text, keys)) {
                (Some(home), _) => format!("move it to {}", home.name),
                (None, Some(near)) => format!("did you mean {near}?"),
                (None, None) => format!("take it out; the keys are {}", keys.join(", ")),
            };
            self.problem(Some(self.line(key.span().start)), format!("\"{text}\" is no key of {name}; {remedy}"));
        }
    }

    /// Notes that a key is missing, and what to write.
    pub(super) fn require(&mut self, section: &Section<'_>, key: &str, remedy: &str) {
        if !section.has(key) {
            self.problem(section.line, format!("{key} is missing; write {remedy}"));
        }
    }

    pub(super) fn required_text(&mut self, section: &Section<'_>, key: &str, remedy: &str) -> Option<Found<String>> {
        self.require(section, key, remedy);
        self.text(section, key)
    }

    /// What the check makes of a text; its error is the message.
    pub(super) fn checked<T, E: Display>(
        &mut self,
        found: Option<Found<String>>,
        check: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Found<T>> {
        let Found { value, line } = found?;
        match check(&value) {
            Ok(value) => Some(Found { value, line }),
            Err(error) => {
                self.problem(Some(line), error);
                None
            }
        }
    }

    pub(super) fn text(&mut self, section: &Section<'_>, key: &str) -> Option<Found<String>> {
        let value = section.table.get(key)?;
        let line = self.line(value.span().start);
        self.text_of(key, value, line)
    }

    fn text_of(&mut self, key: &str, value: &Spanned<DeValue<'_>>, line: usize) -> Option<Found<String>> {
        match value.get_ref().as_str() {
            Some(text) => Some(Found { value: text.to_owned(), line }),
            None => {
                self.wrong_type(line, key, "a text in quotes", value.get_ref());
                None
            }
        }
    }

    /// A list of texts; those that are not texts are noted and left out. `None`: there is no list.
    pub(super) fn texts(&mut self, section: &Section<'_>, key: &str) -> Option<Vec<Found<String>>> {
        let value = section.table.get(key)?;
        let line = self.line(value.span().start);
        let Some(list) = value.get_ref().as_array() else {
            self.wrong_type(line, key, "a list such as [\"…\", \"…\"]", value.get_ref());
            return None;
        };
        Some(list.iter().filter_map(|entry| self.text_of(&format!("an entry of {key}"), entry, self.line(entry.span().start))).collect())
    }

    /// A whole number up to `max`.
    pub(super) fn number(&mut self, section: &Section<'_>, key: &str, max: u32) -> Option<u32> {
        let value = section.table.get(key)?;
        let line = self.line(value.span().start);
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_type(line, key, "a whole number", value.get_ref());
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|number| *number <= max);
        if number.is_none() {
            self.problem(Some(line), format!("{key} is {integer}; write a whole number from 0 to {max}"));
        }
        number
    }

    /// One of the texts that mean something here.
    pub(super) fn choice<T: Copy>(&mut self, section: &Section<'_>, key: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let Found { value, line } = self.text(section, key)?;
        let chosen = choices.iter().find(|(text, _)| *text == value).map(|(_, meaning)| *meaning);
        if chosen.is_none() {
            let texts: Vec<_> = choices.iter().map(|(text, _)| *text).collect();
            let hint = nearest(&value, &texts).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            self.problem(Some(line), format!("{key} is \"{value}\"; write one of \"{}\"{hint}", texts.join("\", \"")));
        }
        chosen
    }

    /// A table of the section.
    pub(super) fn section<'s>(&mut self, parent: &Section<'s>, key: &str, shape: Shape) -> Option<Section<'s>> {
        let value = parent.table.get(key)?;
        self.section_of(value, key, shape)
    }

    /// A list of tables; what is none is noted and left out. `None`: there is no list.
    pub(super) fn sections<'s>(&mut self, parent: &Section<'s>, key: &str, shape: Shape) -> Option<Vec<Section<'s>>> {
        let value = parent.table.get(key)?;
        let Some(list) = value.get_ref().as_array() else {
            let line = self.line(value.span().start);
            self.wrong_type(line, key, &format!("a list of sections, each begun by {}", shape.name), value.get_ref());
            return None;
        };
        Some(list.iter().filter_map(|entry| self.section_of(entry, key, shape)).collect())
    }

    fn section_of<'s>(&mut self, value: &'s Spanned<DeValue<'s>>, key: &str, shape: Shape) -> Option<Section<'s>> {
        let line = self.line(value.span().start);
        match value.get_ref().as_table() {
            Some(table) => {
                let section = Section { table, line: Some(line) };
                self.refuse_unknown_keys(&section, shape);
                Some(section)
            }
            None => {
                self.wrong_type(line, key, &format!("a section begun by {}", shape.name), value.get_ref());
                None
            }
        }
    }

    fn wrong_type(&mut self, line: usize, what: &str, wanted: &str, found: &DeValue<'_>) {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a section",
        };
        self.problem(Some(line), format!("{what} is {found}; write {wanted}"));
    }
}

/// The candidate that was perhaps meant.
fn nearest<'c>(text: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let text = text.to_lowercase();
    candidates
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&text, candidate), *candidate))
        .filter(|(edits, candidate)| *edits <= SLIP_EDITS_MAX.min(candidate.len() / 2))
        .min()
        .map(|(_, candidate)| candidate)
}
