//! Memory for activations and gradients, used again from layer to layer and from image to image.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::memory;

/// Numbers in a region. The system gives memory to pages when they are first written to, so what is
/// never used of a region costs nothing.
const REGION: usize = 1 << 28;

/// Buffers start at multiples of this many numbers: a small page.
const STEP: usize = 1 << 10;

/// Regions of memory, of which buffers are parts. Taking fresh pages from the system for every
/// activation would cost about as much time as filling them.
#[derive(Debug, Default)]
pub(super) struct Storage {
    regions: Mutex<Vec<Region>>,
}

#[derive(Debug)]
struct Region {
    /// Never read or written through this, but through the buffers.
    memory: Vec<f32>,
    /// What no buffer holds, in order, no two parts next to each other.
    free: Vec<Range<usize>>,
}

/// A run of f32 numbers that goes back to its storage when dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    pointer: *mut f32,
    count: usize,
    region: usize,
    held: Range<usize>,
    storage: Arc<Storage>,
}

// SAFETY: a buffer's numbers are its own, as a vector's are.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Region {
    fn new(count: usize) -> Self {
        let mut memory = memory::zeros(count + memory::HUGE_PAGE_NUMBERS);
        let address = memory.as_mut_ptr() as usize / size_of::<f32>();
        // From a huge page's start, so that buffers lie in as few as can be.
        let first = address.next_multiple_of(memory::HUGE_PAGE_NUMBERS) - address;
        let all = first..first + count;
        Region { memory, free: vec![all] }
    }

    /// The first part that holds `count` numbers: the lower, the fewer pages are ever touched.
    fn take(&mut self, count: usize) -> Option<Range<usize>> {
        let index = self.free.iter().position(|part| part.len() >= count)?;
        let part = &mut self.free[index];
        let held = part.start..part.start + count;
        part.start = held.end;
        if part.start == part.end {
            self.free.remove(index);
        }
        Some(held)
    }

    fn give_back(&mut self, mut held: Range<usize>) {
        let next = self.free.partition_point(|part| part.start < held.start);
        if self.free.get(next).is_some_and(|part| part.start == held.end) {
            held.end = self.free.remove(next).end;
        }
        match next.checked_sub(1).and_then(|last| self.free.get_mut(last)) {
            Some(last) if last.end == held.start => last.end = held.end,
            _ => self.free.insert(next, held),
        }
    }
}

impl Storage {
    /// No memory yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// `count` numbers of any value: every user writes before it reads.
    pub fn take(self: &Arc<Self>, count: usize) -> Buffer {
        let wanted = count.max(1).next_multiple_of(STEP);
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (regions.iter_mut().enumerate())
            .find_map(|(index, region)| Some((index, region.take(wanted)?)));
        let (region, held) = known.unwrap_or_else(|| {
            let mut region = Region::new(wanted.max(REGION));
            let held = region.take(wanted).unwrap_or(0..0);
            regions.push(region);
            (regions.len() - 1, held)
        });
        let pointer = regions[region].memory.as_mut_ptr().wrapping_add(held.start);
        drop(regions);
        Buffer { pointer, count, region, held, storage: Arc::clone(self) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut regions = self.storage.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions[self.region].give_back(self.held.clone());
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the region lives as long as the storage, and lends this part to this buffer alone;
        // its numbers were zeros to begin with.
        unsafe { std::slice::from_raw_parts(self.pointer, self.count) }
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.pointer, self.count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_neighbours_grow_together() {
        let storage = Storage::new();
        let mut buffers: Vec<Buffer> = (0..3).map(|_| storage.take(STEP)).collect();
        let starts: Vec<*const f32> = buffers.iter().map(|buffer| buffer.as_ptr()).collect();
        assert!(starts.is_sorted());
        // The gap in the middle takes no more than fits, the first two together take both.
        buffers.remove(1);
        assert_eq!(storage.take(STEP - 5).as_ptr(), starts[1]);
        let above = storage.take(STEP + 1);
        assert!(above.as_ptr() > starts[2]);
        buffers.remove(0);
        let both = storage.take(2 * STEP);
        assert_eq!((both.as_ptr(), both.len()), (starts[0], 2 * STEP));
        drop((both, above, buffers));
        assert_eq!(storage.regions.lock().unwrap()[0].free.len(), 1);
    }

    #[test]
    fn buffers_keep_their_values_apart() {
        let storage = Storage::new();
        let mut first = storage.take(10);
        first.fill(1.0);
        let mut second = storage.take(STEP + 10);
        second.fill(0.0);
        assert!(first.iter().all(|&value| value == 1.0));
        assert!(second.iter().all(|&value| value == 0.0));
        assert!(storage.take(0).is_empty());
    }
}
