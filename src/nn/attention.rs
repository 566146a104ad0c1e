//! Self-attention over all tokens, and within the windows of a map.
//!
//! Both run through libtorch's fused kernel, which never holds the L x L products: at 1024 x 1024 a
//! ViT with patches of 16 has 4,096 tokens, whose products would take 0.8 GB for 12 heads.

use tch::{TchError, Tensor};

use super::layer::WindowAttention;

/// Added to the product of two positions that are neighbours only through the cyclic shift; what
/// the released code adds (Liu et al. 2021).
const MASKED: f64 = -100.0;

/// Attention of every token to every token: N x L x 3C (query, key, value) -> N x L x C.
///
/// # Errors
///
/// libtorch's.
pub fn global(qkv: &Tensor, heads: usize) -> Result<Tensor, TchError> {
    // N x L x 3 x heads x d -> three of N x heads x L x d.
    let parts = qkv.f_unflatten(2, [3, heads as i64, -1])?.f_permute([2, 0, 3, 1, 4])?;
    fused(&parts, None)?.f_transpose(1, 2)?.f_flatten(2, 3)
}

/// Attention within windows: N x H x W x 3C (query, key, value) -> N x H x W x C. `table` is the
/// relative-position bias, `padding` the 3C values that a padded position has.
///
/// As in the released code the map is first shifted, then padded below and on the right; padded
/// positions take part as keys.
///
/// # Errors
///
/// libtorch's.
pub fn windowed(
    qkv: &Tensor,
    layer: &WindowAttention,
    table: &Tensor,
    padding: &Tensor,
) -> Result<Tensor, TchError> {
    let (height, width) = (qkv.size()[1] as usize, qkv.size()[2] as usize);
    let windows = Windows::new([height, width], layer.window, layer.shifted);
    let shift = windows.shift.map(|shift| shift as i64);
    let is_shifted = shift != [0, 0];

    let mut x = qkv.shallow_clone();
    if is_shifted {
        x = x.f_roll(shift.map(|shift| -shift), [1i64, 2])?;
    }
    x = pad(&x, windows.padded, padding)?;
    let heads = layer.heads as i64;
    let count = windows.count() as i64;
    // Windows and heads share an axis, so that one mask serves every image of the batch.
    let parts = partition(&x, windows.side)?
        .f_unflatten(3, [3, heads, -1])?
        .f_permute([3, 0, 1, 4, 2, 5])?
        .f_flatten(2, 3)?;
    let bias = windows.bias(table, layer.window)?;
    let mask = match windows.mask(qkv)? {
        Some(mask) => bias.f_unsqueeze(0)?.f_add(&mask.f_unsqueeze(1)?)?,
        None => bias.f_unsqueeze(0)?.f_expand([count, -1, -1, -1], false)?,
    };
    let mask = mask.f_flatten(0, 1)?.f_unsqueeze(0)?;
    let attended = fused(&parts, Some(&mask))?
        .f_unflatten(1, [count, heads])?
        .f_permute([0, 1, 3, 2, 4])?
        .f_flatten(3, 4)?;
    x = reverse(&attended, windows.side, windows.padded)?;
    x = x.f_narrow(1, 0, height as i64)?.f_narrow(2, 0, width as i64)?;
    if is_shifted { x.f_roll(shift, [1i64, 2]) } else { Ok(x) }
}

/// softmax(Q K^T / sqrt(d) + mask) V for query, key and value stacked along the first axis.
fn fused(parts: &Tensor, mask: Option<&Tensor>) -> Result<Tensor, TchError> {
    let [query, key, value] = [0, 1, 2].map(|index| parts.f_select(0, index));
    Tensor::f_scaled_dot_product_attention(&query?, &key?, &value?, mask, 0.0, false, None, false)
}

/// Pads N x H x W x C below and on the right, with `value` (C) at every padded position.
fn pad(x: &Tensor, [height, width]: [usize; 2], value: &Tensor) -> Result<Tensor, TchError> {
    let size = x.size();
    let mut x = x.shallow_clone();
    let columns = width as i64 - size[2];
    if columns > 0 {
        let right = value.f_expand([size[0], size[1], columns, size[3]], false)?;
        x = Tensor::f_cat(&[x, right], 2)?;
    }
    let rows = height as i64 - size[1];
    if rows > 0 {
        let below = value.f_expand([size[0], rows, width as i64, size[3]], false)?;
        x = Tensor::f_cat(&[x, below], 1)?;
    }
    Ok(x)
}

/// N x H x W x C -> N x windows x (side x side) x C, windows row by row, positions row by row.
/// `side` must divide H and W.
///
/// # Errors
///
/// libtorch's, where it doesn't.
pub fn partition(x: &Tensor, side: [usize; 2]) -> Result<Tensor, TchError> {
    x.f_unflatten(2, [-1, side[1] as i64])?
        .f_unflatten(1, [-1, side[0] as i64])?
        .f_permute([0, 1, 3, 2, 4, 5])?
        .f_flatten(3, 4)?
        .f_flatten(1, 2)
}

/// What [`partition`] took apart, for a map of `size`.
///
/// # Errors
///
/// libtorch's.
pub fn reverse(
    windows: &Tensor,
    side: [usize; 2],
    [height, width]: [usize; 2],
) -> Result<Tensor, TchError> {
    let [rows, columns] = [height / side[0], width / side[1]].map(|count| count as i64);
    windows
        .f_unflatten(2, [side[0] as i64, side[1] as i64])?
        .f_unflatten(1, [rows, columns])?
        .f_permute([0, 1, 3, 2, 4, 5])?
        .f_flatten(3, 4)?
        .f_flatten(1, 2)
}

/// How a map is cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Height and width of a window.
    pub side: [usize; 2],
    /// Rows and columns by which the map is shifted towards the top left.
    pub shift: [usize; 2],
    /// Height and width of the map, padded to whole windows.
    pub padded: [usize; 2],
}

impl Windows {
    /// Windows of a map of `size`: along an axis that is no longer than `window`, one unshifted
    /// window takes all.
    pub fn new(size: [usize; 2], window: usize, shifted: bool) -> Self {
        let side = size.map(|size| size.min(window));
        let shift = size.map(|size| if shifted && size > window { window / 2 } else { 0 });
        let padded = [0, 1].map(|axis| size[axis].div_ceil(side[axis]) * side[axis]);
        Windows { side, shift, padded }
    }

    /// Number of windows.
    pub fn count(&self) -> usize {
        self.padded[0] / self.side[0] * (self.padded[1] / self.side[1])
    }

    /// Positions of a window.
    pub fn area(&self) -> usize {
        self.side[0] * self.side[1]
    }

    /// Row of the bias table for each pair of positions of a window: (dy + w - 1)(2w - 1) +
    /// (dx + w - 1), where (dy, dx) is the first position less the second and w the side that the
    /// table was learned for. A smaller window uses the table's middle.
    pub fn relative_position_index(&self, window: usize) -> Vec<i64> {
        let positions = || {
            let width = self.side[1];
            (0..self.area()).map(move |place| (place / width, place % width))
        };
        positions()
            .flat_map(|(y, x)| {
                positions().map(move |(v, u)| (y + window - 1 - v, x + window - 1 - u))
            })
            .map(|(dy, dx)| (dy * (2 * window - 1) + dx) as i64)
            .collect()
    }

    /// The bias of each head for each pair of positions: heads x area x area.
    fn bias(&self, table: &Tensor, window: usize) -> Result<Tensor, TchError> {
        let area = self.area() as i64;
        let index = Tensor::from_slice(&self.relative_position_index(window));
        table
            .f_index_select(0, &index.f_to_device(table.device())?)?
            .f_unflatten(0, [area, area])?
            .f_permute([2, 0, 1])?
            .f_contiguous()
    }

    /// Which part of the picture a row (axis 0) or column (axis 1) of the shifted, padded map
    /// belongs to: 0 for windows that the shift doesn't cut, 1 and 2 on either side of the cut.
    fn part(&self, axis: usize, place: usize) -> i64 {
        let (padded, side, shift) = (self.padded[axis], self.side[axis], self.shift[axis]);
        if shift == 0 || place < padded - side {
            0
        } else if place < padded - shift {
            1
        } else {
            2
        }
    }

    /// What is added to the products of each window: windows x area x area, zero between positions
    /// that belong together and [`MASKED`] between those that the shift brought together; nothing
    /// where nothing is shifted.
    fn mask(&self, like: &Tensor) -> Result<Option<Tensor>, TchError> {
        if self.shift == [0, 0] {
            return Ok(None);
        }
        let [height, width] = self.padded;
        let parts: Vec<i64> = (0..height * width)
            .map(|place| 3 * self.part(0, place / width) + self.part(1, place % width))
            .collect();
        let parts = Tensor::from_slice(&parts).f_reshape([1, height as i64, width as i64, 1])?;
        let parts = partition(&parts, self.side)?.f_reshape([-1, self.area() as i64])?;
        parts
            .f_unsqueeze(1)?
            .f_ne_tensor(&parts.f_unsqueeze(2)?)?
            .f_to_kind(like.kind())?
            .f_mul_scalar(MASKED)?
            .f_to_device(like.device())
            .map(Some)
    }
}

#[cfg(test)]
mod tests;
