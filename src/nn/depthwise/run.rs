//! One call: its channels, shared out among threads.

use std::sync::Arc;

use rayon::prelude::*;

use super::direct::{self, Direct};
use super::lanes::Path;
use super::plan::Plan;
use super::plane::{Padding, Sink, Source, Taps};
use super::spectral::{self, Spectral};
use super::strided::{self, Strided, StridedGradient};

/// What is computed from the source images.
pub(super) enum Operation {
    /// A correlation at stride 1.
    Correlate(Arc<Plan>),
    /// A correlation at a larger stride.
    Strided,
    /// The input gradient of [`Operation::Strided`].
    StridedGradient,
}

/// Sizes of the images of a call. `padding` lies around the source in a correlation, and around the
/// sink (the forward input) in a strided gradient.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub images: usize,
    pub channels: usize,
    pub source: (usize, usize),
    pub sink: (usize, usize),
    pub padding: Padding,
    pub stride: usize,
}

/// All that a call needs besides its images.
pub(super) struct Call<'a> {
    pub path: Path,
    pub operation: Operation,
    pub weights: &'a [f32],
    pub kernel: (usize, usize),
    pub bias: Option<&'a [f32]>,
    pub relu: bool,
    pub sizes: Sizes,
}

/// One thread's buffers.
#[derive(Default)]
struct Scratch {
    direct: direct::Scratch,
    spectral: spectral::Scratch,
    strided: strided::Scratch,
}

impl Call<'_> {
    /// Computes all channels of all images.
    pub(super) fn run(
        self,
        input: &[f32],
        input_keep: Option<&[u8]>,
        output: &mut [f32],
        signs: Option<&mut [u8]>,
        output_keep: Option<&[u8]>,
    ) {
        let Sizes { images, channels, source, sink, .. } = self.sizes;
        let (source_plane, sink_plane) = (source.0 * source.1, sink.0 * sink.1);
        let (inputs, outputs) = (images * channels * source_plane, images * channels * sink_plane);
        assert_eq!(input.len(), inputs, "depthwise source");
        assert_eq!(output.len(), outputs, "depthwise result");
        assert!(input_keep.is_none_or(|keep| keep.len() == inputs), "signs of the source");
        assert!(output_keep.is_none_or(|keep| keep.len() == outputs), "signs for the result");
        assert!(signs.as_ref().is_none_or(|signs| signs.len() == outputs), "signs of the result");
        if outputs == 0 {
            return;
        }
        // Work is shared out by channel, so that the images of a batch share a kernel's spectrum.
        let mut sinks: Vec<Vec<Sink>> = (0..channels).map(|_| Vec::with_capacity(images)).collect();
        let mut signs = signs.map(|signs| signs.chunks_exact_mut(sink_plane));
        for (index, values) in output.chunks_exact_mut(sink_plane).enumerate() {
            sinks[index / images].push(Sink {
                values,
                height: sink.0,
                width: sink.1,
                bias: self.bias.map_or(0.0, |bias| bias[index / images]),
                relu: self.relu,
                signs: signs.as_mut().and_then(Iterator::next),
                keep: output_keep.map(|keep| &keep[index * sink_plane..(index + 1) * sink_plane]),
            });
        }
        let source_of = |image: usize, channel: usize| {
            let start = (channel * images + image) * source_plane;
            let range = start..start + source_plane;
            Source {
                values: &input[range.clone()],
                height: source.0,
                width: source.1,
                keep: input_keep.map(|keep| &keep[range]),
            }
        };
        sinks.into_par_iter().enumerate().for_each_init(
            Scratch::default,
            |scratch, (channel, sinks)| {
                let sources = (0..images).map(|image| source_of(image, channel));
                self.run_channel(channel, sources.collect(), sinks, scratch);
            },
        );
    }

    fn run_channel(
        &self,
        channel: usize,
        sources: Vec<Source>,
        sinks: Vec<Sink>,
        scratch: &mut Scratch,
    ) {
        let Sizes { padding, stride, .. } = self.sizes;
        let (height, width) = self.kernel;
        let values = &self.weights[channel * height * width..(channel + 1) * height * width];
        let taps = Taps { values, height, width };
        if let Operation::Correlate(plan) = &self.operation
            && let Plan::Spectral(tiling) = &**plan
        {
            let (sources, scratch) = (&sources, &mut scratch.spectral);
            return self.path.run(Spectral { sources, taps, padding, sinks, tiling, scratch });
        }
        for (source, sink) in sources.into_iter().zip(sinks) {
            match self.operation {
                Operation::Correlate(_) => {
                    let scratch = &mut scratch.direct;
                    self.path.run(Direct { source, taps, padding, sink, scratch });
                }
                Operation::Strided => {
                    let scratch = &mut scratch.strided;
                    self.path.run(Strided { source, taps, padding, stride, sink, scratch });
                }
                Operation::StridedGradient => {
                    let scratch = &mut scratch.strided;
                    self.path.run(StridedGradient { source, taps, padding, stride, sink, scratch });
                }
            }
        }
    }
}
