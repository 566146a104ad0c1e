//! The colours of a picture: two tones of the texture, and the background.

use super::draw::Draw;

/// A colour, 0 to 255 for red, green and blue.
pub(super) type Colour = [f64; 3];

/// Three colours whose brightness differs: two for the texture, one for the background. Which of
/// them is the brightest, by how much they differ and their hues are drawn.
pub(super) fn three(draw: &mut Draw) -> [Colour; 3] {
    let gaps = [draw.between(35.0, 90.0), draw.between(35.0, 90.0)];
    let darkest = draw.between(20.0, 235.0 - gaps[0] - gaps[1]);
    let mut levels = [darkest, darkest + gaps[0], darkest + gaps[0] + gaps[1]];
    levels.rotate_left(draw.below(3));
    if draw.below(2) == 1 {
        levels.swap(0, 1);
    }
    levels.map(|level| [(); 3].map(|()| level + draw.between(-25.0, 25.0)))
}

/// The colour at `share` of the way from one to another.
pub(super) fn blend(from: Colour, to: Colour, share: f64) -> Colour {
    std::array::from_fn(|channel| from[channel] + share * (to[channel] - from[channel]))
}
