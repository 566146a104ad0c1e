//! Resizing as Pillow does it.
//!
//! Pillow widens its filter by the factor of a reduction (so the result is antialiased) and
//! resamples in two passes, one along each side, with an 8-bit picture in between. The rounding
//! and clipping in between make the result depend on the order of the passes: by up to 24 levels
//! when noise is enlarged bicubically.

use std::borrow::Cow;

use super::kernel::{self, CUBIC, Filter, TRIANGLE};
use super::{ImageError, MAX_PIXELS, Picture};

/// How a resized pixel is computed from those around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Pillow's `BILINEAR`: a triangle of radius 1, widened when reducing.
    Bilinear,
    /// Pillow's `BICUBIC`: the cubic convolution of Keys (1981) with a = -0.5, radius 2, widened
    /// when reducing.
    Bicubic,
}

impl Interpolation {
    /// `bilinear` or `bicubic`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bilinear => "bilinear",
            Self::Bicubic => "bicubic",
        }
    }

    fn filter(self) -> &'static Filter {
        match self {
            Self::Bilinear => &TRIANGLE,
            Self::Bicubic => &CUBIC,
        }
    }
}

/// `picture` at `width` x `height`, with the levels that Pillow's `resize` returns.
///
/// # Errors
/// When a side is 0, when the result or the picture between the passes would have more than
/// [`MAX_PIXELS`] pixels, or when `picture.rgb` does not have `height * width * 3` bytes.
pub fn resize(
    picture: &Picture,
    width: usize,
    height: usize,
    interpolation: Interpolation,
) -> Result<Picture, ImageError> {
    let fail = |reason: String| ImageError::Resize {
        from: (picture.width, picture.height),
        to: (width, height),
        reason,
    };
    let between = if vertical_first((picture.width, picture.height), (width, height)) {
        (picture.width, height)
    } else {
        (width, picture.height)
    };
    let mut current = Cow::Borrowed(picture);
    for size in [between, (width, height)] {
        if size != (current.width, current.height) {
            current = Cow::Owned(pass(&current, size, interpolation).map_err(fail)?);
        }
    }
    Ok(current.into_owned())
}

/// Whether Pillow resamples the columns before the rows: when the height shrinks by more than
/// twice the number of pixels that the width does (Pillow 13.0, `ImagingResampleInner`). Before
/// 13.0 the rows came first for all but very tall pictures.
fn vertical_first(from: (usize, usize), to: (usize, usize)) -> bool {
    let shrinks = |from: usize, to: usize| from as i128 - to as i128;
    let height = shrinks(from.1, to.1);
    height > 0 && height > 2 * shrinks(from.0, to.0)
}

fn pass(
    picture: &Picture,
    (width, height): (usize, usize),
    interpolation: Interpolation,
) -> Result<Picture, String> {
    checked(picture.width, picture.height)?;
    checked(width, height)?;
    let expected = 3 * picture.width * picture.height;
    if picture.rgb.len() != expected {
        return Err(format!("it has {} bytes where {expected} belong", picture.rgb.len()));
    }
    let filter = interpolation.filter();
    let rgb = if height == picture.height {
        kernel::rows(&picture.rgb, picture.width, width, filter)
    } else {
        kernel::columns(&picture.rgb, width, picture.height, height, filter)
    };
    Ok(Picture { width, height, rgb })
}

fn checked(width: usize, height: usize) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err("a side of 0 pixels holds nothing; give at least 1".to_string());
    }
    match width.checked_mul(height) {
        Some(pixels) if pixels as u64 <= MAX_PIXELS => Ok(()),
        _ => Err(format!(
            "{width} x {height} is more than {MAX_PIXELS} pixels; ask for a smaller size"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize, values: &[u8]) -> Picture {
        Picture { width, height, rgb: values.iter().flat_map(|&v| [v; 3]).collect() }
    }

    #[test]
    fn the_order_of_the_passes_is_pillows() {
        // Found by comparing Pillow 13.0 with two one-sided resizes in either order.
        let cases = [
            ((224, 224), (96, 96), false),
            ((224, 224), (300, 500), false),
            ((224, 224), (500, 300), false),
            ((224, 224), (1000, 3), true),
            ((224, 224), (3, 1000), false),
            ((16, 700), (300, 500), true),
            ((16, 700), (3, 1000), false),
            ((700, 16), (96, 96), false),
            ((700, 16), (1000, 3), true),
            ((37, 301), (224, 224), true),
        ];
        for (from, to, expected) in cases {
            assert_eq!(vertical_first(from, to), expected, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn halving_with_the_triangle_weighs_neighbours_too() {
        // Scale 2, so the triangle has radius 2. The first output pixel's centre is at 1: the
        // pixels at 0.5 and 1.5 weigh 0.75, the one at 2.5 weighs 0.25, normalised by 1.75.
        let half = resize(&grey(4, 1, &[0, 0, 70, 70]), 2, 1, Interpolation::Bilinear).unwrap();
        assert_eq!(half, grey(2, 1, &[10, 60]));
    }

    #[test]
    fn bicubic_enlargement_overshoots_and_clips() {
        // At scale 1/2 the second output pixel's centre is 0.75, so its distances to the pixels
        // at 0.5, 1.5 and 2.5 are 0.25, 0.75 and 1.75: Keys' weights 0.8671875, 0.2265625 and
        // -0.0234375, normalised by their sum 1.0703125.
        let twice = resize(&grey(3, 1, &[0, 200, 0]), 6, 1, Interpolation::Bicubic).unwrap();
        assert_eq!(twice.rgb[3], (200.0 * 0.2265625f64 / 1.0703125).round() as u8);
        let bright = resize(&grey(4, 1, &[0, 255, 255, 0]), 8, 1, Interpolation::Bicubic).unwrap();
        assert_eq!(bright.rgb[9], 255);
    }

    #[test]
    fn one_pixel_fills_any_size() {
        let one = grey(1, 1, &[77]);
        for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
            let large = resize(&one, 31, 17, interpolation).unwrap();
            assert_eq!(large, grey(31, 17, &[77; 31 * 17]));
        }
    }

    #[test]
    fn sizes_that_hold_nothing_or_too_much_are_errors() {
        let picture = grey(2, 2, &[1, 2, 3, 4]);
        for (width, height) in [(0, 5), (5, 0), (usize::MAX, 2), (1 << 20, 1 << 20)] {
            let error = resize(&picture, width, height, Interpolation::Bicubic).unwrap_err();
            assert!(matches!(error, ImageError::Resize { .. }), "{error}");
        }
        let short = Picture { rgb: vec![0; 5], ..picture };
        assert!(resize(&short, 3, 3, Interpolation::Bilinear).is_err());
    }
}
