//! Worker threads. Each runs libtorch on its own, one thread, so that no two thread pools wait for
//! each other on the same processors.

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::nn::NnError;

/// As many threads as libtorch uses.
#[derive(Debug)]
pub(super) struct Workers {
    pool: ThreadPool,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// [`NnError::Threads`] where the system refuses.
    pub fn start() -> Result<Self, NnError> {
        let threads = tch::get_num_threads();
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1) as usize)
            .thread_name(|index| format!("engine-{index}"))
            .build()
            .map_err(|source| NnError::Threads(source.to_string()))?;
        // The number is a thread's own once libtorch has set itself up in that thread; what new
        // threads start with is set back afterwards.
        pool.broadcast(|_| {
            tch::get_num_threads();
            tch::set_num_threads(1);
        });
        tch::set_num_threads(threads);
        Ok(Workers { pool })
    }

    /// Runs something that shares its work out among the threads.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}
