//! Depthwise convolutions of windows.

use std::sync::Arc;

use super::buffer::Storage;
use super::map::Map;
use super::slide::Slide;
use crate::nn::depthwise::{DepthwiseKernel, ForwardExtras, GradientExtras, Padding};

impl Slide {
    /// Zeros around the input window that the output window reads.
    fn zeros(&self) -> Padding {
        let before = |axis: usize| (-self.under(axis, 0, 0)).max(0) as usize;
        let after = |axis: usize| {
            let [[first, end], [from, to]] = [self.output.along(axis), self.input.along(axis)];
            let last = self.under(axis, end - first - 1, self.kernel[axis] - 1);
            (last + 1 - (to - from) as isize).max(0) as usize
        };
        Padding { top: before(0), left: before(1), bottom: after(0), right: after(1) }
    }
}

/// The output for an input map.
pub(super) fn run(
    kernel: &DepthwiseKernel,
    storage: &Arc<Storage>,
    slide: &Slide,
    input: &Map,
) -> Map {
    let mut output = Map::new(storage, input.channels, input.images, slide.output);
    kernel.forward(
        &input.values,
        input.images,
        slide.input.height,
        slide.input.width,
        slide.zeros(),
        slide.stride[0],
        ForwardExtras::default(),
        &mut output.values,
    );
    output
}

/// The input's gradient for the output's.
pub(super) fn run_back(
    kernel: &DepthwiseKernel,
    storage: &Arc<Storage>,
    slide: &Slide,
    gradient: &Map,
) -> Map {
    let mut result = Map::new(storage, gradient.channels, gradient.images, slide.input);
    kernel.input_gradient(
        &gradient.values,
        gradient.images,
        slide.input.height,
        slide.input.width,
        slide.zeros(),
        slide.stride[0],
        GradientExtras::default(),
        &mut result.values,
    );
    result
}
