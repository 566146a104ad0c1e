//! One channel of one image: what every kernel of this room takes and gives.

use super::lanes::Lanes;

/// Rows or columns of zeros around an image, each 0 up to the kernel's size less 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    pub top: usize,
    pub left: usize,
    pub bottom: usize,
    pub right: usize,
}

impl Padding {
    /// The same number on all four sides.
    pub fn uniform(width: usize) -> Self {
        Self { top: width, left: width, bottom: width, right: width }
    }

    /// The padding with which a correlation with the flipped kernel undoes this one's shift: at
    /// stride 1 that is the input gradient.
    pub(super) fn transposed(self, kh: usize, kw: usize) -> Self {
        Self {
            top: kh - 1 - self.top,
            left: kw - 1 - self.left,
            bottom: kh - 1 - self.bottom,
            right: kw - 1 - self.right,
        }
    }
}

/// An image of one channel, rows of `width` numbers without gaps.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub values: &'a [f32],
    pub height: usize,
    pub width: usize,
    /// Where this byte is 0, the value counts as 0.
    pub keep: Option<&'a [u8]>,
}

impl Source<'_> {
    /// Where the input of the output at (`row`, `column`) begins. With padding this may lie outside the
    /// image: an address to compute with, not to read.
    pub(super) fn place(&self, padding: Padding, row: usize, column: usize) -> *const f32 {
        let row = row as isize - padding.top as isize;
        let column = column as isize - padding.left as isize;
        self.values.as_ptr().wrapping_offset(row * self.width as isize + column)
    }
}

/// The weights of one channel.
#[derive(Clone, Copy)]
pub(super) struct Taps<'a> {
    pub values: &'a [f32],
    pub height: usize,
    pub width: usize,
}

/// Where one channel's result goes, and what is done to it on the way.
pub(super) struct Sink<'a> {
    pub values: &'a mut [f32],
    pub height: usize,
    pub width: usize,
    pub bias: f32,
    pub relu: bool,
    /// Receives 1 where the result (after the bias) is above 0, else 0.
    pub signs: Option<&'a mut [u8]>,
    /// Where this byte is 0, the result is made 0.
    pub keep: Option<&'a [u8]>,
}

impl Sink<'_> {
    /// Writes the first `count` lanes of a finished vector to `row`, from `column` on; the bias is
    /// already in it.
    ///
    /// # Safety
    ///
    /// The processor has the features of `V`; `row` and `column + count - 1` lie in the image, and
    /// `count <= V::LANES`.
    #[inline(always)]
    pub(super) unsafe fn finish<V: Lanes>(
        &mut self,
        vector: V,
        row: usize,
        column: usize,
        count: usize,
    ) {
        debug_assert!(column + count <= self.width);
        // SAFETY: handed on.
        unsafe { self.finish_at(vector, row * self.width + column, count) }
    }

    /// Writes the first `count` lanes of a finished vector from `position` on, counted over all rows.
    ///
    /// # Safety
    ///
    /// The processor has the features of `V`; `position + count` is at most the image's length, and
    /// `count <= V::LANES`.
    #[inline(always)]
    pub(super) unsafe fn finish_at<V: Lanes>(
        &mut self,
        mut vector: V,
        position: usize,
        count: usize,
    ) {
        debug_assert!(position + count <= self.height * self.width);
        // SAFETY: signs and keep are as long as values, which `DepthwiseKernel` has checked.
        unsafe {
            if let Some(signs) = &mut self.signs {
                vector.store_signs(signs.as_mut_ptr().add(position), count);
            }
            if self.relu {
                vector = vector.relu();
            }
            if let Some(keep) = self.keep {
                vector = vector.keep_where(keep.as_ptr().add(position), 0, count);
            }
            let to = self.values.as_mut_ptr().add(position);
            if count == V::LANES {
                vector.store(to);
            } else {
                vector.store_first(to, count);
            }
        }
    }
}
