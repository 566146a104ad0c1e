//! Which classes of a network belong to which category, and the decision rule.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::error::ShapeBiasError;

const IMAGENET_16: &str = include_str!("../../data/imagenet-16-categories.csv");
const IMAGENET_16_NAME: &str = "imagenet-16";
const IMAGENET_CLASSES: usize = 1000;

/// Categories, in alphabetical order, and the class indices that belong to each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Categories {
    source: String,
    names: Vec<String>,
    classes: Vec<Vec<usize>>,
    /// The exact number of outputs the mapping is made for, where that is known.
    outputs: Option<usize>,
}

impl Categories {
    /// The 16 categories of the published cue-conflict stimuli over ImageNet-1k (Geirhos et al.
    /// 2019).
    ///
    /// # Errors
    /// Only where the embedded table is damaged.
    pub fn imagenet_16() -> Result<Self, ShapeBiasError> {
        let mut categories = Self::from_reader(IMAGENET_16_NAME, IMAGENET_16.as_bytes())?;
        categories.outputs = Some(IMAGENET_CLASSES);
        Ok(categories)
    }

    /// Reads a CSV file with the columns `class_index` (from 0) and `category`, a row for each
    /// class that belongs to a category; lines that start with `#` are comments.
    ///
    /// # Errors
    /// Where the file can't be read, has other columns, a row that is no index and name, an index
    /// twice, or fewer than two categories.
    pub fn load(path: &Path) -> Result<Self, ShapeBiasError> {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).map_err(|source| {
            ShapeBiasError::MappingUnreadable { file: name.clone(), source: source.into() }
        })?;
        Self::from_reader(&name, file)
    }

    fn from_reader(file: &str, reader: impl Read) -> Result<Self, ShapeBiasError> {
        let unreadable =
            |source| ShapeBiasError::MappingUnreadable { file: file.to_owned(), source };
        let mut rows = csv::ReaderBuilder::new()
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(reader);
        let header = rows.headers().map_err(unreadable)?.clone();
        let column = |name: &str| header.iter().position(|found| found == name);
        let (Some(index), Some(category)) = (column("class_index"), column("category")) else {
            return Err(ShapeBiasError::MappingColumns {
                file: file.to_owned(),
                found: header.iter().collect::<Vec<_>>().join(","),
            });
        };
        let mut owners: BTreeMap<usize, String> = BTreeMap::new();
        for row in rows.records() {
            let row = row.map_err(unreadable)?;
            let wrong = |problem: String| ShapeBiasError::MappingRow {
                file: file.to_owned(),
                line: row.position().map_or(0, csv::Position::line),
                problem,
            };
            let text = row.get(index).unwrap_or_default();
            let class = text
                .parse()
                .map_err(|_| wrong(format!("\"{text}\" is not a class index from 0")))?;
            let name = row.get(category).unwrap_or_default();
            if name.is_empty() {
                return Err(wrong(format!("class {class} has no category")));
            }
            if let Some(other) = owners.insert(class, name.to_owned()) {
                return Err(wrong(format!(
                    "class {class} is in {name}, but was already in {other}"
                )));
            }
        }
        Self::from_owners(file, owners)
    }

    fn from_owners(file: &str, owners: BTreeMap<usize, String>) -> Result<Self, ShapeBiasError> {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (class, name) in owners {
            groups.entry(name).or_default().push(class);
        }
        if groups.len() < 2 {
            return Err(ShapeBiasError::MappingTooSmall {
                file: file.to_owned(),
                count: groups.len(),
            });
        }
        let (names, classes) = groups.into_iter().unzip();
        Ok(Self { source: file.to_owned(), names, classes, outputs: None })
    }

    /// Names in alphabetical order; a category's index is its place here.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Index of a category.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    /// Whether a name is one of the categories.
    pub fn contains(&self, name: &str) -> bool {
        self.index(name).is_some()
    }

    /// Whether these are the published 16 categories, by name.
    pub fn are_published(&self) -> bool {
        Self::imagenet_16().is_ok_and(|published| published.names == self.names)
    }

    /// Checks, before the first image, that a network with so many logits fits this mapping.
    ///
    /// # Errors
    /// Where the built-in mapping meets other than 1,000 logits, or an index is out of range.
    pub fn check_outputs(&self, outputs: usize) -> Result<(), ShapeBiasError> {
        let needs = match self.outputs {
            Some(exact) if exact != outputs => format!("is made for {exact} outputs"),
            Some(_) => return Ok(()),
            None => {
                let last = self.classes.iter().flatten().copied().max().unwrap_or(0);
                if last < outputs {
                    return Ok(());
                }
                format!("names class {last}, which needs at least {}", last + 1)
            }
        };
        Err(ShapeBiasError::OutputsDoNotFit { outputs, mapping: self.source.clone(), needs })
    }

    /// The decision rule of Geirhos et al. (2019): softmax over all classes, the mean probability
    /// over each category's classes, and the category where that is largest, the first in
    /// alphabetical order on a tie. Gives the index of the category in [`Self::names`].
    ///
    /// `None` where the answer would be meaningless: a logit is NaN or infinite, or a class of the
    /// mapping is out of range (which [`Self::check_outputs`] finds beforehand).
    pub fn decide(&self, logits: &[f32]) -> Option<usize> {
        if logits.iter().any(|logit| !logit.is_finite()) {
            return None;
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // The softmax's denominator is common to all categories, so it can't change which is
        // largest, and is left out.
        let weight = |&class: &usize| {
            let logit = logits.get(class)?;
            Some((f64::from(*logit) - f64::from(largest)).exp())
        };
        let mut best: Option<(usize, f64)> = None;
        for (index, classes) in self.classes.iter().enumerate() {
            let sum: f64 = classes.iter().map(weight).sum::<Option<f64>>()?;
            let mean = sum / classes.len() as f64;
            if best.is_none_or(|(_, highest)| mean > highest) {
                best = Some((index, mean));
            }
        }
        best.map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Categories, ShapeBiasError> {
        Categories::from_reader("own.csv", text.as_bytes())
    }

    #[test]
    fn built_in_mapping_is_the_published_one() {
        let categories = Categories::imagenet_16().unwrap();
        assert_eq!(categories.names().len(), 16);
        assert_eq!(categories.names()[0], "airplane");
        assert_eq!(categories.classes.iter().map(Vec::len).sum::<usize>(), 207);
        assert_eq!(categories.classes[0], [404]);
        assert!(categories.are_published());
        assert!(categories.check_outputs(1000).is_ok());
        let message = categories.check_outputs(21841).unwrap_err().to_string();
        assert!(message.contains("21841 outputs"), "{message}");
        assert!(message.contains("made for 1000"), "{message}");
    }

    #[test]
    fn own_mapping_needs_its_largest_index() {
        let own = read("class_index,category\n# ten classes\n9,cat\r\n0,dog\n3,cat\n").unwrap();
        assert_eq!(own.names(), ["cat", "dog"]);
        assert_eq!(own.classes, [vec![3, 9], vec![0]]);
        assert!(own.check_outputs(10).is_ok());
        let message = own.check_outputs(9).unwrap_err().to_string();
        assert!(message.contains("names class 9"), "{message}");
        assert!(!own.are_published());
    }

    #[test]
    fn bad_mappings_name_file_line_and_problem() {
        for (text, expected) in [
            ("index,name\n0,cat\n", "found index,name"),
            ("class_index,category\n0,cat\nx,dog\n", "line 3: \"x\""),
            ("class_index,category\n0,cat\n-1,dog\n", "line 3: \"-1\""),
            ("class_index,category\n0,cat\n0,dog\n", "already in cat"),
            ("class_index,category\n0,cat\n1\n", "class 1 has no category"),
            ("class_index,category\n0,cat\n", "holds 1 categories"),
            ("", "found "),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert!(message.contains("own.csv"), "{message}");
        }
        assert!(read("\u{feff}class_index,category\n0,cat\n1,dog\n").is_ok());
    }

    #[test]
    fn decision_is_the_largest_mean_probability() {
        let own = read("class_index,category\n0,cat\n1,cat\n2,dog\n").unwrap();
        // p = (0.6, 0, 0.4): the sum for cat is larger, its mean is not.
        let logits = [0.6f32.ln(), -1000.0, 0.4f32.ln()];
        assert_eq!(own.decide(&logits), Some(1));
        // Classes without a category count in the softmax but can't be chosen.
        assert_eq!(own.decide(&[1.0, 1.0, 0.0, 50.0]), Some(0));
    }

    #[test]
    fn ties_go_to_the_first_in_alphabetical_order() {
        let own = read("class_index,category\n0,zebra\n1,ant\n2,mole\n").unwrap();
        assert_eq!(own.decide(&[2.0, 2.0, 2.0]), Some(0));
        assert_eq!(own.decide(&[2.0, 1.0, 2.0]), Some(1));
        // Means that are equal without the sums being so.
        let pair = read("class_index,category\n0,b\n1,a\n2,a\n").unwrap();
        assert_eq!(pair.decide(&[0.5, 0.5, 0.5]), Some(0));
    }

    #[test]
    fn no_decision_on_meaningless_logits() {
        let own = read("class_index,category\n0,a\n1,b\n").unwrap();
        assert_eq!(own.decide(&[f32::NAN, 0.0]), None);
        assert_eq!(own.decide(&[f32::INFINITY, 0.0]), None);
        assert_eq!(own.decide(&[0.0]), None);
        assert_eq!(own.decide(&[f32::MAX, f32::MIN]), Some(0));
    }
}
