//! From a file's bytes to 8-bit RGB, as Pillow's `Image.open(file).convert("RGB")` gives it.
//!
//! The format is told from the content, whatever the file is called. Alpha is dropped, not
//! blended. Palettes are looked up, and grey becomes equal red, green and blue. CMYK JPEG is
//! taken to be inverted, as Adobe writes it. Of an animation the first frame is taken. The
//! orientation that EXIF may give is ignored, as torchvision does.
//!
//! Samples of 16 bits keep their high byte. For colour that is what Pillow does. Pillow clips
//! 16-bit *grey* at 255 instead, which leaves a nearly white picture; here it keeps its high byte
//! like all others.
//!
//! Not read, though Pillow does: TIFF with a palette, with grey and alpha, or with YCbCr that is
//! not compressed as JPEG. Where the first frame of a GIF leaves part of the canvas uncovered, that
//! part is black; Pillow gives it a colour of the palette.

use std::fs;
use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use ::image::error::UnsupportedErrorKind;
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{ImageError, Picture, Problem};

/// The most pixels a picture may have: 512 x 1024 x 1024. A header that claims more is refused
/// before memory is asked for.
pub const MAX_PIXELS: u64 = 512 << 20;

/// The most bytes an image file, and the memory to decode it, may take.
const MAX_BYTES: u64 = 4 << 30;

/// Any file may claim this many pixels, so that small files of one colour stay readable.
const ALLOWED_PIXELS: u64 = 32 << 20;

/// Beyond that, pixels for one byte of file: what no picture that was made to be looked at comes
/// near. Some formats can claim any size in a hundred bytes (lossless WebP spends none on a pixel),
/// and a forged header claims it without a pixel behind it.
const PIXELS_PER_BYTE: u64 = 2048;

/// Bytes of memory that decoding one pixel may take: 16 bits in four channels.
const BYTES_PER_PIXEL: u64 = 8;

/// Reads and decodes an image file.
///
/// # Errors
/// [`ImageError::Unusable`] with the path and a [`Problem`]: the file cannot be read, holds no
/// image in a known format, is damaged or cut short, or is too large ([`MAX_PIXELS`], 4 GiB, and
/// for a small file less: 32 MiB of pixels and 2048 more for each byte).
pub fn decode(path: &Path) -> Result<Picture, ImageError> {
    decode_bytes(&read(path)?).map_err(|problem| problem.at(path))
}

/// The bytes of an image file, for a caller who needs them for more than decoding.
///
/// # Errors
/// As [`decode`], as far as it can be told without decoding.
pub fn read(path: &Path) -> Result<Vec<u8>, ImageError> {
    read_regular(path).map_err(|problem| problem.at(path))
}

fn read_regular(path: &Path) -> Result<Vec<u8>, Problem> {
    // Asked first because opening a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(Problem::Unreadable)?;
    if metadata.is_dir() {
        return Err(Problem::Folder);
    }
    if !metadata.is_file() {
        return Err(Problem::NotAFile);
    }
    if metadata.len() > MAX_BYTES {
        return Err(Problem::TooLarge {
            size: format!("{} bytes", metadata.len()),
            limit: format!("{MAX_BYTES} bytes"),
        });
    }
    fs::read(path).map_err(Problem::Unreadable)
}

/// Decodes the content of an image file.
///
/// # Errors
/// As [`decode`], without the path; [`Problem::at`] adds it.
pub fn decode_bytes(bytes: &[u8]) -> Result<Picture, Problem> {
    let allowed = ALLOWED_PIXELS.saturating_add(bytes.len() as u64 * PIXELS_PER_BYTE);
    decode_within(bytes, allowed.min(MAX_PIXELS))
}

fn decode_within(bytes: &[u8], max_pixels: u64) -> Result<Picture, Problem> {
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    let format = ::image::guess_format(bytes).map_err(|_| Problem::NotAnImage)?;
    let name = format_name(format).ok_or(Problem::NotAnImage)?;
    if format == ImageFormat::Jpeg && !has_end_of_image(bytes) {
        return Err(Problem::CutShort { format: name });
    }
    // A decoder that stumbles over hostile bytes must cost one image, not the run.
    let decoded =
        panic::catch_unwind(AssertUnwindSafe(|| decode_format(bytes, format, name, max_pixels)));
    decoded.unwrap_or_else(|_| {
        Err(Problem::Damaged { format: name, reason: "the decoder gave up".to_string() })
    })
}

fn format_name(format: ImageFormat) -> Option<&'static str> {
    match format {
        ImageFormat::Png => Some("PNG"),
        ImageFormat::Jpeg => Some("JPEG"),
        ImageFormat::WebP => Some("WebP"),
        ImageFormat::Bmp => Some("BMP"),
        ImageFormat::Tiff => Some("TIFF"),
        ImageFormat::Gif => Some("GIF"),
        _ => None,
    }
}

fn decode_format(
    bytes: &[u8],
    format: ImageFormat,
    name: &'static str,
    max_pixels: u64,
) -> Result<Picture, Problem> {
    let problem = |error| problem_of(name, error);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(max_pixels.saturating_mul(BYTES_PER_PIXEL).min(MAX_BYTES));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(problem)?;

    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(Problem::TooLarge {
            size: format!("{width} x {height} pixels"),
            limit: format!("{max_pixels} pixels for a file of {} bytes", bytes.len()),
        });
    }
    limits.reserve(decoder.total_bytes()).map_err(problem)?;
    decoder.set_limits(limits).map_err(problem)?;
    let rgb = to_rgb(DynamicImage::from_decoder(decoder).map_err(problem)?, name)?;
    if rgb.is_empty() {
        return Err(Problem::Damaged { format: name, reason: "it has no pixels".to_string() });
    }
    Ok(Picture { width: width as usize, height: height as usize, rgb })
}

fn problem_of(format: &'static str, error: ::image::ImageError) -> Problem {
    use ::image::ImageError as E;
    let reason = std::error::Error::source(&error).map_or(error.to_string(), |s| s.to_string());
    match error {
        E::Unsupported(unsupported) => Problem::Unsupported {
            format,
            reason: match unsupported.kind() {
                UnsupportedErrorKind::GenericFeature(feature) => feature,
                _ => unsupported.to_string(),
            },
        },
        E::Limits(_) => Problem::TooLarge {
            size: "more memory than may be asked for".to_string(),
            limit: format!("{MAX_BYTES} bytes"),
        },
        E::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Problem::CutShort { format }
        }
        _ => Problem::Damaged { format, reason },
    }
}

/// Red, green and blue of each pixel.
fn to_rgb(image: DynamicImage, format: &'static str) -> Result<Vec<u8>, Problem> {
    let byte = |sample: u8| sample;
    let high_byte = |sample: u16| (sample >> 8) as u8;
    Ok(match image {
        DynamicImage::ImageRgb8(pixels) => pixels.into_raw(),
        DynamicImage::ImageRgba8(pixels) => colour(pixels.as_raw(), 4, byte),
        DynamicImage::ImageLuma8(pixels) => grey(pixels.as_raw(), 1, byte),
        DynamicImage::ImageLumaA8(pixels) => grey(pixels.as_raw(), 2, byte),
        DynamicImage::ImageRgb16(pixels) => colour(pixels.as_raw(), 3, high_byte),
        DynamicImage::ImageRgba16(pixels) => colour(pixels.as_raw(), 4, high_byte),
        DynamicImage::ImageLuma16(pixels) => grey(pixels.as_raw(), 1, high_byte),
        DynamicImage::ImageLumaA16(pixels) => grey(pixels.as_raw(), 2, high_byte),
        _ => {
            return Err(Problem::Unsupported {
                format,
                reason: "its samples are floating-point numbers of no known range".to_string(),
            });
        }
    })
}

fn colour<T: Copy>(samples: &[T], per_pixel: usize, level: impl Fn(T) -> u8) -> Vec<u8> {
    let pixels = samples.chunks_exact(per_pixel);
    pixels.flat_map(|pixel| [level(pixel[0]), level(pixel[1]), level(pixel[2])]).collect()
}

fn grey<T: Copy>(samples: &[T], per_pixel: usize, level: impl Fn(T) -> u8) -> Vec<u8> {
    let pixels = samples.chunks_exact(per_pixel);
    pixels.flat_map(|pixel| [level(pixel[0]); 3]).collect()
}

/// Whether a JPEG stream reaches its end-of-image marker.
///
/// The decoder fills the rest of a stream that was cut short with grey, which must not enter a
/// measurement. Segments are stepped over by their length, so that the marker of a thumbnail
/// inside one does not count.
fn has_end_of_image(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // To the next marker: in coded data an FF is followed by 00, and any byte that is not FF
        // belongs to the data, or to the padding that some writers leave between segments.
        let Some(found) = bytes.get(at..).and_then(|b| b.iter().position(|&v| v == 0xFF)) else {
            return false;
        };
        at += found;
        match bytes.get(at + 1) {
            None => return false,
            Some(0xD9) => return true,
            Some(0xFF) => at += 1,
            // Stuffing, TEM, restart markers and start of image stand alone.
            Some(0x00 | 0x01 | 0xD0..=0xD8) => at += 2,
            Some(_) => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
}

#[cfg(test)]
mod tests;
