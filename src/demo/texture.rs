//! The eight textures: which of two tones a point has, in coordinates in which a period is 1.

/// Whether a point shows the second tone in the texture of category `texture` (an index into
/// [`super::CATEGORIES`]): stripes, zigzag, checks, dots, grid, bricks, speckle, blotches. `key`
/// picks the pattern of the last two.
pub(super) fn second_tone(texture: usize, [x, y]: [f64; 2], key: u32) -> bool {
    match texture {
        0 => fraction(y) < 0.5,
        1 => fraction(y + 2.0 * (fraction(0.5 * x) - 0.5).abs()) < 0.5,
        2 => (fraction(x) < 0.5) != (fraction(y) < 0.5),
        3 => {
            let [dx, dy] = [fraction(x) - 0.5, fraction(y) - 0.5];
            dx * dx + dy * dy < 0.1
        }
        4 => fraction(x) < 0.25 || fraction(y) < 0.25,
        5 => {
            let row = (2.0 * y).floor();
            let shift = 0.5 * (row - 2.0 * (0.5 * row).floor());
            fraction(2.0 * y) < 0.3 || fraction(x + shift) < 0.15
        }
        6 => hash(4.0 * x, 4.0 * y, key) & 1 == 1,
        _ => smooth_noise([2.0 * x, 2.0 * y], key) > 0.5,
    }
}

fn fraction(x: f64) -> f64 {
    x - x.floor()
}

/// Noise on a lattice of unit cells, between 0 and 1, with cubic interpolation.
fn smooth_noise([x, y]: [f64; 2], key: u32) -> f64 {
    let value =
        |dx: f64, dy: f64| f64::from(hash(x + dx, y + dy, key) >> 8) / f64::from(1u32 << 24);
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (right, down) = (ease(fraction(x)), ease(fraction(y)));
    let across = |dy: f64| value(0.0, dy) + right * (value(1.0, dy) - value(0.0, dy));
    let (above, below) = (across(0.0), across(1.0));
    above + down * (below - above)
}

/// A hash of the unit cell in which a point lies.
fn hash(x: f64, y: f64, key: u32) -> u32 {
    mix(mix(mix(key) ^ x.floor() as i32 as u32) ^ y.floor() as i32 as u32)
}

/// A 32-bit finaliser (Appleby, MurmurHash3).
pub(super) fn mix(word: u32) -> u32 {
    let word = (word ^ (word >> 16)).wrapping_add(0x9E37_79B9).wrapping_mul(0x85EB_CA6B);
    let word = (word ^ (word >> 13)).wrapping_mul(0xC2B2_AE35);
    word ^ (word >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textures_differ_and_use_both_tones() {
        let pattern = |texture: usize| -> Vec<bool> {
            (0..1600)
                .map(|i| [f64::from(i % 40) / 8.0, f64::from(i / 40) / 8.0])
                .map(|point| second_tone(texture, point, 7))
                .collect()
        };
        let patterns: Vec<_> = (0..8).map(pattern).collect();
        for (texture, pattern) in patterns.iter().enumerate() {
            let share = pattern.iter().filter(|&&tone| tone).count() as f64 / 1600.0;
            assert!((0.2..=0.8).contains(&share), "texture {texture}: {share}");
            for other in &patterns[texture + 1..] {
                let differing = pattern.iter().zip(other).filter(|(a, b)| a != b).count();
                assert!(differing > 200, "texture {texture}: {differing}");
            }
        }
    }

    #[test]
    fn noise_meets_its_lattice_values() {
        let lattice = |x: f64, y: f64| f64::from(hash(x, y, 3) >> 8) / f64::from(1u32 << 24);
        assert_eq!(smooth_noise([4.0, -2.0], 3), lattice(4.0, -2.0));
        let middle = smooth_noise([4.5, -2.0], 3);
        assert!((middle - 0.5 * (lattice(4.0, -2.0) + lattice(5.0, -2.0))).abs() < 1e-12);
    }
}
