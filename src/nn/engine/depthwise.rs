//! Depthwise convolutions of windows.

use std::sync::Arc;

use rayon::prelude::*;
use tch::{Device, Kind, Tensor};

use super::buffer::Storage;
use super::convolution::Slide;
use super::map::Map;
use crate::nn::NnError;

/// A depthwise convolution's weights.
#[derive(Debug)]
pub(super) struct Depthwise {
    channels: usize,
    kernel: [usize; 2],
    weights: Vec<f32>,
    flipped: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Depthwise {
    pub fn new(
        weights: Vec<f32>,
        bias: Option<Vec<f32>>,
        channels: usize,
        kernel: [usize; 2],
    ) -> Self {
        let area = kernel[0] * kernel[1];
        let flipped =
            weights.chunks_exact(area).flat_map(|taps| taps.iter().rev().copied()).collect();
        Depthwise { channels, kernel, weights, flipped, bias }
    }

    /// The output for an input map.
    pub fn run(&self, storage: &Arc<Storage>, slide: &Slide, input: &Map) -> Result<Map, NnError> {
        let before = |axis: usize| -slide.under(axis, 0, 0);
        let mut output = Map::new(storage, self.channels, input.images, slide.output);
        self.by_channel(
            &input.values,
            &mut output.values,
            input.images,
            slide,
            true,
            |x, w, wf| {
                if slide.stride == [1, 1] {
                    let full = x.f_conv_transpose2d(
                        wf,
                        None::<Tensor>,
                        [1, 1],
                        [0, 0],
                        [0, 0],
                        1,
                        [1, 1],
                    )?;
                    let first =
                        [0, 1].map(|axis| self.kernel[axis] as i64 - 1 - before(axis) as i64);
                    full.f_narrow(2, first[0], slide.output.height as i64)?.f_narrow(
                        3,
                        first[1],
                        slide.output.width as i64,
                    )
                } else {
                    let after = |axis: usize| {
                        let [size, out] = [slide.input, slide.output]
                            .map(|w| if axis == 0 { w.height } else { w.width });
                        let last = slide.under(axis, out - 1, self.kernel[axis] - 1);
                        last as i64 - size as i64 + 1
                    };
                    x.f_constant_pad_nd([before(1) as i64, after(1), before(0) as i64, after(0)])?
                        .f_conv2d(
                            w,
                            None::<Tensor>,
                            slide.stride.map(|s| s as i64),
                            [0, 0],
                            [1, 1],
                            1,
                        )
                }
            },
        )?;
        if let Some(bias) = &self.bias {
            let plane = output.columns();
            output
                .values
                .par_chunks_exact_mut(plane)
                .zip(bias)
                .for_each(|(plane, &bias)| super::elementwise::add_bias(plane, bias));
        }
        Ok(output)
    }

    /// The input's gradient for the output's.
    pub fn run_back(
        &self,
        storage: &Arc<Storage>,
        slide: &Slide,
        gradient: &Map,
    ) -> Result<Map, NnError> {
        let mut result = Map::new(storage, self.channels, gradient.images, slide.input);
        self.by_channel(
            &gradient.values,
            &mut result.values,
            gradient.images,
            slide,
            false,
            |g, w, _| {
                let full = g.f_conv_transpose2d(
                    w,
                    None::<Tensor>,
                    slide.stride.map(|s| s as i64),
                    [0, 0],
                    [0, 0],
                    1,
                    [1, 1],
                )?;
                let first = [0, 1].map(|axis| -slide.under(axis, 0, 0) as i64);
                let size = full.size();
                let need =
                    [first[0] + slide.input.height as i64, first[1] + slide.input.width as i64];
                full.f_constant_pad_nd([
                    0,
                    (need[1] - size[3]).max(0),
                    0,
                    (need[0] - size[2]).max(0),
                ])?
                .f_narrow(2, first[0], slide.input.height as i64)?
                .f_narrow(3, first[1], slide.input.width as i64)
            },
        )?;
        Ok(result)
    }

    fn by_channel(
        &self,
        from: &[f32],
        to: &mut [f32],
        images: usize,
        slide: &Slide,
        forward: bool,
        run: impl Fn(&Tensor, &Tensor, &Tensor) -> Result<Tensor, tch::TchError> + Sync,
    ) -> Result<(), NnError> {
        let (source, sink) =
            if forward { (slide.input, slide.output) } else { (slide.output, slide.input) };
        let area = self.kernel[0] * self.kernel[1];
        let channels = to.par_chunks_exact_mut(images * sink.count());
        channels.zip(from.par_chunks_exact(images * source.count())).enumerate().try_for_each(
            |(channel, (to, from))| {
                let view = |values: &[f32], size: [usize; 4]| {
                    let [a, b, c, d] = size.map(|s| s as i64);
                    let strides = [b * c * d, c * d, d, 1];
                    // SAFETY: the view is gone before the borrow ends.
                    unsafe {
                        Tensor::f_from_blob(
                            values.as_ptr().cast(),
                            &[a, b, c, d],
                            &strides,
                            Kind::Float,
                            Device::Cpu,
                        )
                    }
                };
                let kernel = |values: &[f32]| {
                    view(
                        &values[channel * area..(channel + 1) * area],
                        [1, 1, self.kernel[0], self.kernel[1]],
                    )
                };
                let mut compute = || {
                    let x = view(from, [images, 1, source.height, source.width])?;
                    let y =
                        tch::no_grad(|| run(&x, &kernel(&self.weights)?, &kernel(&self.flipped)?))?;
                    y.f_contiguous()?.f_view([-1])?.f_copy_data(to, to.len())
                };
                compute().map_err(NnError::torch("a depthwise convolution"))
            },
        )
    }
}
