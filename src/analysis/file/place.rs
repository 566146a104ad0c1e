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
            let table = self.table_at(offset);
            let place = if table.is_empty() {
                "at the top of the file".into()
            } else {
                format!("in {table}")
            };
            return self.at(
                offset,
                format!("unknown key `{unknown}` {place}; {}", advice(unknown, known)),
            );
        }
        let key = self.key_at(offset);
        let problem = match key {
            Some(key) if !message.contains('`') => format!("key `{key}`: {message}"),
            _ => message.replace("missing field", "missing key"),
        };
        self.at(offset, problem)
    }

    /// The last header before a byte, with its brackets.
    fn table_at(&self, offset: usize) -> &str {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let mut headers = before.lines().map(str::trim).filter(|line| line.starts_with('['));
        headers.next_back().map_or("", |line| line.split('#').next().unwrap_or(line).trim())
    }

    /// The key of the line at a byte.
    fn key_at(&self, offset: usize) -> Option<&str> {
        let start = self.text.get(..offset)?.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(start..)?.lines().next()?;
        let (key, _) = line.split_once('=')?;
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

/// "did you mean `images`?", or all that there is.
fn advice(wrong: &str, known: &[&str]) -> String {
    let score = |name: &&&str| (strsim::jaro_winkler(name, wrong) * 1e6) as u64;
    match known.iter().max_by_key(score) {
        Some(nearest) if strsim::jaro_winkler(nearest, wrong) > 0.7 => {
            format!("did you mean `{nearest}`?")
        }
        _ => format!("known are {}", known.join(", ")),
    }
}
