//! The choice of a vector type at run time.

use super::lanes::Job;

/// Which instructions the kernels use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// 16 lanes, 32 registers (x86-64 with AVX-512 F, BW, DQ and VL).
    Avx512,
    /// 8 lanes with fused multiply-add (x86-64 with AVX2 and FMA).
    Avx2,
    /// Plain arrays of 8, which the compiler turns into whatever the target has.
    Portable,
}

impl Path {
    /// The fastest path that this processor can run.
    pub(super) fn detect() -> Self {
        Self::available()[0]
    }

    /// Every path that this processor can run, fastest first; [`Path::Portable`] is always the last.
    pub(super) fn available() -> Vec<Self> {
        let mut paths = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                paths.push(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Self::Avx2);
            }
        }
        paths.push(Self::Portable);
        paths
    }

    /// Elements in a vector of this path.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Avx512 => 16,
            Self::Avx2 | Self::Portable => 8,
        }
    }

    /// Runs a kernel with this path's vectors.
    pub(super) fn run<J: Job>(self, job: J) {
        match self {
            // SAFETY: a value of these variants comes from `available`, which has asked the processor.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { super::lanes_x86::run_avx512(job) },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { super::lanes_x86::run_avx2(job) },
            // SAFETY: plain arrays need no feature.
            _ => unsafe { job.run::<[f32; 8]>() },
        }
    }
}
