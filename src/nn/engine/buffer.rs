//! Memory for activations and gradients, used again from layer to layer.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

/// Memory that was handed back and waits for its next use. Taking fresh pages from the system for
/// every activation would cost about as much time as filling them.
#[derive(Debug)]
pub(super) struct Storage {
    idle: Mutex<Vec<Vec<f32>>>,
    /// Most numbers to keep idle.
    limit: usize,
}

/// A run of f32 numbers that goes back to its storage when dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    values: Vec<f32>,
    storage: Arc<Storage>,
}

impl Storage {
    /// Keeps up to `limit` numbers for later use.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Storage { idle: Mutex::default(), limit })
    }

    /// `count` numbers of any value: every user writes before it reads.
    pub fn take(self: &Arc<Self>, count: usize) -> Buffer {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |values: &Vec<f32>| {
            let capacity = values.capacity();
            capacity >= count && capacity <= count + count / 4
        };
        let best = (0..idle.len())
            .filter(|&index| fits(&idle[index]))
            .min_by_key(|&index| idle[index].capacity());
        let mut values = best.map_or_else(Vec::new, |index| idle.remove(index));
        drop(idle);
        if values.capacity() == 0 {
            values = vec![0.0; count];
        }
        values.resize(count, 0.0);
        Buffer { values, storage: Arc::clone(self) }
    }

    /// `count` zeros.
    pub fn zeros(self: &Arc<Self>, count: usize) -> Buffer {
        let mut buffer = self.take(count);
        buffer.values.fill(0.0);
        buffer
    }

    fn give_back(&self, values: Vec<f32>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(values);
        // What was used last is the likeliest to be asked for again.
        while idle.iter().map(Vec::capacity).sum::<usize>() > self.limit {
            idle.remove(0);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.storage.give_back(mem::take(&mut self.values));
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_up_to_the_limit() {
        let storage = Storage::new(1000);
        let first = storage.take(800);
        let address = first.as_ptr();
        drop(first);
        let again = storage.take(700);
        assert_eq!((again.as_ptr(), again.len()), (address, 700));
        // Too large for what is idle, then too large to be kept.
        drop(storage.take(2000));
        assert!(storage.idle.lock().unwrap().is_empty());
        drop(again);
        assert!(storage.zeros(790).iter().all(|&value| value == 0.0));
    }
}
