//! Matrix products of weights with columns of positions, for processors with AVX-512, on one thread.
//!
//! After Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication": tiles of 12 x
//! 32 sums stay in registers while a strip of the left matrix in the nearest cache meets a block of
//! the right one in the next. A library's product does the same for matrices in memory; this one takes
//! the right matrix from whoever can write its rows, so that the inputs under a convolution's kernel
//! never exist as a matrix.

use std::cell::RefCell;
use std::ops::Range;

/// Rows of a tile.
const ROWS: usize = 12;
/// Numbers of a vector.
const VECTOR: usize = 16;
/// Columns of a tile: two vectors.
const COLUMNS: usize = 2 * VECTOR;
/// Most terms that a tile sums before its sums go back to memory.
const DEPTH: usize = 256;

/// The left matrix, `rows` x `depth`: element (i, k) lies `i * row_step + k * depth_step` further on.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub pointer: *const f32,
    pub rows: usize,
    pub depth: usize,
    pub row_step: usize,
    pub depth_step: usize,
}

/// The right matrix, row by row.
pub(super) trait Right {
    /// Row k, perhaps written to `buffer` first.
    fn row<'a>(&'a self, k: usize, buffer: &'a mut [f32]) -> &'a [f32];
}

/// Where the result goes: rows of `columns` numbers, `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub pointer: *mut f32,
    pub columns: usize,
    pub stride: usize,
}

/// One thread's copies of parts of the matrices.
#[derive(Default)]
struct Packed {
    left: Vec<f32>,
    right: Vec<f32>,
    line: Vec<f32>,
}

thread_local! {
    static PACKED: RefCell<Packed> = RefCell::default();
}

/// Whether this processor has what [`multiply`] needs.
pub(super) fn is_available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// `to` = `left` x `right`, or added to what is there.
///
/// # Safety
///
/// [`is_available`]; `left` and `to` are alive, and nobody else uses `to` meanwhile.
pub(super) unsafe fn multiply(left: Left, right: &impl Right, to: Target, mut add: bool) {
    PACKED.with_borrow_mut(|packed| {
        let panels = to.columns.div_ceil(COLUMNS);
        packed.left.resize(ROWS * DEPTH, 0.0);
        if packed.right.len() < panels * COLUMNS * DEPTH {
            packed.right.resize(panels * COLUMNS * DEPTH, 0.0);
        }
        packed.line.resize(to.columns, 0.0);
        for first in (0..left.depth).step_by(DEPTH) {
            let depth = DEPTH.min(left.depth - first);
            for k in 0..depth {
                let line = right.row(first + k, &mut packed.line);
                for (panel, values) in line.chunks(COLUMNS).enumerate() {
                    let at = (panel * depth + k) * COLUMNS;
                    let to = &mut packed.right[at..at + COLUMNS];
                    // The full width in one go: its length is known beforehand.
                    match <&[f32; COLUMNS]>::try_from(values) {
                        Ok(values) => to.copy_from_slice(values),
                        Err(_) => {
                            to[..values.len()].copy_from_slice(values);
                            to[values.len()..].fill(0.0);
                        }
                    }
                }
            }
            // SAFETY: handed on.
            unsafe { block(left, first, depth, packed, to, add) };
            add = true;
        }
    });
}

/// Adds the terms `first..first + depth`, whose right rows are packed.
unsafe fn block(
    left: Left,
    first: usize,
    depth: usize,
    packed: &mut Packed,
    to: Target,
    add: bool,
) {
    for row in (0..left.rows).step_by(ROWS) {
        let rows = ROWS.min(left.rows - row);
        // SAFETY: these rows and terms lie in the left matrix.
        unsafe {
            let from = left.pointer.add(row * left.row_step + first * left.depth_step);
            pack_left(left, from, rows, depth, &mut packed.left);
        }
        for (panel, right) in packed.right.chunks_exact(depth * COLUMNS).enumerate() {
            let column = panel * COLUMNS;
            if column >= to.columns {
                break;
            }
            let columns = COLUMNS.min(to.columns - column);
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the caller has seen to the processor; the tile lies in the target.
            unsafe {
                let pointer = to.pointer.add(row * to.stride + column);
                let to = Target { pointer, columns, ..to };
                // What is left at the edges is computed in smaller tiles.
                let tile = match (rows, columns) {
                    (..=4, ..=VECTOR) => tile::<4, 1>,
                    (..=4, _) => tile::<4, 2>,
                    (5..=8, ..=VECTOR) => tile::<8, 1>,
                    (5..=8, _) => tile::<8, 2>,
                    (_, ..=VECTOR) => tile::<ROWS, 1>,
                    _ => tile::<ROWS, 2>,
                };
                tile(&packed.left, right, depth, to, rows, add);
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = (right, columns, add, rows);
        }
    }
}

/// Lays `rows` rows side by side, term by term; rows that aren't there are zeros.
///
/// # Safety
///
/// `from` has `rows` rows of `depth` terms.
unsafe fn pack_left(left: Left, from: *const f32, rows: usize, depth: usize, to: &mut [f32]) {
    if rows < ROWS {
        to.fill(0.0);
    }
    // SAFETY: see above.
    unsafe {
        if rows == ROWS && left.row_step == 1 {
            for (k, to) in to.chunks_exact_mut(ROWS).take(depth).enumerate() {
                to.copy_from_slice(&*from.add(k * left.depth_step).cast::<[f32; ROWS]>());
            }
        } else if rows == ROWS && left.depth_step == 1 {
            let whole = if cfg!(target_arch = "x86_64") { depth / 4 * 4 } else { 0 };
            #[cfg(target_arch = "x86_64")]
            for k in (0..whole).step_by(4) {
                for row in (0..ROWS).step_by(4) {
                    let from = from.add(row * left.row_step + k);
                    turn(from, left.row_step, &mut to[k * ROWS + row..(k + 3) * ROWS + row + 4]);
                }
            }
            pack_plain(left, from, rows, whole..depth, to);
        } else {
            pack_plain(left, from, rows, 0..depth, to);
        }
    }
}

/// As [`pack_left`], for some of the terms, number by number.
///
/// # Safety
///
/// As `pack_left`.
unsafe fn pack_plain(
    left: Left,
    from: *const f32,
    rows: usize,
    terms: Range<usize>,
    to: &mut [f32],
) {
    for row in 0..rows {
        for k in terms.clone() {
            // SAFETY: the matrix has this row and term.
            to[k * ROWS + row] = unsafe { *from.add(row * left.row_step + k * left.depth_step) };
        }
    }
}

/// Turns 4 rows of 4 numbers, `row_step` apart, into columns of `to`, whose rows are [`ROWS`] long.
///
/// # Safety
///
/// `from` has these rows, and `to` 3 rows and 4 numbers.
#[cfg(target_arch = "x86_64")]
unsafe fn turn(from: *const f32, row_step: usize, to: &mut [f32]) {
    use std::arch::x86_64::{_MM_TRANSPOSE4_PS, _mm_loadu_ps, _mm_storeu_ps};
    debug_assert_eq!(to.len(), 3 * ROWS + 4);
    // SAFETY: see above; every processor of this kind has these instructions.
    unsafe {
        let load = |row: usize| _mm_loadu_ps(from.add(row * row_step));
        let (mut a, mut b, mut c, mut d) = (load(0), load(1), load(2), load(3));
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        for (row, values) in [a, b, c, d].into_iter().enumerate() {
            _mm_storeu_ps(to.as_mut_ptr().add(row * ROWS), values);
        }
    }
}

/// One tile of R x V vectors: `rows` x `to.columns` sums of `depth` terms, written or added.
///
/// # Safety
///
/// `rows` is at most R, and `to.columns` at most V vectors. `left` has `depth` x ROWS numbers, `right` `depth` x COLUMNS, and the tile lies in the target.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn tile<const R: usize, const V: usize>(
    left: &[f32],
    right: &[f32],
    depth: usize,
    to: Target,
    rows: usize,
    add: bool,
) {
    use std::arch::x86_64::{
        _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps,
        _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
    };
    let (left, right) = (left.as_ptr(), right.as_ptr());
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    // SAFETY: see above; masks leave out what lies beyond the target's columns.
    unsafe {
        for k in 0..depth {
            let right = right.add(k * COLUMNS);
            let vectors: [_; V] = std::array::from_fn(|v| _mm512_loadu_ps(right.add(VECTOR * v)));
            let left = left.add(k * ROWS);
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = _mm512_set1_ps(*left.add(row));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = _mm512_fmadd_ps(factor, vector, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate().take(rows) {
            for (half, &sum) in sums.iter().enumerate() {
                let count = to.columns.saturating_sub(VECTOR * half).min(VECTOR);
                let mask = ((1u32 << count) - 1) as u16;
                let to = to.pointer.wrapping_add(row * to.stride + VECTOR * half);
                let sum =
                    if add { _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), sum) } else { sum };
                _mm512_mask_storeu_ps(to, mask, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers, so that every order of summation gives the same.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + seed * 31) % 13) as f32 - 6.0).collect()
    }

    struct Rows<'a>(&'a [f32], usize);

    impl Right for Rows<'_> {
        fn row<'a>(&'a self, k: usize, _: &'a mut [f32]) -> &'a [f32] {
            &self.0[k * self.1..(k + 1) * self.1]
        }
    }

    #[test]
    fn products_of_every_odd_size() {
        if !is_available() {
            return;
        }
        for (rows, depth, columns) in [(1, 1, 1), (12, 256, 32), (13, 257, 33), (25, 600, 100)] {
            let (left, right) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            for transposed in [false, true] {
                let (row_step, depth_step) = if transposed { (1, rows) } else { (depth, 1) };
                let element = |i: usize, k: usize| left[i * row_step + k * depth_step];
                let mut found = numbers(rows * (columns + 3), 3);
                let before = found.clone();
                let pointer = left.as_ptr();
                let left = Left { pointer, rows, depth, row_step, depth_step };
                let stride = columns + 3;
                let to = Target { pointer: found.as_mut_ptr(), columns, stride };
                // SAFETY: one thread, sizes as above.
                unsafe { multiply(left, &Rows(&right, columns), to, true) };
                for i in 0..rows {
                    for j in 0..stride {
                        let sum = |k: usize| element(i, k) * right[k * columns + j];
                        let product: f32 =
                            if j < columns { (0..depth).map(sum).sum() } else { 0.0 };
                        let at = i * stride + j;
                        assert_eq!(found[at], before[at] + product, "{i} {j} of {rows} {columns}");
                    }
                }
            }
        }
    }
}
