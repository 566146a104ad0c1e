//! Token outputs of exported networks, laid out as a map.

use tch::Tensor;
use thiserror::Error;

/// Why tokens can't be laid out as a map.
#[derive(Debug, Error)]
pub enum TokensError {
    /// Not N x L x C.
    #[error("{0:?} isn't tokens of N x L x C")]
    NotTokens(Vec<i64>),
    /// Fewer tokens than patches.
    #[error(
        "{found} tokens are fewer than the {rows} x {columns} patches that an image of {height} x \
         {width} has in proportion; the output isn't one token a patch"
    )]
    TooFew {
        /// Tokens.
        found: i64,
        /// Rows of the smallest grid.
        rows: i64,
        /// Columns of the smallest grid.
        columns: i64,
        /// Height of the image.
        height: i64,
        /// Width of the image.
        width: i64,
    },
    /// libtorch failed.
    #[error("libtorch failed at laying tokens out as a map: {0}")]
    Torch(#[from] tch::TchError),
}

/// Tokens of an image of `height` x `width`, N x L x C, as N x C x h x w: the last h w of them, row
/// by row, where h : w is the image's height : width and h w is the largest such number up to L. The
/// tokens before (class, distillation, register tokens) are dropped.
///
/// # Errors
///
/// [`TokensError`] where the output has another number of axes, or fewer tokens than the smallest
/// grid of the image's proportion.
pub fn tokens_to_map(tokens: &Tensor, [height, width]: [i64; 2]) -> Result<Tensor, TokensError> {
    let size = tokens.size();
    let [_, found, _] = size[..] else { return Err(TokensError::NotTokens(size)) };
    let divisor = greatest_common_divisor(height, width).max(1);
    let (rows, columns) = (height / divisor, width / divisor);
    let times = (found.max(0) / (rows * columns).max(1)).isqrt();
    if times == 0 {
        return Err(TokensError::TooFew { found, rows, columns, height, width });
    }
    let grid = [times * rows, times * columns];
    let patches = grid[0] * grid[1];
    let map =
        tokens.f_narrow(1, found - patches, patches)?.f_transpose(1, 2)?.f_unflatten(2, grid)?;
    Ok(map)
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(count: i64) -> Tensor {
        Tensor::arange(2 * count * 3, tch::kind::FLOAT_CPU).reshape([2, count, 3])
    }

    #[test]
    fn prefix_tokens_are_dropped() {
        for prefix in [0, 1, 2, 5] {
            let map = tokens_to_map(&tokens(prefix + 196), [224, 224]).unwrap();
            assert_eq!(map.size(), [2, 3, 14, 14]);
            // Channel 1 of the second patch in the first row.
            assert_eq!(map.double_value(&[0, 1, 0, 1]), (3 * (prefix + 1) + 1) as f64);
        }
    }

    #[test]
    fn the_grid_has_the_image_s_proportion() {
        let map = tokens_to_map(&tokens(1 + 8 * 12), [256, 384]).unwrap();
        assert_eq!(map.size(), [2, 3, 8, 12]);
    }

    #[test]
    fn other_outputs_are_refused() {
        let message = tokens_to_map(&tokens(4).select(0, 0), [224, 224]).unwrap_err().to_string();
        assert!(message.contains("[4, 3]"), "{message}");
        let message = tokens_to_map(&tokens(5), [256, 384]).unwrap_err().to_string();
        assert!(message.contains("5 tokens"), "{message}");
    }
}
