//! Every cell of every table of a report against the results, and every language against the CSV.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::page::{plain, text};
use super::{read, results, table};

/// What a cell of a CSV table must say.
#[derive(Debug, PartialEq)]
enum Expected {
    Number(f64),
    Words(String),
    Nothing,
}

/// A row of a table: its cells by column.
type Row = BTreeMap<String, Expected>;

fn number(value: &Value) -> Expected {
    value.as_f64().map_or(Expected::Nothing, Expected::Number)
}

fn words(value: &Value) -> Expected {
    Expected::Words(value.as_str().unwrap().to_owned())
}

/// A label as tables show it.
fn label(result: &Value) -> Expected {
    let mark = if result["untrained"] == true { " (untrained)" } else { "" };
    Expected::Words(format!("{}{mark}", result["label"].as_str().unwrap()))
}

/// A value and, in columns of their own, the ends of its interval.
fn put(row: &mut Row, key: &str, value: &Value, interval: &Value) {
    row.insert(key.to_owned(), number(value));
    row.insert(format!("{key}_low"), number(&interval[0]));
    row.insert(format!("{key}_high"), number(&interval[1]));
}

fn put_ratio(row: &mut Row, key: &str, ratios: &Value, share: f64) {
    let ratios = ratios.as_array().unwrap();
    let ratio = ratios.iter().find(|ratio| ratio["threshold"] == share).unwrap();
    put(row, key, &ratio["ratio"], &ratio["interval"]);
}

/// The results behind a report.
struct Results {
    erfs: Vec<Value>,
    biases: Vec<Value>,
    costs: Vec<Value>,
}

impl Results {
    fn of(folders: &[&Path]) -> Self {
        let (mut erfs, mut biases, mut costs) = (Vec::new(), Vec::new(), Vec::new());
        for (_, value) in results(folders) {
            match value {
                Value::Array(list) => costs.extend(list),
                value if value.get("area_ratios").is_some() => erfs.push(value),
                value if value.get("observers").is_some() => biases.push(value),
                _ => {}
            }
        }
        Results { erfs, biases, costs }
    }

    fn observers(&self) -> impl Iterator<Item = &Value> {
        self.biases.iter().flat_map(|bias| bias["observers"].as_array().unwrap())
    }

    fn is_person(&self, label: &Value) -> bool {
        self.observers().any(|observer| &observer["label"] == label && observer["kind"] == "person")
    }

    /// What every table must hold, by its name.
    fn expected(&self) -> BTreeMap<&'static str, Vec<Row>> {
        BTreeMap::from([
            ("summary", self.summary()),
            ("area-ratios", self.erfs.iter().map(ratios).collect()),
            ("extent", self.erfs.iter().map(extent).collect()),
            ("shape-bias", self.observers().map(bias).collect()),
            ("categories", self.categories()),
            ("differences", self.differences()),
            ("consistency", self.consistency()),
            ("cost", self.costs.iter().map(cost).collect()),
        ])
    }

    fn summary(&self) -> Vec<Row> {
        let networks = self.observers().filter(|observer| observer["kind"] != "person");
        let known = self.erfs.iter().chain(networks).chain(&self.costs);
        let mut names: Vec<&str> = known.map(|result| result["label"].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        let rows = names.into_iter().map(|name| {
            let named = |result: &&Value| result["label"] == name;
            let erf = self.erfs.iter().find(named);
            let observer = self.observers().find(named);
            let cost = self.costs.iter().find(named);
            let mut row = Row::new();
            row.insert("label".into(), label(erf.or(observer).or(cost).unwrap()));
            let nothing = Value::Null;
            match erf {
                Some(erf) => {
                    put_ratio(&mut row, "r50", &erf["area_ratios"], 0.5);
                    put_ratio(&mut row, "m50", &erf["mass_ratios"], 0.5);
                }
                None => ["r50", "m50"]
                    .into_iter()
                    .for_each(|key| put(&mut row, key, &nothing, &nothing)),
            }
            let overall = observer.map_or(&nothing, |observer| &observer["overall"]);
            put(&mut row, "shape_bias", &overall["shape_bias"], &overall["interval"]);
            let kappa = observer.map_or(&nothing, |observer| &observer["consistency_with_humans"]);
            row.insert("consistency_with_humans".into(), number(kappa));
            let count = cost.map_or(&nothing, |cost| &cost["cost"]);
            row.insert("parameters".into(), number(&count["parameters"]));
            row.insert("macs".into(), macs(count));
            row
        });
        rows.collect()
    }

    fn categories(&self) -> Vec<Row> {
        let of_bias = |bias: &Value| bias["categories"].as_array().unwrap().clone();
        let mut names: Vec<Value> = self.biases.iter().flat_map(of_bias).collect();
        names.sort_by_key(|name| name.as_str().unwrap().to_owned());
        names.dedup();
        let row = |category: &Value| {
            let mut row = Row::from([("category".to_owned(), words(category))]);
            for observer in self.observers().filter(|observer| observer["kind"] != "person") {
                let all = observer["categories"].as_array().unwrap();
                let of = all.iter().find(|entry| entry["category"] == *category);
                let nothing = Value::Null;
                let of = of.unwrap_or(&nothing);
                let name = observer["label"].as_str().unwrap();
                put(&mut row, name, &of["shape_bias"], &of["interval"]);
            }
            row
        };
        let has_value = |row: &Row| row.values().any(|cell| matches!(cell, Expected::Number(_)));
        names.iter().map(row).filter(has_value).collect()
    }

    fn differences(&self) -> Vec<Row> {
        let all = self.biases.iter().flat_map(|bias| bias["differences"].as_array().unwrap());
        let shown =
            all.filter(|pair| !self.is_person(&pair["first"]) && !self.is_person(&pair["second"]));
        shown
            .map(|pair| {
                let mut row = self.pair(&pair["first"], &pair["second"]);
                put(&mut row, "difference", &pair["difference"], &pair["interval"]);
                row.insert("p_value".into(), number(&pair["p_value"]));
                row
            })
            .collect()
    }

    fn consistency(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for matrix in self.biases.iter().map(|bias| &bias["consistency"]) {
            let labels = matrix["labels"].as_array().unwrap();
            for first in 0..labels.len() {
                for second in first + 1..labels.len() {
                    let mut row = self.pair(&labels[first], &labels[second]);
                    let of = |key: &str| &matrix[key][first][second];
                    put(&mut row, "kappa", of("kappa"), of("intervals"));
                    row.insert("stimuli".into(), number(of("stimuli")));
                    rows.push(row);
                }
            }
        }
        rows
    }

    fn pair(&self, first: &Value, second: &Value) -> Row {
        let shown = |name: &Value| {
            label(self.observers().find(|observer| observer["label"] == *name).unwrap())
        };
        Row::from([("first".to_owned(), shown(first)), ("second".to_owned(), shown(second))])
    }
}

fn macs(count: &Value) -> Expected {
    match (count["weight_macs"].as_f64(), count["attention_macs"].as_f64()) {
        (Some(weights), Some(attention)) => Expected::Number(weights + attention),
        _ => Expected::Nothing,
    }
}

fn ratios(erf: &Value) -> Row {
    let mut row = Row::from([("label".to_owned(), label(erf))]);
    for (share, percent) in [(0.2, 20), (0.3, 30), (0.5, 50), (0.99, 99)] {
        put_ratio(&mut row, &format!("r{percent}"), &erf["area_ratios"], share);
        put_ratio(&mut row, &format!("m{percent}"), &erf["mass_ratios"], share);
    }
    row
}

fn extent(erf: &Value) -> Row {
    let measured = erf["architecture"] != "map";
    let if_measured = |cell: Expected| if measured { cell } else { Expected::Nothing };
    let size = format!("{} × {}", erf["size"][0], erf["size"][1]);
    let skipped = erf["images_skipped"].as_array().unwrap().len();
    Row::from([
        ("label".to_owned(), label(erf)),
        ("input".to_owned(), Expected::Words(size)),
        ("layer".to_owned(), if_measured(words(&erf["layer"]))),
        ("images".to_owned(), if_measured(number(&erf["images_used"]))),
        ("skipped".to_owned(), if_measured(Expected::Number(skipped as f64))),
        ("sigma_x".to_owned(), number(&erf["gaussian"]["sigma_x"])),
        ("sigma_y".to_owned(), number(&erf["gaussian"]["sigma_y"])),
        ("r_squared".to_owned(), number(&erf["gaussian"]["r_squared"])),
        ("centre_row".to_owned(), number(&erf["centre_of_mass"][0])),
        ("centre_column".to_owned(), number(&erf["centre_of_mass"][1])),
        ("seconds_per_image".to_owned(), number(&erf["seconds_per_image"])),
    ])
}

fn bias(observer: &Value) -> Row {
    let overall = &observer["overall"];
    let mut row = Row::from([
        ("label".to_owned(), label(observer)),
        ("kind".to_owned(), words(&observer["kind"])),
        ("consistency_with_humans".to_owned(), number(&observer["consistency_with_humans"])),
    ]);
    put(&mut row, "shape_bias", &overall["shape_bias"], &overall["interval"]);
    for key in [
        "shape_correct",
        "texture_correct",
        "other",
        "no_answer",
        "conflict_trials",
        "cue_accuracy",
        "shape_accuracy",
    ] {
        row.insert(key.to_owned(), number(&overall[key]));
    }
    row
}

fn cost(cost: &Value) -> Row {
    let share =
        cost["erf"]["window_macs"].as_f64().unwrap() / cost["erf"]["whole_macs"].as_f64().unwrap();
    Row::from([
        ("label".to_owned(), words(&cost["label"])),
        ("architecture".to_owned(), words(&cost["architecture"])),
        ("input".to_owned(), number(&cost["size"])),
        ("parameters".to_owned(), number(&cost["cost"]["parameters"])),
        ("macs".to_owned(), macs(&cost["cost"])),
        ("merged_parameters".to_owned(), number(&cost["merged"]["parameters"])),
        ("merged_macs".to_owned(), macs(&cost["merged"])),
        ("window".to_owned(), Expected::Number(share)),
    ])
}

/// Checks every cell of every CSV table against the results in `folders`, and returns how many there
/// were.
pub fn equal_their_sources(folders: &[&Path], report: &Path) -> usize {
    let mut cells = 0;
    for (name, rows) in Results::of(folders).expected() {
        let path = report.join(format!("tables/{name}.csv"));
        assert_eq!(path.exists(), !rows.is_empty(), "{name}");
        if rows.is_empty() {
            continue;
        }
        let (header, found) = table(&path);
        assert_eq!(found.len(), rows.len(), "rows of {name}");
        // The summary is sorted by its values, and observers by their kinds.
        let keys = if header[0] == "first" { &header[..2] } else { &header[..1] };
        for line in &found {
            let value = |key: &str| &line[header.iter().position(|name| name == key).unwrap()];
            let is_row = |row: &&Row| {
                keys.iter().all(|key| row[key] == Expected::Words(value(key).to_owned()))
            };
            let row = rows.iter().find(is_row).unwrap_or_else(|| panic!("{name}: {line:?}"));
            for (key, shown) in header.iter().zip(line).filter(|(key, _)| *key != "notes") {
                let expected =
                    row.get(key).unwrap_or_else(|| panic!("{name}: nothing to check {key} with"));
                let found = match (shown.parse::<f64>(), expected) {
                    (_, Expected::Words(_)) => Expected::Words(shown.clone()),
                    (Ok(number), _) => Expected::Number(number),
                    (Err(_), _) if shown.is_empty() => Expected::Nothing,
                    (Err(_), _) => Expected::Words(shown.clone()),
                };
                assert_eq!(&found, expected, "{name}: {key} of {line:?}");
                cells += 1;
            }
            // A column that was left out must have been empty.
            for (key, cell) in row.iter().filter(|(key, _)| !header.contains(key)) {
                assert_eq!(cell, &Expected::Nothing, "{name} lacks {key}");
            }
        }
    }
    cells
}

/// Checks that every number in the tables of the page is that of the CSV file as far as it is shown, and
/// that Markdown and LaTeX show the same numbers. Returns how many there were.
pub fn shown_as_computed(report: &Path) -> usize {
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

/// The numbers in a text.
pub fn tokens(text: &str) -> Vec<String> {
    let number = Regex::new(r"-?\d+(\.\d+)?").unwrap();
    number.find_iter(text).map(|found| found.as_str().to_owned()).collect()
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
