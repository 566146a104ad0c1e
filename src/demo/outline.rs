//! The eight shapes, in coordinates in which each fits the circle of radius 1 around the origin.

/// Corners of an equilateral triangle.
const TRIANGLE: [[f64; 2]; 3] = [[0.0, -1.0], [0.866, 0.5], [-0.866, 0.5]];

/// Corners of a square.
const SQUARE: [[f64; 2]; 4] = [[-0.7, -0.7], [0.7, -0.7], [0.7, 0.7], [-0.7, 0.7]];

/// Corners of a star with five points, radius 1 outside and 0.45 inside.
const STAR: [[f64; 2]; 10] = [
    [0.0, -1.0],
    [0.265, -0.364],
    [0.951, -0.309],
    [0.428, 0.139],
    [0.588, 0.809],
    [0.0, 0.45],
    [-0.588, 0.809],
    [-0.428, 0.139],
    [-0.951, -0.309],
    [-0.265, -0.364],
];

/// Corners of an arrow that points along the first axis.
const ARROW: [[f64; 2]; 7] =
    [[1.0, 0.0], [0.1, -0.85], [0.1, -0.35], [-0.9, -0.35], [-0.9, 0.35], [0.1, 0.35], [0.1, 0.85]];

/// Whether the point lies in the shape of category `shape` (an index into
/// [`super::CATEGORIES`]).
pub(super) fn contains(shape: usize, [u, v]: [f64; 2]) -> bool {
    let square = u * u + v * v;
    match shape {
        0 => in_polygon(&ARROW, [u, v]),
        1 => square <= 1.0 && (u - 0.45) * (u - 0.45) + v * v > 0.64,
        2 => {
            let (along, across) = if u.abs() > v.abs() { (u, v) } else { (v, u) };
            along.abs() <= 0.95 && across.abs() <= 0.3
        }
        3 => square <= 0.72,
        4 => (0.3..=1.0).contains(&square),
        5 => in_polygon(&SQUARE, [u, v]),
        6 => in_polygon(&STAR, [u, v]),
        _ => in_polygon(&TRIANGLE, [u, v]),
    }
}

/// Whether a ray from the point along the first axis crosses the outline an odd number of times.
fn in_polygon(corners: &[[f64; 2]], [u, v]: [f64; 2]) -> bool {
    let Some(&last) = corners.last() else { return false };
    let mut inside = false;
    let mut from = last;
    for &to in corners {
        if (from[1] > v) != (to[1] > v) {
            let crossing = from[0] + (v - from[1]) * (to[0] - from[0]) / (to[1] - from[1]);
            inside ^= u < crossing;
        }
        from = to;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_holds_what_its_name_says() {
        // Centre, a point near the right edge, one near the top, one on the diagonal.
        let points = [[0.0, 0.0], [0.9, 0.0], [0.0, -0.9], [0.6, 0.6]];
        let expected = [
            [true, true, false, false],  // arrow
            [false, false, true, false], // crescent
            [true, true, true, false],   // cross
            [true, false, false, true],  // disc
            [false, true, true, true],   // ring
            [true, false, false, true],  // square
            [true, false, true, false],  // star
            [true, false, true, false],  // triangle
        ];
        for (shape, expected) in expected.iter().enumerate() {
            assert_eq!(&points.map(|point| contains(shape, point)), expected, "shape {shape}");
        }
    }

    #[test]
    fn shapes_are_of_like_area_and_fit_the_unit_circle() {
        for shape in 0..8 {
            let mut count = 0;
            for row in -60..=60 {
                for column in -60..=60 {
                    let [u, v] = [f64::from(column) / 50.0, f64::from(row) / 50.0];
                    if contains(shape, [u, v]) {
                        count += 1;
                        assert!(u * u + v * v <= 1.0001, "shape {shape} at {u}, {v}");
                    }
                }
            }
            let area = f64::from(count) / 2500.0;
            assert!((1.0..=2.4).contains(&area), "shape {shape} has area {area}");
        }
    }
}
