//! One CSV file of decisions, as published with Geirhos et al. (2019) and as model-vs-human reads
//! and writes them.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use regex::Regex;

use super::categories::Categories;
use super::error::ShapeBiasError;
use super::observer::{Answer, Decision};
use super::result::{Issue, IssueKind};
use super::stimuli::{Cues, NamePattern, Stimulus};

/// The columns of a decision file, in the order in which they are written.
pub const COLUMNS: [&str; 8] =
    ["subj", "session", "trial", "rt", "object_response", "category", "condition", "imagename"];

/// The columns without which a decision can't be understood.
const NEEDED: [&str; 3] = ["object_response", "category", "imagename"];

/// Rows of one file that are named one by one before the rest is only counted.
const NAMED_ROWS: usize = 100;

/// What is known when decisions are read.
#[derive(Clone, Debug)]
pub struct DecisionReader<'a> {
    pattern: &'a NamePattern,
    categories: &'a Categories,
    known: HashMap<&'a str, &'a Cues>,
    trial_prefix: Regex,
}

/// A decision with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub subject: String,
    pub session: String,
    pub decision: Decision,
}

/// What a file holds: rows in their order, and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileRows {
    pub rows: Vec<Row>,
    pub issues: Vec<Issue>,
}

impl<'a> DecisionReader<'a> {
    /// A reader of decisions on stimuli whose names tell their categories by `pattern`; those in
    /// `stimuli`, where they were listed, are known without.
    ///
    /// # Errors
    /// None in practice: a test compiles the expression for trial prefixes.
    pub fn new(
        pattern: &'a NamePattern,
        categories: &'a Categories,
        stimuli: &'a [Stimulus],
    ) -> Result<Self, ShapeBiasError> {
        // 0001_s5n_s01_0_bird_00_bird3-bird2.png: trial, experiment, observer, condition, category,
        // an index, and then the stimulus.
        let trial_prefix = Regex::new(r"^\d+_[^_]+_[^_]+_[^_]+_[^_]+_\d+_")
            .map_err(|error| ShapeBiasError::PatternSyntax(Box::new(error)))?;
        let known =
            stimuli.iter().map(|stimulus| (stimulus.name.as_str(), &stimulus.cues)).collect();
        Ok(Self { pattern, categories, known, trial_prefix })
    }

    /// Reads one file; `fallback` is the observer's name where there is no column `subj`.
    ///
    /// `Err` tells why nothing of it can be used.
    pub(super) fn read(
        &self,
        file: &str,
        fallback: &str,
        reader: impl Read,
    ) -> Result<FileRows, String> {
        let mut records =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(reader);
        let header = records.byte_headers().map_err(|error| error.to_string())?.clone();
        let columns = Columns::find(&header)?;
        let mut found = FileRows::default();
        let mut bad_rows = 0;
        let mut record = csv::ByteRecord::new();
        loop {
            match records.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(error.to_string()),
            }
            match self.row(&record, &header, columns, fallback) {
                Ok(row) => found.rows.push(row),
                Err((kind, problem)) => {
                    bad_rows += 1;
                    if bad_rows <= NAMED_ROWS {
                        let line = record.position().map_or(0, csv::Position::line);
                        found.issues.push(bad_row(kind, file, line, &problem));
                    }
                }
            }
        }
        if bad_rows > NAMED_ROWS {
            found.issues.push(more_bad_rows(file, bad_rows - NAMED_ROWS));
        }
        if found.rows.is_empty() {
            return Err(match found.issues.first() {
                Some(issue) => {
                    format!("none of its {bad_rows} rows can be used; {}", issue.message)
                }
                None => "it holds a header and no rows".to_owned(),
            });
        }
        Ok(found)
    }

    fn row(
        &self,
        record: &csv::ByteRecord,
        header: &csv::ByteRecord,
        columns: Columns,
        fallback: &str,
    ) -> Result<Row, (IssueKind, String)> {
        let malformed = |problem: String| (IssueKind::MalformedRow, problem);
        if record.len() != header.len() {
            let (found, expected) = (record.len(), header.len());
            return Err(malformed(format!("{found} fields where the header has {expected}")));
        }
        let field = |column: usize| {
            std::str::from_utf8(record.get(column).unwrap_or_default())
                .map_err(|_| malformed(format!("\"{}\" is not UTF-8", printable(&record[column]))))
        };
        let subject = columns.subject.map_or(Ok(fallback), field)?;
        if subject.is_empty() {
            return Err(malformed("no observer in the column subj".to_owned()));
        }
        let session = columns.session.map_or(Ok(""), field)?;
        let (stimulus, cues) = self.stimulus(field(columns.image)?)?;
        let category = field(columns.category)?;
        if category != cues.shape {
            let problem = format!(
                "the category is \"{}\" but {stimulus} has the shape of {}",
                shorten(category),
                cues.shape
            );
            return Err((IssueKind::ContradictoryRow, problem));
        }
        Ok(Row {
            subject: subject.to_owned(),
            session: session.to_owned(),
            decision: Decision {
                answer: self.answer(field(columns.response)?).map_err(malformed)?,
                stimulus,
                cues,
            },
        })
    }

    fn answer(&self, text: &str) -> Result<Answer, String> {
        if text.eq_ignore_ascii_case("na") || text.eq_ignore_ascii_case("nan") {
            Ok(Answer::Missing)
        } else if self.categories.contains(text) {
            Ok(Answer::Category(text.to_owned()))
        } else {
            Err(format!("the answer \"{}\" is neither a category nor na", shorten(text)))
        }
    }

    fn stimulus(&self, image: &str) -> Result<(String, Cues), (IssueKind, String)> {
        let bare = self.trial_prefix.replace(image, "");
        let file_name = bare.rsplit('/').next().unwrap_or(&bare);
        for name in [image, &bare, file_name] {
            if let Some(&cues) = self.known.get(name) {
                return Ok((name.to_owned(), cues.clone()));
            }
        }
        let cues = self.pattern.cues(&bare).ok_or_else(|| {
            let problem =
                format!("the image name \"{}\" doesn't tell shape and texture", shorten(image));
            (IssueKind::UnparsableName, problem)
        })?;
        for category in [&cues.shape, &cues.texture] {
            if !self.categories.contains(category) {
                let problem =
                    format!("{}: {category} is not one of the categories", shorten(image));
                return Err((IssueKind::UnknownCategory, problem));
            }
        }
        Ok((bare.into_owned(), cues))
    }
}

/// Where in a record the fields are that matter.
#[derive(Clone, Copy)]
struct Columns {
    subject: Option<usize>,
    session: Option<usize>,
    response: usize,
    category: usize,
    image: usize,
}

impl Columns {
    fn find(header: &csv::ByteRecord) -> Result<Self, String> {
        let column = |name: &str| header.iter().position(|found| found == name.as_bytes());
        let (Some(response), Some(category), Some(image)) =
            (column(NEEDED[0]), column(NEEDED[1]), column(NEEDED[2]))
        else {
            let found: Vec<_> = header.iter().map(printable).collect();
            let expected = COLUMNS.join(",");
            return Err(format!(
                "expected the columns {expected} but found {}",
                shorten(&found.join(","))
            ));
        };
        Ok(Self { subject: column("subj"), session: column("session"), response, category, image })
    }
}

/// The name of an observer whose file doesn't say it: the file's name without its extensions.
pub(super) fn name_from_path(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.strip_suffix(".decisions").unwrap_or(&stem).to_owned()
}

fn bad_row(kind: IssueKind, file: &str, line: u64, problem: &str) -> Issue {
    Issue {
        kind,
        observer: None,
        file: Some(file.to_owned()),
        line: Some(line),
        stimuli: Vec::new(),
        message: format!("{file}, line {line}: {problem}; the row was left out"),
    }
}

fn more_bad_rows(file: &str, count: usize) -> Issue {
    Issue {
        kind: IssueKind::MalformedRow,
        observer: None,
        file: Some(file.to_owned()),
        line: None,
        stimuli: Vec::new(),
        message: format!("{file}: {count} more rows can't be used; they were left out"),
    }
}

fn printable(bytes: &[u8]) -> String {
    shorten(&String::from_utf8_lossy(bytes))
}

/// Keeps a field from a damaged file from filling the screen.
fn shorten(text: &str) -> String {
    const LONGEST: usize = 120;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::decision_writer::DecisionWriter;
    use super::*;

    const HEADER: &str = "subj,session,trial,rt,object_response,category,condition,imagename\n";

    fn read(text: &[u8]) -> Result<FileRows, String> {
        let (pattern, categories) =
            (NamePattern::published().unwrap(), Categories::imagenet_16().unwrap());
        let reader = DecisionReader::new(&pattern, &categories, &[]).unwrap();
        reader.read("d.csv", "fallback", text)
    }

    fn read_rows(rows: &str) -> Result<FileRows, String> {
        read(format!("{HEADER}{rows}").as_bytes())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let decisions =
            [("cat1-bear2.png", "bear"), ("cat2-bear1.png", "na")].map(|(name, answer)| Decision {
                stimulus: name.to_owned(),
                cues: NamePattern::published().unwrap().cues(name).unwrap(),
                answer: if answer == "na" {
                    Answer::Missing
                } else {
                    Answer::Category(answer.to_owned())
                },
            });
        let mut file = Vec::new();
        DecisionWriter::new(&mut file, "a, \"b\"").unwrap().write(&decisions[0]).unwrap();
        DecisionWriter::append(&mut file, "a, \"b\"", 1).write(&decisions[1]).unwrap();
        let found = read(&file).unwrap();
        assert!(
            String::from_utf8(file)
                .unwrap()
                .contains("\"a, \"\"b\"\"\",1,2,NaN,na,cat,0,cat2-bear1.png\n")
        );
        let back: Vec<_> = found.rows.iter().map(|row| row.decision.clone()).collect();
        assert_eq!(back, decisions);
        assert_eq!(found.rows[0].subject, "a, \"b\"");
    }

    #[test]
    fn reads_people_and_networks_with_and_without_prefix() {
        let found = read_rows(
            "subject-01,1,1,1.13,bird,bird,0,0001_s5n_s01_0_bird_00_bird3-bird2.png\n\
             subject-01,2,2,NaN,na,cat,0,cat1-bear2.png\r\n",
        )
        .unwrap();
        assert!(found.issues.is_empty());
        assert_eq!(found.rows[0].decision.stimulus, "bird3-bird2.png");
        assert_eq!(found.rows[0].subject, "subject-01");
        assert_eq!(found.rows[1].session, "2");
        assert_eq!(found.rows[1].decision.answer, Answer::Missing);
        assert_eq!(found.rows[1].decision.cues.texture, "bear");
    }

    #[test]
    fn byte_order_mark_crlf_and_any_column_order_are_fine() {
        let found =
            read(b"\xef\xbb\xbfimagename,category,object_response\r\ncat1-bear2.png,cat,bear\r\n")
                .unwrap();
        assert_eq!(found.rows[0].subject, "fallback");
        assert_eq!(found.rows[0].decision.answer.as_str(), "bear");
    }

    #[test]
    fn malformed_rows_are_named_and_the_others_kept() {
        let found = read(
            [
                HEADER.as_bytes(),
                b"n,1,1,NaN,cat,cat,0,cat1-bear2.png\n",
                b"n,1,2,NaN,cat,cat,0\n",
                b"n,1,3,NaN,cow,cat,0,cat2-bear2.png\n",
                b"n,1,4,NaN,cat,dog,0,cat2-bear2.png\n",
                b"n,1,5,NaN,cat,cat,0,cat.png\n",
                b"n,1,6,NaN,cat,cow,0,cow1-cat1.png\n",
                b"n,1,7,NaN,\xff,cat,0,cat3-bear2.png\n",
                b",1,8,NaN,cat,cat,0,cat3-bear2.png\n",
                b"n,1,9,NaN,bear,cat,0,cat3-bear2.png\n",
            ]
            .concat()
            .as_slice(),
        )
        .unwrap();
        assert_eq!(found.rows.len(), 2);
        let lines: Vec<_> = found.issues.iter().map(|issue| issue.line.unwrap()).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9]);
        for (issue, expected) in found.issues.iter().zip([
            "d.csv, line 3: 7 fields where the header has 8",
            "the answer \"cow\"",
            "the category is \"dog\" but cat2-bear2.png has the shape of cat",
            "\"cat.png\" doesn't tell",
            "cow is not one of the categories",
            "is not UTF-8",
            "no observer",
        ]) {
            assert!(issue.message.contains(expected), "{}", issue.message);
        }
    }

    #[test]
    fn other_columns_and_empty_files_are_errors() {
        let message = read(b"model,image,answer\na,b,c\n").unwrap_err();
        assert!(message.contains("found model,image,answer"), "{message}");
        assert!(message.contains("expected the columns subj,session"), "{message}");
        assert!(read(b"").is_err());
        assert!(read_rows("").unwrap_err().contains("no rows"));
        let message = read_rows("n,1,1,NaN,cow,cat,0,cat1-bear2.png\n").unwrap_err();
        assert!(message.contains("none of its 1 rows"), "{message}");
    }

    #[test]
    fn a_flood_of_malformed_rows_is_counted() {
        let rows = "n,1,1,NaN,cow,cat,0,cat1-bear2.png\n".repeat(NAMED_ROWS + 5);
        let found = read_rows(&format!("{rows}n,1,1,NaN,cat,cat,0,cat1-bear2.png\n")).unwrap();
        assert_eq!(found.issues.len(), NAMED_ROWS + 1);
        assert!(found.issues[NAMED_ROWS].message.contains("5 more rows"));
    }

    #[test]
    fn observer_without_name_is_called_after_its_file() {
        assert_eq!(
            name_from_path(Path::new("a/efficientnet_lite0.decisions.csv")),
            "efficientnet_lite0"
        );
        assert_eq!(name_from_path(Path::new("b.csv")), "b");
    }
}
