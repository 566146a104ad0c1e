use std::fmt::Debug;

use ::image::{ExtendedColorType, ImageBuffer, ImageEncoder, Luma, Rgb, Rgba};
use proptest::prelude::*;

use super::*;

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A small picture with some of everything.
fn sample() -> ImageBuffer<Rgb<u8>, Vec<u8>> {
    ImageBuffer::from_fn(19, 13, |x, y| Rgb([(x * 13) as u8, (y * 19) as u8, (x * y) as u8]))
}

#[test]
fn lossless_formats_return_what_was_written() {
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff] {
        let picture = decode_bytes(&encode(sample(), format)).unwrap();
        assert_eq!((picture.width, picture.height), (19, 13), "{format:?}");
        assert_eq!(picture.rgb, sample().into_raw(), "{format:?}");
    }
}

#[test]
fn alpha_is_dropped_and_not_blended() {
    let image = ImageBuffer::from_pixel(1, 1, Rgba([200u8, 100, 50, 0]));
    let picture = decode_bytes(&encode(image, ImageFormat::Png)).unwrap();
    assert_eq!(picture.rgb, [200, 100, 50]);
}

#[test]
fn sixteen_bits_keep_the_high_byte() {
    let image = ImageBuffer::from_pixel(1, 1, Rgb([0x00FFu16, 0x8000, 0xFEFF]));
    let picture = decode_bytes(&encode(image, ImageFormat::Png)).unwrap();
    assert_eq!(picture.rgb, [0x00, 0x80, 0xFE]);
    let image = ImageBuffer::from_pixel(1, 1, Luma([0x7FFFu16]));
    let picture = decode_bytes(&encode(image, ImageFormat::Tiff)).unwrap();
    assert_eq!(picture.rgb, [0x7F; 3]);
}

#[test]
fn floating_point_samples_are_refused() {
    let image = ImageBuffer::from_pixel(1, 1, Rgb([0.5f32, 0.5, 0.5]));
    let bytes = encode(DynamicImage::ImageRgb32F(image), ImageFormat::Tiff);
    let problem = decode_bytes(&bytes).unwrap_err();
    assert!(matches!(problem, Problem::Unsupported { .. }), "{problem}");
}

#[test]
fn a_jpeg_cut_anywhere_is_an_error() {
    let bytes = encode(sample(), ImageFormat::Jpeg);
    assert!(decode_bytes(&bytes).is_ok());
    for length in 1..bytes.len() {
        assert!(decode_bytes(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_thumbnail_does_not_end_a_jpeg() {
    let mut bytes = encode(sample(), ImageFormat::Jpeg);
    let thumbnail = [0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9];
    bytes.splice(2..2, thumbnail);
    assert!(decode_bytes(&bytes).is_ok());
    bytes.truncate(bytes.len() - 40);
    let problem = decode_bytes(&bytes).unwrap_err();
    assert!(matches!(problem, Problem::CutShort { .. }), "{problem}");
}

#[test]
fn what_is_no_image_says_so() {
    assert!(matches!(decode_bytes(b""), Err(Problem::Empty)));
    assert!(matches!(decode_bytes(b"hello\n"), Err(Problem::NotAnImage)));
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_memory_is_asked_for() {
    // A PNG header of 2^31 - 1 by 2^31 - 1 pixels, which no memory could hold.
    let mut bytes = encode(sample(), ImageFormat::Png);
    bytes[16..24].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    let problem = decode_bytes(&bytes).unwrap_err();
    assert!(matches!(problem, Problem::TooLarge { .. }), "{problem}");
}

#[test]
fn a_small_file_of_each_format_cannot_claim_a_large_picture() {
    // 16,000 x 16,000 pixels would take 768 MB.
    let side = 16_000_u16;
    let mut png = encode(sample(), ImageFormat::Png);
    for at in [16, 20] {
        png[at..at + 4].copy_from_slice(&u32::from(side).to_be_bytes());
    }
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    let mut gif = encode(sample(), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[side.to_le_bytes(), side.to_le_bytes()].concat());
    let mut bmp = encode(sample(), ImageFormat::Bmp);
    for at in [18, 22] {
        bmp[at..at + 4].copy_from_slice(&u32::from(side).to_le_bytes());
    }
    let mut jpeg = encode(sample(), ImageFormat::Jpeg);
    let start = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    jpeg[start + 5..start + 9].copy_from_slice(&[side.to_be_bytes(), side.to_be_bytes()].concat());
    // Width and height less one, 14 bits each, after the signature byte 0x2F.
    let mut webp = encode(sample(), ImageFormat::WebP);
    let start = webp.iter().position(|&byte| byte == 0x2F).unwrap() + 1;
    let sides = (u32::from(side) - 1) | (u32::from(side) - 1) << 14;
    webp[start..start + 4].copy_from_slice(&sides.to_le_bytes());
    for bytes in [png, gif, bmp, jpeg, webp, tiff_of(u32::from(side))] {
        assert!(bytes.len() < 2048, "{} bytes", bytes.len());
        let problem = decode_bytes(&bytes).unwrap_err();
        assert!(matches!(problem, Problem::TooLarge { .. }), "{problem}");
    }
}

/// A grey TIFF whose directory claims this width and height, with one byte of data.
fn tiff_of(side: u32) -> Vec<u8> {
    let entries: [(u16, u32); 9] = [
        (256, side),
        (257, side),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, side),
        (279, 1),
    ];
    let mut bytes = b"II*\0\x0c\0\0\0\0\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(4u16.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

/// The checksum of a PNG chunk (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn paths_that_are_no_image_file_are_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = decode(folder.path()).unwrap_err().to_string();
    assert!(error.contains("it is a folder"), "{error}");
    let missing = folder.path().join("missing.png");
    let error = decode(&missing).unwrap_err().to_string();
    assert!(error.contains("missing.png"), "{error}");
    assert!(error.contains("cannot be read"), "{error}");
}

fn sound(result: &Result<Picture, Problem>) -> bool
where
    Problem: Debug,
{
    match result {
        Ok(picture) => picture.rgb.len() == picture.width * picture.height * 3,
        Err(_) => true,
    }
}

fn every_format() -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Gif,
    ]
    .into_iter()
    .map(|format| encode(sample(), format))
    .collect();
    let mut grey = Vec::new();
    ::image::codecs::jpeg::JpegEncoder::new(&mut grey)
        .write_image(&[128; 64], 8, 8, ExtendedColorType::L8)
        .unwrap();
    files.push(grey);
    files
}

proptest! {
    #[test]
    fn hostile_bytes_give_a_picture_or_an_error(
        which in 0usize..7,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = every_format().swap_remove(which);
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        // The limit keeps a mutated size from filling the machine that runs the test.
        prop_assert!(sound(&decode_within(&bytes, 1 << 20)));
    }
}
