//! Depthwise convolutions on the CPU: forward and input gradient, at the speed of the hardware.
//!
//! A depthwise convolution has one kernel a channel. Small kernels are computed directly, large
//! ones through Fourier transforms, small images many channels at a time, and strides above 1 have code of
//! their own.
//! At stride 1 an input gradient is a correlation with the flipped kernel, so all of this serves both
//! ways. `plan.rs` chooses from the sizes alone; results depend neither on the run nor on the number of
//! threads.

mod across;
mod direct;
mod fft;
mod lanes;
#[cfg(target_arch = "x86_64")]
mod lanes_x86;
mod path;
mod plan;
mod plane;
mod run;
mod spectral;
mod strided;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use path::Path;
use plan::{Plan, Shape};
pub use plane::Padding;
use run::{Call, Operation, Sizes};

/// The weights of a depthwise convolution (cross-correlation, as in PyTorch), one kernel a channel,
/// prepared for [`forward`](Self::forward) and [`input_gradient`](Self::input_gradient).
///
/// Images are `channels x images x height x width`, contiguous.
#[derive(Debug)]
pub struct DepthwiseKernel {
    channels: usize,
    height: usize,
    width: usize,
    weights: Vec<f32>,
    flipped: Vec<f32>,
    bias: Option<Vec<f32>>,
    path: Path,
    algorithm: Option<Algorithm>,
    plans: Mutex<HashMap<PlanKey, Arc<Plan>>>,
}

/// How a correlation at stride 1 is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Sums of products, tap by tap.
    Direct,
    /// Products of Fourier transforms, tile by tile.
    Spectral,
    /// Sums of products with a channel in each lane of a vector: for small images.
    Across,
}

type PlanKey = ((usize, usize), Padding, usize);

/// What is done to a forward result besides the convolution.
#[derive(Debug, Default)]
pub struct ForwardExtras<'a> {
    /// Replace negative results by 0.
    pub relu: bool,
    /// Receives, for each result, 1 where it is above 0 before the ReLU, else 0.
    pub signs: Option<&'a mut [u8]>,
}

/// What is done to a gradient besides the convolution: the backward passes of the ReLUs on either side.
#[derive(Clone, Copy, Debug, Default)]
pub struct GradientExtras<'a> {
    /// Signs of the convolution's output: where 0, the output's gradient counts as 0.
    pub output_signs: Option<&'a [u8]>,
    /// Signs of the convolution's input: where 0, the input's gradient is made 0.
    pub input_signs: Option<&'a [u8]>,
}

/// Outputs of a convolution along one dimension.
fn output_length(input: usize, padding: usize, kernel: usize, stride: usize) -> usize {
    match (input + padding).checked_sub(kernel) {
        Some(rest) => rest / stride + 1,
        None => 0,
    }
}

impl DepthwiseKernel {
    /// Takes weights `channels x height x width` and a bias of `channels` numbers.
    ///
    /// # Panics
    ///
    /// If the lengths don't fit the sizes, or a size is 0.
    pub fn new(
        weights: &[f32],
        bias: Option<&[f32]>,
        channels: usize,
        height: usize,
        width: usize,
    ) -> Self {
        assert!(channels > 0 && height > 0 && width > 0, "a kernel has no elements");
        assert_eq!(weights.len(), channels * height * width, "depthwise weights");
        assert!(bias.is_none_or(|bias| bias.len() == channels), "depthwise bias");
        let flip = |kernel: &[f32]| kernel.iter().rev().copied().collect::<Vec<_>>();
        Self {
            channels,
            height,
            width,
            weights: weights.to_vec(),
            flipped: weights.chunks_exact(height * width).flat_map(flip).collect(),
            bias: bias.map(<[f32]>::to_vec),
            path: Path::detect(),
            algorithm: None,
            plans: Mutex::default(),
        }
    }

    /// Fixes the algorithm for stride 1, which is otherwise chosen by the cost model: for measurements.
    pub fn with_algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// The algorithm for a forward call at stride 1, and the sizes of its tiles: for reports.
    pub fn describe_plan(
        &self,
        images: usize,
        height: usize,
        width: usize,
        padding: Padding,
    ) -> String {
        self.plan(self.output_size(height, width, padding, 1), padding, images).to_string()
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Height and width of the kernels.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Height and width of the output for an input `height x width`.
    pub fn output_size(
        &self,
        height: usize,
        width: usize,
        padding: Padding,
        stride: usize,
    ) -> (usize, usize) {
        (
            output_length(height, padding.top + padding.bottom, self.height, stride),
            output_length(width, padding.left + padding.right, self.width, stride),
        )
    }

    /// Convolves `images` inputs of `height x width`, adds the bias, and applies the extras.
    ///
    /// `output` is overwritten; its size is that of [`output_size`](Self::output_size).
    ///
    /// # Panics
    ///
    /// If a slice doesn't have the length that the sizes call for, the stride is 0, or a padding isn't
    /// below the kernel's size.
    #[allow(clippy::too_many_arguments)] // the sizes of a convolution are these
    pub fn forward(
        &self,
        input: &[f32],
        images: usize,
        height: usize,
        width: usize,
        padding: Padding,
        stride: usize,
        extras: ForwardExtras,
        output: &mut [f32],
    ) {
        let sink = self.output_size(height, width, padding, stride);
        self.check(padding, stride);
        let operation = match stride {
            1 => Operation::Correlate(self.plan(sink, padding, images)),
            _ => Operation::Strided,
        };
        Call {
            path: self.path,
            operation,
            weights: &self.weights,
            kernel: (self.height, self.width),
            bias: self.bias.as_deref(),
            relu: extras.relu,
            sizes: Sizes {
                images,
                channels: self.channels,
                source: (height, width),
                sink,
                padding,
                stride,
            },
        }
        .run(input, None, output, extras.signs, None);
    }

    /// The gradient by the input of `images` inputs of `height x width`, given that by the output.
    ///
    /// `input_gradient` is overwritten. Sizes, padding and stride are those of the forward call.
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward).
    #[allow(clippy::too_many_arguments)] // the sizes of a convolution are these
    pub fn input_gradient(
        &self,
        output_gradient: &[f32],
        images: usize,
        height: usize,
        width: usize,
        padding: Padding,
        stride: usize,
        extras: GradientExtras,
        input_gradient: &mut [f32],
    ) {
        let source = self.output_size(height, width, padding, stride);
        self.check(padding, stride);
        let sink = (height, width);
        let (operation, weights, padding) = if stride == 1 {
            let padding = padding.transposed(self.height, self.width);
            let plan = self.plan(sink, padding, images);
            (Operation::Correlate(plan), &self.flipped, padding)
        } else {
            (Operation::StridedGradient, &self.weights, padding)
        };
        Call {
            path: self.path,
            operation,
            weights,
            kernel: (self.height, self.width),
            bias: None,
            relu: false,
            sizes: Sizes { images, channels: self.channels, source, sink, padding, stride },
        }
        .run(
            output_gradient,
            extras.output_signs,
            input_gradient,
            None,
            extras.input_signs,
        );
    }

    fn check(&self, padding: Padding, stride: usize) {
        assert!(stride > 0, "a depthwise convolution with a stride of 0");
        assert!(
            padding.top.max(padding.bottom) < self.height
                && padding.left.max(padding.right) < self.width,
            "padding {padding:?} isn't below the kernel's size {:?}",
            self.size()
        );
    }

    /// The plan for a shape, made once.
    fn plan(&self, output: (usize, usize), padding: Padding, images: usize) -> Arc<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = plans.entry((output, padding, images)).or_insert_with(|| {
            let kernel = self.size();
            let shape = Shape { kernel, output, padding, channels: self.channels, images };
            Arc::new(plan::choose(&shape, self.path.lanes(), self.algorithm))
        });
        Arc::clone(plan)
    }
}
