//! What the engine asks of the system's memory management.

/// From this size on (in bytes) memory is asked for, and given back, block by block. What a chunk keeps
/// for the way back is smaller.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const BLOCK: i32 = 1 << 21;

/// As much of smaller blocks (in bytes) stays with the process for the next image.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 1 << 26;

/// How many such blocks there may be at once: the C library's default.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MOST_BLOCKS: i32 = 65_536;

/// f32 numbers in a huge page of most processors, which starts at a multiple of its size.
pub(super) const HUGE_PAGE_NUMBERS: usize = 1 << 19;

/// Has the C library give large blocks back to the system as soon as they are freed. By default it
/// keeps blocks of up to 32 MB, and a network's activations and weights are many such blocks of many
/// sizes: what is freed is seldom what is asked for next. For networks that the engine runs, which
/// uses its own memory again.
pub fn give_back_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets parameters of the allocator, which may be done at any time.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, MOST_BLOCKS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, BLOCK);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

/// Has the C library keep what is freed. For networks that libtorch runs: every layer asks for its
/// output anew, and pages fresh from the system cost several times what it takes to fill them.
pub fn keep_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: as above.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Gives the pages of freed blocks back to the system, whatever their size. For when much was freed
/// that won't be asked for again, such as weights that were stored in another form.
pub(super) fn give_back_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: touches nothing but freed memory, and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// `count` zeros, in huge pages where the system has them: a large map in small pages costs more time
/// in the kernel than it takes to fill it.
pub(super) fn zeros(count: usize) -> Vec<f32> {
    let values = vec![0f32; count];
    #[cfg(target_os = "linux")]
    {
        const HUGE_PAGE: usize = HUGE_PAGE_NUMBERS * size_of::<f32>();
        let start = (values.as_ptr() as usize).next_multiple_of(HUGE_PAGE);
        let end = (values.as_ptr() as usize + count * size_of::<f32>()) / HUGE_PAGE * HUGE_PAGE;
        if end > start {
            // SAFETY: whole pages of this vector; the advice changes no value. Where it isn't taken,
            // nothing is lost.
            unsafe {
                libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE);
            }
        }
    }
    values
}
