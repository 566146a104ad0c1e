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
