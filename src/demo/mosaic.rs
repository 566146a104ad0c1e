//! Larger pictures, for receptive fields that reach beyond one object.

use image::RgbImage;
use image::imageops;

use super::scene::{Part, SIDE, Scene, seed};

/// Pictures along each side of a mosaic: odd, so that its centre is the centre of a picture and no
/// seam runs through it.
pub const ACROSS: u32 = 5;

/// A mosaic of pictures in which shape and texture agree; no picture is in two mosaics.
pub fn mosaic(index: u32) -> RgbImage {
    let side = ACROSS * SIDE as u32;
    let mut mosaic = RgbImage::new(side, side);
    for place in 0..ACROSS * ACROSS {
        let scene = Scene::agreeing(seed(Part::Field, index * ACROSS * ACROSS + place));
        let [column, row] = [place % ACROSS, place / ACROSS].map(|at| i64::from(at) * SIDE as i64);
        imageops::replace(&mut mosaic, &scene.draw(), column, row);
    }
    mosaic
}
