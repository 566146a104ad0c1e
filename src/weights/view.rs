//! A tensor as PyTorch stores it: a window with strides on a storage that others may share.

use std::io::Read;

use super::budget::Budget;
use super::dtype::Dtype;
use super::error::{Fault, printable};
use super::tensor::NamedTensor;

/// Bytes read at a time. A multiple of every element size, so that no element is split.
const CHUNK: usize = 1 << 16;

/// More dimensions than PyTorch allows (64) are a sign of a forged file.
pub(super) const MOST_DIMENSIONS: usize = 64;

/// Where the bytes of storages come from.
pub(super) trait Storages {
    /// Length in bytes of the storage `key`, as the container has it.
    fn length(&mut self, key: &str) -> Result<u64, Fault>;

    /// Opens the storage `key` for `length` bytes from byte `start` on. What has to be unpacked on
    /// the way there is charged to `budget`. The caller has checked that the storage is that long.
    fn open(
        &mut self,
        key: &str,
        start: u64,
        length: u64,
        budget: &mut Budget,
    ) -> Result<Box<dyn Read + '_>, Fault>;
}

/// A tensor's place in a storage. Offset and strides count elements.
pub(super) struct View {
    pub(super) storage: String,
    /// Elements of the storage, as the pickle has it.
    pub(super) declared: u64,
    pub(super) dtype: Dtype,
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) stride: Vec<u64>,
}

impl View {
    /// Reads the tensor, row-major, in f32.
    ///
    /// # Errors
    ///
    /// [`Fault::Tensor`] naming the entry `name` if it reaches beyond its storage,
    /// [`Fault::TooLarge`] if the budget is spent, both before memory is asked for; and whatever
    /// reading meets.
    pub(super) fn read(
        &self,
        name: &str,
        storages: &mut dyn Storages,
        budget: &mut Budget,
    ) -> Result<NamedTensor, Fault> {
        let size = self.dtype.size() as u64;
        let held = storages.length(&self.storage)? / size;
        if held < self.declared {
            return Err(Fault::Tensor {
                name: printable(name),
                problem: format!(
                    "needs a storage of {} elements where the file has {held}",
                    self.declared
                ),
            });
        }
        let held = self.declared;
        let extent = self.extent().filter(|extent| {
            *extent == 0 || self.offset.checked_add(*extent).is_some_and(|end| end <= held)
        });
        let (Some(extent), Some(count)) = (extent, product(&self.shape)) else {
            return Err(Fault::Tensor {
                name: printable(name),
                problem: format!(
                    "declares the shape {:?}, more than the {held} elements its storage holds",
                    self.shape
                ),
            });
        };

        let contiguous = extent == 0 || extent == count && self.is_row_major();
        budget.charge(count.saturating_mul(4))?;
        if !contiguous {
            budget.charge(extent.saturating_mul(4))?;
        }

        // The product of the sizes is bounded by the budget, but beside a size of 0 another may
        // still be anything.
        let shape = self.shape.iter().map(|&size| usize::try_from(size)).collect::<Result<_, _>>();
        let shape: Vec<usize> = shape.map_err(|_| Fault::Tensor {
            name: printable(name),
            problem: format!("declares the shape {:?}", self.shape),
        })?;
        let window = if extent == 0 {
            Vec::new()
        } else {
            let (start, length) = (self.offset * size, extent * size);
            let mut bytes = storages.open(&self.storage, start, length, budget)?;
            decode(&mut *bytes, length, extent, self.dtype)?
        };
        let values = if contiguous { window } else { gather(&window, &self.shape, &self.stride) };
        Ok(NamedTensor { shape, dtype: self.dtype, values })
    }

    /// Elements from the first to the last the view touches; 0 for a view without elements, `None`
    /// if that overflows.
    fn extent(&self) -> Option<u64> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut last = 0u64;
        for (&size, &step) in self.shape.iter().zip(&self.stride) {
            last = last.checked_add((size - 1).checked_mul(step)?)?;
        }
        last.checked_add(1)
    }

    fn is_row_major(&self) -> bool {
        let mut expected = 1;
        for (&size, &step) in self.shape.iter().zip(&self.stride).rev() {
            if size > 1 && step != expected {
                return false;
            }
            expected = size.wrapping_mul(expected);
        }
        true
    }
}

/// Number of elements, `None` if it overflows. A size of 0 anywhere makes it 0.
fn product(shape: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size))
}

/// Reads `length` bytes, which are `count` elements. The caller has charged for them.
pub(super) fn decode(
    bytes: &mut dyn Read,
    length: u64,
    count: u64,
    dtype: Dtype,
) -> Result<Vec<f32>, Fault> {
    let mut values = Vec::with_capacity(count as usize);
    let mut chunk = vec![0; CHUNK.min(length as usize)];
    let mut left = length;
    while left > 0 {
        let part = &mut chunk[..CHUNK.min(left as usize)];
        bytes.read_exact(part)?;
        dtype.decode(part, &mut values);
        left -= part.len() as u64;
    }
    // A checksum is compared when the end is met, not when the last byte is read.
    if bytes.read(&mut [0])? != 0 {
        return Err(Fault::Damaged("a storage is longer than it declares".into()));
    }
    Ok(values)
}

/// Puts the elements of a strided window in row-major order.
fn gather(window: &[f32], shape: &[u64], stride: &[u64]) -> Vec<f32> {
    let count = product(shape).unwrap_or(0);
    let mut values = Vec::with_capacity(count as usize);
    let mut index = vec![0u64; shape.len()];
    let mut position = 0u64;
    for _ in 0..count {
        values.push(window[position as usize]);
        for dimension in (0..shape.len()).rev() {
            index[dimension] += 1;
            // The stride of a dimension of size 1 is arbitrary, so stepping over it may wrap; the
            // step back undoes that.
            position = position.wrapping_add(stride[dimension]);
            if index[dimension] < shape[dimension] {
                break;
            }
            position = position.wrapping_sub(stride[dimension].wrapping_mul(shape[dimension]));
            index[dimension] = 0;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One storage of bytes, all in memory.
    struct Memory(Vec<u8>);

    impl Storages for Memory {
        fn length(&mut self, _: &str) -> Result<u64, Fault> {
            Ok(self.0.len() as u64)
        }

        fn open(
            &mut self,
            _: &str,
            start: u64,
            length: u64,
            _: &mut Budget,
        ) -> Result<Box<dyn Read + '_>, Fault> {
            Ok(Box::new(&self.0[start as usize..(start + length) as usize]))
        }
    }

    fn read(offset: u64, shape: &[u64], stride: &[u64]) -> Result<Vec<f32>, Fault> {
        let mut storage = Memory((0..12u8).collect());
        let view = View {
            storage: "0".into(),
            declared: 12,
            dtype: Dtype::U8,
            offset,
            shape: shape.to_vec(),
            stride: stride.to_vec(),
        };
        let tensor = view.read("x", &mut storage, &mut Budget::for_file(12))?;
        Ok(tensor.values)
    }

    #[test]
    fn rows_columns_and_slices() {
        assert_eq!(read(0, &[3, 4], &[4, 1]).unwrap()[..5], [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(read(0, &[2, 3], &[1, 4]).unwrap(), [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
        assert_eq!(read(5, &[2, 2], &[4, 2]).unwrap(), [5.0, 7.0, 9.0, 11.0]);
        assert_eq!(read(3, &[], &[]).unwrap(), [3.0]);
        assert_eq!(read(2, &[4], &[0]).unwrap(), [2.0; 4]);
        // A size of 1 may have any stride, as PyTorch allows.
        assert_eq!(read(0, &[1, 2], &[99, 1]).unwrap(), [0.0, 1.0]);
    }

    #[test]
    fn no_elements_touch_no_storage() {
        assert_eq!(read(0, &[0, 3], &[3, 1]).unwrap(), [0.0; 0]);
        assert_eq!(read(99, &[u64::MAX / 2, 0], &[3, 1]).unwrap(), [0.0; 0]);
    }

    #[test]
    fn reaching_beyond_the_storage_is_refused() {
        for (offset, shape, stride) in [
            (1, &[3, 4][..], &[4, 1][..]),
            (0, &[13], &[1]),
            (0, &[2_130_706_432], &[1]),
            (0, &[2, 2], &[11, 1]),
            (u64::MAX, &[2], &[1]),
            (0, &[u64::MAX, u64::MAX], &[u64::MAX, 1]),
            (0, &[u64::MAX, u64::MAX], &[0, 0]),
        ] {
            let error = read(offset, shape, stride).unwrap_err();
            assert!(matches!(error, Fault::Tensor { .. }), "{error}");
        }
    }

    #[test]
    fn an_expanded_view_is_bounded_by_the_budget() {
        let error = read(0, &[1 << 40], &[0]).unwrap_err();
        assert!(matches!(error, Fault::TooLarge(_)), "{error}");
    }
}
