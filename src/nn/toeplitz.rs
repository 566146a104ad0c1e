//! Depthwise convolutions with kernels about as large as the map, as matrix products.
//!
//! A convolution is linear, so on a map of P positions each channel is a product with a P x P matrix
//! whose entries are taps of the kernel (a Toeplitz matrix of Toeplitz blocks). On small maps that is
//! less work than the taps, most of which fall on padding, and training gains most: its gradients are
//! matrix products too, where libtorch's depthwise gradients are slow.

use tch::{Kind, TchError, Tensor};

use super::layer::Convolution;
use super::shape::Shape;

/// The most positions of a map for which the matrices are built: 32 x 32.
const MOST_POSITIONS: usize = 1024;

/// Whether a layer with this output is computed faster in this way.
pub(super) fn pays(layer: &Convolution, output: Shape) -> bool {
    let Some([height, width]) = output.grid() else { return false };
    let [rows, columns] = layer.kernel;
    let keeps_size = layer.padding == [rows / 2, columns / 2] && rows % 2 == 1 && columns % 2 == 1;
    layer.is_depthwise()
        && layer.stride == [1, 1]
        && keeps_size
        && height * width <= MOST_POSITIONS
        && 2 * rows.min(columns) > height.max(width)
}

/// The convolution of `x` (N x C x H x W) with `weight` (C x 1 x K x L, odd K and L), padded so that
/// the size is kept.
pub(super) fn depthwise(x: &Tensor, weight: &Tensor) -> Result<Tensor, TchError> {
    let (size, kernel) = (x.size(), weight.size());
    let (&[batch, channels, height, width], &[_, _, rows, columns]) = (&size[..], &kernel[..])
    else {
        return Err(TchError::Shape(format!("{size:?} and {kernel:?} aren't maps")));
    };
    let positions = height * width;
    let taps = weight.f_reshape([channels, rows * columns])?.f_constant_pad_nd([0, 1])?;
    let matrices = taps
        .f_index_select(1, &tap_indices([height, width], [rows, columns])?)?
        .f_reshape([channels, positions, positions])?;
    x.f_reshape([batch, channels, positions])?
        .f_transpose(0, 1)?
        .f_bmm(&matrices)?
        .f_transpose(0, 1)?
        .f_reshape([batch, channels, height, width])
}

/// For each pair of an input and an output position, the tap that connects them; the number of taps
/// where none does.
fn tap_indices([height, width]: [i64; 2], [rows, columns]: [i64; 2]) -> Result<Tensor, TchError> {
    let offsets = |length: i64, kernel: i64| -> Result<Tensor, TchError> {
        let line = Tensor::f_arange(length, (Kind::Int64, tch::Device::Cpu))?;
        line.f_unsqueeze(1)?.f_sub(&line)?.f_add_scalar(kernel / 2)
    };
    let row = offsets(height, rows)?.f_reshape([height, 1, height, 1])?;
    let column = offsets(width, columns)?.f_reshape([1, width, 1, width])?;
    let outside = |offset: &Tensor, kernel: i64| -> Result<Tensor, TchError> {
        offset.f_lt(0)?.f_logical_or(&offset.f_ge(kernel)?)
    };
    let none = outside(&row, rows)?.f_logical_or(&outside(&column, columns)?)?;
    let index = row.f_mul_scalar(columns)?.f_add(&column)?;
    index.f_masked_fill(&none, rows * columns)?.f_reshape([-1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_gradients_are_those_of_a_convolution() {
        tch::manual_seed(3);
        let options = (Kind::Double, tch::Device::Cpu);
        for ([height, width], [rows, columns]) in [([5, 4], [7, 9]), ([6, 6], [3, 5])] {
            let x = Tensor::randn([2, 3, height, width], options).set_requires_grad(true);
            let weight = Tensor::randn([3, 1, rows, columns], options).set_requires_grad(true);
            let found = depthwise(&x, &weight).unwrap();
            let none: Option<Tensor> = None;
            let expected = x.conv2d(&weight, none, [1, 1], [rows / 2, columns / 2], [1, 1], 3);
            assert!(found.allclose(&expected, 1e-10, 1e-10, false));
            let probe = expected.randn_like();
            let gradients = |output: Tensor| {
                Tensor::run_backward(
                    &[(output * &probe).sum(Kind::Double)],
                    &[&x, &weight],
                    false,
                    false,
                )
            };
            for (found, expected) in gradients(found).iter().zip(&gradients(expected)) {
                assert!(found.allclose(expected, 1e-10, 1e-10, false));
            }
        }
    }
}
