//! How far the shares of a divided study have come, and whether they are of its inputs as they are now.

use std::collections::BTreeMap;

use super::{DividedWork, Division, ShareTask, ranges};
use crate::analysis::AnalysisError;
use crate::analysis::run::plan::{State, Task};
use crate::analysis::run::record::{Record, Stage};
use crate::store::StoreError;

impl Division {
    /// Refuses to put shares together while some are missing that the plan has a use for.
    pub(in crate::analysis::run) fn check_shares_of(
        &self,
        plan: &[Task],
    ) -> Result<(), AnalysisError> {
        let needed = plan.iter().filter(|task| matches!(task.state, State::Compute(_)));
        let shares: Vec<ShareTask<'_>> = needed
            .filter_map(|task| self.work_of(task))
            .flat_map(|work| self.tasks_of(work))
            .filter(|share| !self.is_done(share))
            .collect();
        let (outdated, missing): (Vec<_>, Vec<_>) =
            shares.iter().partition(|share| self.is_outdated(share));
        let groups = [
            (missing, "these aren't done"),
            (outdated, "these were begun before the study's inputs changed"),
        ];
        let groups =
            groups.iter().filter(|(shares, _)| !shares.is_empty()).map(|(shares, what)| {
                let numbers: Vec<usize> = shares.iter().map(|share| share.index).collect();
                format!("{what}: {}", ranges(&numbers))
            });
        let groups: Vec<String> = groups.collect();
        if groups.is_empty() {
            return Ok(());
        }
        Err(AnalysisError::Parts(format!(
            "of {} tasks, {} (`fieldscope status` tells how to run them)",
            self.count(),
            groups.join("; ")
        )))
    }

    /// Removes the shares that are done. To be called once they have been put together.
    pub(in crate::analysis::run) fn remove_parts(&self) -> Result<(), StoreError> {
        for task in self.tasks().filter(|task| Record::is_done(&task.folder)) {
            // First, so that what is left of it where this breaks off isn't taken for a share.
            Record::remove(&task.folder)?;
            std::fs::remove_dir_all(&task.folder)
                .map_err(|cause| StoreError::io("remove", &task.folder, cause))?;
        }
        for work in &self.works {
            // It stays where it holds anything else, such as shares of another division.
            let _ = std::fs::remove_dir(&work.folder);
        }
        Ok(())
    }

    /// Whether a share was put together with the others, and removed then.
    pub fn is_removed(&self, task: &ShareTask) -> bool {
        if task.folder.exists() || !task.work.result.exists() {
            return false;
        }
        let merged = Record::read(&self.merge_folder());
        merged.is_some_and(|merged| {
            merged.stage == Stage::Done && !task.work.has_changed_since(&merged)
        })
    }

    /// Whether a task ended well, with the study's inputs as they are now.
    pub fn is_done(&self, task: &ShareTask) -> bool {
        let record = Record::read(&task.folder);
        record.is_some_and(|record| {
            record.stage == Stage::Done && !task.work.has_changed_since(&record)
        })
    }

    /// Whether a task was begun with inputs that have changed since, so that it has to be begun anew.
    pub fn is_outdated(&self, task: &ShareTask) -> bool {
        Record::read(&task.folder).is_some_and(|record| task.work.has_changed_since(&record))
    }

    /// What a task said last; where it is done with inputs that have changed since, that it isn't.
    pub fn record_of(&self, task: &ShareTask) -> Option<Record> {
        let record = Record::read(&task.folder)?;
        if record.stage != Stage::Done || !task.work.has_changed_since(&record) {
            return Some(record);
        }
        let message = "it was done before the study's inputs changed".to_owned();
        Some(Record { stage: Stage::Failed, message: Some(message), ..record })
    }

    /// Whether a work's inputs have changed since the shares were put together.
    pub fn is_behind(&self, work: &DividedWork) -> bool {
        let merged = Record::read(&self.merge_folder());
        merged.is_some_and(|merged| work.has_changed_since(&merged))
    }

    /// What putting the shares together said last, unless it is done and what came of it is gone or
    /// of other inputs.
    pub fn merge_record(&self) -> Option<Record> {
        let record = Record::read(&self.merge_folder())?;
        let is_there =
            |work: &DividedWork| work.result.exists() && !work.has_changed_since(&record);
        if record.stage != Stage::Done || self.works.iter().all(is_there) {
            return Some(record);
        }
        let message = "results are gone, or of inputs that have changed since".to_owned();
        Some(Record { stage: Stage::Failed, message: Some(message), ..record })
    }

    /// Whether the shares have been put together, and what came of it is there.
    pub fn is_merged(&self) -> bool {
        self.merge_record().is_some_and(|record| record.stage == Stage::Done)
    }

    /// Digests of all works' inputs.
    pub(in crate::analysis::run) fn inputs(&self) -> BTreeMap<String, String> {
        let works = self.works.iter();
        works.filter_map(|work| Some((work.file_name.clone(), work.inputs.clone()?))).collect()
    }
}

impl DividedWork {
    /// Whether what a record tells of is of other inputs than the study has now.
    fn has_changed_since(&self, record: &Record) -> bool {
        match (&self.inputs, record.inputs.get(&self.file_name)) {
            (Some(now), Some(then)) => now != then,
            _ => false,
        }
    }
}
