//! What grows with the number of accounts, on logarithmic axes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::{ChartBuilder, Circle, IntoLogRange, LineSeries, PathElement, RGBColor, SeriesLabelPosition, WHITE};
use plotters::style::Color;
use serde_json::Value;

use crate::look::{Area, COLOURS, Drawn, GREY, GRID, figure, name, number, page, text};

type Point = (f64, f64);

/// One line: what it is, and its points. Thin ones are left out of the legend.
struct Line {
    name: String,
    colour: RGBColor,
    width: u32,
    points: Vec<Point>,
}

/// Time and memory of a plan.
pub(crate) fn decisions(path: &Path, rows: &[Value]) -> Drawn {
    let page = page(path, 960, 400)?;
    let panels = page.split_evenly((1, 2));
    let lines = |key: &str, unit: f64| {
        let mut points: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
        for row in rows.iter().filter(|row| name(row, "case") == "desired + plan + guard") {
            let point = number(row, "n").zip(number(row, key).map(|value| value / unit));
            points.entry(name(row, "scenario")).or_default().extend(point);
        }
        let scenarios: Vec<&str> = points.keys().filter(|name| !name.contains(FIFTY)).copied().collect();
        let line = |(name, points): (&str, Vec<Point>)| {
            let scenario = name.trim_end_matches(FIFTY);
            let at = scenarios.iter().position(|known| *known == scenario).unwrap_or_default();
            Line { name: name.to_owned(), colour: COLOURS[at % COLOURS.len()], width: if name == scenario { 2 } else { 1 }, points }
        };
        points.into_iter().map(line).collect::<Vec<_>>()
    };
    draw(&panels[0], "Time of a plan (thin: 50 tenants)", "milliseconds", &lines("median_ms", 1.0))?;
    draw(&panels[1], "Memory of it, at most", "MB", &lines("peak_bytes", 1e6))?;
    Ok(page.present()?)
}

/// How the scenarios in fifty tenants end.
const FIFTY: &str = ", 50 tenants";

fn draw(area: &Area<'_>, title: &str, unit: &str, lines: &[Line]) -> Drawn {
    let points = || lines.iter().flat_map(|line| &line.points);
    if points().next().is_none() {
        return Err(format!("there is nothing to draw of {title:?}").into());
    }
    let (x, y) = (decades(points().map(|point| point.0)), decades(points().map(|point| point.1)));
    let mut chart = ChartBuilder::on(area)
        .caption(title, text(17))
        .margin(12)
        .margin_right(32)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(GREY)
        .label_style(text(14))
        .axis_desc_style(text(14))
        .x_labels(4)
        .y_labels(5)
        .x_desc("accounts")
        .y_desc(unit)
        .x_label_formatter(&|value| figure(*value))
        .y_label_formatter(&|value| figure(*value))
        .draw()?;
    for Line { name, colour, width, points } in lines {
        let style = colour.stroke_width(*width);
        let drawn = chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
        if *width > 1 {
            drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        }
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 1 + width, colour.filled())))?;
    }
    let legend = WHITE.mix(0.8);
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(8)
        .label_font(text(13))
        .background_style(legend)
        .draw()?;
    Ok(())
}

/// The whole powers of ten around these values.
fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (least, most) = values.fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
    let to = most.log10().ceil();
    10_f64.powf(least.log10().floor().min(to - 1.0))..10_f64.powf(to)
}
