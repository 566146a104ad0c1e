//! The demo: the embedded miniature networks through every analysis, in one folder.

mod input;
mod spread;

use std::path::PathBuf;

use tch::Device;

pub use self::spread::Spread;

use self::input::Input;
use super::AnalysisError;
use super::erf::ErfStudy;
use super::shapebias::ShapeBiasStudy;
use crate::demo::{self, Miniature};
use crate::erf::gradient::Target;
use crate::erf::result::ErfResult;
use crate::figure::{Colormap, Format};
use crate::image::Order;
use crate::progress::{Progress, Stop};
use crate::report::{self, Options, Output};
use crate::shapebias::result::ShapeBiasResult;
use crate::store::{ResultFolder, Shard, atomic};
use crate::zoo::run::Path;
use crate::zoo::{Defaults, ModelSpec};

/// Mosaics over which receptive fields are averaged.
const FIELD_PICTURES: u32 = 16;

/// Cue-conflict stimuli for each pair of a shape and a texture.
const STIMULI_PER_PAIR: u32 = 5;

/// Bootstrap resamples behind each interval of shape bias.
const RESAMPLES: usize = 2000;

/// The table of how much seeds matter.
const SPREAD: &str = "spread.csv";

/// What the report says about itself.
const DESCRIPTION: &str = "Miniatures of several architectures, each trained from three seeds on \
                           drawn pictures in which shape and texture agree. They show what the tool \
                           measures, not how full-size networks behave.";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Networks to show.
    pub networks: Vec<Miniature>,
    /// Folder for `input/`, `erf/`, `shapebias/`, `spread.csv` and the report.
    pub out: PathBuf,
    /// Whether another run's results may be overwritten.
    pub force: bool,
    /// File formats of the figures.
    pub formats: Vec<Format>,
    /// Languages of the report; no report where there are none.
    pub report: Vec<Output>,
}

/// What the demo found.
#[derive(Debug)]
pub struct Outcome {
    /// Receptive fields, in the order of the networks.
    pub erf: Vec<ErfResult>,
    /// Shape bias.
    pub shapebias: ShapeBiasResult,
    /// Means and ranges over the training seeds of each architecture.
    pub spread: Vec<Spread>,
    /// The files of the report that a reader opens first.
    pub report: Vec<PathBuf>,
    /// Label and error of each network that failed.
    pub failures: Vec<(String, String)>,
}

impl Demo {
    /// Writes pictures and checkpoints into `input/`, measures receptive fields and shape bias with
    /// the studies of the commands of these names, and says how much seeds matter in `spread.csv`.
    ///
    /// # Errors
    ///
    /// As the studies; [`AnalysisError::Store`] where the folder can't be written.
    pub fn run(&self, progress: &dyn Progress, stop: &Stop) -> Result<Outcome, AnalysisError> {
        let folder = ResultFolder::open(&self.out, "demo", "demo", self.force)?;
        let report = (!self.report.is_empty()).then(|| self.report_options().places());
        let own = [input::FOLDER, SPREAD].map(str::to_owned);
        folder.claim(own.into_iter().chain(report.into_iter().flatten()))?;
        let input = Input::new(&self.out);
        let (erf, shapebias) = (self.erf_study(&input), self.shape_bias_study(&input));
        erf.claim(Shard::WHOLE)?;
        shapebias.claim(&[])?;
        progress.say("step 1 of 4: drawing pictures and stimuli, unpacking trained networks");
        input.write(&self.networks, progress, stop)?;
        progress.say("step 2 of 4: effective receptive fields (`fieldscope erf`)");
        let erf = erf.run(progress, stop)?;
        progress.say("step 3 of 4: shape or texture (`fieldscope shapebias`)");
        let shapebias = shapebias.run(progress, stop)?;
        let spread = spread::over_seeds(&self.networks, &erf.results, &shapebias.result);
        atomic::write_bytes(&folder.file(SPREAD), &spread::csv(&spread)?)?;
        let report = self.write_report(progress)?;
        let failures = erf.failures.into_iter().chain(shapebias.failures).collect();
        Ok(Outcome { erf: erf.results, shapebias: shapebias.result, spread, report, failures })
    }

    fn write_report(&self, progress: &dyn Progress) -> Result<Vec<PathBuf>, AnalysisError> {
        if self.report.is_empty() {
            return Ok(Vec::new());
        }
        progress.say("step 4 of 4: the report (`fieldscope report`)");
        let study = report::gather(&[self.out.join("erf"), self.out.join("shapebias")])?;
        Ok(report::write(&study, &self.report_options(), &self.out)?)
    }

    fn report_options(&self) -> Options {
        Options {
            title: "Miniature networks of the demo".into(),
            description: DESCRIPTION.into(),
            outputs: self.report.clone(),
            ..Options::default()
        }
    }

    fn models(&self, input: &Input) -> Vec<ModelSpec> {
        let spec = |network: &Miniature| ModelSpec {
            label: network.label(),
            architecture: network.architecture.to_owned(),
            checkpoint: Some(input.checkpoint(network)),
        };
        self.networks.iter().map(spec).collect()
    }

    /// On mosaics of 5 x 5 pictures, each at the size at which networks learned from it: on a single
    /// picture the larger kernels reach every edge, so that nothing could be told apart.
    fn erf_study(&self, input: &Input) -> ErfStudy {
        let side = demo::ACROSS as usize * Defaults::MINIATURE.size;
        ErfStudy {
            models: self.models(input),
            init: None,
            maps: Vec::new(),
            images: vec![input.pictures()],
            num_images: FIELD_PICTURES as usize,
            order: Order::Sorted,
            size: [side; 2],
            mean: None,
            std: None,
            target: Target::default(),
            path: Path::Fast,
            device: Device::Cpu,
            seed: 0,
            out: self.out.join("erf"),
            force: self.force,
            colormap: Colormap::Viridis,
            formats: self.formats.clone(),
        }
    }

    fn shape_bias_study(&self, input: &Input) -> ShapeBiasStudy {
        ShapeBiasStudy {
            models: self.models(input),
            init: None,
            stimuli: Some(input.stimuli()),
            pattern: None,
            decisions: Vec::new(),
            categories: Some(input.categories()),
            humans: false,
            mean: None,
            std: None,
            batch_size: 16,
            resamples: RESAMPLES,
            path: Path::Fast,
            device: Device::Cpu,
            seed: 0,
            out: self.out.join("shapebias"),
            force: self.force,
            confusion: false,
            formats: self.formats.clone(),
        }
    }
}
