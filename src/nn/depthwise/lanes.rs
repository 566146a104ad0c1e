//! The vector type that every kernel of this room is written over.
//!
//! A kernel is a [`Job`], generic over [`Lanes`]. [`Path::run`](super::path::Path::run) instantiates it
//! three times: with 16 lanes for AVX-512, with 8 for AVX2 with FMA, and with plain arrays for every other
//! machine.

/// A vector of `LANES` single-precision numbers, with the few operations that the kernels need.
///
/// # Safety
///
/// Every method is unsafe for the same reason: it may only run on a processor with the features of its
/// implementation, which [`Path::run`](super::path::Path::run) sees
/// to. Methods with pointers touch exactly the elements that
/// their names say; the caller owns those. No alignment is asked for.
pub(super) trait Lanes: Copy {
    /// Elements in a vector, at most 16.
    const LANES: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Lanes `first..end` from `from + lane`, the others 0. `from` itself may lie outside the slice.
    unsafe fn load_range(from: *const f32, first: usize, end: usize) -> Self;
    /// Lanes `0..end` to `to + lane`; the others aren't written.
    unsafe fn store_first(self, to: *mut f32, end: usize);
    /// Keeps a lane where the byte `from + lane` isn't 0, makes it 0 elsewhere; reads bytes `first..end`.
    unsafe fn keep_where(self, from: *const u8, first: usize, end: usize) -> Self;
    /// Writes for lanes `0..end` the byte 1 where the lane is above 0, and 0 elsewhere.
    unsafe fn store_signs(self, to: *mut u8, end: usize);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * factor + addend`
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `addend - self * factor`
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self;
    /// The larger of a lane and 0.
    unsafe fn relu(self) -> Self;
    /// Transposes `LANES` vectors that lie `stride_from` apart into `LANES` vectors `stride_to` apart.
    unsafe fn transpose(from: *const f32, stride_from: usize, to: *mut f32, stride_to: usize);
    /// Asks for the cache line at `address`, which may be any, ahead of reading it.
    unsafe fn prefetch(address: *const f32);
    /// Asks for the cache line at `address`, which may be any, ahead of writing it.
    unsafe fn prefetch_to_write(address: *const f32);
    /// Runs a part of a kernel as a function of its own, so that it is compiled once and not wherever
    /// it is used.
    unsafe fn call<J: Job>(job: J);
}

/// A kernel with its arguments, ready to run with any vector type. Implementations mark `run`, and all
/// that it calls, `#[inline(always)]`: only then is the code compiled with the features of its path.
pub(super) trait Job {
    /// # Safety
    ///
    /// The processor has the features of `V`.
    unsafe fn run<V: Lanes>(self);
}

/// Fused where the target has the instruction at compile time; a library call elsewhere would be slow.
#[inline(always)]
fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

// SAFETY of the whole implementation: pointers are used as the trait's contract allows, no features.
impl Lanes for [f32; 8] {
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { from.cast::<Self>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }
    #[inline(always)]
    unsafe fn load_range(from: *const f32, first: usize, end: usize) -> Self {
        std::array::from_fn(|lane| {
            if (first..end).contains(&lane) { unsafe { *from.wrapping_add(lane) } } else { 0.0 }
        })
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, end: usize) {
        for (lane, value) in self.into_iter().enumerate().take(end) {
            unsafe { *to.add(lane) = value }
        }
    }
    #[inline(always)]
    unsafe fn keep_where(self, from: *const u8, first: usize, end: usize) -> Self {
        std::array::from_fn(|lane| {
            let keep = (first..end).contains(&lane) && unsafe { *from.wrapping_add(lane) } != 0;
            if keep { self[lane] } else { 0.0 }
        })
    }
    #[inline(always)]
    unsafe fn store_signs(self, to: *mut u8, end: usize) {
        for (lane, value) in self.into_iter().enumerate().take(end) {
            unsafe { *to.add(lane) = u8::from(value > 0.0) }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + other[lane])
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] - other[lane])
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] * other[lane])
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        std::array::from_fn(|lane| multiply_add(self[lane], factor[lane], addend[lane]))
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        std::array::from_fn(|lane| multiply_add(-self[lane], factor[lane], addend[lane]))
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        std::array::from_fn(|lane| if self[lane] > 0.0 { self[lane] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride_from: usize, to: *mut f32, stride_to: usize) {
        for row in 0..8 {
            for column in 0..8 {
                unsafe { *to.add(column * stride_to + row) = *from.add(row * stride_from + column) }
            }
        }
    }
    #[inline(always)]
    unsafe fn prefetch(_address: *const f32) {}
    #[inline(always)]
    unsafe fn prefetch_to_write(_address: *const f32) {}
    #[inline(never)]
    unsafe fn call<J: Job>(job: J) {
        unsafe { job.run::<Self>() }
    }
}
