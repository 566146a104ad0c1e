//! [`Lanes`] in the vector registers of x86-64.

use std::arch::x86_64::*;

use super::lanes::{Job, Lanes};

/// # Safety
///
/// The processor has AVX-512 F, BW, DQ and VL.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(super) unsafe fn run_avx512<J: Job>(job: J) {
    unsafe { job.run::<__m512>() }
}

/// # Safety
///
/// The processor has AVX2 and FMA.
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run_avx2<J: Job>(job: J) {
    unsafe { job.run::<__m256>() }
}

/// Bits `first..end` of 16.
#[inline(always)]
fn bits(first: usize, end: usize) -> u16 {
    (((1u32 << end) - 1) & !((1u32 << first) - 1)) as u16
}

// SAFETY of the whole implementation: the trait's contract promises the features and the elements that a
// pointer must reach; masked instructions don't touch the memory of lanes that are masked out.
impl Lanes for __m512 {
    const LANES: usize = 16;
    #[inline(always)]
    unsafe fn call<J: Job>(job: J) {
        unsafe { run_avx512(job) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn load_range(from: *const f32, first: usize, end: usize) -> Self {
        unsafe { _mm512_maskz_loadu_ps(bits(first, end), from) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, end: usize) {
        unsafe { _mm512_mask_storeu_ps(to, bits(0, end), self) }
    }
    #[inline(always)]
    unsafe fn keep_where(self, from: *const u8, first: usize, end: usize) -> Self {
        unsafe {
            let bytes = _mm_maskz_loadu_epi8(bits(first, end), from.cast());
            _mm512_maskz_mov_ps(_mm_test_epi8_mask(bytes, bytes), self)
        }
    }
    #[inline(always)]
    unsafe fn store_signs(self, to: *mut u8, end: usize) {
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, _mm512_setzero_ps());
            _mm_mask_storeu_epi8(to.cast(), bits(0, end), _mm_maskz_set1_epi8(above, 1));
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm512_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { _mm512_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { _mm512_mul_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm512_fmadd_ps(self, factor, addend) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm512_fnmadd_ps(self, factor, addend) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        unsafe { _mm512_max_ps(self, _mm512_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride_from: usize, to: *mut f32, stride_to: usize) {
        // Two rounds within 128-bit quarters, then two rounds that exchange the quarters.
        unsafe {
            let mut rows = [_mm512_setzero_ps(); 16];
            for (index, row) in rows.iter_mut().enumerate() {
                *row = _mm512_loadu_ps(from.add(index * stride_from));
            }
            let mut pairs = [_mm512_setzero_ps(); 16];
            for index in 0..8 {
                pairs[2 * index] = _mm512_unpacklo_ps(rows[2 * index], rows[2 * index + 1]);
                pairs[2 * index + 1] = _mm512_unpackhi_ps(rows[2 * index], rows[2 * index + 1]);
            }
            for index in 0..4 {
                let (a, b) = (4 * index, 4 * index + 2);
                rows[a] = _mm512_shuffle_ps::<0x44>(pairs[a], pairs[b]);
                rows[a + 1] = _mm512_shuffle_ps::<0xEE>(pairs[a], pairs[b]);
                rows[a + 2] = _mm512_shuffle_ps::<0x44>(pairs[a + 1], pairs[b + 1]);
                rows[a + 3] = _mm512_shuffle_ps::<0xEE>(pairs[a + 1], pairs[b + 1]);
            }
            for index in 0..4 {
                let even_top = _mm512_shuffle_f32x4::<0x88>(rows[index], rows[index + 4]);
                let odd_top = _mm512_shuffle_f32x4::<0xDD>(rows[index], rows[index + 4]);
                let even_low = _mm512_shuffle_f32x4::<0x88>(rows[index + 8], rows[index + 12]);
                let odd_low = _mm512_shuffle_f32x4::<0xDD>(rows[index + 8], rows[index + 12]);
                let column = to.add(index * stride_to);
                _mm512_storeu_ps(column, _mm512_shuffle_f32x4::<0x88>(even_top, even_low));
                let column = to.add((index + 4) * stride_to);
                _mm512_storeu_ps(column, _mm512_shuffle_f32x4::<0x88>(odd_top, odd_low));
                let column = to.add((index + 8) * stride_to);
                _mm512_storeu_ps(column, _mm512_shuffle_f32x4::<0xDD>(even_top, even_low));
                let column = to.add((index + 12) * stride_to);
                _mm512_storeu_ps(column, _mm512_shuffle_f32x4::<0xDD>(odd_top, odd_low));
            }
        }
    }
}

/// All bits set in lanes `first..end` of 8.
#[inline(always)]
unsafe fn mask(first: usize, end: usize) -> __m256i {
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let below = _mm256_cmpgt_epi32(_mm256_set1_epi32(first as i32), lane);
        _mm256_andnot_si256(below, _mm256_cmpgt_epi32(_mm256_set1_epi32(end as i32), lane))
    }
}

// SAFETY of the whole implementation: as above.
impl Lanes for __m256 {
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn call<J: Job>(job: J) {
        unsafe { run_avx2(job) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn load_range(from: *const f32, first: usize, end: usize) -> Self {
        unsafe { _mm256_maskload_ps(from, mask(first, end)) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, end: usize) {
        unsafe { _mm256_maskstore_ps(to, mask(0, end), self) }
    }
    #[inline(always)]
    unsafe fn keep_where(self, from: *const u8, first: usize, end: usize) -> Self {
        let mut bytes = [0u8; 8];
        unsafe {
            if first == 0 && end == 8 {
                bytes = from.cast::<[u8; 8]>().read_unaligned();
            } else {
                for (lane, byte) in bytes.iter_mut().enumerate().take(end).skip(first) {
                    *byte = *from.wrapping_add(lane);
                }
            }
            let wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(bytes.as_ptr().cast()));
            let dropped = _mm256_cmpeq_epi32(wide, _mm256_setzero_si256());
            _mm256_andnot_ps(_mm256_castsi256_ps(dropped), self)
        }
    }
    #[inline(always)]
    unsafe fn store_signs(self, to: *mut u8, end: usize) {
        unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(self, _mm256_setzero_ps());
            let above = _mm256_movemask_ps(above);
            for lane in 0..end {
                *to.add(lane) = (above >> lane & 1) as u8;
            }
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm256_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { _mm256_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { _mm256_mul_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm256_fmadd_ps(self, factor, addend) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm256_fnmadd_ps(self, factor, addend) }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        unsafe { _mm256_max_ps(self, _mm256_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride_from: usize, to: *mut f32, stride_to: usize) {
        unsafe {
            let mut rows = [_mm256_setzero_ps(); 8];
            for (index, row) in rows.iter_mut().enumerate() {
                *row = _mm256_loadu_ps(from.add(index * stride_from));
            }
            let mut pairs = [_mm256_setzero_ps(); 8];
            for index in 0..4 {
                pairs[2 * index] = _mm256_unpacklo_ps(rows[2 * index], rows[2 * index + 1]);
                pairs[2 * index + 1] = _mm256_unpackhi_ps(rows[2 * index], rows[2 * index + 1]);
            }
            for index in 0..2 {
                let (a, b) = (4 * index, 4 * index + 2);
                rows[a] = _mm256_shuffle_ps::<0x44>(pairs[a], pairs[b]);
                rows[a + 1] = _mm256_shuffle_ps::<0xEE>(pairs[a], pairs[b]);
                rows[a + 2] = _mm256_shuffle_ps::<0x44>(pairs[a + 1], pairs[b + 1]);
                rows[a + 3] = _mm256_shuffle_ps::<0xEE>(pairs[a + 1], pairs[b + 1]);
            }
            for index in 0..4 {
                let (top, low) = (rows[index], rows[index + 4]);
                let column = to.add(index * stride_to);
                _mm256_storeu_ps(column, _mm256_permute2f128_ps::<0x20>(top, low));
                let column = to.add((index + 4) * stride_to);
                _mm256_storeu_ps(column, _mm256_permute2f128_ps::<0x31>(top, low));
            }
        }
    }
}
