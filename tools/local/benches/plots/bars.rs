//! What is compared, one row a thing, along a logarithmic axis.

use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::{IntoSegmentedCoord, SegmentValue};
use plotters::prelude::{ChartBuilder, Circle, EmptyElement, IntoLogRange, PathElement, RGBColor, Rectangle, Text, WHITE};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, ShapeStyle};
use serde_json::Value;

use crate::look::{Area, BLUE, Drawn, GREEN, GREY, GRID, VERMILION, figure, name, number, page, text};

/// What stands in a row.
enum Mark {
    /// A bar from one value to another.
    Bar(f64, f64, RGBColor),
    /// A point.
    Point(f64, RGBColor),
    /// A line across the row.
    Line(f64),
    /// Text behind a value.
    Note(f64, String),
}

/// How many times less than the reference ours is, and should be.
pub(crate) fn peers(path: &Path, rows: &[Value]) -> Drawn {
    let page = page(path, 860, 110 + 24 * u32::try_from(rows.len())?)?;
    let row = |row: &Value| {
        let (ratio, aim) = (number(row, "ratio").unwrap_or(1.0), number(row, "aim"));
        let colour = match aim {
            None => GREY,
            Some(aim) if ratio >= aim => GREEN,
            Some(_) => VERMILION,
        };
        let note = Mark::Note(ratio.max(aim.unwrap_or(1.0)).max(1.0), format!("{} ×", figure(ratio)));
        let marks = [Mark::Bar(1.0, ratio, colour), note].into_iter().chain(aim.map(Mark::Line)).collect();
        (name(row, "name").to_owned(), marks)
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let title = "How many times less than in Node.js (black: the aim; green: met, orange: not)";
    draw(&page, title, "Node.js / ours", 0.02..80.0, &rows)?;
    Ok(page.present()?)
}

/// How long requests took, and how many there were a second.
pub(crate) fn burst(path: &Path, rows: &[Value]) -> Drawn {
    let page = page(path, 860, 110 + 34 * u32::try_from(rows.len())?)?;
    let row = |row: &Value| {
        let [p50, p99, max, rate] = ["p50_ms", "p99_ms", "max_ms", "requests_per_second"].map(|key| number(row, key).unwrap_or(1.0));
        let points = [Mark::Point(p50, GREEN), Mark::Point(p99, BLUE), Mark::Point(max, VERMILION)];
        let around = [Mark::Bar(p50, max, GRID), Mark::Note(max, format!("{} requests a second", figure(rate)))];
        (name(row, "scenario").to_owned(), around.into_iter().chain(points).collect())
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    draw(&page, "Time of a request (green: p50, blue: p99, orange: the longest)", "milliseconds", 0.5..50_000.0, &rows)?;
    Ok(page.present()?)
}

fn draw(area: &Area<'_>, title: &str, unit: &str, values: Range<f64>, rows: &[(String, Vec<Mark>)]) -> Drawn {
    let n = rows.len();
    let longest = rows.iter().map(|(name, _)| name.len()).max().ok_or_else(|| format!("there is nothing to draw of {title:?}"))?;
    // The first row is on top.
    let at = |row: usize| n - 1 - row;
    let mut chart = ChartBuilder::on(area)
        .caption(title, text(17))
        .margin(12)
        .margin_right(32)
        .x_label_area_size(44)
        .y_label_area_size(7 * u32::try_from(longest)? + 12)
        .build_cartesian_2d(values.log_scale(), (0..n - 1).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(GREY)
        .label_style(text(14))
        .axis_desc_style(text(14))
        .y_labels(n)
        .x_desc(unit)
        .x_label_formatter(&|value| figure(*value))
        .y_label_formatter(&|row| match row {
            SegmentValue::Exact(row) | SegmentValue::CenterOf(row) if *row < n => rows[at(*row)].0.clone(),
            _ => String::new(),
        })
        .draw()?;
    for (row, (_, marks)) in rows.iter().enumerate() {
        let (floor, middle) = (SegmentValue::Exact(at(row)), SegmentValue::CenterOf(at(row)));
        let above = if row == 0 { SegmentValue::Last } else { SegmentValue::Exact(at(row) + 1) };
        for mark in marks {
            match mark {
                Mark::Bar(from, to, colour) => {
                    let mut bar = Rectangle::new([(*from, floor.clone()), (*to, above.clone())], colour.filled());
                    bar.set_margin(6, 6, 0, 0);
                    chart.draw_series([bar])?;
                }
                Mark::Point(value, colour) => {
                    chart.draw_series([Circle::new((*value, middle.clone()), 5, colour.filled())])?;
                }
                Mark::Line(value) => {
                    let ends = [(*value, floor.clone()), (*value, above.clone())];
                    chart.draw_series([PathElement::new(ends, ShapeStyle::from(&plotters::style::BLACK).stroke_width(2))])?;
                }
                Mark::Note(value, note) => {
                    let style = text(13).pos(Pos::new(HPos::Left, VPos::Center));
                    chart.draw_series([EmptyElement::at((*value, middle.clone())) + Text::new(note.clone(), (6, 0), style)])?;
                }
            }
        }
    }
    Ok(())
}
