//! The sheet that figures are drawn on: plotters' SVG backend, in points, with what that backend
//! leaves out (dashes, embedded pictures, classes, baselines) added to its output.

use base64::Engine as _;
use plotters::coord::Shift;
use plotters::element::Drawable;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::render::{Figure, FigureError};
use super::style::{self, Marker, Rgb};
use super::text::{self, Weight};

/// Drawing units in a point: plotters has whole coordinates only, and a twentieth of a point is a
/// quarter of a pixel at 300 dpi.
const UNITS: f64 = 20.0;

/// The embedded font first, then those with its metrics, so that a browser without it keeps the
/// layout.
pub(crate) const FONT_FAMILY: &str = "Liberation Sans, Arial, Helvetica, sans-serif";

/// plotters' SVG backend writes `size / 1.24` for a font of `size`.
const PLOTTERS_FONT_SCALE: f64 = 1.24;

/// A place on the sheet, in points from the upper left corner.
pub(crate) type Point = (f64, f64);

/// Which part of a text its position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextLook {
    pub size: f64,
    pub weight: Weight,
    pub color: Rgb,
    pub anchor: Anchor,
    /// Read from bottom to top.
    pub turned: bool,
}

impl TextLook {
    /// Regular text in ink, from its start.
    pub(crate) const fn new(size: f64) -> Self {
        Self {
            size,
            weight: Weight::Regular,
            color: style::INK,
            anchor: Anchor::Start,
            turned: false,
        }
    }

    pub(crate) const fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    pub(crate) const fn color(self, color: Rgb) -> Self {
        Self { color, ..self }
    }

    pub(crate) const fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) const fn turned(self) -> Self {
        Self { turned: true, ..self }
    }
}

/// How a line looks; lengths in points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    pub color: Rgb,
    pub width: f64,
    pub dash: &'static [f64],
}

impl Stroke {
    /// A solid line.
    pub(crate) const fn new(color: Rgb, width: f64) -> Self {
        Self { color, width, dash: &[] }
    }

    pub(crate) const fn dashed(self, dash: &'static [f64]) -> Self {
        Self { dash, ..self }
    }
}

/// A picture to be embedded, as a PNG file.
pub(crate) struct Picture<'a> {
    pub png: &'a [u8],
    /// True to show each pixel as a square, false to blend between them.
    pub crisp: bool,
}

/// What is changed in a line of the backend's output.
enum Edit {
    Attributes(String),
    Replace(String),
}

/// A sheet under the pen.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    /// Lines of SVG that the backend has written.
    lines: usize,
    edits: Vec<(usize, Edit)>,
    class: Option<String>,
}

/// Draws a figure of this size in points; `title` is for screen readers.
pub(crate) fn compose(
    width: f64,
    height: f64,
    title: &str,
    draw: impl FnOnce(&mut Canvas<'_>) -> Result<(), FigureError>,
) -> Result<Figure, FigureError> {
    let mut svg = String::new();
    let size = (unit(width).max(1) as u32, unit(height).max(1) as u32);
    let edits = {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let mut canvas = Canvas { area, lines: 1, edits: Vec::new(), class: None };
        canvas.fill_rectangle((0.0, 0.0), (width, height), style::WHITE)?;
        draw(&mut canvas)?;
        canvas.area.present().map_err(|error| FigureError::Draw(error.to_string()))?;
        canvas.edits
    };
    Ok(Figure::from_svg(finish(&svg, size, title, edits)))
}

fn unit(points: f64) -> i32 {
    (points * UNITS).round() as i32
}

fn place((x, y): Point) -> (i32, i32) {
    (unit(x), unit(y))
}

fn color([r, g, b]: Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

impl<'a> Canvas<'a> {
    /// Elements that are drawn from now on carry this class, so that a page can switch them.
    pub(crate) fn set_class(&mut self, class: Option<&str>) {
        self.class = class.map(str::to_owned);
    }

    fn put<'e, E>(
        &mut self,
        element: &'e E,
        attributes: String,
        lines: usize,
    ) -> Result<(), FigureError>
    where
        &'e E: plotters::element::PointCollection<'e, (i32, i32)>,
        E: Drawable<SVGBackend<'a>>,
    {
        self.area.draw(element).map_err(|error| FigureError::Draw(error.to_string()))?;
        let mut attributes = attributes;
        if let Some(class) = &self.class {
            attributes.push_str(&format!(" class=\"{class}\""));
        }
        if !attributes.is_empty() {
            self.edits.push((self.lines, Edit::Attributes(attributes)));
        }
        self.lines += lines;
        Ok(())
    }

    /// A line through these points.
    pub(crate) fn line(&mut self, points: &[Point], stroke: Stroke) -> Result<(), FigureError> {
        let mut attributes = String::new();
        if !stroke.dash.is_empty() {
            let dash: Vec<String> = stroke.dash.iter().map(|d| unit(*d).to_string()).collect();
            attributes = format!(" stroke-dasharray=\"{}\"", dash.join(" "));
        }
        let looks = color(stroke.color).stroke_width(unit(stroke.width).max(1) as u32);
        let path: Vec<(i32, i32)> = points.iter().copied().map(place).collect();
        self.put(&PathElement::new(path, looks), attributes, 1)
    }

    /// The outline of a rectangle.
    pub(crate) fn outline(
        &mut self,
        from: Point,
        to: Point,
        stroke: Stroke,
    ) -> Result<(), FigureError> {
        // From the middle of a side, so that all corners are mitred and nothing is drawn over twice.
        let middle = ((from.0 + to.0) / 2.0, from.1);
        let path = [middle, (to.0, from.1), to, (from.0, to.1), from, middle];
        self.line(&path, stroke)
    }

    /// A filled rectangle.
    pub(crate) fn fill_rectangle(
        &mut self,
        from: Point,
        to: Point,
        fill: Rgb,
    ) -> Result<(), FigureError> {
        self.put(&Rectangle::new([place(from), place(to)], color(fill).filled()), String::new(), 1)
    }

    /// A filled polygon with a thin outline that keeps it apart from its neighbours.
    pub(crate) fn polygon(&mut self, points: &[Point], fill: Rgb) -> Result<(), FigureError> {
        let path: Vec<(i32, i32)> = points.iter().copied().map(place).collect();
        self.put(&Polygon::new(path, color(fill).filled()), outline_attributes(), 1)
    }

    /// A marker of half-width `radius`.
    pub(crate) fn marker(
        &mut self,
        shape: Marker,
        at: Point,
        radius: f64,
        fill: Rgb,
    ) -> Result<(), FigureError> {
        if shape == Marker::Circle {
            let disc = Circle::new(place(at), unit(radius * 0.95), color(fill).filled());
            // The backend has written stroke="none" for a filled disc; a style outweighs it.
            let style = format!(" style=\"stroke:#fff;stroke-width:{}\"", unit(OUTLINE));
            return self.put(&disc, style, 1);
        }
        let points: Vec<Point> = shape_outline(shape)
            .into_iter()
            .map(|(x, y)| (at.0 + x * radius, at.1 + y * radius))
            .collect();
        self.polygon(&points, fill)
    }

    /// One line of text with its baseline at `at`.
    pub(crate) fn text(
        &mut self,
        text: &str,
        at: Point,
        look: TextLook,
    ) -> Result<(), FigureError> {
        let text = text::clean(text);
        if text.is_empty() {
            return Ok(());
        }
        let horizontal = match look.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let font_style = match look.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        let font = FontDesc::new(
            FontFamily::Name(FONT_FAMILY),
            look.size * UNITS * PLOTTERS_FONT_SCALE,
            font_style,
        );
        let font = if look.turned { font.transform(FontTransform::Rotate270) } else { font };
        let ink = color(look.color);
        let style = TextStyle::from(font).color(&ink).pos(Pos::new(horizontal, VPos::Bottom));
        // A browser that has none of the fonts sets another as wide as the layout took it to be.
        let width = unit(text::width(&text, look.size, look.weight));
        let attributes = format!(" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\"");
        self.put(&Text::new(text, place(at), style), attributes, 3)
    }

    /// One line of text with the middle of its capitals at the height of `at` (turned: the middle
    /// at the x of `at`).
    pub(crate) fn text_centred(
        &mut self,
        text: &str,
        at: Point,
        look: TextLook,
    ) -> Result<(), FigureError> {
        let drop = look.size * text::CAP_HEIGHT / 2.0;
        let at = if look.turned { (at.0 + drop, at.1) } else { (at.0, at.1 + drop) };
        self.text(text, at, look)
    }

    /// A picture stretched over a rectangle.
    pub(crate) fn picture(
        &mut self,
        picture: &Picture<'_>,
        from: Point,
        to: Point,
    ) -> Result<(), FigureError> {
        let line = self.lines;
        self.fill_rectangle(from, to, style::WHITE)?;
        let ((x0, y0), (x1, y1)) = (place(from), place(to));
        let rendering = if picture.crisp { "pixelated" } else { "auto" };
        let class =
            self.class.as_ref().map(|class| format!(" class=\"{class}\"")).unwrap_or_default();
        let element = format!(
            "<image x=\"{x0}\" y=\"{y0}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:{rendering}\"{class} href=\"data:image/png;base64,{}\"/>",
            x1 - x0,
            y1 - y0,
            base64::engine::general_purpose::STANDARD.encode(picture.png),
        );
        self.edits.push((line, Edit::Replace(element)));
        Ok(())
    }
}

/// Weight of the white line around markers, in points.
const OUTLINE: f64 = 0.35;

fn outline_attributes() -> String {
    format!(" stroke=\"#fff\" stroke-width=\"{}\"", unit(OUTLINE))
}

/// Corners of a marker of half-width 1 around the origin.
fn shape_outline(shape: Marker) -> Vec<Point> {
    let regular = |corners: usize, start: f64, radii: [f64; 2]| -> Vec<Point> {
        (0..corners)
            .map(|i| {
                let angle = (start + 360.0 * i as f64 / corners as f64).to_radians();
                (radii[i % 2] * angle.cos(), radii[i % 2] * angle.sin())
            })
            .collect()
    };
    let bar = 0.36;
    let plus = vec![
        (-bar, -1.1),
        (bar, -1.1),
        (bar, -bar),
        (1.1, -bar),
        (1.1, bar),
        (bar, bar),
        (bar, 1.1),
        (-bar, 1.1),
        (-bar, bar),
        (-1.1, bar),
        (-1.1, -bar),
        (-bar, -bar),
    ];
    match shape {
        Marker::Circle => regular(24, 0.0, [1.0, 1.0]),
        Marker::Square => vec![(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)],
        Marker::Up => regular(3, -90.0, [1.25, 1.25]),
        Marker::Down => regular(3, 90.0, [1.25, 1.25]),
        Marker::Left => regular(3, 180.0, [1.25, 1.25]),
        Marker::Right => regular(3, 0.0, [1.25, 1.25]),
        Marker::Diamond => vec![(0.0, -1.3), (1.0, 0.0), (0.0, 1.3), (-1.0, 0.0)],
        Marker::Plus => plus,
        Marker::Cross => {
            let turn = std::f64::consts::FRAC_1_SQRT_2;
            plus.into_iter().map(|(x, y)| ((x - y) * turn, (x + y) * turn)).collect()
        }
        Marker::Star => regular(10, -90.0, [1.35, 0.55]),
        Marker::Hexagon => regular(6, 0.0, [1.1, 1.1]),
        Marker::Tall => vec![(-0.45, -1.2), (0.45, -1.2), (0.45, 1.2), (-0.45, 1.2)],
        Marker::Flat => vec![(-1.2, -0.45), (1.2, -0.45), (1.2, 0.45), (-1.2, 0.45)],
    }
}

/// The backend's SVG with physical size, title, edits, exact baselines and one line a text.
fn finish(
    svg: &str,
    (width, height): (u32, u32),
    title: &str,
    edits: Vec<(usize, Edit)>,
) -> String {
    let mut edits = edits.into_iter().peekable();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{}pt\" height=\"{}pt\" \
         viewBox=\"0 0 {width} {height}\">\n<title>{}</title>\n",
        f64::from(width) / UNITS,
        f64::from(height) / UNITS,
        escape(&text::clean(title)),
    );
    let mut in_text = false;
    for (number, line) in svg.lines().enumerate().skip(1) {
        let edit = edits.next_if(|(at, _)| *at == number).map(|(_, edit)| edit);
        let line = match edit {
            Some(Edit::Replace(element)) => element,
            Some(Edit::Attributes(attributes)) => with_attributes(line, &attributes),
            None => line.to_owned(),
        };
        if line.starts_with("<text ") {
            out.push_str(&exact_text(&line));
            in_text = true;
        } else {
            out.push_str(&if in_text {
                line.clone()
            } else {
                line.replacen(" opacity=\"1\"", "", 1)
            });
            in_text &= line != "</text>";
        }
        if !in_text {
            out.push('\n');
        }
    }
    out
}

/// The opening line of an element with more attributes, which outweigh those it has.
fn with_attributes(line: &str, attributes: &str) -> String {
    let (tag, close) = match line.strip_suffix("/>") {
        Some(tag) => (tag, "/>"),
        None => (line.strip_suffix('>').unwrap_or(line), ">"),
    };
    format!("{tag}{attributes}{close}")
}

/// A `<text>` tag with the baseline at its y, and its size rounded.
fn exact_text(tag: &str) -> String {
    let tag = tag.replacen(" dy=\"-0.5ex\"", "", 1).replacen(" opacity=\"1\"", "", 1);
    let Some((before, rest)) = tag.split_once("font-size=\"") else { return tag };
    let Some((size, after)) = rest.split_once('"') else { return tag };
    match size.parse::<f64>() {
        Ok(size) => format!("{before}font-size=\"{}\"{after}", (size * 100.0).round() / 100.0),
        Err(_) => tag,
    }
}

/// `text` as the content of an XML element.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
