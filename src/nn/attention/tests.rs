//! Windows and their attention against definitions, on small maps.

use proptest::prelude::*;
use tch::{Kind, Tensor};

use super::*;
use crate::zoo::init::formula_values;

/// A tensor of reproducible values, a few units wide.
fn values(name: &str, shape: &[usize]) -> Tensor {
    let sizes: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    let values: Vec<f64> = formula_values("image", shape).into_iter().map(f64::from).collect();
    let shift = name.len() as f64;
    Tensor::from_slice(&values).reshape(sizes).f_add_scalar(shift).unwrap().sin() * 2.0
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.contiguous().reshape([-1])).unwrap()
}

/// A map of the queries, keys and values of one image, read position by position.
struct Positions {
    values: Vec<f64>,
    width: usize,
    channels: usize,
}

impl Positions {
    fn at(&self, [y, x]: [usize; 2]) -> &[f64] {
        let start = (y * self.width + x) * 3 * self.channels;
        &self.values[start..start + 3 * self.channels]
    }
}

/// Attention of every position to every position of the map, where those of other windows (or on
/// the other side of the picture's edge) are masked: the definition, without any window.
fn masked_global(
    qkv: &Tensor,
    layer: &WindowAttention,
    table: &Tensor,
    padding: &Tensor,
) -> Vec<f64> {
    let (height, width) = (qkv.size()[1] as usize, qkv.size()[2] as usize);
    let Windows { side, shift, padded } =
        Windows::new([height, width], layer.window, layer.shifted);
    let channels = layer.channels;
    let map = Positions { values: flat(qkv), width, channels };
    let (table, padding) = (flat(table), flat(padding));
    // Where a position of the shifted, padded map comes from, if it is no padding.
    let source = |[y, x]: [usize; 2]| {
        let inside = y < height && x < width;
        inside.then(|| [(y + shift[0]) % height, (x + shift[1]) % width])
    };
    let content = |place: [usize; 2]| source(place).map_or(&padding[..], |place| map.at(place));
    let seam = |[y, x]: [usize; 2]| [y >= padded[0] - shift[0], x >= padded[1] - shift[1]];
    let window = |[y, x]: [usize; 2]| [y / side[0], x / side[1]];
    let places: Vec<[usize; 2]> =
        (0..padded[0] * padded[1]).map(|place| [place / padded[1], place % padded[1]]).collect();
    let depth = channels / layer.heads;
    let mut output = vec![0.0; height * width * channels];
    for &query in &places {
        let Some([y, x]) = source(query) else { continue };
        for head in 0..layer.heads {
            let part = |third: usize| {
                third * channels + head * depth..third * channels + (head + 1) * depth
            };
            let weight = |key: [usize; 2]| {
                if window(key) != window(query) || seam(key) != seam(query) {
                    return 0.0;
                }
                let product: f64 = content(query)[part(0)]
                    .iter()
                    .zip(&content(key)[part(1)])
                    .map(|(q, k)| q * k)
                    .sum();
                let w = layer.window;
                let row = (query[0] + w - 1 - key[0]) * (2 * w - 1) + query[1] + w - 1 - key[1];
                (product / (depth as f64).sqrt() + table[row * layer.heads + head]).exp()
            };
            let total: f64 = places.iter().map(|&key| weight(key)).sum();
            for &key in &places {
                let share = weight(key) / total;
                for (channel, value) in content(key)[part(2)].iter().enumerate() {
                    output[(y * width + x) * channels + head * depth + channel] += share * value;
                }
            }
        }
    }
    output
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn reverse_undoes_partition(
        (rows, columns, height, width, channels) in (1usize..4, 1usize..4, 1usize..5, 1usize..5, 1usize..4),
    ) {
        let size = [rows * height, columns * width];
        let map = values("map", &[2, size[0], size[1], channels]);
        let windows = partition(&map, [height, width]).unwrap();
        let expected = [2, rows * columns, height * width, channels].map(|size| size as i64);
        prop_assert_eq!(windows.size(), expected);
        prop_assert_eq!(flat(&reverse(&windows, [height, width], size).unwrap()), flat(&map));
    }

    #[test]
    fn window_attention_is_masked_global_attention(
        (height, width, window, shifted) in (1usize..8, 1usize..8, 1usize..5, any::<bool>()),
    ) {
        let (channels, heads) = (4, 2);
        let layer = WindowAttention {
            channels, heads, window, shifted, table: "table".into(), padding: "bias".into(),
        };
        let qkv = values("qkv", &[1, height, width, 3 * channels]);
        let table = values("bias table", &[(2 * window - 1).pow(2), heads]);
        let padding = values("padding value", &[3 * channels]);
        let found = flat(&windowed(&qkv, &layer, &table, &padding).unwrap());
        let expected = masked_global(&qkv, &layer, &table, &padding);
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    /// A smaller window reads the same offsets of the table.
    #[test]
    fn relative_positions_are_differences(
        (height, width, spare) in (1usize..5, 1usize..5, 0usize..3),
    ) {
        let window = height.max(width) + spare;
        let windows = Windows { side: [height, width], shift: [0; 2], padded: [height, width] };
        let index = windows.relative_position_index(window);
        let area = height * width;
        prop_assert_eq!(index.len(), area * area);
        for first in 0..area {
            for second in 0..area {
                let place = |position: usize| [(position / width) as i64, (position % width) as i64];
                let ([y, x], [v, u]) = (place(first), place(second));
                let middle = window as i64 - 1;
                let expected = (y - v + middle) * (2 * window as i64 - 1) + x - u + middle;
                prop_assert_eq!(index[first * area + second], expected);
            }
        }
    }
}

/// For windows of 2 x 2, as the released code prints it.
#[test]
fn relative_position_index_of_two_by_two() {
    let windows = Windows { side: [2, 2], shift: [0; 2], padded: [2, 2] };
    let expected = [4, 3, 1, 0, 5, 4, 2, 1, 7, 6, 4, 3, 8, 7, 5, 4];
    assert_eq!(windows.relative_position_index(2), expected);
}

/// One image of a batch doesn't change another.
#[test]
fn images_of_a_batch_are_apart() {
    let layer = WindowAttention {
        channels: 4,
        heads: 2,
        window: 3,
        shifted: true,
        table: "table".into(),
        padding: "bias".into(),
    };
    let qkv = values("qkv", &[3, 5, 4, 12]);
    let (table, padding) = (values("table", &[25, 2]), values("padding", &[12]));
    let together = windowed(&qkv, &layer, &table, &padding).unwrap();
    for image in 0..3 {
        let alone = windowed(&qkv.narrow(0, image, 1), &layer, &table, &padding).unwrap();
        let difference = (together.narrow(0, image, 1) - alone).abs().max();
        assert!(f64::try_from(difference).unwrap() < 1e-12);
    }
    assert_eq!(together.kind(), Kind::Double);
}
