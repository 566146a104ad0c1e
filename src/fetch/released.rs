//! The table of released files.

use std::path::Path;

use serde::Deserialize;

use super::FetchError;

/// The built-in table. A SHA-256 is as much of it as the publisher gives: torchvision's and
/// OpenMMLab's file names end in its first eight digits; of the stimuli none is published.
const BUILT_IN: &str = include_str!("../../data/released.csv");

/// A file that its authors released.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Released {
    /// What it is asked for by.
    pub name: String,
    /// The architecture that it is a checkpoint of; empty for other files.
    pub architecture: String,
    /// Where it is published.
    pub url: String,
    /// Its SHA-256, or the first digits of it, lower-case hexadecimal; empty where none is published.
    pub sha256: String,
    /// Under which licence.
    pub licence: String,
    /// Whose work it is.
    pub citation: String,
}

impl Released {
    /// The built-in table.
    ///
    /// # Errors
    ///
    /// None in practice: a test reads it.
    pub fn built_in() -> Result<Vec<Self>, FetchError> {
        Self::parse("data/released.csv", BUILT_IN.as_bytes())
    }

    /// A table in a file, with the columns of the built-in one.
    ///
    /// # Errors
    ///
    /// [`FetchError::Table`].
    pub fn read(path: &Path) -> Result<Vec<Self>, FetchError> {
        let table = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| FetchError::Table {
            table: table.clone(),
            problem: error.to_string(),
        })?;
        Self::parse(&table, &bytes)
    }

    fn parse(table: &str, bytes: &[u8]) -> Result<Vec<Self>, FetchError> {
        let refuse = |problem: String| FetchError::Table { table: table.to_owned(), problem };
        let rows: Result<Vec<Self>, _> = csv::Reader::from_reader(bytes).deserialize().collect();
        let rows = rows.map_err(|error| refuse(error.to_string()))?;
        for row in &rows {
            let hexadecimal = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
            if row.sha256.len() > 64 || !row.sha256.chars().all(hexadecimal) {
                return Err(refuse(format!("{} has no SHA-256 but {}", row.name, row.sha256)));
            }
            if row.file_name().is_none() {
                return Err(refuse(format!("{}: {} names no file", row.name, row.url)));
            }
        }
        Ok(rows)
    }

    /// The row of that name.
    ///
    /// # Errors
    ///
    /// [`FetchError::Unknown`].
    pub fn find<'a>(rows: &'a [Self], name: &str) -> Result<&'a Self, FetchError> {
        let plain = |name: &str| name.to_lowercase().replace('-', "_");
        let found = rows.iter().find(|row| plain(&row.name) == plain(name));
        found.ok_or_else(|| FetchError::Unknown {
            name: name.to_owned(),
            known: rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The name of the file: the last part of its address.
    pub fn file_name(&self) -> Option<&str> {
        let path = self.url.split(['?', '#']).next()?.split_once("://")?.1;
        let (_, name) = path.rsplit_once('/')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
        (!name.is_empty() && !name.starts_with('.') && name.chars().all(plain)).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_file_names_end_in_the_digits() {
        let rows = Released::built_in().unwrap();
        for row in &rows {
            assert_eq!(rows.iter().filter(|other| other.name == row.name).count(), 1);
            assert!(row.url.starts_with("https://"), "{}", row.url);
            assert!(!row.licence.is_empty() && !row.citation.is_empty(), "{}", row.name);
            if !row.architecture.is_empty() {
                assert_eq!(row.sha256.len(), 8, "{}", row.name);
                assert!(row.url.ends_with(&format!("-{}.pth", row.sha256)), "{}", row.url);
            }
        }
    }

    #[test]
    fn a_file_name_never_leaves_its_folder() {
        let mut row = Released::built_in().unwrap().remove(0);
        for (url, name) in [
            ("https://a/b/c-1.pth?x=/../y", Some("c-1.pth")),
            ("https://a/..", None),
            ("https://a/", None),
            ("https://a", None),
            ("https://a/b%2f..", None),
            ("c.pth", None),
        ] {
            row.url = url.to_owned();
            assert_eq!(row.file_name(), name, "{url}");
        }
    }
}
