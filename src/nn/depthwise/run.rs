//! One call: its channels, shared out among threads.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::across::{self, Across};
use super::direct::{self, Direct};
use super::path::Path;
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
    across: across::Scratch,
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
        // Work is shared out by channel, or by block of them, so that the images of a batch share a
        // kernel's spectrum.
        let block = match &self.operation {
            Operation::Correlate(plan) if matches!(**plan, Plan::Across(_)) => self.path.lanes(),
            _ => 1,
        };
        let length = block * images * sink_plane;
        let signs: Vec<Option<&mut [u8]>> = match signs {
            Some(signs) => signs.chunks_mut(length).map(Some).collect(),
            None => (0..channels.div_ceil(block)).map(|_| None).collect(),
        };
        output.par_chunks_mut(length).zip(signs).enumerate().for_each_init(
            Scratch::default,
            |scratch, (index, (values, signs))| {
                let first = index * block;
                let planes = first * images..(first * images + values.len() / sink_plane);
                let channels = first..first + planes.len() / images;
                let sources = self.sources(planes.clone(), input, input_keep);
                let sinks = self.sinks(planes, values, signs, output_keep);
                self.run_channels(channels, &sources, sinks, scratch);
            },
        );
    }

    /// The source images of some planes (a plane is a channel of an image).
    fn sources<'a>(
        &self,
        planes: Range<usize>,
        input: &'a [f32],
        keep: Option<&'a [u8]>,
    ) -> Vec<Source<'a>> {
        let (height, width) = self.sizes.source;
        let range = |plane: usize| plane * height * width..(plane + 1) * height * width;
        let source = |plane| Source {
            values: &input[range(plane)],
            height,
            width,
            keep: keep.map(|keep| &keep[range(plane)]),
        };
        planes.map(source).collect()
    }

    /// Where the results of some planes go: `values` and `signs` are those planes', `keep` is that of all.
    fn sinks<'a>(
        &self,
        planes: Range<usize>,
        values: &'a mut [f32],
        signs: Option<&'a mut [u8]>,
        keep: Option<&'a [u8]>,
    ) -> Vec<Sink<'a>> {
        let (height, width) = self.sizes.sink;
        let size = height * width;
        let mut signs = signs.map(|signs| signs.chunks_exact_mut(size));
        let sink = |(values, plane): (&'a mut [f32], usize)| Sink {
            values,
            height,
            width,
            bias: self.bias.map_or(0.0, |bias| bias[plane / self.sizes.images]),
            relu: self.relu,
            signs: signs.as_mut().and_then(Iterator::next),
            keep: keep.map(|keep| &keep[plane * size..(plane + 1) * size]),
        };
        values.chunks_exact_mut(size).zip(planes).map(sink).collect()
    }

    /// The kernels of some channels.
    fn taps(&self, channels: &Range<usize>) -> Taps<'_> {
        let (height, width) = self.kernel;
        let size = height * width;
        Taps { values: &self.weights[channels.start * size..channels.end * size], height, width }
    }

    /// Computes one channel, or a block of them, for all images.
    fn run_channels(
        &self,
        channels: Range<usize>,
        sources: &[Source],
        mut sinks: Vec<Sink>,
        scratch: &mut Scratch,
    ) {
        let Sizes { padding, stride, .. } = self.sizes;
        let taps = self.taps(&channels);
        match &self.operation {
            Operation::Correlate(plan) => match &**plan {
                Plan::Across(run_length) => {
                    let (run_length, sinks) = (*run_length, &mut sinks[..]);
                    let channels = channels.len();
                    let scratch = &mut scratch.across;
                    let job =
                        Across { sources, taps, padding, sinks, channels, run_length, scratch };
                    self.path.run(job);
                }
                Plan::Spectral(tiling) => {
                    let scratch = &mut scratch.spectral;
                    self.path.run(Spectral { sources, taps, padding, sinks, tiling, scratch });
                }
                Plan::Direct => {
                    for (&source, sink) in sources.iter().zip(sinks) {
                        let scratch = &mut scratch.direct;
                        self.path.run(Direct { source, taps, padding, sink, scratch });
                    }
                }
            },
            Operation::Strided => {
                for (&source, sink) in sources.iter().zip(sinks) {
                    let scratch = &mut scratch.strided;
                    self.path.run(Strided { source, taps, padding, stride, sink, scratch });
                }
            }
            Operation::StridedGradient => {
                for (&source, sink) in sources.iter().zip(sinks) {
                    let scratch = &mut scratch.strided;
                    self.path.run(StridedGradient { source, taps, padding, stride, sink, scratch });
                }
            }
        }
    }
}
