//! Logits and ERF maps of the zoo's networks against PyTorch's, with formula weights on the formula
//! image.

use fieldscope::nn::Network;
use fieldscope::nn::autograd::{Reference, Unit};
use fieldscope::zoo::{Form, find, init};
use tch::{Kind, Tensor};

use crate::common::{read_f32, relative_l1, relative_largest, shared};

pub fn network(name: &str) -> Network {
    init::formula(find(name).unwrap().graph(&Form::fresh()))
}

pub fn formula_image(size: usize) -> Tensor {
    let side = size as i64;
    Tensor::from_slice(&init::formula_values("image", &[1, 3, size, size]))
        .reshape([1, 3, side, side])
}

pub fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(Kind::Float).contiguous().reshape([-1])).unwrap()
}

/// Logits within 1e-5 of the largest, maps within 1e-3 relative L1.
fn check(name: &str, size: usize) {
    let Some(shared) = shared() else { return };
    let network = network(name);
    let image = formula_image(size);

    let reference = Reference::new(&network);
    let logits = reference.logits(&image).unwrap();
    let expected = read_f32(&shared.join(format!("golden/{name}-{size}.logits.npy")));
    let error = relative_largest(&values(&logits), expected.as_slice().unwrap());
    eprintln!("{name}-{size}: logits {error:.2e}");
    assert!(error < 1e-5, "{name}-{size}: logits differ by {error:.2e} of the largest");

    let unit = Unit::centre(&network, network.graph.features, size, size).unwrap();
    let gradient = reference.input_gradient(&image, unit).unwrap();
    let map = gradient.relu().sum_dim_intlist([0i64].as_slice(), false, Kind::Double);
    let expected = read_f32(&shared.join(format!("golden/{name}-{size}.erf.npy")));
    let error = relative_l1(&values(&map), expected.as_slice().unwrap());
    eprintln!("{name}-{size}: map {error:.2e}");
    assert!(error < 1e-3, "{name}-{size}: maps differ by {error:.2e}");
}

/// A test for each network that has a golden: calls the function with its name and the image's side.
macro_rules! for_each_golden {
    ($check:path) => {
        for_each_golden! { $check:
            resnet50 160, resnet101 224, replknet_3 160, replknet_13 160, replknet_31b 224,
            convnext_tiny 224, swin_tiny 224, vit_base_patch16 224
        }
    };
    ($check:path: $($name:ident $size:literal),*) => {$(
        #[test]
        fn $name() {
            $check(stringify!($name), $size);
        }
    )*};
}
pub(crate) use for_each_golden;

for_each_golden!(check);

/// Names and shapes of every state-dict entry are those that PyTorch's modules have.
#[test]
fn parameters_have_the_published_names() {
    let Some(shared) = shared() else { return };
    for name in [
        "resnet50",
        "resnet101",
        "replknet_3",
        "replknet_31b",
        "replknet_xl",
        "convnext_tiny",
        "swin_tiny",
        "vit_base_patch16",
    ] {
        let text = std::fs::read_to_string(shared.join(format!("golden/keys/{name}.tsv"))).unwrap();
        let mut expected: Vec<(String, Vec<usize>)> = text
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .filter(|row| !row[0].ends_with("num_batches_tracked"))
            .map(|row| {
                (row[0].to_owned(), row[1].split(',').map(|size| size.parse().unwrap()).collect())
            })
            .collect();
        let graph = find(name).unwrap().graph(&Form::fresh());
        let mut found: Vec<(String, Vec<usize>)> =
            graph.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{name}");
    }
}
