//! `latex/`: a document that compiles by itself with pdflatex, and tables, figures, a methods
//! paragraph and a bibliography to take into a paper.

use std::path::{Path, PathBuf};

use super::ReportError;
use super::bibliography::Reference;
use super::options::Options;
use super::parts::Parts;
use super::prose::Paragraph;
use super::tables::{Cell, Column, Row, Table, mark, marks};
use crate::figure::Format;
use crate::store::atomic;

/// Rows above which a table is left to its CSV file.
const MOST_ROWS: usize = 45;
/// Most of a page's height that a figure takes, which leaves room for its caption.
const MOST_HEIGHT: &str = "0.85\\textheight";
/// Columns above which a table's head is turned.
const MOST_UPRIGHT: usize = 7;
/// Columns with intervals that still have room for them beside their values under a turned head.
const FEW_INTERVALS: usize = 2;

/// Characters outside ASCII that stand in text, and what LaTeX calls them.
const SYMBOLS: [(char, &str); 32] = [
    ('–', "--"),
    ('—', "---"),
    ('‘', "`"),
    ('’', "'"),
    ('“', "``"),
    ('”', "''"),
    ('…', "\\dots{}"),
    ('×', "\\ensuremath{\\times}"),
    ('·', "\\ensuremath{\\cdot}"),
    ('±', "\\ensuremath{\\pm}"),
    ('−', "\\ensuremath{-}"),
    ('≤', "\\ensuremath{\\leq}"),
    ('≥', "\\ensuremath{\\geq}"),
    ('°', "\\ensuremath{^\\circ}"),
    ('²', "\\ensuremath{^2}"),
    ('³', "\\ensuremath{^3}"),
    ('¹', "\\ensuremath{^1}"),
    ('₁', "\\ensuremath{_1}"),
    ('₀', "\\ensuremath{_0}"),
    ('₂', "\\ensuremath{_2}"),
    ('α', "\\ensuremath{\\alpha}"),
    ('β', "\\ensuremath{\\beta}"),
    ('γ', "\\ensuremath{\\gamma}"),
    ('δ', "\\ensuremath{\\delta}"),
    ('κ', "\\ensuremath{\\kappa}"),
    ('λ', "\\ensuremath{\\lambda}"),
    ('µ', "\\ensuremath{\\mu}"),
    ('μ', "\\ensuremath{\\mu}"),
    ('ρ', "\\ensuremath{\\rho}"),
    ('σ', "\\ensuremath{\\sigma}"),
    ('→', "\\ensuremath{\\rightarrow}"),
    ('\u{a0}', "~"),
];

/// Plain text in a LaTeX document for pdflatex. Letters of European languages stay; a character that
/// pdflatex has no letter for is named by its code point, `[U+4E00]`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\textbackslash{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            '"' => escaped.push_str("\\textquotedbl{}"),
            '`' => escaped.push_str("\\textasciigrave{}"),
            '\'' => escaped.push_str("\\textquotesingle{}"),
            // A bracket after a line break of a table would be its argument; dashes and commas are
            // ligatures.
            '[' | ']' | '-' => escaped.push_str(&format!("{{{character}}}")),
            ' '..='~' => escaped.push(character),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push_str(&beyond_ascii(other)),
        }
    }
    escaped
}

fn beyond_ascii(character: char) -> String {
    if let Some((_, name)) = SYMBOLS.iter().find(|(symbol, _)| *symbol == character) {
        return (*name).to_owned();
    }
    // Latin-1 letters, which T1 fonts have.
    if matches!(character, 'À'..='ÿ') && !matches!(character, '×' | '÷') {
        return character.to_string();
    }
    format!("{{[}}U+{:04X}{{]}}", u32::from(character))
}

/// The report's own sentences: hyphens stay hyphens.
fn prose(text: &str) -> String {
    escape(text).replace("{-}", "-").replace("log10(", "\\ensuremath{\\log_{10}}(")
}

fn paragraph(paragraph: &Paragraph) -> String {
    let cite = |keys: &[&'static str]| format!("\\cite{{{}}}", keys.join(","));
    paragraph.render(breakable, |shown, _| prose(shown), cite).replace(" \\cite", "~\\cite")
}

/// Writes the folder and returns `report.tex`.
///
/// # Errors
///
/// Where a figure can't be made or a file can't be written.
pub fn write(parts: &Parts<'_>, options: &Options, folder: &Path) -> Result<PathBuf, ReportError> {
    let put = |name: &str, text: String| atomic::write_bytes(&folder.join(name), text.as_bytes());
    let tables: Vec<&Table> =
        parts.tables.iter().filter(|table| table.rows.len() <= MOST_ROWS).collect();
    for table in &tables {
        put(&format!("tables/{}.tex", table.name), self::table(table))?;
    }
    for figure in parts.figures {
        figure.figure.save(&folder.join("figures"), &figure.name, &[Format::Pdf])?;
    }
    let methods: Vec<String> = parts.methods.iter().map(paragraph).collect();
    put("methods.tex", format!("{}\n", methods.join("\n\n")))?;
    let entries: Vec<String> = parts.references.iter().map(|r| bibtex(r)).collect();
    put("references.bib", entries.join("\n"))?;
    // What BibTeX would make of it, so that pdflatex alone is enough; BibTeX overwrites it.
    put("report.bbl", bibliography(parts.references))?;
    put("report.tex", document(parts, options, &tables))?;
    Ok(folder.join("report.tex"))
}

/// What a paper's preamble needs for the tables.
const PREAMBLE: &str = "\\usepackage{booktabs}\n\\usepackage{siunitx}\n\\usepackage{etoolbox}\n\
                        \\usepackage{graphicx}\n\\robustify\\bfseries\n\
                        \\sisetup{detect-weight=true,detect-inline-weight=math}\n";

fn document(parts: &Parts<'_>, options: &Options, tables: &[&Table]) -> String {
    let mut lines = vec![
        "% Compile with: pdflatex report && pdflatex report".to_owned(),
        "\\documentclass[10pt,a4paper]{article}".to_owned(),
        "\\usepackage[T1]{fontenc}".to_owned(),
        "\\usepackage[utf8]{inputenc}".to_owned(),
        // Outlines instead of bitmaps for the letters, where they are installed.
        "\\IfFileExists{lmodern.sty}{\\usepackage{lmodern}}{}".to_owned(),
        "\\usepackage[margin=15mm]{geometry}".to_owned(),
        PREAMBLE.trim_end().to_owned(),
        "\\setlength{\\emergencystretch}{3em}\\setlength{\\belowcaptionskip}{4pt}".to_owned(),
        "\\renewcommand{\\topfraction}{0.9}\\renewcommand{\\textfraction}{0.05}".to_owned(),
        // Fewer half-empty pages of figures, and those from the top.
        "\\renewcommand{\\floatpagefraction}{0.7}".to_owned(),
        "\\makeatletter\\setlength{\\@fptop}{0pt}\\makeatother".to_owned(),
        format!("\\title{{{}}}", escape(&options.title)),
        "\\author{}\\date{}".to_owned(),
        "\\begin{document}".to_owned(),
        "\\maketitle".to_owned(),
    ];
    if !options.description.is_empty() {
        lines.push(format!("{}\n", escape(&options.description)));
    }
    lines.push("\\section*{Findings}".to_owned());
    lines.extend(parts.findings.iter().map(|p| format!("{}\n", paragraph(p))));
    if !parts.warnings.is_empty() {
        lines.push("\\paragraph{Please note.}".to_owned());
        lines.push("\\begin{itemize}".to_owned());
        lines.extend(parts.warnings.iter().map(|w| format!("\\item {}", breakable(w))));
        lines.push("\\end{itemize}".to_owned());
    }
    lines.push("\\section*{Methods}\n\\input{methods}".to_owned());
    let left_out: Vec<String> = parts
        .tables
        .iter()
        .filter(|table| table.rows.len() > MOST_ROWS)
        .map(|table| format!("{} ({} rows)", escape(&table.title), table.rows.len()))
        .collect();
    if !left_out.is_empty() {
        lines.push(format!(
            "\nTables that are too long for print are in the folder \\texttt{{../tables}} as CSV: {}.\n",
            left_out.join(", ")
        ));
    }
    for table in tables {
        lines.push(float("table", &format!("\\input{{tables/{}}}", table.name)));
    }
    for figure in parts.figures {
        let width = if figure.wide { "180mm" } else { "88mm" };
        let body = format!(
            "\\centering\n\\includegraphics[width={width},height={MOST_HEIGHT},keepaspectratio]\
             {{figures/{}}}\n\\caption{{{}}}",
            figure.name,
            prose(&figure.caption)
        );
        lines.push(float("figure", &body));
    }
    lines.push(
        "\\clearpage\n\\bibliographystyle{plain}\n\\bibliography{references}\n\\end{document}\n"
            .into(),
    );
    lines.join("\n")
}

fn float(kind: &str, body: &str) -> String {
    format!("\\begin{{{kind}}}[htbp]\n{body}\n\\end{{{kind}}}")
}

/// Text in which long paths may break.
fn breakable(text: &str) -> String {
    prose(text).replace('/', "/\\allowbreak{}").replace("\\_", "\\_\\allowbreak{}")
}

/// A tabular with its caption, as large as it has to be. Intervals stand beside their values, below
/// them in a table of many columns, and in the CSV file alone in one of very many.
fn table(table: &Table) -> String {
    let turned = table.columns.len() > MOST_UPRIGHT;
    let intervals = table.columns.iter().filter(|column| column.interval).count();
    let beside = !table.is_dense() && (!turned || intervals <= FEW_INTERVALS);
    let spec: Vec<String> =
        (0..table.columns.len()).map(|place| column_type(table, place, beside)).collect();
    let heads: Vec<String> =
        table.columns.iter().map(|column| head(column, turned, beside)).collect();
    let dense = table.is_dense() && table.columns.iter().any(|column| column.interval);
    let left_out = if dense {
        format!(" Intervals are in ../tables/{}.csv.", table.name)
    } else {
        String::new()
    };
    let mut lines = vec![
        "% Needs in the preamble:".to_owned(),
        PREAMBLE.trim_end().lines().map(|l| format!("%   {l}")).collect::<Vec<_>>().join("\n"),
        "\\centering".to_owned(),
        format!(
            "\\caption{{{} {}}}",
            prose(&format!("{}.", table.title)),
            prose(&format!("{}{left_out}", table.caption()))
        ),
        "\\footnotesize".to_owned(),
        "\\setlength{\\tabcolsep}{3.5pt}".to_owned(),
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%".to_owned(),
        format!("\\begin{{tabular}}{{{}}}", spec.join("")),
        "\\toprule".to_owned(),
        format!("{} \\\\", heads.join(" & ")),
        "\\midrule".to_owned(),
    ];
    for row in &table.rows {
        lines.push(values(row, table, beside));
        let intervals: Vec<String> = row.cells.iter().map(interval).collect();
        if !beside && !table.is_dense() && intervals.iter().any(|interval| !interval.is_empty()) {
            lines.push(format!("{} \\\\[1pt]", intervals.join(" & ")));
        }
    }
    lines.push("\\bottomrule".to_owned());
    lines.push("\\end{tabular}}".to_owned());
    lines.extend(table.notes.iter().enumerate().map(|(index, note)| self::note(index, note)));
    lines.push(String::new());
    lines.join("\n")
}

/// A row's values, each with its interval beside it where that is wanted.
fn values(row: &Row, table: &Table, beside: bool) -> String {
    let mut cells: Vec<String> = Vec::new();
    for (cell, column) in row.cells.iter().zip(&table.columns) {
        cells.push(value(cell, column));
        if column.interval && beside {
            cells.push(interval(cell));
        }
    }
    format!("{} \\\\", cells.join(" & "))
}

/// Marks of notes.
fn raised(places: &[usize]) -> String {
    match places {
        [] => String::new(),
        _ => format!("\\textsuperscript{{{}}}", marks(places)),
    }
}

fn note(index: usize, note: &str) -> String {
    format!(
        "\\par\\vspace{{2pt}}\\parbox{{\\linewidth}}{{\\raggedright\\scriptsize\
         \\textsuperscript{{{}}}~{}}}",
        mark(index),
        breakable(note)
    )
}

/// `l`, or an `S` column as wide as its longest number, and a narrow one for intervals beside it.
fn column_type(table: &Table, place: usize, beside: bool) -> String {
    let column = &table.columns[place];
    if !column.number {
        return "l".to_owned();
    }
    let numbers = table.rows.iter().map(|row| &row.cells[place]).filter(|cell| cell.is_number);
    let (mut whole, mut decimals, mut sign) = (1, 0, "");
    for cell in numbers {
        let digits = cell.text.trim_start_matches('-');
        if digits.len() < cell.text.len() {
            sign = "-";
        }
        let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
        whole = whole.max(before.len());
        decimals = decimals.max(after.len());
    }
    let interval = if column.interval && beside { "@{\\hspace{2pt}}l" } else { "" };
    format!("S[table-format={sign}{whole}.{decimals}]{interval}")
}

fn head(column: &Column, turned: bool, beside: bool) -> String {
    let unit = column.unit.map(|unit| format!(" ({})", escape(unit))).unwrap_or_default();
    let text = format!("{}{}{unit}", prose(&column.heading), raised(&column.marks));
    let text = if turned && column.number { format!("\\rotatebox{{90}}{{{text}}}") } else { text };
    match (column.number, column.interval && beside) {
        (true, true) => format!("\\multicolumn{{2}}{{c}}{{{text}}}"),
        (true, false) => format!("{{{text}}}"),
        _ => text,
    }
}

fn value(cell: &Cell, column: &Column) -> String {
    let bold = if cell.best { "\\bfseries " } else { "" };
    match (cell.is_number, column.number) {
        (true, _) => format!("{bold}{}", cell.text),
        (false, true) => format!("{{{bold}{}}}", escape(&cell.text)),
        (false, false) => format!("{bold}{}{}", escape(&cell.text), raised(&cell.marks)),
    }
}

fn interval(cell: &Cell) -> String {
    match &cell.interval_text {
        Some([low, high]) => {
            let dash = |text: &str| text.replace('-', "\\ensuremath{-}");
            format!("{{\\tiny{{[}}{}, {}{{]}}}}", dash(low), dash(high))
        }
        None => String::new(),
    }
}

fn bibtex(reference: &Reference) -> String {
    let mut fields = vec![
        ("author", reference.authors.join(" and ")),
        // Braces keep capitals.
        ("title", format!("{{{}}}", reference.title)),
        (reference.venue.0, reference.venue.1.to_owned()),
    ];
    fields.extend(reference.details.iter().map(|(field, value)| (*field, (*value).to_owned())));
    if reference.details.iter().any(|(field, _)| *field == "eprint") {
        fields.push(("archiveprefix", "arXiv".to_owned()));
    }
    fields.push(("year", reference.year.to_string()));
    let lines: Vec<String> = fields
        .iter()
        .map(|(field, value)| format!("  {field} = {{{}}},", value.replace('&', "\\&")))
        .collect();
    format!("@{}{{{},\n{}\n}}\n", reference.kind, reference.key, lines.join("\n"))
}

fn bibliography(references: &[&'static Reference]) -> String {
    let mut lines = vec!["\\begin{thebibliography}{99}".to_owned()];
    for reference in references {
        lines.push(format!(
            "\\bibitem{{{}}}\n{}.\n\\newblock {}.\n\\newblock {}.\n",
            reference.key,
            prose(&reference.author_list()),
            prose(reference.title),
            prose(&reference.place())
        ));
    }
    lines.push("\\end{thebibliography}\n".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_is_a_command() {
        assert_eq!(escape("a_b & 50 % #1 {x}"), "a\\_b \\& 50 \\% \\#1 \\{x\\}");
        assert_eq!(escape("\\input{x}$"), "\\textbackslash{}input\\{x\\}\\$");
        assert_eq!(
            escape("<é×κ>"),
            "\\textless{}é\\ensuremath{\\times}\\ensuremath{\\kappa}\\textgreater{}"
        );
        assert_eq!(escape("大\n--"), "{[}U+5927{]} {-}{-}");
    }
}
