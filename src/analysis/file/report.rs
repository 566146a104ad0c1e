//! `[report]`: what a study's report looks like.

use toml::Spanned;

use super::AnalysisFileError;
use super::place::{self, Source};
use super::schema::Document;
use crate::figure::{Colormap, Format};
use crate::report::{Options, Output, figures, tables};

/// File formats of the figures beside the results.
pub fn formats(source: &Source<'_>, document: &Document) -> Result<Vec<Format>, AnalysisFileError> {
    let Some(names) = &document.report.figure_formats else { return Ok(Format::ALL.to_vec()) };
    let format = |name: &Spanned<String>| {
        let found = Format::ALL.into_iter().find(|f| f.extension() == name.get_ref());
        found.ok_or_else(|| source.choice(name, "figure_formats", &["png", "svg", "pdf"]))
    };
    names.iter().map(format).collect()
}

/// What the report looks like.
pub fn options(source: &Source<'_>, document: &Document) -> Result<Options, AnalysisFileError> {
    let table = &document.report;
    let mut options = Options {
        title: document.title.clone(),
        description: document.description.clone(),
        ..Options::default()
    };
    if let Some(names) = &table.formats {
        let output = |name: &Spanned<String>| match name.get_ref().as_str() {
            "html" => Ok(Output::Html),
            "markdown" => Ok(Output::Markdown),
            "latex" => Ok(Output::Latex),
            _ => Err(source.choice(name, "formats", &["html", "markdown", "latex"])),
        };
        options.outputs = names.iter().map(output).collect::<Result<_, _>>()?;
    }
    if let Some(name) = &table.colormap {
        let colormap: Result<Colormap, _> = name.get_ref().parse();
        options.colormap =
            colormap.map_err(|_| source.choice(name, "colormap", &Colormap::NAMES))?;
    }
    let captioned: Vec<&str> = figures::NAMES.into_iter().chain(tables::NAMES).collect();
    for (name, text) in &table.captions {
        if !captioned.contains(&name.as_str()) {
            return Err(source.unknown(text.span().start, name, "report.captions", &captioned));
        }
        options.captions.insert(name.clone(), text.get_ref().clone());
    }
    for (name, columns) in &table.columns {
        if !tables::NAMES.contains(&name.as_str()) {
            let start = columns.span().start;
            return Err(source.unknown(start, name, "report.columns", &tables::NAMES));
        }
        if let Some(known) = tables::column_keys(name) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            for column in columns.get_ref() {
                if !known.contains(&column.as_str()) {
                    let start = columns.span().start;
                    let advice = place::advice(column, &known);
                    let problem = format!("key `{name}`: there is no column `{column}`; {advice}");
                    return Err(source.at(start, problem));
                }
            }
        }
        options.columns.insert(name.clone(), columns.get_ref().clone());
    }
    Ok(options)
}
