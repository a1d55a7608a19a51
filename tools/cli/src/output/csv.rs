//! CSV for spreadsheets.

use std::io;

/// Rows under a header. No cell can be taken for a formula: spreadsheets run those, and names come from customers' directories.
pub(crate) fn to_csv<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> io::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.map(harmless))?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        let row = ["=1+1", "@SUM(A1)", "a=b", "x,\"y\""].map(str::to_owned);
        assert_eq!(to_csv(["a", "b", "c", "d"], [row]).unwrap(), "a,b,c,d\n'=1+1,'@SUM(A1),a=b,\"x,\"\"y\"\"\"\n");
    }
}
