//! How every plot looks: dark on white, whatever the page, in colours that everybody can tell apart.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::{BLACK, DrawingArea, IntoDrawingArea, RGBColor, SVGBackend, WHITE};
use plotters::style::TextStyle;
use serde_json::Value;

/// Whether a plot could be drawn.
pub(crate) type Drawn = Result<(), Box<dyn Error>>;
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// [Okabe and Ito's](https://jfly.uni-koeln.de/color/) blue, vermilion, green and purple.
pub(crate) const COLOURS: [RGBColor; 4] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];
pub(crate) const BLUE: RGBColor = COLOURS[0];
pub(crate) const VERMILION: RGBColor = COLOURS[1];
pub(crate) const GREEN: RGBColor = COLOURS[2];
pub(crate) const GREY: RGBColor = RGBColor(150, 150, 150);
pub(crate) const GRID: RGBColor = RGBColor(228, 228, 228);

/// An empty plot.
pub(crate) fn page<'a>(path: &'a Path, width: u32, height: u32) -> Result<Area<'a>, Box<dyn Error>> {
    let page = SVGBackend::new(path, (width, height)).into_drawing_area();
    page.fill(&WHITE)?;
    Ok(page)
}

/// Text of so many pixels.
pub(crate) fn text(size: u32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size)).color(&BLACK)
}

/// A number as a person writes it: as many digits as mean something, thousands apart.
pub(crate) fn figure(value: f64) -> String {
    if value < 10.0 {
        return format!("{}", (value * 100.0).round() / 100.0);
    }
    let digits = format!("{value:.0}");
    let ends_group = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let apart = digits.chars().enumerate().flat_map(|(at, digit)| [ends_group(at).then_some(','), Some(digit)]);
    apart.flatten().collect()
}

pub(crate) fn number(row: &Value, key: &str) -> Option<f64> {
    row[key].as_f64()
}

pub(crate) fn name<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}
