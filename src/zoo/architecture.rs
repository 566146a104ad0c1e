//! What the toolkit knows about an architecture, and what a checkpoint tells about its form.

use std::collections::BTreeMap;

use crate::image::{IMAGENET_MEAN, IMAGENET_STD, Interpolation};
use crate::nn::Graph;
use crate::weights::Checkpoint;

/// Preprocessing that an architecture's released checkpoints were trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defaults {
    /// Mean of each colour channel.
    pub mean: [f64; 3],
    /// Standard deviation of each colour channel.
    pub std: [f64; 3],
    /// Input size for classification, in pixels.
    pub size: usize,
    /// Short side to which a picture is resized before the centre crop of `size`.
    pub short_side: usize,
    /// Interpolation of that resize.
    pub interpolation: Interpolation,
}

impl Defaults {
    /// Mean and standard deviation of 0.5, which put colours between -1 and 1; the rest as
    /// [`Defaults::IMAGENET`].
    pub const SYMMETRIC: Defaults =
        Defaults { mean: [0.5; 3], std: [0.5; 3], ..Defaults::IMAGENET };

    /// ImageNet's mean and standard deviation, Resize(256) bilinear and CenterCrop(224).
    pub const IMAGENET: Defaults = Defaults {
        mean: IMAGENET_MEAN,
        std: IMAGENET_STD,
        size: 224,
        short_side: 256,
        interpolation: Interpolation::Bilinear,
    };

    /// Preprocessing of the miniature networks that were trained on the demo's 128 x 128 pictures at
    /// half their size.
    pub const MINIATURE: Defaults = Defaults {
        mean: [0.5; 3],
        std: [0.25; 3],
        size: 64,
        short_side: 64,
        interpolation: Interpolation::Bilinear,
    };
}

/// What is known about the parameters before the graph is built: names (the graph's spelling) and
/// shapes from a checkpoint, or only the number of classes for a fresh network.
#[derive(Clone, Debug)]
pub struct Form {
    shapes: Option<BTreeMap<String, Vec<usize>>>,
    fresh_classes: usize,
}

impl Form {
    /// No checkpoint: the training form with 1,000 classes.
    pub fn fresh() -> Self {
        Form::fresh_with(1000)
    }

    /// No checkpoint: the training form with this number of classes.
    pub fn fresh_with(classes: usize) -> Self {
        Form { shapes: None, fresh_classes: classes }
    }

    /// The form of a checkpoint whose names are the graph's.
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let shapes = checkpoint.tensors.iter().map(|(name, t)| (name.clone(), t.shape.clone()));
        Form { shapes: Some(shapes.collect()), ..Form::fresh() }
    }

    /// Whether the entry exists; `fresh` answers for a network without checkpoint.
    pub fn has(&self, name: &str, fresh: bool) -> bool {
        self.shapes.as_ref().map_or(fresh, |shapes| shapes.contains_key(name))
    }

    /// Shape of the entry, if the checkpoint has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.shapes.as_ref()?.get(name).map(Vec::as_slice)
    }

    /// Number of classes, from the rows of the classifier's weight: `None` where a checkpoint has
    /// no classifier, what was asked for (1,000 unless told) for a fresh network.
    pub fn classes(&self, classifier_weight: &str) -> Option<usize> {
        match &self.shapes {
            None => Some(self.fresh_classes),
            Some(shapes) => shapes.get(classifier_weight)?.first().copied(),
        }
    }
}

/// One spelling of a family's parameter names.
#[derive(Clone, Copy)]
pub struct Naming {
    /// Who spells so: "torchvision", "OpenMMLab", ...
    pub name: &'static str,
    /// A name (or part of one) that only this spelling has.
    pub recognise: fn(&Checkpoint) -> bool,
    /// The graph's name for an entry; `None` for one that the graph has no use for.
    pub rename: fn(&str) -> Option<String>,
    /// Preprocessing of the checkpoints that are spelled so, where it isn't the architecture's.
    pub defaults: Option<Defaults>,
}

type Build = Box<dyn Fn(&Form) -> Graph + Send + Sync>;

/// An architecture: everything that its family's file says about it.
pub struct Architecture {
    /// Name on the command line.
    pub name: String,
    /// Family name, for headings.
    pub family: &'static str,
    /// One line for `fieldscope models`.
    pub summary: String,
    /// Key of its paper in the bibliography.
    pub citation: &'static str,
    /// Preprocessing of its released checkpoints.
    pub defaults: Defaults,
    /// Spellings of its parameters other than the graph's own.
    pub namings: &'static [Naming],
    /// The spelling that the graph itself uses.
    pub own_naming: &'static str,
    build: Build,
}

impl Architecture {
    /// An architecture with ImageNet preprocessing and no other spelling than its own.
    pub fn new(
        name: &str,
        family: &'static str,
        summary: impl Into<String>,
        citation: &'static str,
        build: impl Fn(&Form) -> Graph + Send + Sync + 'static,
    ) -> Self {
        Architecture {
            name: name.to_owned(),
            family,
            summary: summary.into(),
            citation,
            defaults: Defaults::IMAGENET,
            namings: &[],
            own_naming: "torchvision",
            build: Box::new(build),
        }
    }

    /// A miniature of an architecture, trained on the demo's pictures: `demo_NAME`.
    pub fn miniature(
        name: &str,
        summary: impl Into<String>,
        citation: &'static str,
        build: impl Fn(&Form) -> Graph + Send + Sync + 'static,
    ) -> Self {
        Self::new(&format!("demo_{name}"), "Miniatures of the demo", summary, citation, build)
            .defaults(Defaults::MINIATURE)
    }

    /// The same with spellings of parameter names.
    pub fn namings(mut self, own: &'static str, others: &'static [Naming]) -> Self {
        self.own_naming = own;
        self.namings = others;
        self
    }

    /// The same with other preprocessing defaults.
    pub fn defaults(mut self, defaults: Defaults) -> Self {
        self.defaults = defaults;
        self
    }

    /// The layer graph, in the form that `form` tells.
    pub fn graph(&self, form: &Form) -> Graph {
        (self.build)(form)
    }
}
