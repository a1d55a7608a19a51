//! Draws what the benches have measured: `cargo bench -p local --bench plots`, from `target/bench` to `docs/plots`.
//!
//! What has not been measured on this machine is left as it was drawn before, with a line that says which command measures it.

mod bars;
mod lines;
mod look;

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use look::Drawn;

/// What is drawn from one bench's output: the output's name, the command that makes it, the plot's name, and how it is drawn.
type Plot = (&'static str, &'static str, &'static str, fn(&Path, &[Value]) -> Drawn);

const PLOTS: [Plot; 3] = [
    ("domain.json", "cargo bench -p domain", "decisions.svg", lines::decisions),
    ("peers.json", "benches/peers/run", "peers.svg", bars::peers),
    ("burst.json", "cargo bench -p local --bench burst", "burst.svg", bars::burst),
];

fn main() -> Drawn {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let plots = repository.join("docs/plots");
    std::fs::create_dir_all(&plots)?;
    for (output, command, plot, draw) in PLOTS {
        match read(&repository.join("target/bench").join(output)) {
            Ok(rows) => {
                draw(&plots.join(plot), &rows)?;
                println!("docs/plots/{plot}");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                println!("docs/plots/{plot} is not drawn: {command} makes target/bench/{output}")
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The rows of an output: a list, one object a line, or what an object calls its measures.
fn read(path: &PathBuf) -> io::Result<Vec<Value>> {
    let text = std::fs::read_to_string(path)?;
    match serde_json::from_str(&text) {
        Ok(Value::Array(rows)) => Ok(rows),
        Ok(Value::Object(mut whole)) if whole.contains_key("measures") => match whole.remove("measures") {
            Some(Value::Array(rows)) => Ok(rows),
            _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
        },
        _ => Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?),
    }
}
