//! Shares of an ERF study put together.

use std::path::{Path, PathBuf};

use super::{ErfStudy, files};
use crate::analysis::AnalysisError;
use crate::analysis::shards::{Share, check_shares};
use crate::erf::measured::Measured;
use crate::erf::state::{Head, State};
use crate::store::{Shard, StoreError};

/// One network's state in the folder of a share.
struct Part<'a> {
    folder: &'a Path,
    state: PathBuf,
    head: Head,
}

impl ErfStudy {
    /// Puts the shares in the folders `parts` together in this study's folder, as the state of a
    /// run that has gone through all their images: [`ErfStudy::run`] then takes the replacements
    /// of images that had to be left out, and writes the results.
    ///
    /// The sums of one share are in memory at a time, for a thousand of them take 100 GB at 1024
    /// pixels.
    ///
    /// # Errors
    ///
    /// [`AnalysisError::Parts`] for parts that don't make a whole; [`AnalysisError::Store`].
    pub fn merge(&self, parts: &[PathBuf]) -> Result<(), AnalysisError> {
        for spec in &self.models {
            let mut parts = parts
                .iter()
                .map(|folder| part(folder, &spec.label))
                .collect::<Result<Vec<_>, _>>()?;
            let shares: Vec<Share<'_>> = parts
                .iter()
                .map(|part| Share {
                    folder: part.folder,
                    settings: &part.head.settings,
                    shard: part.head.shard,
                    finished: part.head.finished,
                })
                .collect();
            check_shares(&spec.label, &shares)?;
            parts.sort_by_key(|part| part.head.shard.number());
            let Some(measured) = Measured::of_shares(parts.iter().map(Part::read))? else {
                continue;
            };
            let settings = parts.swap_remove(0).head.settings;
            self.claim(Shard::WHOLE)?;
            State { head: Head { settings, shard: Shard::WHOLE, finished: false }, measured }
                .write(&self.state_path(&spec.label))?;
        }
        Ok(())
    }
}

fn part<'a>(folder: &'a Path, label: &str) -> Result<Part<'a>, AnalysisError> {
    let state = folder.join(files::state(label));
    let head = Head::read(&state)?.ok_or_else(|| {
        AnalysisError::Parts(format!("{} holds no part of {label}", folder.display()))
    })?;
    Ok(Part { folder, state, head })
}

impl Part<'_> {
    /// What the share has come to; its checksum is verified only here.
    fn read(&self) -> Result<Measured, AnalysisError> {
        match State::read(&self.state)? {
            Some(state) if state.head == self.head => Ok(state.measured),
            _ => Err(StoreError::state(&self.state, "it has changed while it was merged").into()),
        }
    }
}
