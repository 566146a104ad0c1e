//! The tables of a report, each made once as data. Other languages write the same data.

mod caption;
mod cells;
mod cost;
mod erf;
mod observers;
mod pairs;
mod summary;
mod table;

use std::collections::BTreeMap;

pub use self::observers::categories_of;
pub use self::table::{ABSENT, Cell, Column, Row, Sentence, Table, mark, marks};
use super::study::Study;

/// The names of all tables, in the order of a report.
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

/// The one whose columns are the study's observers.
const OF_OBSERVERS: &str = "categories";

fn every(study: &Study) -> [Table; 8] {
    [
        summary::summary(study),
        erf::ratios(study),
        erf::extent(study),
        observers::shapebias(study),
        observers::categories(study),
        pairs::differences(study),
        pairs::consistency(study),
        cost::costs(study),
    ]
}

/// All tables that the study has something for, in the order of a report, with all their columns.
pub fn all(study: &Study) -> Vec<Table> {
    every(study).into_iter().filter(|table| !table.rows.is_empty()).collect()
}

/// Keys of the columns of the table of this name; nothing where they depend on the study, or where there
/// is no such table.
pub fn column_keys(name: &str) -> Option<Vec<String>> {
    let tables = every(&Study::default());
    let table = tables.into_iter().find(|table| table.name == name && name != OF_OBSERVERS)?;
    Some(table.columns.into_iter().map(|column| column.key).collect())
}

/// Uses the captions that an analysis file gives.
pub fn replace_captions(tables: &mut [Table], captions: &BTreeMap<String, String>) {
    for table in tables {
        if let Some(caption) = captions.get(table.name) {
            let text = caption.clone();
            table.sentences = vec![Sentence { text, columns: Vec::new(), intervals: false }];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_name_and_known_columns() {
        let names: Vec<&str> = every(&Study::default()).iter().map(|table| table.name).collect();
        assert_eq!(names, NAMES);
        assert_eq!(
            column_keys("differences").unwrap(),
            ["first", "second", "difference", "p_value"]
        );
        assert!(column_keys("area-ratios").unwrap().contains(&"m99".to_owned()));
        assert_eq!((column_keys(OF_OBSERVERS), column_keys("summry")), (None, None));
    }
}
