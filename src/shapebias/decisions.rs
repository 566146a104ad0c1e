//! Decision files and folders -> observers: which files are sessions of one observer, and which
//! only share its name.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::decision_file::{DecisionReader, FileRows, Row, name_from_path};
use super::error::ShapeBiasError;
use super::observer::Observer;
use super::result::{Issue, IssueKind};
use crate::store::Provenance;
use crate::store::digest::sha256_file;
use crate::store::provenance::InputFile;
use crate::store::walk::{self, Followed, is_hidden};

/// Observers that were read, and what couldn't be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadDecisions {
    /// In order of their label.
    pub observers: Vec<Observer>,
    /// Unusable files, malformed rows, doubled stimuli, names shared by several observers.
    pub issues: Vec<Issue>,
}

/// The rows of one observer's name in one file.
struct Part {
    path: PathBuf,
    rows: Vec<Row>,
}

impl DecisionReader<'_> {
    /// Reads files and folders (every `.csv` below them). Several files with one name in `subj` are
    /// sessions of one observer where no stimulus occurs twice in one session; otherwise they are
    /// kept apart under labels that tell their files.
    ///
    /// # Errors
    /// Where none of the files can be used.
    pub fn read_all(&self, paths: &[PathBuf]) -> Result<ReadDecisions, ShapeBiasError> {
        let mut read = ReadDecisions::default();
        let mut parts: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        for path in decision_files(paths, &mut read.issues) {
            match self.read_path(&path) {
                Ok(found) => {
                    read.issues.extend(found.issues);
                    for (subject, rows) in by_subject(found.rows) {
                        let path = path.clone();
                        parts.entry(subject).or_default().push(Part { path, rows });
                    }
                }
                Err(problem) => read.issues.push(unusable(&path, &problem)),
            }
        }
        for (subject, parts) in parts {
            read.add(&subject, parts);
        }
        if read.observers.is_empty() {
            let first = read.issues.into_iter().next().map(|issue| issue.message);
            return Err(ShapeBiasError::NoDecisions(
                first.unwrap_or_else(|| "no file was given".to_owned()),
            ));
        }
        Ok(read)
    }

    fn read_path(&self, path: &Path) -> Result<FileRows, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        self.read(&path.display().to_string(), &name_from_path(path), file)
    }
}

impl ReadDecisions {
    fn add(&mut self, subject: &str, mut parts: Vec<Part>) {
        if parts.len() > 1 && contradict(&parts) {
            let paths: Vec<_> = parts.iter().map(|part| part.path.as_path()).collect();
            let labels: Vec<_> = distinctions(&paths)
                .into_iter()
                .map(|part| format!("{subject} ({part})"))
                .collect();
            self.issues.push(kept_apart(subject, &paths, &labels));
            for (label, part) in labels.iter().zip(parts) {
                self.push(label, vec![part]);
            }
        } else {
            parts.sort_by_key(first_session);
            self.push(subject, parts);
        }
    }

    fn push(&mut self, label: &str, parts: Vec<Part>) {
        let files: BTreeSet<_> = parts.iter().map(|part| part.path.clone()).collect();
        let provenance = Provenance {
            protocol: "decisions read from files".to_owned(),
            inputs: files.iter().filter_map(|path| input_file(path)).collect(),
            ..Provenance::default()
        };
        let rows = parts.into_iter().flat_map(|part| part.rows);
        let decisions = rows.map(|row| row.decision).collect();
        let (observer, issues) = Observer::new(label, decisions, provenance);
        self.observers.push(observer);
        self.issues.extend(issues);
    }
}

/// The files among `paths`, and the CSV files below the folders among them: links are followed, hidden
/// files are passed over, and each file is listed once. What can't be listed is an issue.
pub fn decision_files(paths: &[PathBuf], issues: &mut Vec<Issue>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    let mut followed = Followed::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            for entry in walk::entries(path, &mut followed, |entry| !is_hidden(entry.file_name())) {
                match entry {
                    Ok(entry) if entry.file_type().is_file() && is_csv(entry.path()) => {
                        files.push(entry.into_path());
                    }
                    Ok(_) => {}
                    // A link back to a folder above: all that is in it is listed there.
                    Err(error) if error.loop_ancestor().is_some() => {}
                    Err(error) => issues.push(unusable(path, &error.to_string())),
                }
            }
            if files.len() == before {
                issues.push(unusable(path, "the folder holds no .csv file"));
            }
        } else {
            files.push(path.clone());
        }
    }
    // A file that is named twice, or named and in a named folder, is one file.
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    files
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

fn by_subject(rows: Vec<Row>) -> BTreeMap<String, Vec<Row>> {
    let mut subjects: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        subjects.entry(row.subject.clone()).or_default().push(row);
    }
    subjects
}

/// Whether two files claim to hold the same session's answer to the same stimulus.
fn contradict(parts: &[Part]) -> bool {
    let mut owners: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    parts.iter().enumerate().any(|(index, part)| {
        part.rows.iter().any(|row| {
            let key = (row.session.as_str(), row.decision.stimulus.as_str());
            *owners.entry(key).or_insert(index) != index
        })
    })
}

/// Sessions in the order of their number, so that "the first answer" means the earliest session.
fn first_session(part: &Part) -> (Option<u64>, String) {
    let session = part.rows.first().map(|row| row.session.clone()).unwrap_or_default();
    (session.parse().ok(), session)
}

/// What tells files apart: the part of their names that differs, from the last `_` or space before
/// the difference; else their folders' names; else a number.
fn distinctions(paths: &[&Path]) -> Vec<String> {
    let stems: Vec<String> = paths.iter().map(|path| name_from_path(path)).collect();
    if all_differ(&stems) {
        let start = common_start(&stems);
        return stems.iter().map(|stem| stem[start..].to_owned()).collect();
    }
    let folder = |path: &&Path| {
        let name = path.parent().and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let folders: Vec<String> = paths.iter().map(folder).collect();
    if all_differ(&folders) {
        return folders;
    }
    (1..=paths.len()).map(|number| number.to_string()).collect()
}

fn all_differ(names: &[String]) -> bool {
    let distinct: HashSet<_> = names.iter().collect();
    distinct.len() == names.len() && !distinct.contains(&String::new())
}

/// Byte position after the last `_` or space in the common beginning of names.
fn common_start(names: &[String]) -> usize {
    let Some((first, others)) = names.split_first() else {
        return 0;
    };
    let shared = |name: &String| {
        let pairs = first.char_indices().zip(name.chars());
        let same = pairs.take_while(|((_, a), b)| a == b);
        same.last().map_or(0, |((at, a), _)| at + a.len_utf8())
    };
    let end = others.iter().map(shared).min().unwrap_or(0);
    first[..end].rfind(['_', ' ']).map_or(0, |at| at + 1)
}

fn input_file(path: &Path) -> Option<InputFile> {
    let sha256 = sha256_file(path).ok()?;
    Some(InputFile { path: path.display().to_string(), sha256 })
}

fn unusable(path: &Path, problem: &str) -> Issue {
    let file = path.display().to_string();
    Issue {
        kind: IssueKind::UnusableFile,
        observer: None,
        message: format!("reading decisions from {file}: {problem}"),
        file: Some(file),
        line: None,
        stimuli: Vec::new(),
    }
}

fn kept_apart(subject: &str, paths: &[&Path], labels: &[String]) -> Issue {
    let files: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    Issue {
        kind: IssueKind::AmbiguousObserver,
        observer: Some(subject.to_owned()),
        file: None,
        line: None,
        stimuli: Vec::new(),
        message: format!(
            "{} files answer the same stimuli in the same session under the name {subject} ({}); they are kept apart as {}",
            paths.len(),
            files.join(", "),
            labels.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::categories::Categories;
    use super::super::result::ObserverKind;
    use super::super::stimuli::NamePattern;
    use super::*;

    const HEADER: &str = "subj,session,trial,rt,object_response,category,condition,imagename\n";

    fn read(files: &[(&str, &str)]) -> Result<ReadDecisions, ShapeBiasError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, rows) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{HEADER}{rows}")).unwrap();
        }
        read_paths(&[folder.path().to_owned()])
    }

    fn read_paths(paths: &[PathBuf]) -> Result<ReadDecisions, ShapeBiasError> {
        let (pattern, categories) =
            (NamePattern::published().unwrap(), Categories::imagenet_16().unwrap());
        DecisionReader::new(&pattern, &categories, &[]).unwrap().read_all(paths)
    }

    fn labels(read: &ReadDecisions) -> Vec<&str> {
        read.observers.iter().map(|observer| observer.label.as_str()).collect()
    }

    const FIRST: &str = "n,1,1,NaN,cat,cat,0,cat1-bear2.png\n";

    #[test]
    fn sessions_are_joined_and_earlier_answers_count() {
        let read = read(&[
            ("n_session_10.csv", "n,10,1,NaN,bear,cat,0,cat1-bear2.png\n"),
            (
                "n_session_2.csv",
                "n,2,1,NaN,cat,cat,0,cat1-bear2.png\nn,2,2,NaN,cat,cat,0,cat3-bear2.png\n",
            ),
        ])
        .unwrap();
        assert_eq!(labels(&read), ["n"]);
        assert_eq!(read.observers[0].decisions().len(), 2);
        assert_eq!(read.observers[0].decisions()[0].answer.as_str(), "cat");
        assert_eq!(read.observers[0].provenance.inputs.len(), 2);
        assert_eq!(read.issues.len(), 1);
        assert_eq!(read.issues[0].kind, IssueKind::DuplicateStimulus);
    }

    #[test]
    fn disjoint_stimuli_of_one_session_are_joined() {
        let read =
            read(&[("a.csv", FIRST), ("b.csv", "n,1,2,NaN,cat,cat,0,cat3-bear2.png\n")]).unwrap();
        assert_eq!(labels(&read), ["n"]);
        assert!(read.issues.is_empty());
    }

    #[test]
    fn two_observers_of_one_name_are_kept_apart() {
        let read = read(&[("x_n_session-1.csv", FIRST), ("x_n_session_1.csv", FIRST)]).unwrap();
        assert_eq!(labels(&read), ["n (session-1)", "n (session_1)"]);
        assert_eq!(read.issues[0].kind, IssueKind::AmbiguousObserver);
        let message = &read.issues[0].message;
        assert!(message.contains("x_n_session-1.csv"), "{message}");
    }

    #[test]
    fn folders_tell_apart_what_file_names_do_not() {
        let read = read(&[("old/n.csv", FIRST), ("new/n.csv", FIRST)]).unwrap();
        assert_eq!(labels(&read), ["n (new)", "n (old)"]);
        let same = [Path::new("a/x/n.csv"), Path::new("b/x/n.csv")];
        assert_eq!(distinctions(&same), ["1", "2"]);
        let longer = [Path::new("net_v1.csv"), Path::new("net_v1_long.csv")];
        assert_eq!(distinctions(&longer), ["v1", "v1_long"]);
    }

    #[test]
    fn a_bad_file_costs_itself() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("good.csv");
        let bad = folder.path().join("bad.csv");
        std::fs::write(&good, format!("{HEADER}{FIRST}")).unwrap();
        std::fs::write(&bad, "a,b\n1,2\n").unwrap();
        let absent = folder.path().join("absent.csv");
        let read = read_paths(&[folder.path().to_owned(), good, absent.clone()]).unwrap();
        assert_eq!(labels(&read), ["n"]);
        let messages: Vec<_> = read.issues.iter().map(|issue| issue.message.as_str()).collect();
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("bad.csv: expected the columns subj"), "{messages:?}");
        assert!(messages[1].contains("absent.csv: No such file"), "{messages:?}");
        let message = read_paths(&[bad]).unwrap_err().to_string();
        assert!(message.contains("found a,b"), "{message}");
        assert!(read_paths(&[absent]).is_err());
    }

    #[test]
    fn people_are_told_from_networks_by_name() {
        let read =
            read(&[("a.csv", FIRST), ("b.csv", "subject-03,1,1,0.9,na,cat,0,cat1-bear2.png\n")])
                .unwrap();
        let kinds: Vec<_> = read.observers.iter().map(|observer| observer.kind).collect();
        assert_eq!(kinds, [ObserverKind::Network, ObserverKind::Person]);
    }
}
