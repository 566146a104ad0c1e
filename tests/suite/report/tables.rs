//! Every cell of every table of a report against the results.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::{results, table};

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
