//! A finished drawing, and the files made from it: SVG as it is, PNG through resvg, PDF through
//! svg2pdf, both with the embedded font alone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

use super::text;
use crate::store::{StoreError, atomic};

/// Resolution of PNG files, in dots per inch.
pub const PRINT_DPI: f64 = 300.0;

/// Pixels in an inch of SVG (CSS Values and Units 4, section 6.2).
const CSS_DPI: f64 = 96.0;

/// A file format of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The drawing itself.
    Svg,
    /// Pixels at [`PRINT_DPI`].
    Png,
    /// Vectors, with text as text in an embedded subset of the font.
    Pdf,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Svg, Self::Png, Self::Pdf];

    /// The ending of file names, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }
}

/// Why a figure could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// The data cannot be shown.
    #[error("cannot draw {figure}: {reason}")]
    Input {
        /// Which figure.
        figure: &'static str,
        /// What is wrong with the data.
        reason: String,
    },
    /// The drawing library failed.
    #[error("cannot draw the figure: {0}")]
    Draw(String),
    /// The drawing is not an SVG that can be read back.
    #[error("cannot read the drawing back: {0}")]
    Svg(#[from] usvg::Error),
    /// The picture is too large for memory, or of no size.
    #[error("cannot make a picture of {width} x {height} pixels: choose another resolution")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The PNG encoder failed.
    #[error("cannot make the PNG: {0}")]
    Png(#[from] png::EncodingError),
    /// The PDF writer failed.
    #[error("cannot make the PDF: {0}")]
    Pdf(String),
    /// A file could not be written.
    #[error("cannot keep the figure: {0}")]
    Write(#[from] StoreError),
}

/// A finished drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    svg: String,
}

impl Figure {
    pub(crate) fn from_svg(svg: String) -> Self {
        Self { svg }
    }

    /// The drawing as an SVG document, which can also stand inside an HTML page: it refers to
    /// nothing outside itself, and holds no identifiers.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// The drawing as pixels, with its resolution (pHYs) noted in the file.
    ///
    /// # Errors
    /// If `dpi` is so large or small that there is no picture of that size.
    pub fn png(&self, dpi: f64) -> Result<Vec<u8>, FigureError> {
        let tree = self.tree()?;
        let (tree_width, tree_height) =
            (f64::from(tree.size().width()), f64::from(tree.size().height()));
        let width = (tree_width * dpi / CSS_DPI).round() as u32;
        let height = (tree_height * dpi / CSS_DPI).round() as u32;
        let mut pixels = Pixmap::new(width, height).ok_or(FigureError::Size { width, height })?;
        let scale = Transform::from_scale(
            (f64::from(width) / tree_width) as f32,
            (f64::from(height) / tree_height) as f32,
        );
        resvg::render(&tree, scale, &mut pixels.as_mut());
        // The sheet is opaque, so premultiplied colours are the colours.
        let rgb: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        encode_png(&rgb, width, height, Some(dpi))
    }

    /// The drawing as a PDF of one page.
    ///
    /// # Errors
    /// If the drawing cannot be converted.
    pub fn pdf(&self) -> Result<Vec<u8>, FigureError> {
        let page = svg2pdf::PageOptions { dpi: CSS_DPI as f32 };
        svg2pdf::to_pdf(&self.tree()?, svg2pdf::ConversionOptions::default(), page)
            .map_err(|error| FigureError::Pdf(error.to_string()))
    }

    /// Names of the files that [`Figure::save`] writes.
    pub fn file_names(stem: &str, formats: &[Format]) -> impl Iterator<Item = String> {
        formats.iter().map(move |format| format!("{stem}.{}", format.extension()))
    }

    /// Writes `dir/stem.svg`, `.png` (at [`PRINT_DPI`]), `.pdf`: those in `formats`; returns their
    /// paths. Each file appears whole or not at all.
    ///
    /// # Errors
    /// If a file cannot be made or written; those before it are kept.
    pub fn save(
        &self,
        dir: &Path,
        stem: &str,
        formats: &[Format],
    ) -> Result<Vec<PathBuf>, FigureError> {
        let mut written = Vec::with_capacity(formats.len());
        for (format, name) in formats.iter().zip(Self::file_names(stem, formats)) {
            let path = dir.join(name);
            let bytes = match format {
                Format::Svg => self.svg.as_bytes().to_vec(),
                Format::Png => self.png(PRINT_DPI)?,
                Format::Pdf => self.pdf()?,
            };
            atomic::write_bytes(&path, &bytes)?;
            written.push(path);
        }
        Ok(written)
    }

    /// The drawing, laid out with the embedded font.
    pub(crate) fn tree(&self) -> Result<usvg::Tree, FigureError> {
        let options = usvg::Options {
            dpi: CSS_DPI as f32,
            font_family: "Liberation Sans".to_owned(),
            fontdb: fonts(),
            ..usvg::Options::default()
        };
        Ok(usvg::Tree::from_str(&self.svg, &options)?)
    }
}

fn fonts() -> Arc<usvg::fontdb::Database> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = usvg::fontdb::Database::new();
        for font in [text::REGULAR, text::BOLD] {
            fonts.load_font_source(usvg::fontdb::Source::Binary(Arc::new(font)));
        }
        fonts.set_sans_serif_family("Liberation Sans");
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(load))
}

/// RGB pixels as a PNG file, with its resolution if one is given.
pub(crate) fn encode_png(
    rgb: &[u8],
    width: u32,
    height: u32,
    dpi: Option<f64>,
) -> Result<Vec<u8>, FigureError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(dpi) = dpi {
        let per_metre = (dpi / 0.0254).round() as u32;
        encoder.set_pixel_dims(Some(png::PixelDimensions {
            xppu: per_metre,
            yppu: per_metre,
            unit: png::Unit::Meter,
        }));
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(bytes)
}

/// Pixels as places in a palette of RGB colours, as a PNG file.
pub(crate) fn encode_indexed_png(
    indices: &[u8],
    palette: Vec<u8>,
    width: u32,
    height: u32,
) -> Result<Vec<u8>, FigureError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(indices)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Stroke, TextLook, compose};
    use super::super::check::{HARD_LABELS, text_boxes};
    use super::super::style;
    use super::super::text::{self, Weight};
    use super::*;

    fn figure() -> Figure {
        compose(144.0, 12.0 * 12.0, "hard & <labels>", |canvas| {
            for (row, label) in HARD_LABELS.iter().enumerate() {
                let y = 10.0 + 11.0 * row as f64;
                canvas.line(
                    &[(2.0, y), (20.0, y)],
                    Stroke::new(style::INK, 0.5).dashed(&[2.0, 1.0]),
                )?;
                canvas.text(
                    &text::fit(label, 120.0, 7.0, Weight::Regular),
                    (22.0, y),
                    TextLook::new(7.0),
                )?;
            }
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn every_label_is_escaped_and_read_back() {
        let figure = figure();
        assert!(!figure.svg().contains("<script"));
        assert!(
            figure.svg().contains("&lt;script&gt;")
                && figure.svg().contains("<title>hard &amp; &lt;labels&gt;</title>")
        );
        let texts: Vec<String> = text_boxes(&figure).into_iter().map(|(text, _)| text).collect();
        assert_eq!(texts.len(), HARD_LABELS.len());
        assert_eq!(texts[0], HARD_LABELS[0]);
        assert_eq!(texts[7], "tab new line");
    }

    #[test]
    fn text_is_as_wide_as_it_was_measured() {
        for (text, ink) in text_boxes(&figure()).iter().filter(|(text, _)| text.is_ascii()) {
            let measured = text::width(text, 7.0, Weight::Regular) * CSS_DPI / 72.0;
            let drawn = f64::from(ink.width());
            assert!(
                drawn <= measured + 0.5 && drawn > 0.93 * measured - 1.0,
                "{text}: {drawn} of {measured}"
            );
        }
    }

    #[test]
    fn png_has_its_size_and_resolution() {
        let png = figure().png(PRINT_DPI).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (600, 600));
        let dims = info.pixel_dims.unwrap();
        assert_eq!((dims.xppu, dims.yppu, dims.unit), (11811, 11811, png::Unit::Meter));
        assert!(matches!(figure().png(0.0), Err(FigureError::Size { .. })));
    }

    #[test]
    fn pdf_embeds_a_subset_of_the_font() {
        let pdf = figure().pdf().unwrap();
        let holds = |bytes: &[u8]| pdf.windows(bytes.len()).any(|window| window == bytes);
        assert!(pdf.starts_with(b"%PDF-"));
        assert!(holds(b"+LiberationSans") && holds(b"/FontFile") && holds(b"/ToUnicode"));
        assert!(holds(b"/MediaBox [0 0 144 144]"));
        assert!(pdf.len() < text::REGULAR.len() / 4, "{} bytes", pdf.len());
    }

    #[test]
    fn the_same_drawing_makes_the_same_bytes() {
        assert_eq!(figure(), figure());
        assert_eq!(figure().png(PRINT_DPI).unwrap(), figure().png(PRINT_DPI).unwrap());
        assert_eq!(figure().pdf().unwrap(), figure().pdf().unwrap());
    }

    #[test]
    fn saving_writes_each_format_and_names_what_stands_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let written = figure().save(dir.path(), "net", &Format::ALL).unwrap();
        assert_eq!(written, ["net.svg", "net.png", "net.pdf"].map(|name| dir.path().join(name)));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
        let error = figure().save(&dir.path().join("net.svg"), "net", &[Format::Pdf]).unwrap_err();
        assert!(error.to_string().contains("net.svg"), "{error}");
    }
}
