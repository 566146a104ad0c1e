//! The fast path against PyTorch's maps and the reference path, with formula weights on the formula
//! image.

use fieldscope::erf::ratio::CentredSquares;
use fieldscope::nn::autograd::{Reference, Unit};
use fieldscope::nn::engine::{Engine, Options};
use fieldscope::nn::fold::{fold, largest_difference};
use ndarray::Array2;
use tch::{Kind, Tensor};

use crate::common::{read_f32, relative_l1, relative_largest, shared};
use crate::golden_networks::{for_each_golden, formula_image, network, values};

fn map(engine: &Engine, image: &Tensor, unit: Unit) -> Vec<f32> {
    let gradient = engine.input_gradient(image, unit).unwrap();
    values(&gradient.relu().sum_dim_intlist([0i64].as_slice(), false, Kind::Double))
}

/// Sides of the squares of the area ratios; `None` for "whole map".
fn sides(map: &[f32], size: usize) -> [Option<usize>; 4] {
    let map = map.iter().map(|&value| (f64::from(value) + 1.0).log10()).collect();
    let squares = CentredSquares::of(&Array2::from_shape_vec((size, size), map).unwrap());
    [0.2, 0.3, 0.5, 0.99].map(|threshold| squares.area_ratio(threshold).side)
}

/// Windowed alone: maps within 1e-4 of PyTorch's, or as near as libtorch comes to them itself
/// (see [`autograd_error`]). Folded: within 5e-3, each square of the area ratios within one step of 2 pixels,
/// logits within 1e-5 of the largest.
fn check(name: &str, size: usize) {
    let Some(shared) = shared() else { return };
    let image = formula_image(size);
    let plain = network(name);
    let unit = Unit::centre(&plain, plain.graph.features, size, size).unwrap();
    let expected = read_f32(&shared.join(format!("golden/{name}-{size}.erf.npy")));

    let windowed = Engine::prepare(plain, &[], Options { fold: false }).unwrap();
    let error = relative_l1(&map(&windowed, &image, unit), expected.as_slice().unwrap());
    eprintln!("{name}-{size}: windowed map {error:.2e}");
    if error >= 1e-4 {
        let autograd = autograd_error(name, &image, unit, expected.as_slice().unwrap());
        eprintln!("{name}-{size}: libtorch's own map {autograd:.2e}");
        assert!(
            error < 1.5 * autograd,
            "{name}-{size}: windowed maps differ by {error:.2e}, libtorch's own by {autograd:.2e}"
        );
    }

    let folded = Engine::prepare(network(name), &[], Options::default()).unwrap();
    let error = relative_l1(&map(&folded, &image, unit), expected.as_slice().unwrap());
    eprintln!("{name}-{size}: folded map {error:.2e}");
    assert!(error < 5e-3, "{name}-{size}: folded maps differ by {error:.2e}");
    let found = sides(&map(&folded, &image, unit), size);
    for (found, expected) in found.into_iter().zip(sides(expected.as_slice().unwrap(), size)) {
        // One step beyond the largest square is the whole map.
        let [found, expected] = [found, expected].map(|side| side.unwrap_or(size + 1));
        assert!(found.abs_diff(expected) <= 2, "{name}-{size}: {found}, not {expected} pixels");
    }

    let expected = read_f32(&shared.join(format!("golden/{name}-{size}.logits.npy")));
    let logits = values(&folded.logits(&Tensor::cat(&[&image, &image], 0)).unwrap());
    let (first, second) = logits.split_at(logits.len() / 2);
    for logits in [first, second] {
        let error = relative_largest(logits, expected.as_slice().unwrap());
        assert!(error < 1e-5, "{name}-{size}: logits differ by {error:.2e} of the largest");
    }
}

/// How far libtorch's autograd on the whole network is from an expected map: in single precision, or in
/// double where that is further, since the expected map was itself made in single precision.
///
/// A ReLU whose input is within rounding of 0 may open or close, which moves a map by some 1e-4 however
/// carefully its sums are made. Where that happens to libtorch, nothing in single precision can be
/// held to less.
fn autograd_error(name: &str, image: &Tensor, unit: Unit, expected: &[f32]) -> f64 {
    let network = network(name);
    let error = |reference: Reference| {
        let gradient = reference.input_gradient(image, unit).unwrap();
        let sum = gradient.relu().sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
        relative_l1(&values(&sum), expected)
    };
    let double = error(Reference::new(&network));
    error(Reference::single(network)).max(double)
}

for_each_golden!(check);

/// Windows alone change nothing but the order of summation.
#[test]
fn windows_give_the_references_gradient() {
    let (size, name) = (96, "resnet18");
    let plain = network(name);
    let image = formula_image(size);
    let reference = Reference::new(&plain);
    let engine = Engine::prepare(network(name), &[], Options { fold: false }).unwrap();
    for place in [[0, 0], [1, 2], [2, 1]] {
        let unit = Unit::at(&plain, plain.graph.features, place, [size, size]).unwrap();
        let expected = values(&reference.input_gradient(&image, unit).unwrap());
        let error = relative_l1(&values(&engine.input_gradient(&image, unit).unwrap()), &expected);
        assert!(error < 1e-4, "{place:?}: {error:.2e}");
    }
}

#[test]
fn folding_moves_logits_by_rounding_only() {
    for name in ["resnet18", "replknet_3"] {
        let folded = fold(network(name), &[]).unwrap().network;
        let norms = folded.graph.nodes.iter().filter(|node| node.layer.kind() == "batch norm");
        assert_eq!(norms.count(), 0, "{name}");
        let (difference, largest) =
            largest_difference(&network(name), &folded, &formula_image(96)).unwrap();
        assert!(difference < 1e-5 * largest, "{name}: {difference:.2e} of {largest:.2e}");
    }
}
