//! Colour maps: from a value between 0 and 1 to a colour.

use std::fmt;
use std::str::FromStr;

use super::style::Rgb;

const VIRIDIS: &[u8; 768] = include_bytes!("../../data/colormaps/viridis.rgb");
const MAGMA: &[u8; 768] = include_bytes!("../../data/colormaps/magma.rgb");
const PLASMA: &[u8; 768] = include_bytes!("../../data/colormaps/plasma.rgb");
const INFERNO: &[u8; 768] = include_bytes!("../../data/colormaps/inferno.rgb");
const CIVIDIS: &[u8; 768] = include_bytes!("../../data/colormaps/cividis.rgb");

// The 11, 11 and 9 classes of ColorBrewer 2.0 (Cynthia Brewer, Mark Harrower and The Pennsylvania
// State University, Apache License 2.0).
const RDYLGN: [Rgb; 11] = [
    [165, 0, 38],
    [215, 48, 39],
    [244, 109, 67],
    [253, 174, 97],
    [254, 224, 139],
    [255, 255, 191],
    [217, 239, 139],
    [166, 217, 106],
    [102, 189, 99],
    [26, 152, 80],
    [0, 104, 55],
];
const RDBU: [Rgb; 11] = [
    [103, 0, 31],
    [178, 24, 43],
    [214, 96, 77],
    [244, 165, 130],
    [253, 219, 199],
    [247, 247, 247],
    [209, 229, 240],
    [146, 197, 222],
    [67, 147, 195],
    [33, 102, 172],
    [5, 48, 97],
];
const BLUES: [Rgb; 9] = [
    [247, 251, 255],
    [222, 235, 247],
    [198, 219, 239],
    [158, 202, 225],
    [107, 174, 214],
    [66, 146, 198],
    [33, 113, 181],
    [8, 81, 156],
    [8, 48, 107],
];

/// A colour map by the name that matplotlib gives it, in lower case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Colormap {
    /// Dark blue to yellow; lightness grows evenly, so it is right in greyscale.
    #[default]
    Viridis,
    /// Black to pale yellow through purple.
    Magma,
    /// Dark blue to yellow through red.
    Plasma,
    /// Black to pale yellow through red.
    Inferno,
    /// Blue to yellow, nearly the same for readers with red-green blindness.
    Cividis,
    /// Red to green through yellow, as in Ding et al. 2022, figure 1; ambiguous in greyscale.
    RdYlGn,
    /// Red to blue through white, for values on both sides of 0.
    RdBu,
    /// White to dark blue, for counts.
    Blues,
}

/// A name that no colour map has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no colour map is named \"{name}\": choose one of {}", Colormap::NAMES.join(", "))]
pub struct UnknownColormap {
    /// The name that was asked for.
    pub name: String,
}

impl Colormap {
    /// Every colour map, in the order of [`Colormap::NAMES`].
    pub const ALL: [Self; 8] = [
        Self::Viridis,
        Self::Magma,
        Self::Plasma,
        Self::Inferno,
        Self::Cividis,
        Self::RdYlGn,
        Self::RdBu,
        Self::Blues,
    ];

    /// The names that [`FromStr`] takes.
    pub const NAMES: [&'static str; 8] =
        ["viridis", "magma", "plasma", "inferno", "cividis", "rdylgn", "rdbu", "blues"];

    /// The name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viridis => "viridis",
            Self::Magma => "magma",
            Self::Plasma => "plasma",
            Self::Inferno => "inferno",
            Self::Cividis => "cividis",
            Self::RdYlGn => "rdylgn",
            Self::RdBu => "rdbu",
            Self::Blues => "blues",
        }
    }

    /// The colour of `t`, clamped to 0..=1; a NaN has the colour of 0.
    pub fn rgb(self, t: f64) -> Rgb {
        match self {
            Self::Viridis => entry(VIRIDIS, t),
            Self::Magma => entry(MAGMA, t),
            Self::Plasma => entry(PLASMA, t),
            Self::Inferno => entry(INFERNO, t),
            Self::Cividis => entry(CIVIDIS, t),
            Self::RdYlGn => interpolate(&RDYLGN, t),
            Self::RdBu => interpolate(&RDBU, t),
            Self::Blues => interpolate(&BLUES, t),
        }
    }
}

impl fmt::Display for Colormap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Colormap {
    type Err = UnknownColormap;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|map| map.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownColormap { name: name.to_owned() })
    }
}

/// `t` as a number in 0..=1, a NaN as 0.
fn unit(t: f64) -> f64 {
    if t.is_nan() { 0.0 } else { t.clamp(0.0, 1.0) }
}

fn entry(table: &[u8; 768], t: f64) -> Rgb {
    let index = 3 * (unit(t) * 255.0).round() as usize;
    [table[index], table[index + 1], table[index + 2]]
}

fn interpolate(classes: &[Rgb], t: f64) -> Rgb {
    let position = unit(t) * (classes.len() - 1) as f64;
    let low = position.floor() as usize;
    let high = (low + 1).min(classes.len() - 1);
    let weight = position - low as f64;
    std::array::from_fn(|channel| {
        let (a, b) = (f64::from(classes[low][channel]), f64::from(classes[high][channel]));
        (a + (b - a) * weight).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::super::style::luminance;
    use super::*;

    #[test]
    fn ends_and_middle_are_the_published_ones() {
        assert_eq!(Colormap::Viridis.rgb(0.0), [0x44, 0x01, 0x54]);
        assert_eq!(Colormap::Viridis.rgb(1.0), [0xfd, 0xe7, 0x25]);
        assert_eq!(Colormap::Magma.rgb(0.0), [0x00, 0x00, 0x04]);
        assert_eq!(Colormap::Inferno.rgb(1.0), [0xfc, 0xff, 0xa4]);
        assert_eq!(Colormap::Plasma.rgb(0.0), [0x0d, 0x08, 0x87]);
        assert_eq!(Colormap::Cividis.rgb(1.0), [0xfe, 0xe8, 0x38]);
        assert_eq!(Colormap::RdYlGn.rgb(0.5), [255, 255, 191]);
        assert_eq!(Colormap::RdBu.rgb(0.5), [247, 247, 247]);
        // Halfway between the first two of eleven classes.
        assert_eq!(Colormap::RdYlGn.rgb(0.05), [190, 24, 39]);
    }

    #[test]
    fn values_outside_are_clamped_and_nan_is_the_lowest() {
        for map in Colormap::ALL {
            assert_eq!(map.rgb(-3.0), map.rgb(0.0));
            assert_eq!(map.rgb(f64::INFINITY), map.rgb(1.0));
            assert_eq!(map.rgb(f64::NAN), map.rgb(0.0));
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        for (map, name) in Colormap::ALL.into_iter().zip(Colormap::NAMES) {
            assert_eq!(name.parse(), Ok(map));
            assert_eq!(name.to_uppercase().parse(), Ok(map));
            assert_eq!(map.to_string(), name);
        }
        let error = "jet".parse::<Colormap>().unwrap_err();
        assert!(error.to_string().contains("viridis, magma"));
    }

    #[test]
    fn lightness_of_the_sequential_maps_never_falls() {
        for map in [Colormap::Viridis, Colormap::Magma, Colormap::Inferno, Colormap::Cividis] {
            for i in 1..=255 {
                let (a, b) = (map.rgb((i - 1) as f64 / 255.0), map.rgb(i as f64 / 255.0));
                assert!(luminance(b) > luminance(a) - 2e-3, "{map} at {i}");
            }
        }
    }
}
