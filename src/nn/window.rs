//! Windows: which part of each layer's output can reach a unit.
//!
//! From the unit backwards, each layer asks its inputs for the rows and columns that its own window
//! depends on. What is outside never changes the unit, so neither the forward nor the backward
//! computation needs it.

use super::NnError;
use super::autograd::Unit;
use super::graph::{Graph, NodeId};
use super::layer::Layer;
use super::shape::{Shape, shapes};

/// A part of a map: `height` rows from `top`, `width` columns from `left`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Window {
    /// All of a map of `height` x `width`.
    pub fn whole([height, width]: [usize; 2]) -> Self {
        Window { top: 0, left: 0, height, width }
    }

    /// One position.
    pub fn unit(row: usize, column: usize) -> Self {
        Window { top: row, left: column, height: 1, width: 1 }
    }

    /// Number of positions.
    pub fn count(&self) -> usize {
        self.height * self.width
    }

    /// First row or column along an axis, and the one after the last.
    pub fn along(&self, axis: usize) -> [usize; 2] {
        if axis == 0 {
            [self.top, self.top + self.height]
        } else {
            [self.left, self.left + self.width]
        }
    }

    /// The smallest window that holds both.
    pub fn union(&self, other: &Window) -> Window {
        let along = |axis: usize| {
            let ([a, b], [c, d]) = (self.along(axis), other.along(axis));
            [a.min(c), b.max(d)]
        };
        Window::from_ranges(along(0), along(1))
    }

    fn from_ranges([top, bottom]: [usize; 2], [left, right]: [usize; 2]) -> Window {
        Window { top, left, height: bottom - top, width: right - left }
    }
}

/// The window of each layer that can reach `unit`, for an image of `height` x `width`; nothing for
/// layers that the unit doesn't depend on.
///
/// # Errors
///
/// [`NnError::Shape`] where the layers can't take such an image.
pub fn windows(
    graph: &Graph,
    unit: Unit,
    height: usize,
    width: usize,
) -> Result<Vec<Option<Window>>, NnError> {
    let shapes = shapes(graph, height, width)?;
    let [row, column] = shapes[unit.layer.0].place(unit.row, unit.column);
    Ok(windows_from(graph, &shapes, unit.layer, Window::unit(row, column)))
}

/// The window of each layer that `wanted`, a part of the output of `layer`, depends on. Outputs
/// without rows and columns count as one position.
pub fn windows_from(
    graph: &Graph,
    shapes: &[Shape],
    layer: NodeId,
    wanted: Window,
) -> Vec<Option<Window>> {
    windows_where(graph, shapes, layer, wanted, |_| false)
}

/// The same where layers for which `runs_whole` holds read and give everything.
pub(super) fn windows_where(
    graph: &Graph,
    shapes: &[Shape],
    layer: NodeId,
    wanted: Window,
    runs_whole: impl Fn(NodeId) -> bool,
) -> Vec<Option<Window>> {
    let whole = |id: usize| Window::whole(shapes[id].frame());
    let mut windows = vec![None; graph.nodes.len()];
    windows[layer.0] = Some(wanted);
    for index in (0..=layer.0).rev() {
        let Some(window) = windows[index] else { continue };
        let node = &graph.nodes[index];
        let everything = runs_whole(NodeId(index));
        if everything {
            windows[index] = Some(whole(index));
        }
        for input in &node.inputs {
            let asked = if everything {
                whole(input.0)
            } else {
                asked_of_input(&node.layer, window, shapes[input.0])
            };
            let union = windows[input.0].map_or(asked, |known: Window| known.union(&asked));
            windows[input.0] = Some(union);
        }
    }
    windows
}

/// The part of an input that `window` of a layer's output depends on.
pub(super) fn asked_of_input(layer: &Layer, window: Window, input: Shape) -> Window {
    let grid = input.frame();
    match layer {
        Layer::Convolution(c) => slide(window, grid, c.kernel, c.stride, c.padding),
        Layer::MaxPool(p) => slide(window, grid, [p.kernel; 2], [p.stride; 2], [p.padding; 2]),
        Layer::BatchNorm(_)
        | Layer::LayerNorm(_)
        | Layer::Relu
        | Layer::Gelu
        | Layer::Add
        | Layer::Linear(_)
        | Layer::ChannelScale { .. }
        | Layer::ToChannelsLast
        | Layer::ToChannelsFirst => window,
        // Layers that mix all positions, and those without a rule of their own.
        _ => Window::whole(grid),
    }
}

fn slide(
    window: Window,
    grid: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Window {
    let along = |axis: usize| {
        let [first, end] = window.along(axis);
        let size = grid[axis];
        // Where a kernel lies wholly in the padding, any row will do: one that is there.
        let from = (first * stride[axis]).saturating_sub(padding[axis]).min(size - 1);
        let to = ((end - 1) * stride[axis] + kernel[axis]).saturating_sub(padding[axis]);
        [from, to.clamp(from + 1, size)]
    };
    Window::from_ranges(along(0), along(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::graph::Builder;
    use crate::nn::layer::{Convolution, MaxPool};

    #[test]
    fn kernels_strides_and_borders_by_hand() {
        let (mut builder, input) = Builder::new(1);
        let large = builder.convolution("a", input, Convolution::new("a", 1, 1, 7).stride(2));
        let pool = builder.max_pool("pool", large, MaxPool { kernel: 3, stride: 2, padding: 1 });
        let conv = builder.convolution("b", pool, Convolution::new("b", 1, 1, 3));
        let graph = builder.finish(conv, None);
        // 32 -> 16 -> 8 -> 8.
        let unit = Unit { layer: conv, row: 4, column: 0 };
        let found = windows(&graph, unit, 32, 32).unwrap();
        let expect = |top, left, height, width| Some(Window { top, left, height, width });
        assert_eq!(found[3], expect(4, 0, 1, 1));
        // Rows 3..6, columns -1..2 clipped.
        assert_eq!(found[2], expect(3, 0, 3, 2));
        // Rows 2*3-1 .. 2*5-1+3, columns -1 .. 2*1-1+3.
        assert_eq!(found[1], expect(5, 0, 7, 4));
        // Rows 2*5-3 .. 2*11-3+7, columns .. 2*3-3+7.
        assert_eq!(found[0], expect(7, 0, 19, 10));
    }

    #[test]
    fn the_union_covers_both_readers() {
        let (mut builder, input) = Builder::new(1);
        let conv = builder.convolution("a", input, Convolution::new("a", 1, 1, 5));
        let sum = builder.sum("sum", conv, input);
        let graph = builder.finish(sum, None);
        let unit = Unit { layer: sum, row: 5, column: 5 };
        let found = windows(&graph, unit, 11, 11).unwrap();
        assert_eq!(found[0], Some(Window { top: 3, left: 3, height: 5, width: 5 }));
        assert_eq!(found[1], Some(Window::unit(5, 5)));
    }

    #[test]
    fn a_mean_over_all_positions_asks_for_everything() {
        let (mut builder, input) = Builder::new(1);
        let conv = builder.convolution("a", input, Convolution::new("a", 1, 1, 3));
        let pooled = builder.global_average_pool("pool", conv);
        let graph = builder.finish(conv, Some(pooled));
        let shapes = shapes(&graph, 9, 7).unwrap();
        let found = windows_from(&graph, &shapes, pooled, Window::unit(0, 0));
        assert_eq!(found[1], Some(Window::whole([9, 7])));
    }
}
