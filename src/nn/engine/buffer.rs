//! Memory for activations and gradients, used again from layer to layer.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use super::memory;

/// Memory that was handed back and waits for its next use. Taking fresh pages from the system for
/// every activation would cost about as much time as filling them; what waits and what is in use
/// together stay below the most that ever was in use at once.
#[derive(Debug, Default)]
pub(super) struct Storage {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Vec<f32>>,
    /// Numbers in use, and the most there ever were.
    used: usize,
    most: usize,
}

/// A run of f32 numbers that goes back to its storage when dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    values: Vec<f32>,
    storage: Arc<Storage>,
}

impl Storage {
    /// No memory yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// `count` numbers of any value: every user writes before it reads.
    pub fn take(self: &Arc<Self>, count: usize) -> Buffer {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |values: &Vec<f32>| {
            let capacity = values.capacity();
            capacity >= count && capacity <= 2 * count
        };
        let best = (0..state.idle.len())
            .filter(|&index| fits(&state.idle[index]))
            .min_by_key(|&index| state.idle[index].capacity());
        let known = best.map(|index| state.idle.remove(index));
        state.used += known.as_ref().map_or(count, Vec::capacity);
        state.most = state.most.max(state.used);
        state.let_go();
        drop(state);
        let mut values = known.unwrap_or_else(|| memory::zeros(count));
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.used -= values.capacity();
        state.idle.push(values);
        state.let_go();
    }
}

impl State {
    /// Frees what has waited longest until there is no more than there was in use at once.
    fn let_go(&mut self) {
        let idle = |state: &Self| state.idle.iter().map(Vec::capacity).sum::<usize>();
        while !self.idle.is_empty() && self.used + idle(self) > self.most {
            self.idle.remove(0);
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
    fn memory_is_used_again_up_to_the_most_in_use() {
        let storage = Storage::new();
        let first = storage.take(800);
        let address = first.as_ptr();
        drop(first);
        let again = storage.take(700);
        assert_eq!((again.as_ptr(), again.len()), (address, 700));
        drop(again);
        // Too small for it, and there never were more than 800 in use: the old memory goes.
        let small = storage.take(100);
        assert!(storage.state.lock().unwrap().idle.is_empty());
        let large = storage.take(2000);
        drop(small);
        drop(large);
        assert_eq!(storage.state.lock().unwrap().idle.len(), 2);
        assert!(storage.zeros(1990).iter().all(|&value| value == 0.0));
    }
}
