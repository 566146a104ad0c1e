//! How long it takes to make a network's input of 1024 x 1024 from a file.

use std::hint::black_box;
use std::io::Cursor;

use criterion::{Criterion, criterion_group, criterion_main};
use fieldscope::image::{self, Interpolation, Picture, Preprocessing, Resize};

/// A picture with smooth parts and edges, so that no format finds it easy.
fn picture(width: usize, height: usize) -> Picture {
    let level = |x: usize, y: usize, channel: usize| {
        let wave = (x as f64 / 9.0).sin() * (y as f64 / (13.0 + channel as f64)).cos();
        let edge = if (x / 40 + y / 25).is_multiple_of(2) { 60.0 } else { -60.0 };
        (128.0 + 60.0 * wave + edge) as u8
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let rgb = pixels.flat_map(|(x, y)| [0, 1, 2].map(|channel| level(x, y, channel)));
    Picture { width, height, rgb: rgb.collect() }
}

fn encode(picture: &Picture, format: ::image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    ::image::write_buffer_with_format(
        &mut bytes,
        &picture.rgb,
        picture.width as u32,
        picture.height as u32,
        ::image::ExtendedColorType::Rgb8,
        format,
    )
    .expect("an in-memory picture can be encoded");
    bytes.into_inner()
}

fn from_file_to_input(criterion: &mut Criterion) {
    let size = Resize::Exact { width: 1024, height: 1024 };
    let preprocessing = Preprocessing::imagenet(size, Interpolation::Bicubic);
    for (width, height) in [(224, 224), (500, 375), (2000, 1500)] {
        let source = picture(width, height);
        let files = [
            ("png", encode(&source, ::image::ImageFormat::Png)),
            ("jpeg", encode(&source, ::image::ImageFormat::Jpeg)),
        ];
        for (format, bytes) in files {
            criterion.bench_function(&format!("decode {format} {width}x{height}"), |bencher| {
                bencher.iter(|| image::decode_bytes(black_box(&bytes)));
            });
        }
        criterion.bench_function(&format!("resize {width}x{height} to 1024"), |bencher| {
            bencher.iter(|| image::resize(black_box(&source), 1024, 1024, Interpolation::Bicubic));
        });
        criterion.bench_function(&format!("apply {width}x{height} to 1024"), |bencher| {
            bencher.iter(|| preprocessing.apply(black_box(&source)));
        });
    }
}

criterion_group!(benches, from_file_to_input);
criterion_main!(benches);
