//! The tables that a reader sees, in every language, against the CSV files.

use std::path::Path;

use regex::Regex;

use super::page::{plain, text, tokens};
use super::{read, table};

/// Checks that every number in the tables of the page is that of the CSV file as far as it is shown, and
/// that Markdown and LaTeX show the same numbers. Returns how many there were.
pub fn as_computed(report: &Path) -> usize {
    let page = read(report.join("report.html"));
    let markdown = read(report.join("report.md"));
    let mut numbers = 0;
    let table = Regex::new(
        r#"(?s)aria-label="([^"]*)" tabindex="0">\s*<table class="sortable(?: dense)?" id="table-([a-z-]+)"[^>]*>(.*?)</table>"#,
    )
    .unwrap();
    for found in table.captures_iter(&page) {
        let (title, name, rows) = (text(&found[1]), &found[2], shown_rows(&found[3]));
        numbers += equal_csv(name, &rows, &report.join(format!("tables/{name}.csv")));
        let latex = report.join(format!("latex/tables/{name}.tex"));
        if latex.exists() {
            // One of very many columns leaves its intervals to the CSV file.
            let dense = rows[0].len() > 12;
            let expected = tokens_of(&rows, !dense);
            assert_eq!(latex_rows(&read(&latex)), sorted(expected), "{name} in LaTeX");
        }
        let section = markdown.split(&format!("\n## {title}\n\n")).nth(1);
        let section = section.unwrap_or_else(|| panic!("no {title} in Markdown"));
        let lines = section.lines().take_while(|line| line.starts_with("| ")).skip(2);
        let found: Vec<Vec<String>> = lines
            .map(|line| {
                let cells: Vec<&str> = line.split(" | ").skip(1).collect();
                tokens(&cells.join(" ").replace('\\', ""))
            })
            .collect();
        if found.is_empty() {
            // A long table is only linked.
            assert!(rows.len() > 40 && section.contains(&format!("(tables/{name}.csv)")), "{name}");
        } else {
            assert_eq!(found, tokens_of(&rows, true), "{name} in Markdown");
        }
    }
    numbers
}

/// A cell of a table of the page.
struct Shown {
    /// The value in the unit of the result.
    value: Option<f64>,
    text: String,
    interval: Option<[String; 2]>,
    /// What a shown number is the value times of.
    factor: f64,
}

fn shown_rows(table: &str) -> Vec<Vec<Shown>> {
    let heading = Regex::new(r#"(?s)<th scope="col".*?</th>"#).unwrap();
    let factor = |heading: &str| match heading.split("class=\"unit\">").nth(1) {
        Some(rest) if rest.starts_with('%') => 100.0,
        Some(rest) if rest.starts_with('M') => 1e-6,
        Some(rest) if rest.starts_with('G') => 1e-9,
        _ => 1.0,
    };
    let factors: Vec<f64> = heading.find_iter(table).map(|found| factor(found.as_str())).collect();
    let row = Regex::new(r"(?s)<tr>(.*?)</tr>").unwrap();
    let cell = Regex::new(r"(?s)<t[dh]([^>]*)>(.*?)</t[dh]>").unwrap();
    let value = Regex::new(r#"data-sort="([^"]*)""#).unwrap();
    let body = table.split("<tbody>").nth(1).unwrap();
    let shown = |(found, factor): (regex::Captures<'_>, &f64)| {
        let (text, interval) = match found[2].split_once("<small>") {
            Some((text, interval)) => {
                let (low, high) = interval.trim_end_matches("</small>").split_once(" to ").unwrap();
                (text.to_owned(), Some([low.to_owned(), high.to_owned()]))
            }
            None => (found[2].to_owned(), None),
        };
        let text = self::text(text.split("<sup>").next().unwrap());
        let value = value.captures(&found[1]).map(|value| value[1].parse().unwrap());
        Shown { value, text, interval, factor: *factor }
    };
    let cells = |row: regex::Captures<'_>| -> Vec<Shown> {
        let cells: Vec<Shown> = cell.captures_iter(&row[1]).zip(&factors).map(shown).collect();
        assert_eq!(cells.len(), factors.len(), "{}", &row[1]);
        cells
    };
    row.captures_iter(body).map(cells).collect()
}

fn equal_csv(name: &str, rows: &[Vec<Shown>], path: &Path) -> usize {
    let (header, lines) = table(path);
    assert_eq!(rows.len(), lines.len(), "{name}");
    let mut numbers = 0;
    for (row, line) in rows.iter().zip(&lines) {
        let mut place = 0;
        for cell in row {
            let key = &header[place];
            let rounds = |shown: &str, exact: &str| {
                let (shown_number, exact): (f64, f64) =
                    (shown.parse().unwrap(), exact.parse().unwrap());
                let decimals = shown.split_once('.').map_or(0, |(_, decimals)| decimals.len());
                let most = 0.5 * 10f64.powi(-(decimals as i32)) * (1.0 + 1e-9);
                let off = (shown_number - cell.factor * exact).abs();
                assert!(off <= most, "{name}, {key}: {shown} is {exact}");
            };
            match (cell.value, cell.text.as_str()) {
                (Some(value), shown) => {
                    assert_eq!(value, line[place].parse::<f64>().unwrap(), "{name}, {key}");
                    if shown != "whole map" {
                        rounds(shown, &line[place]);
                        numbers += 1;
                    }
                }
                (None, "–") => assert_eq!(line[place], "", "{name}, {key}"),
                (None, words) => assert_eq!(line[place], words, "{name}, {key}"),
            }
            place += 1;
            if header.get(place).is_some_and(|next| *next == format!("{key}_low")) {
                match &cell.interval {
                    Some([low, high]) => {
                        rounds(low, &line[place]);
                        rounds(high, &line[place + 1]);
                        numbers += 2;
                    }
                    None => assert_eq!((&*line[place], &*line[place + 1]), ("", ""), "{name}"),
                }
                place += 2;
            }
        }
        assert_eq!(header[place], "notes", "{name}");
    }
    numbers
}

/// The numbers of each row, its first cell left out.
fn tokens_of(rows: &[Vec<Shown>], with_intervals: bool) -> Vec<Vec<String>> {
    let of_cell = |cell: &Shown| {
        let mut found = tokens(&cell.text);
        found.extend(cell.interval.iter().flatten().filter(|_| with_intervals).cloned());
        found
    };
    rows.iter().map(|row| row.iter().skip(1).flat_map(of_cell).collect()).collect()
}

/// The numbers of each row in the order of their digits, since intervals may stand on a line of their
/// own.
fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.iter_mut().for_each(|row| row.sort_unstable());
    rows
}

fn latex_rows(document: &str) -> Vec<Vec<String>> {
    let body = document.split("\\midrule\n").nth(1).unwrap().split("\\bottomrule").next().unwrap();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in body.lines() {
        let below = line.ends_with("\\\\[1pt]");
        let line = line.trim_end_matches("\\\\[1pt]");
        let cells: Vec<&str> = line.split(" & ").skip(1).collect();
        let found = tokens(&plain(&cells.join(" ")));
        match rows.last_mut().filter(|_| below) {
            Some(row) => row.extend(found),
            None => rows.push(found),
        }
    }
    sorted(rows)
}
