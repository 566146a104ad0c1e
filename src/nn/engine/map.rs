//! Activations: a window of a layer's output, channel by channel.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use tch::Tensor;

use super::buffer::{Buffer, Storage};
use super::elementwise::add;
use crate::nn::NnError;
use crate::nn::shape::Shape;
use crate::nn::window::Window;

/// Numbers that one task sets to zero.
const ZEROS: usize = 1 << 16;

/// The values of a window of a layer's output: channels x images x rows x columns. A vector counts
/// as a map of one position, and channels last are stored as channels first, so that a layer that
/// treats each position alike is a matrix product with all positions of all images.
#[derive(Debug)]
pub(super) struct Map {
    pub values: Buffer,
    pub channels: usize,
    pub images: usize,
    pub window: Window,
}

impl Map {
    /// A map of undefined values.
    pub fn new(storage: &Arc<Storage>, channels: usize, images: usize, window: Window) -> Self {
        let values = storage.take(channels * images * window.count());
        Map { values, channels, images, window }
    }

    /// A map of zeros.
    pub fn zeros(storage: &Arc<Storage>, channels: usize, images: usize, window: Window) -> Self {
        let mut map = Map::new(storage, channels, images, window);
        map.values.par_chunks_mut(ZEROS).for_each(|values| values.fill(0.0));
        map
    }

    /// Positions of all images: columns of the matrix that the map is.
    pub fn columns(&self) -> usize {
        self.images * self.window.count()
    }

    /// A copy of the part in `window`.
    pub fn crop(&self, storage: &Arc<Storage>, window: Window) -> Map {
        let mut part = Map::new(storage, self.channels, self.images, window);
        let planes = part.values.par_chunks_exact_mut(window.count());
        planes.zip(self.values.par_chunks_exact(self.window.count())).for_each(|(part, whole)| {
            for (inner, outer) in rows(window, self.window) {
                part[inner].copy_from_slice(&whole[outer]);
            }
        });
        part
    }

    /// Adds a map of a window inside this one's.
    pub fn add_part(&mut self, part: &Map) {
        let window = self.window;
        let planes = self.values.par_chunks_exact_mut(window.count());
        planes.zip(part.values.par_chunks_exact(part.window.count())).for_each(
            |(whole, part_of)| {
                for (inner, outer) in rows(part.window, window) {
                    add(&mut whole[outer], &part_of[inner]);
                }
            },
        );
    }

    /// The map of a window that holds this one's, zero elsewhere.
    pub fn embed(&self, storage: &Arc<Storage>, window: Window) -> Map {
        let mut whole = Map::new(storage, self.channels, self.images, window);
        let planes = whole.values.par_chunks_exact_mut(window.count());
        planes.zip(self.values.par_chunks_exact(self.window.count())).for_each(|(whole, part)| {
            let mut written = 0;
            for (inner, outer) in rows(self.window, window) {
                whole[written..outer.start].fill(0.0);
                whole[outer.clone()].copy_from_slice(&part[inner]);
                written = outer.end;
            }
            whole[written..].fill(0.0);
        });
        whole
    }

    /// The values of a tensor whose axes are those of `shape`, images first.
    pub fn from_tensor(
        storage: &Arc<Storage>,
        tensor: &Tensor,
        shape: Shape,
    ) -> Result<Map, NnError> {
        let images = tensor.size()[0] as usize;
        let window = whole_of(shape);
        let mut map = Map::new(storage, shape.channels(), images, window);
        let mut copy = || {
            let order = channels_first(shape);
            let values = tensor.f_detach()?.f_permute(order)?.f_to_kind(tch::Kind::Float)?;
            let values = values.f_contiguous()?.f_view([-1])?;
            values.f_copy_data(&mut map.values, shape.count() * images)
        };
        copy().map_err(NnError::torch("copying an activation"))?;
        Ok(map)
    }

    /// The whole map as a tensor whose axes are those of `shape`, images first.
    pub fn to_tensor(&self, shape: Shape) -> Result<Tensor, NnError> {
        let (channels, images) = (self.channels as i64, self.images as i64);
        let (height, width) = (self.window.height as i64, self.window.width as i64);
        let (size, order): (Vec<i64>, Vec<i64>) = match shape {
            Shape::Map { .. } => (vec![channels, images, height, width], vec![1, 0, 2, 3]),
            Shape::ChannelsLast { .. } => (vec![channels, images, height, width], vec![1, 2, 3, 0]),
            Shape::Tokens { .. } => (vec![channels, images, height], vec![1, 2, 0]),
            Shape::Vector { .. } => (vec![channels, images], vec![1, 0]),
        };
        Tensor::f_from_slice(&self.values)
            .and_then(|values| values.f_reshape(&size))
            .and_then(|values| values.f_permute(&order))
            .and_then(|values| values.f_contiguous())
            .map_err(NnError::torch("copying an activation"))
    }
}

/// Order of a tensor's axes that puts channels first, images second.
fn channels_first(shape: Shape) -> Vec<i64> {
    match shape {
        Shape::Map { .. } => vec![1, 0, 2, 3],
        Shape::ChannelsLast { .. } => vec![3, 0, 1, 2],
        Shape::Tokens { .. } => vec![2, 0, 1],
        Shape::Vector { .. } => vec![1, 0],
    }
}

/// The window that is all of a shape. Tokens are a column of positions, prefix tokens first.
pub(super) fn whole_of(shape: Shape) -> Window {
    match shape {
        Shape::Tokens { .. } => Window::whole([shape.positions(), 1]),
        _ => Window::whole(shape.grid().unwrap_or([1, 1])),
    }
}

/// Where each row of `inner` lies, in a plane of that window and in one of `outer`.
fn rows(inner: Window, outer: Window) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let (down, right) = (inner.top - outer.top, inner.left - outer.left);
    (0..inner.height).map(move |row| {
        let (from, to) = (row * inner.width, (row + down) * outer.width + right);
        (from..from + inner.width, to..to + inner.width)
    })
}
