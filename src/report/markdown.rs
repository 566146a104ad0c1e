//! `report.md`: for a repository or an issue.

use super::bibliography::{self, Reference};
use super::figures::Drawn;
use super::prose::{Paragraph, author_years};
use super::tables::{Cell, Table, mark, marks};

/// Rows above which a table is only linked.
const MOST_ROWS: usize = 40;

/// What a Markdown report is made of.
pub struct Page<'a> {
    /// Title.
    pub title: &'a str,
    /// A paragraph below it; may be empty.
    pub description: &'a str,
    /// The main findings.
    pub findings: &'a [Paragraph],
    /// What concerns the comparison as a whole.
    pub warnings: &'a [String],
    /// Tables.
    pub tables: &'a [Table],
    /// Figures, which are in the folder `figures` as SVG.
    pub figures: &'a [&'a Drawn],
    /// How everything was measured.
    pub methods: &'a [Paragraph],
    /// Commands that made the results.
    pub commands: &'a [String],
    /// Works cited.
    pub references: &'a [&'static Reference],
}

/// Plain text in a Markdown document: nothing in it is markup.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '~' | '$' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            // A line break would end a row of a table.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The document.
pub fn document(page: &Page<'_>) -> String {
    let mut parts = vec![format!("# {}", escape(page.title))];
    if !page.description.is_empty() {
        parts.push(escape(page.description));
    }
    parts.extend(page.findings.iter().map(paragraph));
    if !page.warnings.is_empty() {
        let lines: Vec<String> =
            page.warnings.iter().map(|warning| format!("> - {}", escape(warning))).collect();
        parts.push(format!("> **Please note**\n>\n{}", lines.join("\n")));
    }
    for figure in page.figures {
        let caption = escape(&figure.caption);
        parts.push(format!("![{caption}](figures/{}.svg)\n\n*{caption}*", figure.name));
    }
    parts.extend(page.tables.iter().map(section));
    parts.push("## Methods".to_owned());
    parts.extend(page.methods.iter().map(paragraph));
    if !page.commands.is_empty() {
        parts.push(format!("```sh\n{}\n```", page.commands.join("\n").replace("```", "'''")));
    }
    if !page.references.is_empty() {
        parts.push("## References".to_owned());
        let lines: Vec<String> = page.references.iter().map(entry).collect();
        parts.push(lines.join("\n"));
    }
    let mut document = parts.join("\n\n");
    document.push('\n');
    document
}

fn paragraph(paragraph: &Paragraph) -> String {
    paragraph.render(escape, |shown, _| escape(shown), author_years)
}

fn entry(reference: &&bibliography::Reference) -> String {
    let title = escape(reference.title);
    format!("- {}: *{title}*. {}.", escape(&reference.author_list()), escape(&reference.place()))
}

/// A table with its title, caption and notes.
pub fn section(table: &Table) -> String {
    let mut lines = vec![format!("## {}", escape(&table.title)), String::new()];
    if table.rows.len() > MOST_ROWS {
        lines.push(format!(
            "{} rows: [tables/{name}.csv](tables/{name}.csv)",
            table.rows.len(),
            name = table.name
        ));
    } else {
        lines.push(self::table(table));
    }
    lines.extend([String::new(), escape(&table.caption())]);
    for (index, note) in table.notes.iter().enumerate() {
        lines.extend([String::new(), format!("<sup>{}</sup> {}", mark(index), escape(note))]);
    }
    lines.join("\n")
}

fn table(table: &Table) -> String {
    let heading = |column: &super::tables::Column| {
        let unit = column.unit.map_or(String::new(), |unit| format!(", {unit}"));
        format!("{}{unit}{}", escape(&column.heading), raised(&column.marks))
    };
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![row(table.columns.iter().map(heading).collect())];
    let rule = |number: bool| if number { "--:" } else { ":--" }.to_owned();
    lines.push(row(table.columns.iter().map(|column| rule(column.number)).collect()));
    for entry in &table.rows {
        let cells = entry.cells.iter().map(cell).collect();
        lines.push(row(cells));
    }
    lines.join("\n")
}

/// Marks of notes.
fn raised(places: &[usize]) -> String {
    if places.is_empty() { String::new() } else { format!(" <sup>{}</sup>", marks(places)) }
}

fn cell(cell: &Cell) -> String {
    let text = escape(&cell.text);
    let text = if cell.best { format!("**{text}**") } else { text };
    let marks = raised(&cell.marks);
    match &cell.interval_text {
        Some([low, high]) => format!("{text}{marks} ({low} to {high})"),
        None => format!("{text}{marks}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_is_markup() {
        assert_eq!(
            escape("<script>a|b_c*d`e`&\\[x](y)\n# z"),
            "&lt;script&gt;a\\|b\\_c\\*d\\`e\\`&amp;\\\\\\[x\\](y) \\# z"
        );
    }
}
