//! A network made ready for the maps of single images: one unit, one input size.

use tch::{Device, Tensor};

use crate::nn::NnError;
use crate::nn::autograd::Unit;
use crate::zoo::run::{Path, Runner, find_unit};
use crate::zoo::{Body, Model, ZooError};

/// The unit whose receptive field is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// Name of a stage or layer; the last feature map where absent.
    pub layer: Option<String>,
    /// Row and column; the centre (h/2, w/2) where absent.
    pub unit: Option<[usize; 2]>,
    /// Whether tokens that a TorchScript network gives are laid out as a map.
    pub tokens_to_map: bool,
}

/// Computes ERF maps of single images.
pub struct Differentiator {
    runner: Runner,
    unit: Unit,
    /// Rows and columns of the map that holds the unit.
    grid: [usize; 2],
    size: [usize; 2],
    device: Device,
    /// Name of the layer; `features` for the last feature map.
    pub layer: String,
}

impl Differentiator {
    /// Prepares `model` for images of `size` (height, width).
    ///
    /// # Errors
    ///
    /// [`ZooError`] where the network has no such layer or unit, or can't take images of that size.
    pub fn new(
        mut model: Model,
        target: &Target,
        size: [usize; 2],
        path: Path,
        device: Device,
    ) -> Result<Self, ZooError> {
        if let (Body::TorchScript(module), true) = (&mut model.body, target.tokens_to_map) {
            module.lay_tokens_out();
        }
        let (unit, grid) = find_unit(&model, target.layer.as_deref(), target.unit, size, device)?;
        let runner = Runner::new(model.body, path, device, &[unit.layer])?;
        let layer = target.layer.clone().unwrap_or_else(|| "features".to_owned());
        Ok(Differentiator { runner, unit, grid, size, device, layer })
    }

    /// Row and column of the unit.
    pub fn unit(&self) -> [usize; 2] {
        [self.unit.row, self.unit.column]
    }

    /// Where squares and circles are to be drawn for a unit that isn't the centre one: the middle of the
    /// image (H/2, W/2), moved by as many strides as the unit is from the centre one.
    pub fn around(&self) -> Option<[usize; 2]> {
        let middle = [0, 1].map(|axis| self.grid[axis] / 2);
        (self.unit() != middle)
            .then(|| [0, 1].map(|axis| place(self.unit()[axis], self.grid[axis], self.size[axis])))
    }

    /// The ERF map of one image: relu(ds/dx) summed over the colour channels, H x W row-major.
    /// `image` is 3 x H x W, normalised.
    ///
    /// # Errors
    ///
    /// [`ZooError`] where libtorch fails.
    pub fn map(&self, image: &[f32]) -> Result<Vec<f32>, ZooError> {
        let [height, width] = self.size.map(|side| side as i64);
        let input = Tensor::from_slice(image).reshape([1, 3, height, width]).to_device(self.device);
        let gradient = self.runner.input_gradient(&input, self.unit)?;
        gradient
            .f_relu()
            .and_then(|positive| positive.f_sum_dim_intlist([0i64].as_slice(), false, None))
            .and_then(|map| map.f_to_kind(tch::Kind::Float)?.f_reshape([-1]))
            .and_then(|map| Vec::<f32>::try_from(map.to_device(Device::Cpu)))
            .map_err(NnError::torch("the sum over colour channels"))
            .map_err(ZooError::from)
    }
}

/// The row (or column) of an image of `side` pixels for position `unit` of `grid`.
fn place(unit: usize, grid: usize, side: usize) -> usize {
    let stride = side as f64 / grid as f64;
    let strides = unit as f64 - (grid / 2) as f64;
    let place = (side / 2) as f64 + strides * stride;
    (place.round().max(0.0) as usize).min(side - 1)
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn units_lie_strides_from_the_middle() {
        // 32 positions of 32 pixels, then 7 of 32.
        assert_eq!([0, 16, 31].map(|unit| place(unit, 32, 1024)), [0, 512, 992]);
        assert_eq!([0, 3, 6].map(|unit| place(unit, 7, 224)), [16, 112, 208]);
        // One position, and more positions than pixels.
        assert_eq!([place(0, 1, 5), place(0, 8, 4), place(7, 8, 4)], [2, 0, 3]);
    }
}
