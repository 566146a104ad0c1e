//! Pictures against what Pillow and torchvision make of the same files.

use std::path::{Path, PathBuf};

use fieldscope::image::{
    self, ImageError, Interpolation, Order, Picture, Prefetch, Preprocessing, Problem, Resize,
};
use ndarray::Array3;

use crate::common::shared_folder;

fn reference_images() -> Option<PathBuf> {
    shared_folder("images")
}

/// Checks a picture against Pillow's, u8, H x W x 3: the largest and the mean difference.
fn assert_close(picture: &Picture, reference: &Path, largest: u8, mean: f64) {
    let expected: Array3<u8> = ndarray_npy::read_npy(reference).unwrap();
    let name = reference.display();
    assert_eq!(expected.dim(), (picture.height, picture.width, 3), "{name}");
    let differences = expected.iter().zip(&picture.rgb).map(|(a, b)| a.abs_diff(*b));
    let total: u64 = differences.clone().map(u64::from).sum();
    let found_largest = differences.max().unwrap();
    let found_mean = total as f64 / picture.rgb.len() as f64;
    println!("{name}: largest {found_largest}, mean {found_mean:.5}");
    assert!(found_largest <= largest, "{name}: largest {found_largest}");
    assert!(found_mean <= mean, "{name}: mean {found_mean}");
}

#[test]
fn decoding_agrees_with_pillow() {
    let Some(folder) = reference_images() else {
        return;
    };
    for name in ["gray.png", "palette.png", "rgba.png"] {
        let picture = image::decode(&folder.join(name)).unwrap();
        assert_close(&picture, &folder.join(format!("{name}.decoded.npy")), 0, 0.0);
    }
    for name in ["cmyk.jpg", "photo_420_q90.jpg", "photo_444_q95.jpg"] {
        let picture = image::decode(&folder.join(name)).unwrap();
        assert_close(&picture, &folder.join(format!("{name}.decoded.npy")), 4, 0.2);
    }
    // The 16-bit file holds 257 times the levels of the 8-bit one.
    let sixteen = image::decode(&folder.join("gray16.png")).unwrap();
    assert_close(&sixteen, &folder.join("gray.png.decoded.npy"), 0, 0.0);
}

#[test]
fn the_orientation_in_exif_is_ignored() {
    let Some(folder) = reference_images() else {
        return;
    };
    let turned = image::decode(&folder.join("exif_rotated.jpg")).unwrap();
    let upright = image::decode(&folder.join("photo.png")).unwrap();
    let total: u64 =
        turned.rgb.iter().zip(&upright.rgb).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    // Compression costs a few levels; a turned picture would be tens of levels off.
    assert!((total as f64) < 5.0 * turned.rgb.len() as f64);
}

#[test]
fn resizing_agrees_with_pillow() {
    let Some(folder) = reference_images() else {
        return;
    };
    let sizes = [("photo.png", 300, 500), ("photo.png", 96, 96), ("tall.png", 224, 224)];
    for (name, width, height) in sizes {
        let picture = image::decode(&folder.join(name)).unwrap();
        for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
            let kind = interpolation.name();
            let reference = folder.join(format!("{name}.{kind}.{width}x{height}.npy"));
            let resized = image::resize(&picture, width, height, interpolation).unwrap();
            assert_close(&resized, &reference, 0, 0.0);
        }
    }
}

#[test]
fn short_side_and_crop_agree_with_torchvision() {
    let Some(folder) = reference_images() else {
        return;
    };
    let size = Resize::ShortSide { short: 256, crop: 224 };
    let preprocessing = Preprocessing::imagenet(size, Interpolation::Bilinear);
    for name in ["photo.png", "tall.png"] {
        let picture = image::decode(&folder.join(name)).unwrap();
        let fitted = preprocessing.fit(&picture).unwrap();
        let reference = folder.join(format!("{name}.resize256_crop224.npy"));
        assert_close(&fitted, &reference, 0, 0.0);
    }
}

#[test]
fn broken_files_are_items_and_the_others_go_on() {
    let Some(folder) = reference_images() else {
        return;
    };
    let listing = image::list(&[folder], Order::Sorted).unwrap();
    let size = Resize::Exact { width: 64, height: 64 };
    let preprocessing = Preprocessing::imagenet(size, Interpolation::Bicubic);
    let prefetch =
        Prefetch::new(listing.files, 2, 4, move |path| preprocessing.apply(&image::decode(path)?))
            .unwrap();
    let mut broken = Vec::new();
    for (_, path, result) in prefetch {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        match result {
            Ok(input) => assert_eq!(input.len(), 3 * 64 * 64, "{name}"),
            Err(ImageError::Unusable { problem, .. }) => broken.push((name, problem)),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(
        matches!(
            broken.as_slice(),
            [(first, Problem::NotAnImage), (second, Problem::CutShort { .. })]
                if first == "not_an_image.png" && second == "truncated.jpg"
        ),
        "{broken:?}"
    );
}
