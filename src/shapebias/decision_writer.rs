//! Writing decisions as [`super::decision_file`] reads them, row by row.

use std::io::Write;

use super::decision_file::COLUMNS;
use super::observer::Decision;

/// Writes decisions row by row, each on disk before the next, so that a killed run keeps them.
pub struct DecisionWriter<W: Write> {
    rows: csv::Writer<W>,
    subject: String,
    trial: usize,
}

impl<W: Write> DecisionWriter<W> {
    /// Starts a file with its header.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn new(output: W, subject: &str) -> std::io::Result<Self> {
        let mut writer = Self::append(output, subject, 0);
        writer.rows.write_record(COLUMNS)?;
        writer.rows.flush()?;
        Ok(writer)
    }

    /// Goes on with a file that has its header and `trials` rows.
    pub fn append(output: W, subject: &str, trials: usize) -> Self {
        Self { rows: csv::Writer::from_writer(output), subject: subject.to_owned(), trial: trials }
    }

    /// Writes and flushes one row.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write(&mut self, decision: &Decision) -> std::io::Result<()> {
        self.trial += 1;
        self.rows.write_record([
            &self.subject,
            "1",
            &self.trial.to_string(),
            "NaN",
            decision.answer.as_str(),
            &decision.cues.shape,
            "0",
            &decision.stimulus,
        ])?;
        self.rows.flush()
    }
}
