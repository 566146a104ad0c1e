//! How the receptive field grows with depth: side of the r(50 %) square and Gaussian sigma at named
//! layers, beside the theoretical receptive field (Luo et al. 2016, section 3).

use super::axes::{self, Axis, Frame};
use super::canvas::{Anchor, Canvas, Point, Stroke, TextLook, compose};
use super::legend::{Entry, Legend};
use super::names::{fit_all, wrap_all};
use super::render::{Figure, FigureError};
use super::style::{
    self, GAP, HAIRLINE, LEADING, LINE, MARGIN, MARKER, Marker, Rgb, TEXT, TITLE, Width,
};
use super::text::{self, CAP_HEIGHT, DESCENT, Weight};

/// What was measured at one layer, in pixels of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthLayer {
    /// The layer's name.
    pub name: String,
    /// Side of the smallest centred square that holds half of log10(map + 1).
    pub half_side: Option<f64>,
    /// Standard deviation of the Gaussian fit, the mean of its two axes.
    pub sigma: Option<f64>,
    /// Side of the theoretical receptive field; absent where it is the whole image.
    pub theoretical: Option<f64>,
}

/// One network's layers.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthNetwork {
    /// The network's name.
    pub label: String,
    /// True to mark the network as untrained.
    pub untrained: bool,
    /// Layers, first to last.
    pub layers: Vec<DepthLayer>,
}

/// What to draw.
#[derive(Clone, Debug)]
pub struct DepthSpec {
    /// The networks, one under another on the same scale.
    pub networks: Vec<DepthNetwork>,
    /// Width of the figure.
    pub width: Width,
}

/// Height of one network's frame.
const FRAME: f64 = 120.0;
/// Room for the names of layers where they are turned.
const MOST_NAME: f64 = 70.0;

/// One of the three lines.
struct Quantity {
    title: &'static str,
    value: fn(&DepthLayer) -> Option<f64>,
    color: Rgb,
    dash: &'static [f64],
    marker: Marker,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity {
        title: "theoretical receptive field",
        value: |layer| layer.theoretical,
        color: [0x55, 0x55, 0x55],
        dash: &[1.2, 1.6],
        marker: Marker::Up,
    },
    Quantity {
        title: "side of the r(50 %) square",
        value: |layer| layer.half_side,
        color: [0x00, 0x72, 0xb2],
        dash: &[],
        marker: Marker::Circle,
    },
    Quantity {
        title: "Gaussian σ",
        value: |layer| layer.sigma,
        color: [0xd5, 0x5e, 0x00],
        dash: &[5.0, 2.0],
        marker: Marker::Square,
    },
];

/// Draws a frame a network, pixels on a logarithmic axis.
///
/// # Errors
/// If there is no network, one has no layer, or a value is not a positive number.
pub fn draw(spec: &DepthSpec) -> Result<Figure, FigureError> {
    check(spec)?;
    let width = spec.width.points();
    let y = vertical_axis(spec);
    let left = MARGIN + y.width_at_left();
    let right = width - MARGIN - axes::OVERHANG;
    let mut top = MARGIN;
    let mut laid = Vec::with_capacity(spec.networks.len());
    let titles: Vec<String> =
        spec.networks.iter().map(|one| style::marked(&one.label, one.untrained)).collect();
    let titles = wrap_all(&titles, right - left, 2, TITLE, Weight::Bold);
    for (network, title) in spec.networks.iter().zip(titles) {
        let frame_top = top + title.len() as f64 * TITLE * LEADING + GAP;
        let frame = Frame { left, top: frame_top, right, bottom: frame_top + FRAME };
        let names = Names::new(network, &frame);
        let next = frame.bottom + names.height + 2.0 * GAP;
        laid.push((network, title, top, frame, names));
        top = next;
    }
    let entries = QUANTITIES.iter().map(|quantity| Entry {
        label: quantity.title.to_owned(),
        line: Some(Stroke::new(quantity.color, LINE).dashed(quantity.dash)),
        marker: Some((quantity.marker, quantity.color)),
        class: None,
    });
    let legend = Legend::new(entries.collect(), width - 2.0 * MARGIN);
    let note = text::wrap(note(spec), width - 2.0 * MARGIN, 2, TEXT, Weight::Regular);
    let note_top = top + legend.height() + if note.is_empty() { 0.0 } else { GAP };
    let height = note_top + note.len() as f64 * TEXT * LEADING + MARGIN;
    compose(width, height, "Receptive field against depth", |canvas| {
        for (network, title, title_top, frame, names) in &laid {
            super::heatmap::draw_lines(
                canvas,
                title,
                (left, *title_top),
                TextLook::new(TITLE).bold(),
            )?;
            axes::draw_left(canvas, &y, frame, true)?;
            names.draw(canvas, network, frame)?;
            for quantity in &QUANTITIES {
                draw_quantity(canvas, quantity, network, &y, frame)?;
            }
        }
        legend.draw(canvas, MARGIN, top)?;
        let look = TextLook::new(TEXT).color(style::GREY);
        super::heatmap::draw_lines(canvas, &note, (MARGIN, note_top), look)
    })
}

/// Why the theoretical line ends, where it does.
fn note(spec: &DepthSpec) -> &'static str {
    let mut layers = spec.networks.iter().flat_map(|network| &network.layers);
    if layers.any(|layer| layer.theoretical.is_none()) {
        "Where a layer has no theoretical value, that field is the whole image."
    } else {
        ""
    }
}

fn check(spec: &DepthSpec) -> Result<(), FigureError> {
    let refuse = |reason: String| Err(FigureError::Input { figure: "the depth figure", reason });
    if spec.networks.is_empty() {
        return refuse("there is no network".to_owned());
    }
    for network in &spec.networks {
        if network.layers.is_empty() {
            return refuse(format!("\"{}\" has no layer", network.label));
        }
        for layer in &network.layers {
            let mut values = QUANTITIES.iter().filter_map(|quantity| (quantity.value)(layer));
            if let Some(value) = values.find(|v| !v.is_finite() || *v <= 0.0) {
                let (label, name) = (&network.label, &layer.name);
                return refuse(format!(
                    "\"{label}\" has a value of {value} at layer \"{name}\", which is not positive"
                ));
            }
        }
    }
    Ok(())
}

fn vertical_axis(spec: &DepthSpec) -> Axis {
    let values = || {
        let layers = spec.networks.iter().flat_map(|network| &network.layers);
        layers.flat_map(|layer| QUANTITIES.iter().filter_map(|quantity| (quantity.value)(layer)))
    };
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    if low > high {
        return Axis::log(1.0, 100.0, 8, "pixels");
    }
    Axis::log(low / 1.3, high * 1.3, 8, "pixels")
}

/// Horizontal place of a layer: the middle of its equal share of the frame.
fn place(number: usize, count: usize, frame: &Frame) -> f64 {
    frame.left + frame.width() * (number as f64 + 0.5) / count as f64
}

fn draw_quantity(
    canvas: &mut Canvas<'_>,
    quantity: &Quantity,
    network: &DepthNetwork,
    axis: &Axis,
    frame: &Frame,
) -> Result<(), FigureError> {
    let count = network.layers.len();
    let points: Vec<Option<Point>> = network
        .layers
        .iter()
        .enumerate()
        .map(|(number, layer)| {
            Some((place(number, count, frame), axis.y((quantity.value)(layer)?, frame)))
        })
        .collect();
    let stroke = Stroke::new(quantity.color, LINE).dashed(quantity.dash);
    // The line is broken where a layer has no value.
    for run in points.split(Option::is_none).filter(|run| run.len() > 1) {
        let run: Vec<Point> = run.iter().flatten().copied().collect();
        canvas.line(&run, stroke)?;
    }
    let radius = MARKER.min(0.4 * frame.width() / count as f64).max(1.0);
    for point in points.into_iter().flatten() {
        canvas.marker(quantity.marker, point, radius, quantity.color)?;
    }
    Ok(())
}

/// The names of layers under a frame.
struct Names {
    texts: Vec<String>,
    turned: bool,
    /// Every so many layers are named.
    step: usize,
    height: f64,
}

impl Names {
    fn new(network: &DepthNetwork, frame: &Frame) -> Self {
        let spacing = frame.width() / network.layers.len() as f64;
        let texts: Vec<String> =
            network.layers.iter().map(|layer| text::clean(&layer.name)).collect();
        let widest = text::widest(texts.iter().map(String::as_str), TEXT, Weight::Regular);
        let turned = widest + GAP > spacing;
        let line = TEXT * (CAP_HEIGHT + DESCENT) + 1.0;
        let step = if turned { (line / spacing).ceil().max(1.0) as usize } else { 1 };
        let height = 4.0 + if turned { widest.min(MOST_NAME) } else { TEXT };
        let texts = fit_all(&texts, widest.min(MOST_NAME) + 0.01, TEXT, Weight::Regular);
        Self { texts, turned, step, height }
    }

    fn draw(
        &self,
        canvas: &mut Canvas<'_>,
        network: &DepthNetwork,
        frame: &Frame,
    ) -> Result<(), FigureError> {
        let stroke = Stroke::new(style::INK, HAIRLINE);
        canvas.line(&[(frame.left, frame.bottom), (frame.right, frame.bottom)], stroke)?;
        for (number, name) in self.texts.iter().enumerate() {
            let x = place(number, network.layers.len(), frame);
            canvas.line(&[(x, frame.bottom), (x, frame.bottom + 2.5)], stroke)?;
            if number % self.step != 0 {
                continue;
            }
            if self.turned {
                let look = TextLook::new(TEXT).anchor(Anchor::End).turned();
                canvas.text_centred(name, (x, frame.bottom + 4.0), look)?;
            } else {
                let at = (x, frame.bottom + 4.0 + TEXT * CAP_HEIGHT);
                canvas.text(name, at, TextLook::new(TEXT).anchor(Anchor::Middle))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{HARD_LABELS, sound};
    use super::*;

    fn network(label: &str, layers: usize, name: impl Fn(usize) -> String) -> DepthNetwork {
        let layer = |i: usize| DepthLayer {
            name: name(i),
            half_side: (i % 5 != 2).then_some(5.0 + 2.0 * i as f64),
            sigma: (i > 0).then(|| 2.0 + (i as f64).sqrt()),
            theoretical: Some(7.0 * 1.25f64.powi(i.min(24) as i32)),
        };
        DepthNetwork {
            label: label.to_owned(),
            untrained: label.len() > 20,
            layers: (0..layers).map(layer).collect(),
        }
    }

    #[test]
    fn few_and_many_layers_and_networks() {
        let stages = |i: usize| format!("layer{}", i + 1);
        let blocks = |i: usize| format!("stages.{}.blocks.{i}.large_kernel.lkb_reparam", i / 6);
        for (networks, width) in [
            (vec![network("ResNet-101", 4, stages)], Width::Column),
            (vec![network(HARD_LABELS[0], 1, stages)], Width::Column),
            (vec![network(HARD_LABELS[2], 24, blocks)], Width::Column),
            (
                vec![network(HARD_LABELS[3], 4, stages), network(HARD_LABELS[5], 150, blocks)],
                Width::Page,
            ),
            (vec![network("hard names", 12, |i| HARD_LABELS[i].to_owned())], Width::Column),
        ] {
            sound(&draw(&DepthSpec { networks, width }).unwrap());
        }
    }

    #[test]
    fn layers_without_values_and_wrong_ones() {
        let mut spec = DepthSpec {
            networks: vec![network("net", 3, |i| i.to_string())],
            width: Width::Column,
        };
        for layer in &mut spec.networks[0].layers {
            (layer.half_side, layer.sigma, layer.theoretical) = (None, None, None);
        }
        let said = |texts: Vec<String>| texts.iter().any(|text| text.contains("the whole image"));
        assert!(said(sound(&draw(&spec).unwrap())));
        let whole = vec![network("net", 3, |i| i.to_string())];
        assert!(!said(sound(&draw(&DepthSpec { networks: whole, ..spec.clone() }).unwrap())));
        spec.networks[0].layers[1].sigma = Some(0.0);
        assert!(
            draw(&spec)
                .unwrap_err()
                .to_string()
                .contains("\"net\" has a value of 0 at layer \"1\"")
        );
        spec.networks[0].layers.clear();
        assert!(draw(&spec).is_err());
        spec.networks.clear();
        assert!(draw(&spec).is_err());
    }
}
