//! A study -> the files of a report.

use std::path::{Path, PathBuf};

use super::bibliography;
use super::figures::{self, Drawn};
use super::options::{FIGURES, HTML, LATEX, MARKDOWN, Options, Output, TABLES};
use super::parts::{Parts, general_warnings};
use super::prose::Paragraph;
use super::study::Study;
use super::tables::{self, Table};
use super::{ReportError, findings, html, latex, markdown, methods};
use crate::figure::Format;
use crate::store::{ResultFolder, StoreError, atomic};

/// Takes `folder` for a report, before it is written: of `subject`, which tells reports of other
/// results apart.
///
/// # Errors
///
/// [`StoreError`]: a report of other results is there, or something that no report has left (neither
/// with `force`); the folder can't be written.
pub fn claim(
    folder: &Path,
    subject: &str,
    options: &Options,
    force: bool,
) -> Result<(), StoreError> {
    ResultFolder::open(folder, "report", subject, force)?.claim(options.places())
}

/// Writes the report into `folder`: `tables/*.csv`, and `report.html`, `report.md` with `figures/*.svg`
/// and `latex/` as asked for. Returns the files that a reader opens first.
///
/// # Errors
///
/// [`ReportError`]: a figure that can't be drawn, a file that can't be written, an unknown column.
pub fn write(study: &Study, options: &Options, folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut full = tables::all(study);
    tables::replace_captions(&mut full, &options.captions);
    for table in &full {
        let path = folder.join(TABLES).join(format!("{}.csv", table.name));
        atomic::write_bytes(&path, &table.clone().without_empty_columns().csv()?)?;
    }
    let select = |table: &Table| {
        let selected = table.select(options.columns.get(table.name))?;
        Ok(selected.without_empty_columns())
    };
    let tables = full.iter().map(select).collect::<Result<Vec<Table>, ReportError>>()?;
    let figures = printed(study, options)?;
    let (found, methods) = (findings::findings(study), methods::methods(study));
    let warnings = general_warnings(study, &tables);
    let commands = commands(study);
    let mut keys = bibliography::of_networks(study);
    keys.extend(found.iter().chain(&methods).flat_map(Paragraph::cited));
    let references = bibliography::sorted(&keys);
    let parts = Parts {
        tables: &tables,
        figures: &figures,
        findings: &found,
        methods: &methods,
        warnings: &warnings,
        commands: &commands,
        references: &references,
    };
    let mut written = Vec::new();
    for output in &options.outputs {
        written.push(match output {
            Output::Html => {
                let path = folder.join(HTML);
                let page = html::document(study, &parts, options)?;
                atomic::write_bytes(&path, page.as_bytes())?;
                path
            }
            Output::Markdown => write_markdown(&parts, options, folder)?,
            Output::Latex => latex::write(&parts, options, &folder.join(LATEX))?,
        });
    }
    Ok(written)
}

/// The figures that every language shows.
fn printed(study: &Study, options: &Options) -> Result<Vec<Drawn>, ReportError> {
    let mut all: Vec<Drawn> = [
        figures::reach_and_bias(study, options)?,
        figures::map_panels(study, options)?,
        figures::mass_profile(study, options)?,
        figures::by_category(study, options, false)?,
        figures::bias_bars(study, options)?,
    ]
    .into_iter()
    .flatten()
    .collect();
    all.extend(figures::consistency(study, options)?);
    Ok(all)
}

fn write_markdown(
    parts: &Parts<'_>,
    options: &Options,
    folder: &Path,
) -> Result<PathBuf, ReportError> {
    for figure in parts.figures {
        figure.figure.save(&folder.join(FIGURES), &figure.name, &[Format::Svg])?;
    }
    let shown: Vec<&Drawn> = parts.figures.iter().collect();
    let document = markdown::document(&markdown::Page {
        title: &options.title,
        description: &options.description,
        findings: parts.findings,
        warnings: parts.warnings,
        tables: parts.tables,
        figures: &shown,
        methods: parts.methods,
        commands: parts.commands,
        references: parts.references,
    });
    let path = folder.join(MARKDOWN);
    atomic::write_bytes(&path, document.as_bytes())?;
    Ok(path)
}

/// The commands that made the results, each once, as a shell takes them.
fn commands(study: &Study) -> Vec<String> {
    let erfs = study.erfs.iter().map(|erf| &erf.result.provenance.command);
    let biases = study.biases.iter().map(|bias| &bias.result.provenance.command);
    let mut commands: Vec<String> = Vec::new();
    for command in erfs.chain(biases).filter(|command| !command.is_empty()) {
        let mut words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        if let Some(program) = words.first_mut() {
            *program = "fieldscope".to_owned();
        }
        let line = words.join(" ");
        if !commands.contains(&line) {
            commands.push(line);
        }
    }
    commands
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_a_word_back() {
        assert_eq!(quoted("--model=a:b"), "--model=a:b");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
