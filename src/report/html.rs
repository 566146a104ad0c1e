//! `report.html`: one file that needs nothing else.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

use super::ReportError;
use super::bibliography::Reference;
use super::figures::{self, Drawn, SCALES};
use super::options::Options;
use super::parts::Parts;
use super::prose::{Paragraph, author_years};
use super::study::{Network, Study};
use super::tables::{Table, mark, marks};
use crate::store::Provenance;

const TEMPLATE: &str = include_str!("templates/report.html");
const STYLE: &str = include_str!("templates/report.css");
const SCRIPT: &str = include_str!("templates/report.js");

/// Plain text in an HTML document.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The page.
///
/// # Errors
///
/// Where a figure can't be drawn or the template fails.
pub fn document(
    study: &Study,
    parts: &Parts<'_>,
    options: &Options,
) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("report.html", TEMPLATE)?;
    let switched = figures::by_category(study, options, true)?;
    let maps = figures::heatmaps(study, options)?;
    let named = |names: &[&str]| -> Vec<Value> {
        let chosen = parts.tables.iter().filter(|table| names.contains(&table.name));
        chosen.map(|table| Value::from(Serde(shown(table)))).collect()
    };
    let drawn = |name: &str| parts.figure(name).map(|figure| Value::from(Serde(page(figure))));
    let scales: Vec<Value> =
        SCALES.iter().map(|scale| context! { key => scale.key, label => scale.label }).collect();
    let map_values: Vec<Value> = maps
        .iter()
        .map(|(label, figures)| {
            let svgs: Vec<&str> = figures.iter().map(|figure| figure.svg()).collect();
            context! { label, svgs => Serde(svgs) }
        })
        .collect();
    let consistency: Vec<Value> = parts
        .figures
        .iter()
        .filter(|figure| figure.name.starts_with("consistency-matrix"))
        .map(|figure| Value::from(Serde(page(figure))))
        .collect();
    let template = environment.get_template("report.html")?;
    let summary = named(&["summary"]).into_iter().next();
    let consistency_tables = named(&["consistency"]);
    let cost_tables = named(&["cost"]);
    let erf_tables = named(&["area-ratios", "extent"]);
    let bias_tables = named(&["shape-bias", "categories", "differences"]);
    let sections = sections(&[
        ("summary", "Summary", true),
        ("erf", "Effective receptive fields", !erf_tables.is_empty()),
        ("shape-bias", "Shape bias", !bias_tables.is_empty()),
        ("consistency", "Error consistency", !consistency_tables.is_empty()),
        ("cost", "Cost", !cost_tables.is_empty()),
        ("methods", "Methods", true),
        ("provenance", "Provenance", true),
        ("references", "References", true),
    ]);
    let page = template.render(context! {
        title => &options.title,
        description => &options.description,
        version => env!("CARGO_PKG_VERSION"),
        style => STYLE,
        script => SCRIPT,
        counts => counts(study),
        date => latest_date(study),
        sections,
        findings => paragraphs(parts.findings),
        warnings => Serde(parts.warnings),
        summary,
        scatter => drawn("scatter"),
        scales,
        maps => map_values,
        maps_caption => maps_caption(study, options),
        profile => drawn("erf-profile"),
        erf_tables,
        categories => switched.as_ref().map(|figure| Value::from(Serde(page_of(figure)))),
        bars => drawn("shapebias-bars"),
        bias_tables,
        consistency,
        consistency_tables,
        cost_tables,
        methods => paragraphs(parts.methods),
        commands => Serde(parts.commands),
        inputs => inputs(study),
        runs => runs(study),
        references => references(parts.references),
    })?;
    Ok(page)
}

fn maps_caption(study: &Study, options: &Options) -> String {
    let own = options.captions.get("erf-panels").cloned();
    let own = own.unwrap_or_else(|| {
        "Effective receptive fields. All maps share one colour scale, from nothing to each map's own \
         maximum."
            .to_owned()
    });
    format!(
        "{own} On the paper's scale, log10(map + 1), a map whose values are far below 1 looks as on \
         the linear one; “log, 4 decades” is the same picture whatever the map is multiplied by. \
         Outlines: the squares of the area ratios.{}",
        study.mixture()
    )
}

fn sections(all: &[(&str, &str, bool)]) -> Vec<Value> {
    let shown = all.iter().filter(|(_, _, shown)| *shown);
    shown.map(|(id, title, _)| context! { id => *id, title => *title }).collect()
}

fn counts(study: &Study) -> String {
    // Several layers of one network are one network.
    let name = |network: &Network<'_>| {
        network.erf.map_or_else(|| network.label.to_owned(), |erf| erf.network.clone())
    };
    let mut names: Vec<String> = study.networks().iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    let networks = names.len();
    let noun = if networks == 1 { "network" } else { "networks" };
    format!("{networks} {noun}")
}

/// Day of the newest result.
fn latest_date(study: &Study) -> String {
    let dates = study.erfs.iter().map(|erf| &erf.result.provenance.date);
    let dates = dates.chain(study.biases.iter().map(|bias| &bias.result.provenance.date));
    dates.max().and_then(|date| date.get(..10)).unwrap_or("an unknown date").to_owned()
}

fn paragraphs(paragraphs: &[Paragraph]) -> Vec<String> {
    let number = |shown: &str, source: &str| {
        format!(
            "<data value=\"{}\" title=\"{}\">{}</data>",
            escape(shown),
            escape(source),
            escape(shown)
        )
    };
    let cite = |keys: &[&'static str]| {
        let text = author_years(keys);
        match keys {
            [key] => format!("<a href=\"#{key}\">{}</a>", escape(&text)),
            _ => escape(&text),
        }
    };
    paragraphs.iter().map(|paragraph| paragraph.render(escape, number, cite)).collect()
}

#[derive(Serialize)]
struct ShownTable<'a> {
    name: &'a str,
    title: &'a str,
    caption: String,
    dense: bool,
    columns: Vec<ShownColumn<'a>>,
    rows: Vec<ShownRow<'a>>,
    notes: Vec<ShownNote<'a>>,
}

#[derive(Serialize)]
struct ShownColumn<'a> {
    heading: &'a str,
    marks: String,
    unit: Option<&'static str>,
    number: bool,
}

#[derive(Serialize)]
struct ShownRow<'a> {
    cells: Vec<ShownCell<'a>>,
}

#[derive(Serialize)]
struct ShownCell<'a> {
    text: &'a str,
    marks: String,
    number: bool,
    sort: Option<f64>,
    best: bool,
    interval: Option<String>,
}

#[derive(Serialize)]
struct ShownNote<'a> {
    mark: String,
    text: &'a str,
}

fn shown(table: &Table) -> ShownTable<'_> {
    let column = |column: &'_ super::tables::Column| column.number;
    ShownTable {
        name: table.name,
        title: &table.title,
        caption: table.caption(),
        dense: table.is_dense(),
        columns: table
            .columns
            .iter()
            .map(|c| ShownColumn {
                heading: &c.heading,
                marks: marks(&c.marks),
                unit: c.unit,
                number: c.number,
            })
            .collect(),
        rows: table
            .rows
            .iter()
            .map(|row| ShownRow {
                cells: row
                    .cells
                    .iter()
                    .zip(&table.columns)
                    .map(|(cell, of)| ShownCell {
                        text: &cell.text,
                        marks: marks(&cell.marks),
                        number: column(of),
                        sort: cell.value,
                        best: cell.best,
                        interval: cell.interval_text.as_ref().map(|[a, b]| format!("{a} to {b}")),
                    })
                    .collect(),
            })
            .collect(),
        notes: table
            .notes
            .iter()
            .enumerate()
            .map(|(index, text)| ShownNote { mark: mark(index), text })
            .collect(),
    }
}

#[derive(Serialize)]
struct ShownFigure<'a> {
    name: &'a str,
    caption: &'a str,
    svg: &'a str,
    wide: bool,
    series: Vec<ShownSeries<'a>>,
}

#[derive(Serialize)]
struct ShownSeries<'a> {
    number: usize,
    label: &'a str,
    on: bool,
}

fn page_of(figure: &Drawn) -> ShownFigure<'_> {
    page(figure)
}

fn page(figure: &Drawn) -> ShownFigure<'_> {
    ShownFigure {
        name: &figure.name,
        caption: &figure.caption,
        svg: figure.figure.svg(),
        wide: figure.wide,
        series: figure
            .series
            .iter()
            .map(|s| ShownSeries { number: s.number, label: &s.label, on: s.on })
            .collect(),
    }
}

/// Every run of the study, with a label.
fn provenances(study: &Study) -> Vec<(String, &Provenance)> {
    let erfs = study
        .erfs
        .iter()
        .map(|erf| (format!("{} (ERF)", erf.result.label), &erf.result.provenance));
    let runs = study.biases.iter().map(|bias| ("shape bias".to_owned(), &bias.result.provenance));
    let observers =
        study.observers.iter().filter(|entry| !entry.result.provenance.inputs.is_empty());
    let observers = observers
        .map(|entry| (format!("{} (shape bias)", entry.result.label), &entry.result.provenance));
    erfs.chain(runs).chain(observers).collect()
}

fn inputs(study: &Study) -> Vec<Value> {
    let mut inputs = Vec::new();
    for (label, provenance) in provenances(study) {
        for file in &provenance.inputs {
            inputs.push(context! { label => &label, path => &file.path, sha256 => &file.sha256 });
        }
    }
    inputs
}

fn runs(study: &Study) -> Vec<Value> {
    let run = |(label, provenance): (String, &Provenance)| {
        let images = provenance
            .images
            .as_ref()
            .map_or(String::new(), |list| format!("{}, list {}", list.count, list.sha256));
        let preprocessing = provenance.preprocessing.as_ref().map_or(String::new(), |record| {
            format!(
                "{}; mean {:?}; standard deviation {:?}",
                record.resize, record.mean, record.std
            )
        });
        context! {
            label,
            date => &provenance.date,
            version => &provenance.version,
            device => &provenance.device,
            path => &provenance.path,
            libtorch => &provenance.libtorch,
            seed => provenance.seed,
            images,
            preprocessing,
        }
    };
    let made = provenances(study).into_iter().filter(|(_, p)| !p.version.is_empty());
    made.map(run).collect()
}

fn references(references: &[&'static Reference]) -> Vec<Value> {
    references
        .iter()
        .map(|reference| {
            context! {
                key => reference.key,
                authors => reference.author_list(),
                title => reference.title,
                place => reference.place(),
            }
        })
        .collect()
}
