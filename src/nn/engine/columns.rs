//! Matrices in place: some columns of a map, and their products with weights.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::gemm::{self, Left, Right, Target};
use crate::nn::NnError;

/// A weight matrix, rows x columns, shared among threads that only read it.
#[derive(Debug)]
pub(super) struct Matrix {
    /// Owns the numbers; contiguous f32.
    values: Tensor,
    pub rows: usize,
    pub columns: usize,
}

// SAFETY: nothing writes to a matrix after it was made; readers only take its address.
unsafe impl Sync for Matrix {}

impl Matrix {
    /// A weight whose first axis are the rows; the other axes together are the columns.
    pub fn new(weight: &Tensor) -> Result<Self, NnError> {
        let rows = weight.size().first().copied().unwrap_or(0);
        let values = weight
            .f_to_kind(Kind::Float)
            .and_then(|values| values.f_contiguous())
            .and_then(|values| values.f_view([rows, -1]))
            .map_err(NnError::torch("preparing a weight"))?;
        let columns = values.size()[1] as usize;
        Ok(Matrix { values, rows: rows as usize, columns })
    }

    /// The matrix as the left part of a product.
    pub fn left(&self, transposed: bool) -> Left {
        let pointer = self.values.data_ptr() as *const f32;
        let Matrix { rows, columns, .. } = *self;
        if transposed {
            Left { pointer, rows: columns, depth: rows, row_step: 1, depth_step: columns }
        } else {
            Left { pointer, rows, depth: columns, row_step: columns, depth_step: 1 }
        }
    }

    fn view(&self, transposed: bool) -> Result<Tensor, tch::TchError> {
        let (rows, columns) = (self.rows as i64, self.columns as i64);
        let (size, strides) = if transposed {
            ([columns, rows], [1, columns])
        } else {
            ([rows, columns], [columns, 1])
        };
        let pointer = self.values.data_ptr() as *const u8;
        // SAFETY: the numbers live as long as `self`, and the view is gone before this borrow ends.
        unsafe { Tensor::f_from_blob(pointer, &size, &strides, Kind::Float, Device::Cpu) }
    }
}

/// Some columns of a matrix with one row a channel. Like a pointer, it says nothing about who else
/// uses the numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pointer: *mut f32,
    pub rows: usize,
    pub count: usize,
    stride: usize,
}

// SAFETY: threads work on columns of their own; see the users of `Columns`.
unsafe impl Send for Columns {}
// SAFETY: as above.
unsafe impl Sync for Columns {}

impl Columns {
    /// All columns of a matrix of `rows` rows.
    pub fn new(values: &mut [f32], rows: usize) -> Self {
        let count = values.len().checked_div(rows).unwrap_or(0);
        debug_assert_eq!(values.len(), rows * count);
        Columns { pointer: values.as_mut_ptr(), rows, count, stride: count }
    }

    /// All columns of a matrix that is only read.
    pub fn read_only(values: &[f32], rows: usize) -> Self {
        let count = values.len().checked_div(rows).unwrap_or(0);
        Columns { pointer: values.as_ptr().cast_mut(), rows, count, stride: count }
    }

    /// Some of these columns.
    pub fn part(&self, columns: Range<usize>) -> Self {
        debug_assert!(columns.start <= columns.end && columns.end <= self.count);
        let count = columns.end - columns.start;
        Columns { pointer: self.pointer.wrapping_add(columns.start), count, ..*self }
    }

    /// Some of these rows.
    pub fn rows_from(&self, first: usize, rows: usize) -> Self {
        debug_assert!(first + rows <= self.rows);
        Columns { pointer: self.pointer.wrapping_add(first * self.stride), rows, ..*self }
    }

    /// One row.
    ///
    /// # Safety
    ///
    /// The numbers are alive, and nobody else reads or writes these columns while the row is used.
    pub unsafe fn row<'a>(self, row: usize) -> &'a mut [f32] {
        debug_assert!(row < self.rows);
        // SAFETY: the row lies in the matrix; the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(row * self.stride), self.count) }
    }

    /// One row, to read.
    ///
    /// # Safety
    ///
    /// The numbers are alive, and nobody writes these columns while the row is used.
    pub unsafe fn read<'a>(self, row: usize) -> &'a [f32] {
        debug_assert!(row < self.rows);
        // SAFETY: the row lies in the matrix; the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts(self.pointer.add(row * self.stride), self.count) }
    }

    /// These columns as the place for a product.
    pub fn target(&self) -> Target {
        Target { pointer: self.pointer, columns: self.count, stride: self.stride }
    }

    fn view(&self) -> Result<Tensor, tch::TchError> {
        let size = [self.rows as i64, self.count as i64];
        let strides = [self.stride as i64, 1];
        let pointer = self.pointer as *const u8;
        // SAFETY: used within one product, whose caller vouches for the numbers.
        unsafe { Tensor::f_from_blob(pointer, &size, &strides, Kind::Float, Device::Cpu) }
    }
}

/// Columns that nobody writes for now.
struct Unchanging(Columns);

impl Right for Unchanging {
    fn row<'a>(&'a self, k: usize, _: &'a mut [f32]) -> &'a [f32] {
        // SAFETY: made only in `product`, whose caller vouches for the numbers.
        unsafe { self.0.read(k) }
    }
}

/// `to` = `weight` x `from`, or added to what is there; with the transposed weight if asked.
///
/// # Safety
///
/// The numbers of `from` and `to` are alive and don't overlap, nobody writes `from`, and nobody else
/// uses `to` meanwhile.
pub(super) unsafe fn product(
    weight: &Matrix,
    transposed: bool,
    from: Columns,
    to: Columns,
    add: bool,
) -> Result<(), NnError> {
    debug_assert_eq!(from.count, to.count);
    if to.count == 0 {
        return Ok(());
    }
    if gemm::is_available() {
        // SAFETY: the caller vouches for the numbers.
        unsafe { gemm::multiply(weight.left(transposed), &Unchanging(from), to.target(), add) };
        return Ok(());
    }
    let run = || {
        let (weight, from, to) = (weight.view(transposed)?, from.view()?, to.view()?);
        if add { to.f_addmm_out(&to, &weight, &from) } else { weight.f_mm_out(&to, &from) }
    };
    run().map(drop).map_err(NnError::torch("a matrix product"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_some_columns_by_hand() {
        let weight =
            Matrix::new(&Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0]).reshape([2, 2])).unwrap();
        let mut from = vec![1f32, 2.0, 3.0, 10.0, 20.0, 30.0];
        let mut to = vec![100f32; 6];
        let (x, y) = (Columns::new(&mut from, 2), Columns::new(&mut to, 2));
        // SAFETY: one thread, two vectors.
        unsafe {
            product(&weight, false, x.part(1..3), y.part(1..3), false).unwrap();
            product(&weight, true, x.part(0..1), y.part(0..1), true).unwrap();
        }
        assert_eq!(to, [131.0, 42.0, 63.0, 142.0, 86.0, 129.0]);
    }
}
