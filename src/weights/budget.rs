//! How much memory a checkpoint may ask for.

use super::error::Fault;

/// Any file may ask for this much, so that small files with repeated tensors stay readable.
const ALLOWANCE: u64 = 64 << 20;

/// Beyond the allowance, bytes of memory for one byte of file.
///
/// Tensors that are stored once take at most 4 (8-bit integers become f32), strided ones twice
/// that. The rest is room for shared storages and for archives that were compressed.
const RATIO: u64 = 32;

/// What is left of the memory that a file of known length may still ask for.
///
/// Neither a stride of zero (a tensor larger than its storage), nor many views of one storage, nor
/// a compressed entry is bounded by the length of the file, so each is charged here first.
pub(super) struct Budget {
    left: u64,
    limit: u64,
}

impl Budget {
    /// The budget of a file of `length` bytes.
    pub(super) fn for_file(length: u64) -> Self {
        let limit = ALLOWANCE.saturating_add(length.saturating_mul(RATIO));
        Self { left: limit, limit }
    }

    /// Takes `bytes` off the budget.
    ///
    /// # Errors
    ///
    /// [`Fault::TooLarge`] if less than that is left.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), Fault> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Fault::TooLarge(format!(
                "its tensors unpack to more than {} MiB, far beyond what a file of this length holds",
                self.limit >> 20
            ))
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kilobyte_may_ask_for_megabytes_but_not_gigabytes() {
        assert!(Budget::for_file(1024).charge(64 << 20).is_ok());
        assert!(Budget::for_file(1024).charge(65 << 20).is_err());
    }

    #[test]
    fn charges_add_up() {
        let mut budget = Budget::for_file(0);
        assert!(budget.charge(40 << 20).is_ok());
        assert!(budget.charge(40 << 20).is_err());
    }
}
