use proptest::prelude::*;
use tch::Kind;

use super::*;
use crate::nn::layer::Layer;
use crate::nn::shape::shapes;
use crate::nn::testing::{Block, block, image, network};

fn count(network: &Network, is: impl Fn(&Layer) -> bool) -> usize {
    network.graph.nodes.iter().filter(|node| is(&node.layer)).count()
}

fn is_norm(layer: &Layer) -> bool {
    matches!(layer, Layer::BatchNorm(_))
}

#[test]
fn parallel_kernels_become_one_without_norms() {
    let plain = network(&[Block::Parallel { large: 7, small: 3 }, Block::Ffn], 1);
    let folded = fold(network(&[Block::Parallel { large: 7, small: 3 }, Block::Ffn], 1), &[])
        .unwrap()
        .network;
    assert_eq!(count(&folded, is_norm), 0);
    // Stem, one depthwise kernel, the two matrices; of two sums the residual one is left.
    assert_eq!(count(&folded, |layer| matches!(layer, Layer::Convolution(_))), 4);
    assert_eq!(count(&folded, |layer| matches!(layer, Layer::Add)), 1);
    assert!(folded.parameters.iter().all(|(name, _)| !name.contains("running")));
    let (difference, largest) = largest_difference(&plain, &folded, &image(2, 12, 13)).unwrap();
    assert!(difference < 1e-5 * largest, "{difference} of {largest}");
}

#[test]
fn a_norm_before_zero_padding_stays() {
    let folded = fold(network(&[Block::NormBeforePadded], 3), &[]).unwrap().network;
    assert_eq!(count(&folded, is_norm), 1);
}

#[test]
fn a_norm_stays_where_its_convolution_is_read_by_others() {
    let folded = fold(network(&[Block::SharedConvolution], 3), &[]).unwrap().network;
    assert_eq!(count(&folded, is_norm), 1);
}

#[test]
fn a_layer_that_is_asked_for_keeps_its_values() {
    let blocks = [Block::Parallel { large: 5, small: 3 }];
    let plain = network(&blocks, 4);
    let asked = plain.graph.find("b0.one").unwrap();
    let gone = fold(network(&blocks, 4), &[]).unwrap();
    assert_eq!(gone.places[asked.0], None);
    let kept = fold(network(&blocks, 4), &[asked]).unwrap();
    assert!(kept.places[asked.0].is_some());
    let (difference, largest) = largest_difference(&plain, &kept.network, &image(5, 9, 9)).unwrap();
    assert!(difference < 1e-5 * largest);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Folding moves no output by more than rounding does, and every layer that is said to be still
    /// there gives the values that it gave.
    #[test]
    fn outputs_stay(
        blocks in prop::collection::vec(block(), 1..6),
        seed in any::<u64>(),
        height in 9usize..24,
        width in 9usize..24,
    ) {
        let plain = network(&blocks, seed);
        prop_assume!(shapes(&plain.graph, height, width).is_ok());
        let folded = fold(network(&blocks, seed), &[]).unwrap();
        let image = image(seed ^ 1, height, width);
        let (exact, double) = (plain.to_kind(Kind::Double), image.to_kind(Kind::Double));
        let run = |network: &Network, image: &Tensor, layer| {
            let (graph, parameters) = (&network.graph, &network.parameters);
            forward(graph, parameters, image, &[layer], Mode::Evaluation).unwrap().remove(0)
        };
        let farthest = |a: &Tensor, b: &Tensor| f64::try_from((a - b).abs().max()).unwrap();
        for (old, new) in folded.places.iter().enumerate() {
            let Some(new) = *new else { continue };
            let before = run(&plain, &image, NodeId(old));
            let largest = f64::try_from(before.abs().max()).unwrap();
            // A layer norm over channels that are nearly equal, say: where the network itself loses two
            // digits in single precision, folding may lose some too.
            let rounding = farthest(&before, &run(&exact, &double, NodeId(old)));
            prop_assume!(rounding <= 2e-6 * largest + 1e-7);
            let difference = farthest(&run(&folded.network, &image, new), &before);
            let name = &plain.graph.nodes[old].name;
            prop_assert!(difference <= 2e-5 * largest + 1e-6, "{name}: {difference} of {largest}");
        }
        let (difference, largest) = largest_difference(&plain, &folded.network, &image).unwrap();
        prop_assert!(difference <= 2e-5 * largest + 1e-6, "{difference} of {largest}");
    }
}
