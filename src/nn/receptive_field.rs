//! Theoretical receptive fields: which part of the image can change a unit at all (Araujo, Norris
//! and Sim 2019, "Computing receptive fields of convolutional neural networks", Distill, equations
//! 2 to 5 for chains; where paths meet, the smallest rectangle that holds both).

use serde::Serialize;

use super::NnError;
use super::graph::Graph;
use super::layer::Layer;
use super::shape::{Shape, shapes};

/// The part of the image that can change a unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReceptiveField {
    /// Height and width in pixels, beyond the image's edge where it is padded; nothing where the
    /// whole image can change every unit, however large it is.
    pub size: Option<[usize; 2]>,
    /// Pixels between the fields of neighbouring units, along height and width.
    pub stride: [usize; 2],
    /// Row and column of the pixel on which the first unit's field is centred; halves lie between
    /// two pixels.
    pub offset: [f64; 2],
    /// False where `size` is an upper bound, since fields differ from unit to unit (windows of
    /// attention).
    pub is_exact: bool,
}

/// A field along one axis: unit p sees the pixels stride p + first to stride p + last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    stride: i64,
    first: i64,
    last: i64,
}

impl Axis {
    const PIXEL: Axis = Axis { stride: 1, first: 0, last: 0 };

    /// After a kernel.
    fn slide(self, kernel: usize, stride: usize, padding: usize) -> Axis {
        let (kernel, stride, padding) = (kernel as i64, stride as i64, padding as i64);
        Axis {
            stride: self.stride * stride,
            first: self.first - self.stride * padding,
            last: self.last + self.stride * (kernel - 1 - padding),
        }
    }

    fn union(self, other: Axis) -> Axis {
        Axis {
            stride: self.stride,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

/// Fields of a layer's units while the graph is walked.
#[derive(Clone, Copy, Debug)]
struct Field {
    axes: [Axis; 2],
    is_whole: bool,
    is_exact: bool,
}

impl Field {
    fn slide(self, kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Field {
        let axis = |a: usize| self.axes[a].slide(kernel[a], stride[a], padding[a]);
        Field { axes: [axis(0), axis(1)], ..self }
    }

    fn union(self, other: Field) -> Field {
        Field {
            axes: [self.axes[0].union(other.axes[0]), self.axes[1].union(other.axes[1])],
            is_whole: self.is_whole || other.is_whole,
            is_exact: self.is_exact && other.is_exact,
        }
    }

    fn published(self) -> ReceptiveField {
        let size = self.axes.map(|axis| (axis.last - axis.first + 1) as usize);
        ReceptiveField {
            size: if self.is_whole { None } else { Some(size) },
            stride: self.axes.map(|axis| axis.stride as usize),
            offset: self.axes.map(|axis| (axis.first + axis.last) as f64 / 2.0),
            is_exact: self.is_exact || self.is_whole,
        }
    }
}

/// The receptive field of each layer's units in an image of `height` x `width` (which matters only
/// for attention in windows); nothing for layers without rows and columns.
///
/// # Errors
///
/// [`NnError::Shape`] where the layers can't take such an image.
pub fn receptive_fields(
    graph: &Graph,
    height: usize,
    width: usize,
) -> Result<Vec<Option<ReceptiveField>>, NnError> {
    let shapes = shapes(graph, height, width)?;
    let mut fields: Vec<Field> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let pixel = Field { axes: [Axis::PIXEL; 2], is_whole: false, is_exact: true };
        let inputs = node.inputs.iter().map(|input| fields[input.0]);
        let input = inputs.reduce(Field::union).unwrap_or(pixel);
        let before = node.inputs.first().map(|input| shapes[input.0]);
        fields.push(after(&node.layer, input, before));
    }
    Ok(fields
        .into_iter()
        .zip(&shapes)
        .map(|(field, shape)| shape.grid().map(|_| field.published()))
        .collect())
}

/// The fields of a layer's units, from those of its input, whose shape is `before`.
fn after(layer: &Layer, input: Field, before: Option<Shape>) -> Field {
    match layer {
        Layer::Convolution(c) => input.slide(c.kernel, c.stride, c.padding),
        Layer::MaxPool(p) => input.slide([p.kernel; 2], [p.stride; 2], [p.padding; 2]),
        Layer::MergePatches => input.slide([2; 2], [2; 2], [0; 2]),
        Layer::GlobalAveragePool | Layer::Attention(_) => Field { is_whole: true, ..input },
        Layer::WindowAttention(w) => {
            let grid = before.and_then(|shape| shape.grid()).unwrap_or([1, 1]);
            if grid.iter().all(|&size| size <= w.window) {
                return Field { is_whole: true, ..input };
            }
            // A unit sees its window, which starts up to window - 1 before it or ends as far behind.
            let reach = 2 * w.window - 1;
            let wide = input.slide([reach; 2], [1; 2], [w.window - 1; 2]);
            Field { is_exact: false, ..wide }
        }
        _ => input,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::autograd::Unit;
    use crate::nn::window::windows;
    use crate::zoo::{Form, find};

    fn last_stage(name: &str) -> ReceptiveField {
        let graph = find(name).unwrap().graph(&Form::fresh());
        receptive_fields(&graph, 224, 224).unwrap()[graph.features.0].unwrap()
    }

    /// By hand: the stem sees 7 + 2 (3 - 1) = 11 pixels at stride 4; each 3 x 3 adds twice the
    /// stride before it. ResNet-50: 3 blocks at stride 4, then one strided block and 3, 5, 2 more at
    /// the next stride: 11 + 3 8 + (8 + 3 16) + (16 + 5 32) + (32 + 2 64) = 427.
    #[test]
    fn resnets_by_hand() {
        for (name, size) in [("resnet50", 427), ("resnet101", 971), ("resnet152", 1451)] {
            let field = last_stage(name);
            assert_eq!(field.size, Some([size; 2]), "{name}");
            assert_eq!(field.stride, [32; 2]);
            assert!(field.is_exact);
            // Odd kernels with "same" padding and stride 2 centre the first unit on the first pixel.
            assert_eq!(field.offset, [0.0; 2]);
        }
    }

    /// 4 x 4 patches; 3, 3, 9, 3 blocks of 7 x 7 at strides 4 to 32; 2 x 2 between stages.
    #[test]
    fn convnext_by_hand() {
        let field = last_stage("convnext_tiny");
        let size = 4 + 3 * 6 * 4 + (4 + 3 * 6 * 8) + (8 + 9 * 6 * 16) + (16 + 3 * 6 * 32);
        assert_eq!(field.size, Some([size; 2]));
        assert_eq!((field.stride, field.offset), ([32; 2], [15.5; 2]));
    }

    #[test]
    fn attention_over_all_tokens_sees_the_whole_image() {
        let field = last_stage("vit_tiny_patch16");
        assert_eq!((field.size, field.stride), (None, [16; 2]));
    }

    #[test]
    fn windows_give_a_bound() {
        let graph = find("swin_tiny").unwrap().graph(&Form::fresh());
        let fields = receptive_fields(&graph, 1024, 1024).unwrap();
        let stage = |name: &str| fields[graph.find(name).unwrap().0].unwrap();
        // Two blocks, each 6 patches of 4 pixels to either side.
        assert_eq!(stage("stage1").size, Some([4 + 2 * 2 * 6 * 4; 2]));
        assert!(!stage("stage1").is_exact);
        // At 224 the last stage's map is one window.
        assert_eq!(last_stage("swin_tiny").size, None);
    }

    /// What the windows of the fast path read of the image is the receptive field.
    #[test]
    fn fields_are_what_windows_read() {
        for name in ["resnet18", "resnet50", "replknet_3", "convnext_tiny"] {
            let graph = find(name).unwrap().graph(&Form::fresh());
            let side = 2048;
            let field = last_stage(name);
            let unit = Unit { layer: graph.features, row: 32, column: 31 };
            let read = windows(&graph, unit, side, side).unwrap()[0].unwrap();
            assert_eq!(field.size, Some([read.height, read.width]), "{name}");
            let centre = |first: usize, length: usize| first as f64 + (length as f64 - 1.0) / 2.0;
            let expected = [32.0, 31.0].map(|place| 32.0 * place + field.offset[0]);
            assert_eq!(
                [centre(read.top, read.height), centre(read.left, read.width)],
                expected,
                "{name}"
            );
        }
    }
}
