//! A map as the pixels of a picture.

use ndarray::{Array2, ArrayView2};

use super::canvas::Picture;
use super::colormap::Colormap;
use super::render::{FigureError, encode_indexed_png, encode_png};

/// How a map's values become positions on the colour scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// log10(map + 1) over its maximum, the protocol of Ding et al. 2022. A map whose values are
    /// far below 1 looks as on the linear scale.
    #[default]
    Log,
    /// The map over its maximum.
    Linear,
    /// The logarithm of the map over its maximum, over this many decades: the same picture
    /// whatever the map is multiplied by.
    Decades(u8),
}

impl Scale {
    /// What the colour bar shows, in words.
    pub fn title(self) -> String {
        match self {
            Self::Log => "log₁₀(map + 1), share of maximum".to_owned(),
            Self::Linear => "map, share of maximum".to_owned(),
            Self::Decades(_) => "map, share of maximum (log scale)".to_owned(),
        }
    }

    /// Positions on the colour bar, 0 to 1, and what stands there.
    pub(crate) fn ticks(self) -> Vec<(f64, String)> {
        match self {
            Self::Log | Self::Linear => ["0", "0.25", "0.5", "0.75", "1"]
                .iter()
                .enumerate()
                .map(|(quarter, text)| (quarter as f64 / 4.0, (*text).to_owned()))
                .collect(),
            Self::Decades(decades) => {
                let n = decades.max(1);
                let step = n.div_ceil(5);
                (0..=n)
                    .rev()
                    .step_by(usize::from(step))
                    .map(|below| {
                        let position = 1.0 - f64::from(below) / f64::from(n);
                        (position, if below == 0 { "1".to_owned() } else { format!("1e−{below}") })
                    })
                    .collect()
            }
        }
    }

    /// Positions on the colour scale, 0 to 1, of a map without NaN; negative values count as 0,
    /// and a map without a positive value is 0 everywhere.
    pub fn apply(self, map: ArrayView2<'_, f64>) -> Array2<f64> {
        let positive = map.mapv(|v| v.max(0.0));
        let values = match self {
            Self::Log => positive.mapv(|v| v.ln_1p() / std::f64::consts::LN_10),
            Self::Linear | Self::Decades(_) => positive,
        };
        let maximum = values.fold(0.0, |a: f64, b| a.max(*b));
        if maximum <= 0.0 {
            return Array2::zeros(map.dim());
        }
        match self {
            Self::Log | Self::Linear => values.mapv(|v| v / maximum),
            Self::Decades(decades) => values.mapv(|v| {
                (1.0 + (v / maximum).log10() / f64::from(decades.max(1))).clamp(0.0, 1.0)
            }),
        }
    }
}

/// The largest side of a picture in a figure, in pixels: about 150 dots per inch at column width.
pub(crate) const MAX_SIDE: usize = 512;
/// Maps up to this side are shown pixel by pixel, larger ones are blended.
const CRISP_SIDE: usize = 256;

/// A map as a PNG, and whether its pixels are to be shown as squares.
pub(crate) struct MapPicture {
    png: Vec<u8>,
    crisp: bool,
}

impl MapPicture {
    /// `map` in colours; one larger than `max_side` is averaged over areas first.
    ///
    /// # Errors
    /// If the encoder fails.
    pub(crate) fn new(
        map: ArrayView2<'_, f64>,
        scale: Scale,
        colormap: Colormap,
        max_side: usize,
    ) -> Result<Self, FigureError> {
        let reduced = area_mean(map, max_side);
        let position = scale.apply(reduced.view());
        let (height, width) = position.dim();
        // One byte a pixel and a palette: a third of the size of three bytes a pixel.
        let indices: Vec<u8> = position.iter().map(|t| (t * 255.0).round() as u8).collect();
        let palette: Vec<u8> = (0..256).flat_map(|i| colormap.rgb(f64::from(i) / 255.0)).collect();
        let png = encode_indexed_png(&indices, palette, width as u32, height as u32)?;
        Ok(Self { png, crisp: map.dim().0.max(map.dim().1) <= CRISP_SIDE })
    }

    pub(crate) fn picture(&self) -> Picture<'_> {
        Picture { png: &self.png, crisp: self.crisp }
    }
}

/// The colours of a colour map from left to right, as a PNG.
pub(crate) fn strip(colormap: Colormap) -> Result<Vec<u8>, FigureError> {
    let rgb: Vec<u8> = (0..256).flat_map(|i| colormap.rgb(f64::from(i) / 255.0)).collect();
    encode_png(&rgb, 256, 1, None)
}

/// `map` with no side over `max_side`: each new pixel is the mean of the area it covers, with the
/// pixels at its border counted by the part inside.
fn area_mean(map: ArrayView2<'_, f64>, max_side: usize) -> Array2<f64> {
    let (height, width) = map.dim();
    let factor = (height.max(width) as f64 / max_side.max(1) as f64).max(1.0);
    if factor <= 1.0 {
        return map.to_owned();
    }
    let target = |side: usize| ((side as f64 / factor).round() as usize).max(1);
    let (rows, columns) = (overlaps(height, target(height)), overlaps(width, target(width)));
    let mut narrow = Array2::zeros((height, columns.len()));
    for (column, parts) in columns.iter().enumerate() {
        for (from, weight) in parts {
            narrow.column_mut(column).scaled_add(*weight, &map.column(*from));
        }
    }
    let mut reduced = Array2::zeros((rows.len(), columns.len()));
    for (row, parts) in rows.iter().enumerate() {
        for (from, weight) in parts {
            reduced.row_mut(row).scaled_add(*weight, &narrow.row(*from));
        }
    }
    reduced
}

/// For each of `target` equal parts of `side` pixels: the pixels it covers, with weights of sum 1.
fn overlaps(side: usize, target: usize) -> Vec<Vec<(usize, f64)>> {
    let length = side as f64 / target as f64;
    (0..target)
        .map(|part| {
            let (start, end) = (part as f64 * length, (part + 1) as f64 * length);
            let last = (end.ceil() as usize).min(side);
            (start.floor() as usize..last)
                .map(|pixel| {
                    let covered = end.min(pixel as f64 + 1.0) - start.max(pixel as f64);
                    (pixel, covered.max(0.0) / length)
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn log_scale_is_that_of_the_paper() {
        let position = Scale::Log.apply(array![[0.0, 9.0], [99.0, -5.0]].view());
        assert_eq!(position[[0, 0]], 0.0);
        assert!((position[[0, 1]] - 0.5).abs() < 1e-12);
        assert_eq!(position[[1, 0]], 1.0);
        assert_eq!(position[[1, 1]], 0.0);
    }

    #[test]
    fn tiny_values_keep_their_precision() {
        let position = Scale::Log.apply(array![[1e-18, 2e-18]].view());
        assert!((position[[0, 0]] - 0.5).abs() < 1e-9);
    }

    #[test]
    fn decades_do_not_depend_on_the_scale_of_the_map() {
        let map = array![[1.0, 1e-1], [1e-2, 0.0]];
        let expected = array![[1.0, 0.75], [0.5, 0.0]];
        for factor in [1.0, 1e-9, 1e6] {
            let position = Scale::Decades(4).apply((&map * factor).view());
            assert!((&position - &expected).iter().all(|d| d.abs() < 1e-9), "{position}");
        }
    }

    #[test]
    fn a_map_of_zeros_is_the_lowest_colour_everywhere() {
        for scale in [Scale::Log, Scale::Linear, Scale::Decades(4)] {
            assert!(scale.apply(Array2::zeros((3, 4)).view()).iter().all(|t| *t == 0.0));
        }
    }

    #[test]
    fn area_mean_keeps_the_mean_and_the_shape() {
        let map = Array2::from_shape_fn((7, 14), |(y, x)| (y * 14 + x) as f64);
        let reduced = area_mean(map.view(), 5);
        assert_eq!(reduced.dim(), (3, 5));
        assert!((reduced.mean().unwrap() - map.mean().unwrap()).abs() < 1e-9);
        assert_eq!(area_mean(map.view(), 14), map);
        assert_eq!(area_mean(array![[1.0, 3.0], [5.0, 7.0]].view(), 1), array![[4.0]]);
    }

    #[test]
    fn ticks_of_decades_are_powers_of_ten() {
        let labels: Vec<String> =
            Scale::Decades(4).ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["1e−4", "1e−3", "1e−2", "1e−1", "1"]);
        assert_eq!(Scale::Decades(10).ticks().len(), 6);
    }
}
