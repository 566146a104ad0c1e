//! What the fuzz targets share: an allocator that ends the process when a small input asks for much
//! memory, and a file for readers that want a path.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

/// Most bytes that the process may hold at once. An input has some kilobytes, and the readers' own
/// allowances are below this.
const MOST_HELD: usize = 512 << 20;

/// The system's allocator with a limit. libFuzzer's own limits see either only memory that was
/// touched, or nothing without a sanitizer.
struct Limited;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Limited = Limited;

fn take(bytes: usize) {
    if HELD.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > MOST_HELD {
        // Formatting would allocate.
        let message = b"fieldscope-fuzz: an input asked for more than 512 MiB\n";
        // SAFETY: a valid buffer and its length.
        unsafe { write(2, message.as_ptr(), message.len()) };
        std::process::abort();
    }
}

unsafe extern "C" {
    fn write(descriptor: i32, buffer: *const u8, length: usize) -> isize;
}

// SAFETY: everything is handed to the system's allocator; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

static FOLDER: LazyLock<Option<TempDir>> = LazyLock::new(|| {
    // In memory where there is such a place: a disk would be the slowest part.
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).ok()
});

/// A file of this name that holds `bytes`, the same file each time.
///
/// # Panics
/// Where it can't be written, which is no finding but an end to fuzzing.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = FOLDER.as_ref().expect("a temporary folder can be made");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a temporary file can be written");
    path
}
