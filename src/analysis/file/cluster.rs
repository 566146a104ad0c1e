//! `[cluster]`: what the tasks of a study are given by a scheduler.

use toml::Spanned;

use super::AnalysisFileError;
use super::place::Source;
use super::schema::ClusterTable;

/// What each task asks a scheduler for. What is absent is left to the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterPart {
    /// Partition (queue).
    pub partition: Option<String>,
    /// Longest run time, as the scheduler reads it ("12:00:00").
    pub time: Option<String>,
    /// Memory, as the scheduler reads it ("16G").
    pub memory: Option<String>,
    /// Processors, and threads to compute with; one where absent.
    pub cpus: Option<u16>,
    /// Graphics processors.
    pub gpus: Option<u16>,
    /// Account to charge.
    pub account: Option<String>,
    /// Shell commands before the task, such as `module load cuda`.
    pub setup: Option<String>,
    /// Further options of `sbatch`, each as one word ("--qos=low").
    pub options: Vec<String>,
}

impl ClusterPart {
    pub(super) fn read(
        source: &Source<'_>,
        table: Option<&ClusterTable>,
    ) -> Result<Self, AnalysisFileError> {
        let Some(table) = table else { return Ok(Self::default()) };
        if table.cpus == Some(0) {
            return Err(source.at_header("cluster", "`cpus` is at least 1"));
        }
        let line = |value: &Spanned<String>, key: &str| {
            one_line(value.get_ref())
                .map_err(|problem| source.at(value.span().start, format!("key `{key}`: {problem}")))
        };
        let optional = |value: &Option<Spanned<String>>, key: &str| {
            value.as_ref().map(|value| line(value, key)).transpose()
        };
        Ok(Self {
            partition: optional(&table.partition, "partition")?,
            time: optional(&table.time, "time")?,
            memory: optional(&table.memory, "memory")?,
            cpus: table.cpus,
            gpus: table.gpus,
            account: optional(&table.account, "account")?,
            setup: table.setup.clone(),
            options: (table.options.iter())
                .map(|option| line(option, "options"))
                .collect::<Result<_, _>>()?,
        })
    }

    /// With what `other` says in place of what is said here.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        let text = |over: &Option<String>, here: &Option<String>| over.clone().or(here.clone());
        let options = if other.options.is_empty() { &self.options } else { &other.options };
        Self {
            partition: text(&other.partition, &self.partition),
            time: text(&other.time, &self.time),
            memory: text(&other.memory, &self.memory),
            cpus: other.cpus.or(self.cpus),
            gpus: other.gpus.or(self.gpus),
            account: text(&other.account, &self.account),
            setup: text(&other.setup, &self.setup),
            options: options.clone(),
        }
    }
}

/// A value that goes into one line of a script.
///
/// # Errors
///
/// Why it doesn't.
pub fn one_line(value: &str) -> Result<String, String> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err("write one line of text, without tabs".to_owned());
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file() {
        let file = ClusterPart {
            partition: Some("gpu".to_owned()),
            cpus: Some(4),
            options: vec!["--qos=low".to_owned()],
            ..ClusterPart::default()
        };
        assert_eq!(file.overridden_by(&ClusterPart::default()), file);
        let flags = ClusterPart {
            partition: Some("short".to_owned()),
            time: Some("1:00:00".to_owned()),
            options: vec!["--nice".to_owned()],
            ..ClusterPart::default()
        };
        let expected = ClusterPart { cpus: Some(4), ..flags.clone() };
        assert_eq!(file.overridden_by(&flags), expected);
    }
}
