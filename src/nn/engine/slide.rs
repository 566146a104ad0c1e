//! How a kernel slides over a window.

use std::ops::Range;

use crate::nn::window::Window;

/// How a kernel slides, for one window of the output and the window of the input that it reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slide {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub input: Window,
    pub output: Window,
}

impl Slide {
    /// Row (or column) of the input window under tap `tap`, for row (or column) `position` of the
    /// output window; outside the window, zeros are read.
    pub fn under(&self, axis: usize, position: usize, tap: usize) -> isize {
        let output = self.output.along(axis)[0] + position;
        let absolute = output * self.stride[axis] + tap;
        absolute as isize - (self.padding[axis] + self.input.along(axis)[0]) as isize
    }

    /// The columns of the output window for which tap `tap` lies in the input window.
    pub fn inside(&self, tap: usize) -> Range<usize> {
        let within = |column: &usize| {
            let under = self.under(1, *column, tap);
            under >= 0 && (under as usize) < self.input.width
        };
        let first = (0..self.output.width).find(within).unwrap_or(0);
        let last = (0..self.output.width).rev().find(within);
        first..last.map_or(first, |last| last + 1)
    }

    /// The same kernel over the gradient at stride 1, turned around: from output to input.
    pub fn turned(&self) -> Self {
        Slide {
            padding: [0, 1].map(|axis| self.kernel[axis] - 1 - self.padding[axis]),
            input: self.output,
            output: self.input,
            ..*self
        }
    }
}
