//! ERF maps of several networks and existing maps: files, tables and figures in one folder.

mod figures;
mod files;
mod merge;
mod network;

use std::path::PathBuf;
use std::time::Duration;

use ndarray::Array2;
use tch::Device;

pub(super) use self::files::is_reserved;
use super::AnalysisError;
use super::request::{check_labels, check_models, record_run};
use crate::erf::describe::{Description, describe};
use crate::erf::gradient::Target;
use crate::erf::result::ErfResult;
use crate::erf::saving::SAVE_EVERY;
use crate::erf::state;
use crate::erf::{ErfError, table};
use crate::figure::{Colormap, Format};
use crate::image::{self, Order};
use crate::progress::{Progress, Stop};
use crate::store::provenance::InputFile;
use crate::store::{Provenance, ResultFolder, Shard, StoreError, atomic, digest, npy};
use crate::zoo::run::Path;
use crate::zoo::{Init, ModelSpec};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ErfStudy {
    /// Networks to measure.
    pub models: Vec<ModelSpec>,
    /// What stands in for a checkpoint where there is none.
    pub init: Option<Init>,
    /// Existing maps: label and .npy file.
    pub maps: Vec<(String, PathBuf)>,
    /// Image files and folders.
    pub images: Vec<PathBuf>,
    /// How many images enter the mean.
    pub num_images: usize,
    /// The order in which images are taken.
    pub order: Order,
    /// Height and width of the input, in pixels.
    pub size: [usize; 2],
    /// Mean and standard deviation of each colour channel; the architecture's where absent.
    pub mean: Option<[f64; 3]>,
    /// See `mean`.
    pub std: Option<[f64; 3]>,
    /// The unit whose receptive field is asked for.
    pub target: Target,
    /// How gradients are computed.
    pub path: Path,
    /// Where they are computed.
    pub device: Device,
    /// Seed, for the provenance.
    pub seed: u64,
    /// Folder for the results.
    pub out: PathBuf,
    /// Whether another run's results may be overwritten.
    pub force: bool,
    /// Colours of the heatmaps.
    pub colormap: Colormap,
    /// File formats of the figures.
    pub formats: Vec<Format>,
}

/// What a study gives.
#[derive(Debug, Default)]
pub struct Outcome {
    /// A result a network or map, in the order asked for.
    pub results: Vec<ErfResult>,
    /// Label and error of each network that failed.
    pub failures: Vec<(String, String)>,
}

/// A described map on its way into the folder.
struct Finished {
    result: ErfResult,
    map: Array2<f64>,
}

/// How a run is divided and who listens; no number depends on it.
#[derive(Clone, Copy)]
struct Course<'a> {
    shard: Shard,
    every: Duration,
    /// Whether states of finished networks are kept for a run that is started again.
    keep: bool,
    progress: &'a dyn Progress,
    stop: &'a Stop,
}

impl ErfStudy {
    /// Runs the study and writes its folder: `LABEL.npy`, `.json` and figures as each network is
    /// done, then `erf.csv` and the figures of all. A network that fails costs only itself. Where an
    /// earlier run of the same study was interrupted, this one goes on from there.
    ///
    /// # Errors
    ///
    /// [`AnalysisError`] for what concerns the study as a whole: a wrong request, no images, a folder
    /// that can't be written or belongs to another run, the state of a run with other settings, `stop`.
    pub fn run(&self, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, AnalysisError> {
        self.run_saving(SAVE_EVERY, progress, stop)
    }

    /// As [`ErfStudy::run`], with the state of each network written every so often.
    ///
    /// # Errors
    ///
    /// As [`ErfStudy::run`].
    pub fn run_saving(
        &self,
        every: Duration,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Outcome, AnalysisError> {
        let outcome = self.run_keeping_states(self.models.len() > 1, every, progress, stop)?;
        // Until here the states of finished networks spare an interrupted study to compute them again.
        if outcome.failures.is_empty() {
            self.remove_states()?;
        }
        Ok(outcome)
    }

    /// As [`ErfStudy::run_saving`], but leaves the states for the caller to remove; with `keep` also
    /// those of finished networks, so that the same study again has nothing to compute.
    pub(super) fn run_keeping_states(
        &self,
        keep: bool,
        every: Duration,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Outcome, AnalysisError> {
        self.check()?;
        let files = self.list(progress)?;
        let folder = self.claim(Shard::WHOLE)?;
        let started = Provenance::of_this_run();
        let mut outcome = Outcome::default();
        let mut finished = Vec::new();
        for (label, path) in &self.maps {
            let done = self.describe_file(label, path, &started);
            self.keep(label, done, &folder, &mut finished, &mut outcome, progress)?;
        }
        let course = Course { shard: Shard::WHOLE, every, keep, progress, stop };
        for spec in &self.models {
            let done = self.measure(spec, &files, &started, &course);
            self.keep(&spec.label, done, &folder, &mut finished, &mut outcome, progress)?;
        }
        if !finished.is_empty() {
            outcome.results = finished.iter().map(|done| done.result.clone()).collect();
            atomic::write_bytes(&folder.file(files::TABLE), &table::csv(&outcome.results)?)?;
            let panels: Vec<_> = finished.iter().map(|done| (&done.result, &done.map)).collect();
            figures::all(&panels, self.colormap, &self.formats, folder.path())?;
        }
        Ok(outcome)
    }

    /// Removes what would spare another run of the study to compute its networks again.
    pub(super) fn remove_states(&self) -> Result<(), AnalysisError> {
        for spec in &self.models {
            state::remove(&self.state_path(&spec.label))?;
        }
        Ok(())
    }

    /// Computes one share of the images of each network, which [`ErfStudy::merge`] puts together
    /// with the others, and leaves it as `LABEL.state` in the folder. Label and error of each network
    /// that failed are returned.
    ///
    /// # Errors
    ///
    /// As [`ErfStudy::run`].
    pub fn run_shard(
        &self,
        shard: Shard,
        every: Duration,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Vec<(String, String)>, AnalysisError> {
        self.check()?;
        let files = self.list(progress)?;
        self.claim(shard)?;
        let started = Provenance::of_this_run();
        let course = Course { shard, every, keep: true, progress, stop };
        let mut failures = Vec::new();
        for spec in &self.models {
            let done = self
                .prepare(spec, &files, &started, shard)
                .and_then(|prepared| self.measure_images(&spec.label, &prepared, &course));
            match done {
                Ok(_) => {}
                Err(error) if concerns_all(&error) => return Err(error),
                Err(error) => {
                    progress.warn(&format!("{} failed: {error}", spec.label));
                    failures.push((spec.label.clone(), error.to_string()));
                }
            }
        }
        Ok(failures)
    }

    /// Whether `other` asks for the same numbers.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.identity(Shard::WHOLE) == other.identity(Shard::WHOLE)
    }

    /// Takes the folder for the study, before any work.
    pub(super) fn claim(&self, shard: Shard) -> Result<ResultFolder, AnalysisError> {
        let identity = self.identity(shard);
        let folder = ResultFolder::open(&self.out, "erf", &identity, self.force)?;
        folder.claim(files::all(self, shard))?;
        Ok(folder)
    }

    /// Where what a network's run has come to is kept.
    fn state_path(&self, label: &str) -> PathBuf {
        self.out.join(files::state(label))
    }

    /// Labels of maps and networks, in order.
    fn labels(&self) -> impl Iterator<Item = &str> {
        let maps = self.maps.iter().map(|(label, _)| label.as_str());
        maps.chain(self.models.iter().map(|spec| spec.label.as_str()))
    }

    /// What can be refused before any work.
    pub(super) fn check(&self) -> Result<(), AnalysisError> {
        let refuse = |reason: String| Err(AnalysisError::Request(reason));
        if self.models.is_empty() && self.maps.is_empty() {
            return refuse("nothing to measure: give --model or --map".into());
        }
        if !self.models.is_empty() && self.images.is_empty() {
            return refuse("no images: give --images with files or folders".into());
        }
        if self.num_images == 0 || self.size.contains(&0) {
            return refuse("--num-images and --size must be at least 1".into());
        }
        check_labels(self.labels(), is_reserved)?;
        check_models(&self.models, self.init, self.device)
    }

    fn list(&self, progress: &dyn Progress) -> Result<Vec<PathBuf>, AnalysisError> {
        if self.models.is_empty() {
            return Ok(Vec::new());
        }
        let listing = image::list(&self.images, self.order)?;
        for warning in &listing.warnings {
            progress.warn(&warning.to_string());
        }
        if listing.files.len() < self.num_images {
            progress.warn(&format!(
                "{} images were asked for, and there are {}: all are used",
                self.num_images,
                listing.files.len()
            ));
        }
        Ok(listing.files)
    }

    /// Everything that was asked, as a digest.
    pub(super) fn identity(&self, shard: Shard) -> String {
        let asked = format!(
            "{:?}",
            (
                (&self.models, &self.init, &self.maps, &self.images, self.num_images, &self.order),
                (&self.size, &self.mean, &self.std, &self.target, &self.path, self.seed),
                shard.to_string(),
            )
        );
        digest::sha256_bytes(asked.as_bytes())
    }

    fn describe_file(
        &self,
        label: &str,
        path: &std::path::Path,
        started: &Provenance,
    ) -> Result<Finished, AnalysisError> {
        let map = npy::read_map(path)?;
        if let Some(((row, column), value)) = map.indexed_iter().find(|(_, value)| **value < 0.0) {
            return Err(AnalysisError::Request(format!(
                "{} holds {value} at row {row}, column {column}: an ERF map has no negative values",
                path.display()
            )));
        }
        let sha256 = digest::sha256_file(path)?;
        let file = InputFile { path: path.display().to_string(), sha256 };
        let mut provenance = Provenance { inputs: vec![file], ..started.clone() };
        provenance.protocol = "an existing map, taken as it is".into();
        if map.iter().all(|value| *value == 0.0) {
            let path = path.display();
            return Err(AnalysisError::Request(format!("{path} holds nothing but zeros")));
        }
        let description = describe(&map, None);
        Ok(Finished { result: result(label, &map, description, provenance), map })
    }

    fn fill(&self, provenance: &mut Provenance) {
        provenance.protocol =
            "mean over images of relu(ds/dx) summed over colour channels, for s = \
                               the sum over channels of relu(F) at the unit (Ding et al. 2022)"
                .into();
        record_run(provenance, self.device, self.path, self.seed);
    }

    /// Writes a finished network's files, or notes its failure.
    fn keep(
        &self,
        label: &str,
        done: Result<Finished, AnalysisError>,
        folder: &ResultFolder,
        finished: &mut Vec<Finished>,
        outcome: &mut Outcome,
        progress: &dyn Progress,
    ) -> Result<(), AnalysisError> {
        match done {
            Ok(done) => {
                folder.check_still_ours()?;
                let single = done.map.mapv(|value| value as f32);
                npy::write_map(&folder.file(files::map(label)), &single)?;
                let mut json = serde_json::to_vec_pretty(&done.result).map_err(to_store_error)?;
                json.push(b'\n');
                atomic::write_bytes(&folder.file(files::result(label)), &json)?;
                figures::one(&done.result, &done.map, self.colormap, &self.formats, folder.path())?;
                finished.push(done);
                Ok(())
            }
            Err(error) if concerns_all(&error) => Err(error),
            Err(error) => {
                progress.warn(&format!("{label} failed: {error}"));
                outcome.failures.push((label.to_owned(), error.to_string()));
                Ok(())
            }
        }
    }
}

/// Whether the study ends with an error of one network: when it was asked to stop, and when work
/// was found that isn't to be lost.
fn concerns_all(error: &AnalysisError) -> bool {
    matches!(
        error,
        AnalysisError::Erf(ErfError::Stopped { .. })
            | AnalysisError::Store(StoreError::State { .. })
    )
}

fn to_store_error(error: serde_json::Error) -> AnalysisError {
    AnalysisError::Request(format!("the result can't be written as JSON: {error}"))
}

/// A result with what a map alone tells, which isn't of which layer and unit it is.
fn result(
    label: &str,
    map: &Array2<f64>,
    description: Description,
    provenance: Provenance,
) -> ErfResult {
    let (height, width) = map.dim();
    ErfResult {
        label: label.to_owned(),
        architecture: "map".into(),
        untrained: false,
        size: [height, width],
        layer: String::new(),
        unit: None,
        around: None,
        images_used: 0,
        images_skipped: Vec::new(),
        area_ratios: description.area_ratios,
        mass_ratios: description.mass_ratios,
        centre_of_mass: description.centre_of_mass,
        arg_max: description.arg_max,
        radial_mass: description.radial_mass,
        gaussian: description.gaussian,
        seconds_per_image: None,
        provenance,
    }
}
