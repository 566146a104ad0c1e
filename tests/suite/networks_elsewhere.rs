//! Networks of timm and torchvision with formula weights: the zoo's logits must be theirs, at sizes
//! where maps are padded, windows shrink or position embeddings are resampled, and under the names
//! that their checkpoints have. `tests/data/networks` holds the logits for the formula image, made in
//! double precision by timm 1.0.31 and torchvision 0.29.2, and the names and shapes of torchvision's
//! state dicts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fieldscope::image::{IMAGENET_MEAN, IMAGENET_STD};
use fieldscope::nn::Network;
use fieldscope::nn::autograd::Reference;
use fieldscope::weights::Checkpoint;
use fieldscope::zoo::{Form, find, fit, init};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use tch::Tensor;

use crate::common::{read_f32, relative_largest};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/networks").join(name)
}

/// Logits for the formula image, compared with those in `expected`; largest difference as a share of
/// the largest logit.
fn check(network: &Network, [height, width]: [usize; 2], expected: &str) {
    let shape = [1, 3, height as i64, width as i64];
    let image = Tensor::from_slice(&init::formula_values("image", &[1, 3, height, width]));
    let logits = Reference::new(network).logits(&image.reshape(shape)).unwrap();
    let found: Vec<f32> = Vec::try_from(logits.to_kind(tch::Kind::Float).reshape([-1])).unwrap();
    assert!(found.iter().all(|value| value.is_finite()), "{expected}: logits aren't finite");
    let expected_logits = read_f32(&data(&format!("{expected}.logits.npy")));
    let error = relative_largest(&found, expected_logits.as_slice().unwrap());
    eprintln!("{expected}: logits {error:.2e}");
    assert!(error < 1e-6, "{expected}: logits differ by {error:.2e} of the largest");
}

fn formula(name: &str) -> Network {
    init::formula(find(name).unwrap().graph(&Form::fresh()))
}

#[test]
fn vit_resamples_positions_for_another_grid() {
    check(&formula("vit_tiny_patch16"), [256, 320], "vit_tiny_patch16-256x320");
}

#[test]
fn swin_pads_maps_to_whole_windows() {
    let network = formula("swin_tiny");
    for size in [[256, 256], [320, 320], [224, 352]] {
        check(&network, size, &format!("swin_tiny-{}x{}", size[0], size[1]));
    }
}

#[test]
fn swin_takes_a_map_smaller_than_a_window_whole() {
    check(&formula("swin_tiny"), [160, 224], "swin_tiny-160x224");
}

#[test]
fn swin_runs_with_windows_of_12() {
    check(&formula("swin_base_384"), [384, 384], "swin_base_384-384");
}

/// Writes a safetensors file with formula values and opens it as a checkpoint.
fn checkpoint(entries: &[(String, Vec<usize>)]) -> Checkpoint {
    let values: Vec<Vec<u8>> = entries
        .iter()
        .map(|(name, shape)| {
            init::formula_values(name, shape).iter().flat_map(|v| v.to_le_bytes()).collect()
        })
        .collect();
    let views: HashMap<&str, TensorView<'_>> = entries
        .iter()
        .zip(&values)
        .map(|((name, shape), bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    safetensors::serialize_to_file(views, None, &path).unwrap();
    Checkpoint::open(&path).unwrap()
}

fn entries(list: &str) -> Vec<(String, Vec<usize>)> {
    std::fs::read_to_string(data(list))
        .unwrap()
        .lines()
        .map(|line| {
            let (name, shape) = line.split_once('\t').unwrap();
            (name.to_owned(), shape.split(',').map(|size| size.parse().unwrap()).collect())
        })
        .collect()
}

/// A torchvision checkpoint is recognised by its names and gives torchvision's logits.
#[test]
fn torchvision_checkpoints_fit() {
    for (architecture, torchvision) in [
        ("vit_base_patch16", "vit_b_16"),
        ("swin_tiny", "swin_t"),
        ("convnext_tiny", "convnext_tiny"),
    ] {
        let checkpoint = checkpoint(&entries(&format!("torchvision-{torchvision}.tsv")));
        let fitted = fit(&find(architecture).unwrap(), checkpoint, torchvision).unwrap();
        assert_eq!(fitted.naming, "torchvision");
        // torchvision/transforms/_presets.py: all its classifiers were trained with ImageNet's.
        let preprocessing = (fitted.defaults.mean, fitted.defaults.std);
        assert_eq!(preprocessing, (IMAGENET_MEAN, IMAGENET_STD), "{architecture}");
        check(&fitted.network, [224, 224], &format!("torchvision-{torchvision}"));
    }
}

/// A distilled DeiT is recognised by its second token; its logits are the mean of two classifiers'.
#[test]
fn distilled_deit_averages_two_classifiers() {
    let architecture = find("deit_tiny_patch16").unwrap();
    let mut entries: Vec<(String, Vec<usize>)> = architecture
        .graph(&Form::fresh())
        .parameters()
        .into_iter()
        .map(|parameter| (parameter.name, parameter.shape))
        .collect();
    for (name, shape) in &mut entries {
        if name == "pos_embed" {
            shape[1] += 1;
        }
    }
    entries.push(("dist_token".into(), vec![1, 1, 192]));
    entries.push(("head_dist.weight".into(), vec![1000, 192]));
    entries.push(("head_dist.bias".into(), vec![1000]));
    let fitted = fit(&architecture, checkpoint(&entries), "deit").unwrap();
    assert_eq!(fitted.naming, "timm");
    check(&fitted.network, [224, 224], "deit_tiny_distilled-224");
}

/// The released names of a whole network: each graph entry has a name there, and comes back from it.
#[test]
fn released_checkpoints_fit() {
    let timm = |name: &str| find(name).unwrap().graph(&Form::fresh()).parameters();
    let microsoft: Vec<_> = timm("swin_tiny")
        .into_iter()
        .map(|parameter| {
            let mut name = parameter.name.replace("head.fc.", "head.");
            for stage in 1..4 {
                let end_of_stage = format!("layers.{}.downsample.", stage - 1);
                name = name.replace(&format!("layers.{stage}.downsample."), &end_of_stage);
            }
            (name, parameter.shape)
        })
        .chain([
            ("layers.0.blocks.0.attn.relative_position_index".to_owned(), vec![49, 49]),
            ("layers.0.blocks.1.attn_mask".to_owned(), vec![64, 49, 49]),
        ])
        .collect();
    let fitted = fit(&find("swin_tiny").unwrap(), checkpoint(&microsoft), "swin").unwrap();
    assert_eq!(fitted.naming, "Microsoft");

    let facebook: Vec<_> = timm("convnext_tiny")
        .into_iter()
        .map(|parameter| {
            let mut name = parameter.name.replace(".blocks.", ".");
            for (timm, released) in [
                ("head.norm.", "norm."),
                ("head.fc.", "head."),
                ("stem.", "downsample_layers.0."),
                ("conv_dw", "dwconv"),
                ("mlp.fc1", "pwconv1"),
                ("mlp.fc2", "pwconv2"),
            ] {
                name = name.replace(timm, released);
            }
            for stage in 1..4 {
                let listed = format!("downsample_layers.{stage}.");
                name = name.replace(&format!("stages.{stage}.downsample."), &listed);
            }
            (name, parameter.shape)
        })
        .collect();
    let fitted = fit(&find("convnext_tiny").unwrap(), checkpoint(&facebook), "convnext").unwrap();
    assert_eq!(fitted.naming, "Facebook Research");
}

/// A classifier of no classes is named, before libtorch meets it.
#[test]
fn an_entry_without_numbers_does_not_fit() {
    let architecture = find("demo_resnet").unwrap();
    let graph = architecture.graph(&Form::fresh_with(0));
    let entries: Vec<(String, Vec<usize>)> =
        graph.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
    let refused = fit(&architecture, checkpoint(&entries), "empty.pth").err().unwrap().to_string();
    assert!(refused.contains("fc.weight: 0 x ") && refused.contains("no numbers"), "{refused}");
}
