//! A decoded picture, and cutting out its centre.

/// An 8-bit RGB picture, row-major, `height` x `width` x 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * 3` bytes: red, green and blue of each pixel, row after row.
    pub rgb: Vec<u8>,
}

/// The centre `width` x `height` pixels, as torchvision's `CenterCrop` cuts them.
///
/// Where the margins left and right (or above and below) cannot be equal, torchvision rounds half
/// to even, so which side loses the odd pixel depends on the size. A picture that is too small is
/// first padded with black, the odd pixel of padding on the right and below.
pub fn centre_crop(picture: &Picture, width: usize, height: usize) -> Picture {
    let across = Span::centred(picture.width, width);
    let down = Span::centred(picture.height, height);
    let mut rgb = vec![0; width * height * 3];
    for row in 0..down.length {
        let from = ((down.from + row) * picture.width + across.from) * 3;
        let to = ((down.to + row) * width + across.to) * 3;
        let bytes = across.length * 3;
        rgb[to..to + bytes].copy_from_slice(&picture.rgb[from..from + bytes]);
    }
    Picture { width, height, rgb }
}

/// `length` pixels that go from position `from` in the picture to position `to` in the crop.
struct Span {
    from: usize,
    to: usize,
    length: usize,
}

impl Span {
    fn centred(available: usize, wanted: usize) -> Self {
        match available.checked_sub(wanted) {
            Some(spare) => Self { from: half_to_even(spare), to: 0, length: wanted },
            None => Self { from: 0, to: (wanted - available) / 2, length: available },
        }
    }
}

/// `n / 2`, halves going to the even neighbour, as Python's `round` does.
fn half_to_even(n: usize) -> usize {
    let half = n / 2;
    if n % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of one row whose red values count 1, 2, 3, ...
    fn counting_row(width: usize) -> Picture {
        let rgb = (1..=width as u8).flat_map(|v| [v, 0, 0]).collect();
        Picture { width, height: 1, rgb }
    }

    fn reds(picture: &Picture) -> Vec<u8> {
        picture.rgb.chunks_exact(3).map(|p| p[0]).collect()
    }

    #[test]
    fn margins_of_half_a_pixel_round_to_even() {
        // Spare 1: round(0.5) = 0. Spare 3: round(1.5) = 2. Spare 5: round(2.5) = 2.
        assert_eq!(reds(&centre_crop(&counting_row(3), 2, 1)), [1, 2]);
        assert_eq!(reds(&centre_crop(&counting_row(5), 2, 1)), [3, 4]);
        assert_eq!(reds(&centre_crop(&counting_row(7), 2, 1)), [3, 4]);
        assert_eq!(reds(&centre_crop(&counting_row(6), 2, 1)), [3, 4]);
    }

    #[test]
    fn what_is_missing_is_black_with_the_odd_pixel_at_the_end() {
        assert_eq!(reds(&centre_crop(&counting_row(2), 5, 1)), [0, 1, 2, 0, 0]);
    }

    #[test]
    fn one_side_may_be_padded_while_the_other_is_cut() {
        let crop = centre_crop(&counting_row(4), 2, 3);
        assert_eq!(reds(&crop), [0, 0, 2, 3, 0, 0]);
    }

    #[test]
    fn cropping_to_its_own_size_changes_nothing() {
        assert_eq!(centre_crop(&counting_row(4), 4, 1), counting_row(4));
    }
}
