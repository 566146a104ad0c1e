//! Where in an analysis file something is, and what may have been meant.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::AnalysisFileError;

/// The text of an analysis file, its name and its folder.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub text: &'a str,
    pub file: &'a str,
    pub folder: &'a Path,
}

impl Source<'_> {
    /// An error at a byte of the text.
    pub fn at(&self, offset: usize, problem: String) -> AnalysisFileError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        AnalysisFileError { file: self.file.to_owned(), line, problem }
    }

    /// An error about the part `[name]`.
    pub fn at_header(&self, name: &str, problem: &str) -> AnalysisFileError {
        let header = format!("[{name}]");
        self.at(self.text.find(&header).unwrap_or_default(), problem.to_owned())
    }

    /// An error about a value that isn't one of `known`.
    pub fn choice(&self, value: &Spanned<String>, key: &str, known: &[&str]) -> AnalysisFileError {
        let problem = format!(
            "key `{key}`: \"{}\" is unknown; {}",
            value.get_ref(),
            advice(value.get_ref(), known)
        );
        self.at(value.span().start, problem)
    }

    /// An error about a key that isn't one of `known`.
    pub fn unknown(
        &self,
        offset: usize,
        key: &str,
        table: &str,
        known: &[&str],
    ) -> AnalysisFileError {
        self.at(offset, format!("unknown key `{key}` in [{table}]; {}", advice(key, known)))
    }

    /// What the TOML reader says, with the key and the nearest one that exists.
    pub fn explain(&self, error: &toml::de::Error) -> AnalysisFileError {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message();
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        if let ([unknown, known @ ..], true) =
            (quoted.as_slice(), message.starts_with("unknown field"))
        {
            let what = if self.line_at(offset).starts_with('[') {
                format!("unknown part `{unknown}`")
            } else {
                format!("unknown key `{unknown}` {}", place_of(known))
            };
            return self.at(offset, format!("{what}; {}", advice(unknown, known)));
        }
        let line = self.line_at(offset);
        let message = plain(message);
        let problem = match self.key_at(offset) {
            _ if line == "[networks]" => {
                "each network has a header of its own, [[networks]]".to_owned()
            }
            Some(key) if !message.starts_with("missing") => format!("key `{key}`: {message}"),
            None if line.starts_with('[') => format!("{line}: {message}"),
            _ => message,
        };
        self.at(offset, problem)
    }

    /// The line at a byte, without what surrounds it.
    fn line_at(&self, offset: usize) -> &str {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(start..).and_then(|rest| rest.lines().next());
        line.map_or("", |line| line.split(" #").next().unwrap_or(line).trim())
    }

    /// The key of the line at a byte, or of the line where its list begins.
    fn key_at(&self, offset: usize) -> Option<&str> {
        let before = self.text.get(..offset)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let own = self.text.get(start..)?.lines().next()?;
        let lines = std::iter::once(own).chain(before.get(..start)?.lines().rev());
        let mut lines = lines.take_while(|line| !line.trim_start().starts_with('['));
        let (key, _) = lines.find_map(|line| line.split_once('='))?;
        Some(key.trim()).filter(|key| !key.is_empty() && !key.starts_with('#'))
    }

    /// A path: environment variables put in, and relative to the file's folder.
    pub fn path(&self, value: &Spanned<String>, key: &str) -> Result<PathBuf, AnalysisFileError> {
        let problem =
            |problem: String| self.at(value.span().start, format!("key `{key}`: {problem}"));
        let mut expanded = String::new();
        let mut rest = value.get_ref().as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (inside, after) =
                after.split_once('}').ok_or_else(|| problem("`${` without its `}`".to_owned()))?;
            let (name, default) = match inside.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inside, None),
            };
            let found = std::env::var(name).ok().or_else(|| default.map(str::to_owned));
            expanded.push_str(before);
            expanded.push_str(&found.ok_or_else(|| {
                problem(format!(
                    "the environment variable {name} is not set; set it, or write the path in its place"
                ))
            })?);
            rest = after;
        }
        expanded.push_str(rest);
        if expanded.is_empty() {
            return Err(problem("the path is empty".to_owned()));
        }
        Ok(self.folder.join(expanded))
    }
}

/// A folder's path as it is written from the current folder, so that each way of writing it gives the
/// same: relative where the folder is below the current one, else absolute.
pub fn from_here(folder: &Path) -> PathBuf {
    let Ok(here) = std::env::current_dir() else { return folder.to_owned() };
    match (here.join(folder).canonicalize(), folder.parent(), folder.file_name()) {
        (Ok(found), ..) => found.strip_prefix(&here).map(Path::to_path_buf).unwrap_or(found),
        // What isn't there yet will be found where it is looked for now.
        (Err(_), Some(parent), Some(name)) => from_here(parent).join(name),
        (Err(_), ..) => folder.to_owned(),
    }
}

/// The same of a folder that need not be there, and may be a link that another takes the place of.
pub fn from_here_unfollowed(folder: &Path) -> PathBuf {
    match (folder.parent(), folder.file_name()) {
        (Some(parent), Some(name)) => from_here(parent).join(name),
        _ => from_here(folder),
    }
}

/// Where the keys of a part are written, by one that only it has.
fn place_of(known: &[&str]) -> &'static str {
    let parts = [
        ("networks", "at the top of the file"),
        ("arch", "in [[networks]]"),
        ("num_images", "in [erf]"),
        ("stimuli", "in [shapebias]"),
        ("partition", "in [cluster]"),
        ("captions", "in [report]"),
        ("size", "in [inspect]"),
    ];
    parts.iter().find(|(key, _)| known.contains(key)).map_or("here", |(_, place)| place)
}

/// The TOML reader's words as others would say them.
fn plain(message: &str) -> String {
    let words = [
        ("missing field", "missing key"),
        ("invalid type: ", "this is of the wrong kind: "),
        ("invalid value: ", "this value can't be: "),
        ("expected usize", "expected a whole number from 0"),
        ("expected u64", "expected a whole number from 0"),
        ("expected u16", "expected a whole number from 0"),
        ("expected f64", "expected a number"),
        ("expected a sequence", "expected a list, [...]"),
        ("an array of length", "a list of length"),
        ("floating point", "the number"),
        ("map,", "a part,"),
    ];
    words.iter().fold(message.to_owned(), |message, (theirs, ours)| message.replace(theirs, ours))
}

/// "did you mean `images`?", or all that there is.
pub fn advice(wrong: &str, known: &[&str]) -> String {
    // Slips of the fingers first; then what begins alike.
    let score = |name: &str| {
        (strsim::normalized_damerau_levenshtein(name, wrong), strsim::jaro_winkler(name, wrong))
    };
    let better = |a: &&&str, b: &&&str| {
        let (a, b) = (score(a), score(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    match known.iter().max_by(better) {
        Some(nearest) if score(nearest).0 >= 0.5 || score(nearest).1 > 0.7 => {
            format!("did you mean `{nearest}`?")
        }
        _ => format!("known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_path_however_it_is_written() {
        let here = std::env::current_dir().unwrap();
        for folder in [Path::new("src/image"), Path::new("./src/./image/"), &here.join("src/image")]
        {
            assert_eq!(from_here(folder), Path::new("src/image"));
            assert_eq!(from_here_unfollowed(folder), Path::new("src/image"));
        }
        assert_eq!(from_here(&here.join("src/../src/image")), Path::new("src/image"));
        assert_eq!([from_here(Path::new("")), from_here(&here)], [Path::new(""); 2]);
        let absent = here.join("no such/./folder");
        for folder in [Path::new("no such/folder"), &absent, Path::new("src/../no such/folder")] {
            assert_eq!(from_here(folder), Path::new("no such/folder"));
            assert_eq!(from_here_unfollowed(folder), Path::new("no such/folder"));
        }
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&here, place.join("link")).unwrap();
        assert_eq!(from_here(&place.join("link/src")), Path::new("src"));
        assert_eq!(from_here_unfollowed(&place.join("link")), place.join("link"));
    }
}
