//! The tables of a report, each made once as data; CSV from it. Other languages write the same data.

use std::collections::BTreeMap;

use super::ReportError;
use super::study::{ErfEntry, Network, ObserverEntry, Scope, Study};
use crate::erf::result::AreaRatio;
use crate::erf::table::{WHOLE_MAP, percent};
use crate::shapebias::result::{BiasFigures, ObserverKind};

/// What is shown where there is no value.
pub const ABSENT: &str = "–";

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in the CSV file and in analysis files.
    pub key: String,
    /// Heading.
    pub heading: String,
    /// Unit of the values as shown, "%" or "px".
    pub unit: Option<&'static str>,
    /// Whether values are numbers, aligned by their decimal points.
    pub number: bool,
    /// Whether any value has an interval.
    pub interval: bool,
}

/// A value as it came from a result, and as it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The value in the unit of the result file; absent for text and where there is none.
    pub value: Option<f64>,
    /// What is shown.
    pub text: String,
    /// 95 % interval in the unit of the result file.
    pub interval: Option<[f64; 2]>,
    /// Its ends as shown.
    pub interval_text: Option<[String; 2]>,
    /// True for the best value of the column among trained networks.
    pub best: bool,
    /// True where `text` is a number.
    pub is_number: bool,
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A whole number.
    pub fn count(value: usize) -> Self {
        Cell {
            value: Some(value as f64),
            text: value.to_string(),
            is_number: true,
            ..Cell::default()
        }
    }

    /// A number, shown times `factor` with so many decimals.
    pub fn number(value: Option<f64>, factor: f64, decimals: usize) -> Self {
        Self::with_interval(value, None, factor, decimals)
    }

    /// A number with its interval.
    pub fn with_interval(
        value: Option<f64>,
        interval: Option<[f64; 2]>,
        factor: f64,
        decimals: usize,
    ) -> Self {
        let Some(value) = value else { return Cell::text(ABSENT) };
        let show = |value: f64| {
            let text = format!("{:.decimals$}", value * factor);
            // A number that rounds to zero has no sign.
            match text.strip_prefix('-') {
                Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
                _ => text,
            }
        };
        Cell {
            value: Some(value),
            text: show(value),
            interval,
            interval_text: interval.map(|ends| ends.map(show)),
            best: false,
            is_number: true,
        }
    }
}

/// A row: one network, observer or pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Label of the network or observer that the row is about.
    pub about: String,
    /// Whether the row may hold a best value: trained networks.
    pub eligible: bool,
    /// Places in [`Table::notes`] of what has to be said about the row.
    pub marks: Vec<usize>,
    /// A cell a column.
    pub cells: Vec<Cell>,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name of its files and in analysis files.
    pub name: &'static str,
    /// Title.
    pub title: String,
    /// What the columns mean.
    pub caption: String,
    /// Columns; the first names the row.
    pub columns: Vec<Column>,
    /// Rows.
    pub rows: Vec<Row>,
    /// What has to be said about rows, marked there with letters.
    pub notes: Vec<String>,
}

/// The letter of a note: a, b, ... z, aa, ab, ...
pub fn mark(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8).to_string();
    if index < 26 { letter } else { format!("{}{letter}", mark(index / 26 - 1)) }
}

impl Table {
    fn new(name: &'static str, title: &str, caption: &str) -> Self {
        Table {
            name,
            title: title.into(),
            caption: caption.into(),
            columns: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn column(
        mut self,
        key: &str,
        heading: &str,
        unit: Option<&'static str>,
        number: bool,
    ) -> Self {
        self.columns.push(Column {
            key: key.into(),
            heading: heading.into(),
            unit,
            number,
            interval: false,
        });
        self
    }

    fn row(&mut self, about: &str, eligible: bool, cells: Vec<Cell>) {
        for (column, cell) in self.columns.iter_mut().zip(&cells) {
            column.interval |= cell.interval.is_some();
        }
        self.rows.push(Row { about: about.to_owned(), eligible, marks: Vec::new(), cells });
    }

    /// Marks the largest value of a column among eligible rows, if there are two of them.
    fn mark_largest(&mut self, key: &str) {
        let Some(column) = self.columns.iter().position(|column| column.key == key) else { return };
        let eligible = |row: &&Row| row.eligible && row.cells[column].value.is_some();
        let values: Vec<f64> =
            self.rows.iter().filter(eligible).filter_map(|row| row.cells[column].value).collect();
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.len() < 2 || values.iter().all(|value| *value == largest) {
            return;
        }
        for row in self.rows.iter_mut().filter(|row| row.eligible) {
            row.cells[column].best = row.cells[column].value == Some(largest);
        }
    }

    /// Attaches the study's warnings to the rows that they concern.
    fn attach(mut self, study: &Study, scope: Scope) -> Self {
        for warning in study.warnings_of(scope) {
            let concerned =
                |row: &&mut Row| warning.about.as_deref().is_some_and(|label| label == row.about);
            let mut rows = self.rows.iter_mut().filter(concerned).peekable();
            if rows.peek().is_none() {
                continue;
            }
            let place = self.notes.len();
            rows.for_each(|row| row.marks.push(place));
            self.notes.push(warning.text.clone());
        }
        self
    }

    /// The table as CSV: values as in the results (shares of 1), intervals in columns of their own,
    /// an empty field where there is no value.
    ///
    /// # Errors
    ///
    /// Those of the CSV writer, which writes to memory.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut header = Vec::new();
        for column in &self.columns {
            header.push(column.key.clone());
            if column.interval {
                header.extend([format!("{}_low", column.key), format!("{}_high", column.key)]);
            }
        }
        writer.write_record(header.iter().map(String::as_str).chain(["notes"]))?;
        for row in &self.rows {
            let mut record = Vec::new();
            for (column, cell) in self.columns.iter().zip(&row.cells) {
                record.push(match cell.value {
                    Some(value) => value.to_string(),
                    None if cell.text == ABSENT => String::new(),
                    None => cell.text.clone(),
                });
                if column.interval {
                    let end = |i: usize| cell.interval.map_or(String::new(), |e| e[i].to_string());
                    record.extend([end(0), end(1)]);
                }
            }
            let notes: Vec<&str> =
                row.marks.iter().map(|&mark| self.notes[mark].as_str()).collect();
            record.push(notes.join(" "));
            writer.write_record(&record)?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// The table with the columns that were asked for.
    ///
    /// # Errors
    ///
    /// [`ReportError::UnknownColumn`].
    pub fn select(&self, keys: Option<&Vec<String>>) -> Result<Table, ReportError> {
        let Some(keys) = keys else { return Ok(self.clone()) };
        let mut places = vec![0];
        for key in keys {
            let place = self.columns.iter().position(|column| column.key == *key);
            let place = place.ok_or_else(|| ReportError::UnknownColumn {
                table: self.name.to_owned(),
                column: key.clone(),
                known: self.columns.iter().map(|c| c.key.as_str()).collect::<Vec<_>>().join(", "),
            })?;
            if place != 0 {
                places.push(place);
            }
        }
        let mut table = self.clone();
        table.columns = places.iter().map(|&place| self.columns[place].clone()).collect();
        for (row, all) in table.rows.iter_mut().zip(&self.rows) {
            row.cells = places.iter().map(|&place| all.cells[place].clone()).collect();
        }
        Ok(table)
    }
}

/// All tables that the study has something for, in the order of a report.
pub fn all(study: &Study) -> Vec<Table> {
    let tables = [
        summary(study),
        ratios(study),
        extent(study),
        shapebias(study),
        categories(study),
        differences(study),
        consistency(study),
        costs(study),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

/// The names of all tables.
pub const NAMES: [&str; 8] = [
    "summary",
    "area-ratios",
    "extent",
    "shape-bias",
    "categories",
    "differences",
    "consistency",
    "cost",
];

/// Shares below 1 % get a second decimal.
fn share(value: Option<f64>, interval: Option<[f64; 2]>) -> Cell {
    let decimals = if value.is_some_and(|value| value.abs() < 0.01) { 2 } else { 1 };
    Cell::with_interval(value, interval, 100.0, decimals)
}

fn ratio(ratio: Option<&AreaRatio>) -> Cell {
    match ratio {
        Some(AreaRatio { side: None, ratio, .. }) => {
            Cell { value: Some(*ratio), text: WHOLE_MAP.into(), ..Cell::default() }
        }
        Some(found) => share(Some(found.ratio), found.interval),
        None => Cell::text(ABSENT),
    }
}

fn bias(figures: &BiasFigures) -> Cell {
    Cell::with_interval(figures.shape_bias, figures.interval, 1.0, 3)
}

/// Networks by r(50 %), then by shape bias; people last.
fn summary(study: &Study) -> Table {
    let mut table = Table::new(
        "summary",
        "Summary",
        "r(50 %): area of the smallest centred square that holds half of log10(map + 1), as a share \
         of the map (Ding et al. 2022). Shape bias: correct shape decisions among correct shape and \
         texture decisions on cue-conflict images (Geirhos et al. 2019).",
    )
    .column("label", "network", None, false)
    .column("r50", "r(50 %)", Some("%"), true)
    .column("m50", "m(50 %)", Some("%"), true)
    .column("shape_bias", "shape bias", None, true)
    .column("consistency_with_humans", "κ with humans", None, true)
    .column("parameters", "parameters", Some("M"), true)
    .column("macs", "MACs", Some("G"), true);
    let mut networks = study.networks();
    let key = |network: &Network<'_>| {
        let ratio = network.erf.and_then(ErfEntry::summary_ratio).map(|ratio| ratio.ratio);
        let bias = network.observer.and_then(|entry| entry.result.overall.shape_bias);
        (ratio.unwrap_or(-1.0), bias.unwrap_or(-1.0))
    };
    networks.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    for network in &networks {
        let erf = network.erf;
        let mass = erf.and_then(|erf| {
            erf.result.mass_ratios.iter().find(|ratio| (ratio.threshold - 0.5).abs() < 1e-9)
        });
        let observer = network.observer.map(|entry| &entry.result);
        let cost = network.cost;
        table.row(
            network.label,
            !network.untrained(),
            vec![
                Cell::text(marked(network.label, network.untrained())),
                ratio(erf.and_then(ErfEntry::summary_ratio)),
                ratio(mass),
                observer.map_or_else(|| Cell::text(ABSENT), |o| bias(&o.overall)),
                Cell::number(observer.and_then(|o| o.consistency_with_humans), 1.0, 3),
                Cell::number(cost.map(|cost| cost.cost.parameters as f64), 1e-6, 1),
                Cell::number(cost.map(|cost| cost.cost.macs() as f64), 1e-9, 2),
            ],
        );
    }
    if let Some(humans) = study.humans() {
        let mut cells = vec![Cell::text(ABSENT); 7];
        cells[0] = Cell::text(&humans.result.label);
        cells[3] = bias(&humans.result.overall);
        cells[4] = Cell::number(humans.result.consistency_with_humans, 1.0, 3);
        table.row(&humans.result.label, false, cells);
    }
    if study.comparable {
        table.mark_largest("r50");
        table.mark_largest("m50");
    }
    table.mark_largest("shape_bias");
    drop_empty_columns(table).attach(study, Scope::All)
}

/// Columns without a single value say nothing.
fn drop_empty_columns(mut table: Table) -> Table {
    let is_kept =
        |place: usize| place == 0 || table.rows.iter().any(|row| row.cells[place].text != ABSENT);
    let kept: Vec<bool> = (0..table.columns.len()).map(is_kept).collect();
    let filter = |place: usize| kept[place];
    let mut place = 0..;
    table.columns.retain(|_| place.next().is_some_and(filter));
    for row in &mut table.rows {
        let mut place = 0..;
        row.cells.retain(|_| place.next().is_some_and(filter));
    }
    table
}

fn marked(label: &str, untrained: bool) -> String {
    if untrained { format!("{label} (untrained)") } else { label.to_owned() }
}

/// The name of a run's observer in the whole study, marked.
fn shown(study: &Study, run: usize, label: &str) -> String {
    let untrained = study.biases[run].result.observer(label).is_some_and(|o| o.untrained);
    marked(study.label_of(run, label), untrained)
}

/// r(t) and m(t).
fn ratios(study: &Study) -> Table {
    let mut table = Table::new(
        "area-ratios",
        "High-contribution area ratios",
        "r(t): area of the smallest centred square that holds more than the share t of \
         log10(map + 1), as a share of the map's area (Ding et al. 2022); it depends on the scale of \
         the map. m(t): the same of the map itself, which doesn't. “Whole map”: no centred square \
         inside the map holds that share. Intervals: 95 %, delete-group jackknife over images.",
    )
    .column("label", "network", None, false);
    let first = study.erfs.first();
    let names: Vec<(String, String)> = first
        .map(|erf| {
            let name = |letter: char, ratio: &AreaRatio| {
                let share = percent(ratio);
                (format!("{letter}{share}"), format!("{letter}({share} %)"))
            };
            let area = erf.result.area_ratios.iter().map(|ratio| name('r', ratio));
            area.chain(erf.result.mass_ratios.iter().map(|ratio| name('m', ratio))).collect()
        })
        .unwrap_or_default();
    for (key, heading) in &names {
        table = table.column(key, heading, Some("%"), true);
    }
    for erf in &study.erfs {
        let result = &erf.result;
        let mut cells = vec![Cell::text(marked(&result.label, result.untrained))];
        for (key, _) in &names {
            let (letter, threshold) = key.split_at(1);
            let list = if letter == "r" { &result.area_ratios } else { &result.mass_ratios };
            cells.push(ratio(list.iter().find(|ratio| percent(ratio).to_string() == threshold)));
        }
        table.row(&result.label, !result.untrained, cells);
    }
    if study.comparable {
        names.iter().for_each(|(key, _)| table.mark_largest(key));
    }
    table.attach(study, Scope::Erf)
}

/// Gaussian fit, centre of mass, images.
fn extent(study: &Study) -> Table {
    let mut table = Table::new(
        "extent",
        "Extent and centre of the maps",
        "σ: standard deviations of a 2-D Gaussian fitted to the map, in pixels of the input, and the \
         share R² of the variance that it explains. Centre of mass in pixels from the upper left. \
         Images: those in the mean.",
    )
    .column("label", "network", None, false)
    .column("input", "input", Some("px"), false)
    .column("layer", "layer", None, false)
    .column("images", "images", None, true)
    .column("skipped", "left out", None, true)
    .column("sigma_x", "σ horizontal", Some("px"), true)
    .column("sigma_y", "σ vertical", Some("px"), true)
    .column("r_squared", "R²", None, true)
    .column("centre_row", "centre, row", Some("px"), true)
    .column("centre_column", "centre, column", Some("px"), true)
    .column("seconds_per_image", "time an image", Some("s"), true);
    for erf in &study.erfs {
        let result = &erf.result;
        let [height, width] = result.size;
        let fit = result.gaussian;
        let existing = result.architecture == "map";
        let count = |count: usize| if existing { Cell::text(ABSENT) } else { Cell::count(count) };
        table.row(
            &result.label,
            !result.untrained,
            vec![
                Cell::text(marked(&result.label, result.untrained)),
                Cell::text(format!("{height} × {width}")),
                Cell::text(if existing { ABSENT } else { &result.layer }),
                count(result.images_used),
                count(result.images_skipped.len()),
                Cell::number(fit.map(|fit| fit.sigma_x), 1.0, 1),
                Cell::number(fit.map(|fit| fit.sigma_y), 1.0, 1),
                Cell::number(fit.map(|fit| fit.r_squared), 1.0, 3),
                Cell::number(Some(result.centre_of_mass[0]), 1.0, 1),
                Cell::number(Some(result.centre_of_mass[1]), 1.0, 1),
                Cell::number(result.seconds_per_image, 1.0, 2),
            ],
        );
    }
    drop_empty_columns(table).attach(study, Scope::Erf)
}

/// Overall figures of every observer.
fn shapebias(study: &Study) -> Table {
    let mut table = Table::new(
        "shape-bias",
        "Shape bias",
        "Counts of trials on images whose shape and texture disagree; shape bias = shape / (shape + \
         texture) (Geirhos et al. 2019), with a 95 % bootstrap interval over stimuli. Cue accuracy: \
         share of these trials decided for one of the two cues. Shape accuracy: share of all trials \
         decided for the shape. κ: mean error consistency with each person (Geirhos et al. 2020).",
    )
    .column("label", "observer", None, false)
    .column("kind", "kind", None, false)
    .column("shape_bias", "shape bias", None, true)
    .column("shape_correct", "shape", None, true)
    .column("texture_correct", "texture", None, true)
    .column("other", "other", None, true)
    .column("no_answer", "no answer", None, true)
    .column("conflict_trials", "trials", None, true)
    .column("cue_accuracy", "cue accuracy", Some("%"), true)
    .column("shape_accuracy", "shape accuracy", Some("%"), true)
    .column("consistency_with_humans", "κ with humans", None, true);
    for ObserverEntry { result, .. } in &study.observers {
        let figures = &result.overall;
        table.row(
            &result.label,
            result.kind == ObserverKind::Network && !result.untrained,
            vec![
                Cell::text(marked(&result.label, result.untrained)),
                Cell::text(result.kind.as_str()),
                bias(figures),
                Cell::count(figures.shape_correct),
                Cell::count(figures.texture_correct),
                Cell::count(figures.other),
                Cell::count(figures.no_answer),
                Cell::count(figures.conflict_trials),
                share(Some(figures.cue_accuracy), None),
                share(figures.shape_accuracy, None),
                Cell::number(result.consistency_with_humans, 1.0, 3),
            ],
        );
    }
    for key in ["shape_bias", "cue_accuracy", "shape_accuracy", "consistency_with_humans"] {
        table.mark_largest(key);
    }
    drop_empty_columns(table).attach(study, Scope::ShapeBias)
}

/// Shape bias by category of the shape: a row a category, a column an observer that isn't a person.
fn categories(study: &Study) -> Table {
    let mut table = Table::new(
        "categories",
        "Shape bias by category",
        "Shape bias over the stimuli whose shape is of a category; single people are in the pooled \
         humans. Intervals: 95 % bootstrap over stimuli.",
    )
    .column("category", "category", None, false);
    let pooled: Vec<&ObserverEntry> =
        study.observers.iter().filter(|o| o.result.kind != ObserverKind::Person).collect();
    for ObserverEntry { result, .. } in &pooled {
        let heading = marked(&result.label, result.untrained);
        table = table.column(&result.label, &heading, None, true);
    }
    for category in categories_of(study) {
        let mut cells = vec![Cell::text(&category)];
        for entry in &pooled {
            let found = entry.result.categories.iter().find(|c| c.category == category);
            cells.push(found.map_or_else(
                || Cell::text(ABSENT),
                |c| Cell::with_interval(c.figures.shape_bias, c.figures.interval, 1.0, 2),
            ));
        }
        table.row(&category, false, cells);
    }
    if pooled.is_empty() {
        table.rows.clear();
    }
    table
}

/// The categories of all runs, in alphabetical order.
pub fn categories_of(study: &Study) -> Vec<String> {
    let all = study.biases.iter().flat_map(|bias| &bias.result.categories);
    let mut categories: Vec<String> = all.cloned().collect();
    categories.sort();
    categories.dedup();
    categories
}

/// Differences in shape bias between networks, and of each to the pooled humans.
fn differences(study: &Study) -> Table {
    let mut table = Table::new(
        "differences",
        "Differences in shape bias",
        "First minus second, with a 95 % interval and a two-sided p-value from a paired bootstrap \
         over stimuli; p-values are not corrected for the number of comparisons.",
    )
    .column("first", "first", None, false)
    .column("second", "second", None, false)
    .column("difference", "difference", None, true)
    .column("p_value", "p", None, true);
    for (run, bias) in study.biases.iter().enumerate() {
        let person = |label: &str| {
            bias.result.observer(label).is_none_or(|o| o.kind == ObserverKind::Person)
        };
        let pairs = bias.result.differences.iter();
        for pair in pairs.filter(|pair| !person(&pair.first) && !person(&pair.second)) {
            table.row(
                "",
                false,
                vec![
                    Cell::text(shown(study, run, &pair.first)),
                    Cell::text(shown(study, run, &pair.second)),
                    Cell::with_interval(Some(pair.difference), Some(pair.interval), 1.0, 3),
                    Cell::number(Some(pair.p_value), 1.0, 4),
                ],
            );
        }
    }
    table
}

/// Error consistency of each two observers of one run.
fn consistency(study: &Study) -> Table {
    let mut table = Table::new(
        "consistency",
        "Error consistency",
        "Cohen's kappa between two observers' right and wrong answers to the same stimuli (Geirhos et \
         al. 2020): 1 for the same errors, 0 for as many common errors as accuracy alone gives. \
         Intervals: 95 % bootstrap over stimuli.",
    )
    .column("first", "first", None, false)
    .column("second", "second", None, false)
    .column("kappa", "κ", None, true)
    .column("stimuli", "common stimuli", None, true);
    for (run, bias) in study.biases.iter().enumerate() {
        let matrix = &bias.result.consistency;
        for (row, first) in matrix.labels.iter().enumerate() {
            for (column, second) in matrix.labels.iter().enumerate().skip(row + 1) {
                let interval = matrix.intervals.get(row).and_then(|r| *r.get(column)?);
                table.row(
                    "",
                    false,
                    vec![
                        Cell::text(shown(study, run, first)),
                        Cell::text(shown(study, run, second)),
                        Cell::with_interval(matrix.kappa[row][column], interval, 1.0, 3),
                        Cell::count(matrix.stimuli[row][column]),
                    ],
                );
            }
        }
    }
    table
}

/// Parameters and operations.
fn costs(study: &Study) -> Table {
    let mut table = Table::new(
        "cost",
        "Cost",
        "Trained parameters and multiply-accumulate operations (MACs) for one image; merged: once \
         batch norms are folded and parallel kernels merged. Window: share of the MACs up to the \
         features that can reach the centre unit.",
    )
    .column("label", "network", None, false)
    .column("architecture", "architecture", None, false)
    .column("input", "input", Some("px"), true)
    .column("parameters", "parameters", Some("M"), true)
    .column("macs", "MACs", Some("G"), true)
    .column("merged_parameters", "merged parameters", Some("M"), true)
    .column("merged_macs", "merged MACs", Some("G"), true)
    .column("window", "window", Some("%"), true);
    for cost in &study.costs {
        let window = cost.erf.window_macs as f64 / cost.erf.whole_macs.max(1) as f64;
        table.row(
            &cost.label,
            false,
            vec![
                Cell::text(&cost.label),
                Cell::text(&cost.architecture),
                Cell::count(cost.size),
                Cell::number(Some(cost.cost.parameters as f64), 1e-6, 2),
                Cell::number(Some(cost.cost.macs() as f64), 1e-9, 2),
                Cell::number(Some(cost.merged.parameters as f64), 1e-6, 2),
                Cell::number(Some(cost.merged.macs() as f64), 1e-9, 2),
                share(Some(window), None),
            ],
        );
    }
    table
}

/// Uses the captions that an analysis file gives.
pub fn replace_captions(tables: &mut [Table], captions: &BTreeMap<String, String>) {
    for table in tables {
        if let Some(caption) = captions.get(table.name) {
            table.caption.clone_from(caption);
        }
    }
}
