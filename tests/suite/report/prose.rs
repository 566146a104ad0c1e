//! Every number in a report's sentences, traced back to a result.

use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::page::{plain, text, tokens};
use super::{read, results, table};

/// Numbers that belong to a definition, not to a result, as the sentences say them.
const DEFINITIONS: [&str; 7] = [
    "r(50 %)",
    "log10(map + 1)",
    "95 % interval",
    "values set to 0",
    "(from 0)",
    "at least 5 are needed",
    "SHA-256",
];

/// Checks every number in the findings and methods of a report: each that comes from a result names its
/// place and is the number there, the others belong to definitions or are words of the provenance, and
/// the three languages say the same. Returns how many were traced.
pub fn is_traceable(report: &Path, folder: &Path, sources: &[&Path]) -> usize {
    let page = read(report.join("report.html"));
    let paragraphs = paragraphs(&page);
    assert!(!paragraphs.is_empty());
    let results: Vec<Value> = results(sources).into_iter().map(|(_, value)| value).collect();
    let mut traced = 0;
    for paragraph in &paragraphs {
        traced += numbers_are_in_results(paragraph, folder, report);
        others_are_known(paragraph, &results);
    }
    let in_page: Vec<Vec<String>> =
        paragraphs.iter().map(|p| numbers(&text(&uncited(p)))).collect();

    let latex = read(report.join("latex/report.tex"));
    let findings = latex.split("\\section*{Findings}").nth(1).unwrap();
    let findings = findings.split("\\section*{").next().unwrap();
    let findings = findings.split("\\paragraph{Please note.}").next().unwrap();
    let both = format!("{findings}\n\n{}", read(report.join("latex/methods.tex")));
    let in_latex: Vec<Vec<String>> = both
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| numbers(&plain(paragraph)))
        .collect();
    assert_eq!(in_latex, in_page, "LaTeX");

    let markdown = read(report.join("report.md"));
    let years = Regex::new(r"\([A-Z][^()]* \d{4}\)").unwrap();
    let in_markdown: Vec<String> = markdown.split("\n\n").map(|p| p.replace('\\', "")).collect();
    for numbers in &in_page {
        let same =
            |paragraph: &String| self::numbers(&years.replace_all(paragraph, "")) == *numbers;
        assert!(in_markdown.iter().any(same), "Markdown lacks the paragraph with {numbers:?}");
    }
    traced
}

/// The sentences of the summary and of the methods, as HTML.
fn paragraphs(page: &str) -> Vec<String> {
    let paragraph = Regex::new(r"(?s)<p>(.*?)</p>").unwrap();
    let of = |section: &str| -> Vec<String> {
        let start = format!("<section id=\"{section}\">");
        let section = page.split(&start).nth(1).unwrap().split("</section>").next().unwrap();
        paragraph.captures_iter(section).map(|found| found[1].to_owned()).collect()
    };
    [of("summary"), of("methods")].concat()
}

/// Without citations, whose years are no results.
fn uncited(html: &str) -> String {
    let cited = Regex::new(r##"(?s)<a href="#[a-z0-9]+">.*?</a>"##).unwrap();
    cited.replace_all(html, "").into_owned()
}

fn numbers(text: &str) -> Vec<String> {
    tokens(&text.replace('−', "-"))
}

/// Follows each number that names its place: a JSON file and a pointer in it, or a CSV table.
fn numbers_are_in_results(paragraph: &str, folder: &Path, report: &Path) -> usize {
    let pattern = Regex::new(r#"<data value="([^"]*)" title="([^"]*)">([^<]*)</data>"#).unwrap();
    let mut traced = 0;
    for found in pattern.captures_iter(paragraph) {
        assert_eq!(found[1], found[3]);
        let (shown, source) = (text(&found[1]), text(&found[2]));
        let exact = match source.split_once('#') {
            Some((file, pointer)) => from_json(&folder.join(file), pointer),
            None => from_table(&report.join(&source)),
        };
        let is_shown = |exact: &f64| {
            let number = shown.trim_end_matches(" %");
            let exact = if shown.ends_with('%') { 100.0 * exact } else { *exact };
            let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            let most = 0.5 * 10f64.powi(-(decimals as i32)) * (1.0 + 1e-9);
            (number.parse::<f64>().unwrap() - exact).abs() <= most
        };
        assert!(exact.iter().any(is_shown), "{} is one of {exact:?}", &found[0]);
        traced += 1;
    }
    traced
}

/// The number at a place, or what can be counted there: a list's entries, or those of one kind.
fn from_json(file: &Path, pointer: &str) -> Vec<f64> {
    let json: Value = serde_json::from_str(&read(file)).unwrap();
    let value = json.pointer(pointer).unwrap_or_else(|| panic!("{}#{pointer}", file.display()));
    match value {
        Value::Array(list) => {
            let of_kind = |kind: &str| list.iter().filter(|one| one["kind"] == kind).count() as f64;
            let counts = ["network", "person"].map(of_kind);
            let read = list.iter().filter(|one| one["kind"] == "network");
            let read = read.filter(|one| one["architecture"].is_null()).count() as f64;
            vec![list.len() as f64, counts[0], counts[1], read]
        }
        value => vec![value.as_f64().unwrap_or_else(|| panic!("{pointer} is {value}"))],
    }
}

/// What can be computed from the summary: the pairs of r(50 %) and shape bias of trained networks, and
/// their rank correlation with its interval (Bonett and Wright 2000).
fn from_table(path: &Path) -> Vec<f64> {
    let (header, rows) = table(path);
    let column = |key: &str| header.iter().position(|name| name == key);
    let (Some(area), Some(bias)) = (column("r50"), column("shape_bias")) else { return vec![0.0] };
    let pair = |row: &Vec<String>| -> Option<[f64; 2]> {
        let trained = !row[0].ends_with(" (untrained)");
        trained.then(|| Some([row[area].parse().ok()?, row[bias].parse().ok()?]))?
    };
    let pairs: Vec<[f64; 2]> = rows.iter().filter_map(pair).collect();
    let count = pairs.len() as f64;
    let rank = |side: usize, of: f64| {
        let below = pairs.iter().filter(|pair| pair[side] < of).count() as f64;
        let equal = pairs.iter().filter(|pair| pair[side] == of).count() as f64;
        below + (equal + 1.0) / 2.0
    };
    let middle = (count + 1.0) / 2.0;
    let sum = |first: usize, second: usize| -> f64 {
        let term = |pair: &[f64; 2]| {
            (rank(first, pair[first]) - middle) * (rank(second, pair[second]) - middle)
        };
        pairs.iter().map(term).sum()
    };
    let rho = sum(0, 1) / (sum(0, 0) * sum(1, 1)).sqrt();
    let error = 1.959964 * ((1.0 + rho * rho / 2.0) / (count - 3.0)).sqrt();
    vec![count, rho, (rho.atanh() - error).tanh(), (rho.atanh() + error).tanh()]
}

/// Every number that names no place belongs to a definition, to a label or to the words of a result.
fn others_are_known(paragraph: &str, results: &[Value]) {
    let data = Regex::new(r"<data [^>]*>[^<]*</data>").unwrap();
    let mut rest = text(&data.replace_all(&uncited(paragraph), ""));
    // The longest first, since one may be part of another.
    let mut words = Vec::new();
    results.iter().for_each(|result| collect_words(result, &mut words));
    words.retain(|word| word.chars().any(|c| c.is_ascii_digit()));
    words.extend(DEFINITIONS.map(str::to_owned));
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    for word in &words {
        rest = rest.replace(word.as_str(), "");
    }
    assert_eq!(numbers(&rest), Vec::<String>::new(), "in: {}", text(paragraph));
}

/// Every string in a result, and of a digest also its first digits.
fn collect_words(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(word) => {
            if word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit()) {
                words.push(word[..12].to_owned());
            }
            // What is only digits could stand for any number.
            if word.parse::<f64>().is_err() {
                words.push(word.clone());
            }
        }
        Value::Array(list) => list.iter().for_each(|one| collect_words(one, words)),
        Value::Object(map) => map.values().for_each(|one| collect_words(one, words)),
        _ => {}
    }
}
