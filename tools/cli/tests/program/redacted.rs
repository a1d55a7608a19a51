//! What people read, without what differs from run to run.

/// A table whose cells are two spaces apart, with names for times and for ids that are made anew.
pub(crate) fn redacted(text: &str) -> String {
    let cells = |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(cell).collect::<Vec<_>>().join("  ");
    text.lines().map(|line| cells(line) + "\n").collect()
}

fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let mut told = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let (name, n_words) = match words.get(at..).unwrap_or_default() {
            [date, time, ..] if date.len() == 10 && time.trim_end_matches(NOISE).ends_with('Z') => ("TIME", 2),
            [n, _, ago, ..] if is_number(n) && ago.trim_end_matches(NOISE) == "ago" => ("AGO", 3),
            ["in" | "(in", n, _, ..] if is_number(n) => ("SOON", 3),
            [id, ..] if id.starts_with("directory_user_") => ("USER", 1),
            [id, ..] if id.len() == 36 && id.matches('-').count() == 4 => ("RUN", 1),
            _ => (*word, 1),
        };
        told.push(name);
        at += n_words;
    }
    told.join(" ")
}

/// What may stand around a time.
const NOISE: [char; 4] = ['(', ')', ',', ';'];

fn is_number(word: &str) -> bool {
    word.trim_matches(NOISE).parse::<u64>().is_ok()
}
