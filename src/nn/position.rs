//! Position embeddings for another grid than the one that they were learned on.

use tch::{TchError, Tensor};

use super::shape::Shape;

/// An embedding of 1 x (prefix + rows x columns) x C, learned on a grid of `rows` x `columns`, for
/// tokens of the shape `tokens`. Where the grids are the same it comes back as it is; else its rows
/// and columns are resampled by antialiased bicubic interpolation (as timm does), and the rows of
/// the prefix tokens are kept.
///
/// # Errors
///
/// libtorch's, where the embedding hasn't the shape said.
pub fn resample(
    embedding: &Tensor,
    prefix: usize,
    [rows, columns]: [usize; 2],
    tokens: Shape,
) -> Result<Tensor, TchError> {
    let Some([height, width]) = tokens.grid().filter(|grid| *grid != [rows, columns]) else {
        return Ok(embedding.shallow_clone());
    };
    let prefix = prefix as i64;
    let patches = embedding
        .f_narrow(1, prefix, (rows * columns) as i64)?
        .f_transpose(1, 2)?
        .f_unflatten(2, [rows as i64, columns as i64])?
        .f_contiguous()?
        .f_internal_upsample_bicubic2d_aa([height as i64, width as i64], false, None, None)?
        .f_flatten(2, 3)?
        .f_transpose(1, 2)?;
    Tensor::f_cat(&[embedding.f_narrow(1, 0, prefix)?, patches], 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::zoo::init::formula_values;

    fn tokens(prefix: usize, height: usize, width: usize) -> Shape {
        Shape::Tokens { prefix, height, width, channels: 3 }
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.contiguous().reshape([-1])).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

        #[test]
        fn the_same_grid_changes_nothing(
            (prefix, rows, columns) in (0usize..3, 1usize..6, 1usize..6),
        ) {
            let shape = [1, prefix + rows * columns, 3];
            let embedding = Tensor::from_slice(&formula_values("image", &shape))
                .reshape(shape.map(|size| size as i64));
            let same = resample(&embedding, prefix, [rows, columns], tokens(prefix, rows, columns));
            prop_assert_eq!(flat(&same.unwrap()), flat(&embedding));
        }

        #[test]
        fn a_constant_stays_and_prefix_tokens_stay(
            (prefix, rows, columns) in (0usize..3, 1usize..9, 1usize..9),
            (height, width) in (1usize..12, 1usize..12),
        ) {
            let patches = Tensor::full([1, (rows * columns) as i64, 3], 0.75, tch::kind::FLOAT_CPU);
            let first = Tensor::full([1, prefix as i64, 3], -2.0, tch::kind::FLOAT_CPU);
            let embedding = Tensor::cat(&[first, patches], 1);
            let result =
                resample(&embedding, prefix, [rows, columns], tokens(prefix, height, width)).unwrap();
            prop_assert_eq!(result.size(), [1, (prefix + height * width) as i64, 3]);
            let values = flat(&result);
            let (first, patches) = values.split_at(3 * prefix);
            prop_assert!(first.iter().all(|&value| value == -2.0));
            prop_assert!(patches.iter().all(|&value| (value - 0.75).abs() < 1e-6));
        }
    }

    #[test]
    fn rows_and_columns_are_not_mixed_up() {
        // The value is the column: resampled to one row, it is still the column.
        let embedding = Tensor::from_slice(&[0.0f32, 1.0, 2.0, 0.0, 1.0, 2.0]).reshape([1, 6, 1]);
        let tokens = Shape::Tokens { prefix: 0, height: 1, width: 3, channels: 1 };
        let values = flat(&resample(&embedding, 0, [2, 3], tokens).unwrap());
        for (found, expected) in values.iter().zip([0.0, 1.0, 2.0]) {
            assert!((found - expected).abs() < 1e-6, "{values:?}");
        }
    }
}
