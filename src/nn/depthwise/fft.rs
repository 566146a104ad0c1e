//! Fast Fourier transforms of complex vectors: `LANES` independent transforms side by side, so no
//! instruction ever moves a number between lanes.
//!
//! Mixed radix, in place. Forward by decimation in frequency (Gentleman & Sande 1966), which leaves the
//! spectrum in digit-reversed order; inverse by decimation in time (Cooley & Tukey 1965), which takes
//! that order. A convolution needs no other order in between. The inverse isn't scaled.

use std::f64::consts::PI;

use super::lanes::{Job, Lanes};

/// The steps of a transform of one length.
#[derive(Debug)]
pub(super) struct Fft {
    pub length: usize,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    radix: usize,
    /// Length of the blocks that this step cuts in `radix` parts.
    block: usize,
    /// For each position in a part and each part but the first: cosine and sine of its rotation.
    twiddles: Vec<f32>,
}

/// Radices with code of their own, in the order in which they are tried.
const RADICES: [usize; 9] = [16, 12, 10, 9, 8, 6, 5, 4, 3];

/// The radices of a length and an estimate of their cost (vector operations per element), the
/// cheapest there is; nothing where the length has a factor above 5.
pub(super) fn factor(length: usize) -> Option<(Vec<usize>, f64)> {
    if length == 1 {
        return Some((Vec::new(), 0.0));
    }
    let mut best: Option<(Vec<usize>, f64)> = None;
    for radix in RADICES.into_iter().chain([2]) {
        if length % radix == 0
            && let Some((mut radices, rest)) = factor(length / radix)
        {
            let cost = rest + radix_cost(radix);
            if best.as_ref().is_none_or(|(_, least)| cost < *least) {
                radices.insert(0, radix);
                best = Some((radices, cost));
            }
        }
    }
    best
}

/// Cost of one step per complex vector, in units of about a cycle.
fn radix_cost(radix: usize) -> f64 {
    match radix {
        2 => 6.0,
        3 => 8.0,
        4 => 7.0,
        5 => 10.0,
        6 => 9.5,
        8 => 9.0,
        9 => 12.0,
        10 => 12.0,
        12 => 12.0,
        _ => 12.5,
    }
}

impl Fft {
    /// Plans a transform; nothing where the length has a prime factor above 5.
    pub(super) fn new(length: usize) -> Option<Self> {
        let (radices, _) = factor(length)?;
        let mut block = length;
        let mut steps = Vec::with_capacity(radices.len());
        for radix in radices {
            let part = block / radix;
            let rotations = (0..part).flat_map(|j| (1..radix).map(move |s| (j * s) as f64));
            let twiddles = rotations
                .flat_map(|turn| {
                    let angle = -2.0 * PI * turn / block as f64;
                    [angle.cos() as f32, angle.sin() as f32]
                })
                .collect();
            steps.push(Step { radix, block, twiddles });
            block = part;
        }
        Some(Self { length, steps })
    }

    /// Transforms `length` complex vectors at `line`: real lanes, imaginary lanes, next element.
    ///
    /// # Safety
    ///
    /// The processor has the features of `V`; `line` has `2 * V::LANES * length` elements.
    #[inline(always)]
    pub(super) unsafe fn forward<V: Lanes>(&self, line: *mut f32) {
        for step in &self.steps {
            // SAFETY: the blocks of every step fill the line exactly.
            unsafe { step.run::<V, false>(line, self.length) }
        }
    }

    /// Undoes [`Fft::forward`], but for a factor `length`.
    ///
    /// # Safety
    ///
    /// As [`Fft::forward`].
    #[inline(always)]
    pub(super) unsafe fn inverse<V: Lanes>(&self, line: *mut f32) {
        for step in self.steps.iter().rev() {
            // SAFETY: as above.
            unsafe { step.run::<V, true>(line, self.length) }
        }
    }
}

impl Step {
    #[inline(always)]
    unsafe fn run<V: Lanes, const INVERSE: bool>(&self, line: *mut f32, length: usize) {
        macro_rules! radix {
            ($($radix:literal)*) => {
                match self.radix {
                    // SAFETY: the caller's contract.
                    $($radix => unsafe {
                        V::call(Butterflies::<'_, $radix, INVERSE> { step: self, line, length })
                    },)*
                    _ => unreachable!("`factor` uses no other radix"),
                }
            };
        }
        radix!(2 3 4 5 6 8 9 10 12 16);
    }
}

/// All butterflies of a step. The inverse is the forward transform with real and imaginary parts
/// exchanged on the way in and out (Duhamel et al. 1988), so both share twiddles and butterflies.
struct Butterflies<'a, const R: usize, const INVERSE: bool> {
    step: &'a Step,
    line: *mut f32,
    length: usize,
}

impl<const R: usize, const INVERSE: bool> Job for Butterflies<'_, R, INVERSE> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let Self { step, line, length } = self;
        let part = step.block / R;
        let (real, imaginary) = if INVERSE { (V::LANES, 0) } else { (0, V::LANES) };
        // SAFETY: block + j + s * part < length, and a twiddle exists for every j and s.
        unsafe {
            for block in (0..length).step_by(step.block) {
                let mut twiddles = step.twiddles.as_ptr();
                for j in 0..part {
                    let at = |s: usize| line.add((block + j + s * part) * 2 * V::LANES);
                    let zero = V::splat(0.0);
                    let mut x = [(zero, zero); R];
                    for s in 0..R {
                        x[s] = (V::load(at(s).add(real)), V::load(at(s).add(imaginary)));
                        if INVERSE && s > 0 && part > 1 {
                            x[s] = rotate(x[s], twiddles.add(2 * (s - 1)));
                        }
                    }
                    butterfly::<V, R>(&mut x);
                    for s in 0..R {
                        if !INVERSE && s > 0 && part > 1 {
                            x[s] = rotate(x[s], twiddles.add(2 * (s - 1)));
                        }
                        x[s].0.store(at(s).add(real));
                        x[s].1.store(at(s).add(imaginary));
                    }
                    twiddles = twiddles.add(2 * (R - 1));
                }
            }
        }
    }
}

/// Multiplies by the complex number (cosine, sine) at `twiddle`.
#[inline(always)]
unsafe fn rotate<V: Lanes>((re, im): (V, V), twiddle: *const f32) -> (V, V) {
    unsafe { multiply((re, im), (V::splat(*twiddle), V::splat(*twiddle.add(1)))) }
}

/// The product of two complex vectors.
#[inline(always)]
pub(super) unsafe fn multiply<V: Lanes>((re, im): (V, V), (cos, sin): (V, V)) -> (V, V) {
    unsafe { (im.neg_mul_add(sin, re.mul(cos)), im.mul_add(cos, re.mul(sin))) }
}

#[inline(always)]
unsafe fn add<V: Lanes>(a: (V, V), b: (V, V)) -> (V, V) {
    unsafe { (a.0.add(b.0), a.1.add(b.1)) }
}

#[inline(always)]
unsafe fn sub<V: Lanes>(a: (V, V), b: (V, V)) -> (V, V) {
    unsafe { (a.0.sub(b.0), a.1.sub(b.1)) }
}

/// `a - i b`
#[inline(always)]
unsafe fn sub_i<V: Lanes>(a: (V, V), b: (V, V)) -> (V, V) {
    unsafe { (a.0.add(b.1), a.1.sub(b.0)) }
}

/// `a + i b`
#[inline(always)]
unsafe fn add_i<V: Lanes>(a: (V, V), b: (V, V)) -> (V, V) {
    unsafe { (a.0.sub(b.1), a.1.add(b.0)) }
}

/// A discrete Fourier transform of `R` elements, in natural order on both sides.
#[inline(always)]
unsafe fn butterfly<V: Lanes, const R: usize>(x: &mut [(V, V); R]) {
    // SAFETY: the features of `V`, in all branches; all but one branch vanish when compiled.
    unsafe {
        match R {
            2 => (x[0], x[1]) = (add(x[0], x[1]), sub(x[0], x[1])),
            3 => [x[0], x[1], x[2]] = three([x[0], x[1], x[2]]),
            4 => [x[0], x[1], x[2], x[3]] = four([x[0], x[1], x[2], x[3]]),
            5 => [x[0], x[1], x[2], x[3], x[4]] = five([x[0], x[1], x[2], x[3], x[4]]),
            6 => composite::<V, R, 2, 3>(x),
            8 => composite::<V, R, 2, 4>(x),
            9 => composite::<V, R, 3, 3>(x),
            10 => composite::<V, R, 2, 5>(x),
            12 => composite::<V, R, 3, 4>(x),
            _ => composite::<V, R, 4, 4>(x),
        }
    }
}

#[inline(always)]
unsafe fn three<V: Lanes>(x: [(V, V); 3]) -> [(V, V); 3] {
    unsafe {
        let (half, height) = (V::splat(0.5), V::splat(0.866_025_4));
        let (sum, difference) = (add(x[1], x[2]), sub(x[1], x[2]));
        let middle = (sum.0.neg_mul_add(half, x[0].0), sum.1.neg_mul_add(half, x[0].1));
        // middle -+ i sin(60 degrees) difference
        let one =
            (difference.1.mul_add(height, middle.0), difference.0.neg_mul_add(height, middle.1));
        let two =
            (difference.1.neg_mul_add(height, middle.0), difference.0.mul_add(height, middle.1));
        [add(x[0], sum), one, two]
    }
}

#[inline(always)]
unsafe fn four<V: Lanes>(x: [(V, V); 4]) -> [(V, V); 4] {
    unsafe {
        let (even, odd) = (add(x[0], x[2]), sub(x[0], x[2]));
        let (sum, difference) = (add(x[1], x[3]), sub(x[1], x[3]));
        [add(even, sum), sub_i(odd, difference), sub(even, sum), add_i(odd, difference)]
    }
}

#[inline(always)]
unsafe fn five<V: Lanes>(x: [(V, V); 5]) -> [(V, V); 5] {
    unsafe {
        let (cos1, cos2) = (V::splat(0.309_017), V::splat(-0.809_017));
        let (sin1, sin2) = (V::splat(0.951_056_5), V::splat(0.587_785_24));
        let (a, b) = (add(x[1], x[4]), sub(x[1], x[4]));
        let (c, d) = (add(x[2], x[3]), sub(x[2], x[3]));
        let weighted = |p: V, q: V, x: V, y: V, z: V| y.mul_add(q, x.mul_add(p, z));
        let one = (weighted(cos1, cos2, a.0, c.0, x[0].0), weighted(cos1, cos2, a.1, c.1, x[0].1));
        let two = (weighted(cos2, cos1, a.0, c.0, x[0].0), weighted(cos2, cos1, a.1, c.1, x[0].1));
        let turn1 = (d.0.mul_add(sin2, b.0.mul(sin1)), d.1.mul_add(sin2, b.1.mul(sin1)));
        let turn2 = (d.0.neg_mul_add(sin1, b.0.mul(sin2)), d.1.neg_mul_add(sin1, b.1.mul(sin2)));
        [
            add(x[0], add(a, c)),
            sub_i(one, turn1),
            sub_i(two, turn2),
            add_i(two, turn2),
            add_i(one, turn1),
        ]
    }
}

/// A transform of `R = P * Q` elements in registers: `Q` of length `P`, rotations, `P` of length `Q`.
#[inline(always)]
unsafe fn composite<V: Lanes, const R: usize, const P: usize, const Q: usize>(x: &mut [(V, V); R]) {
    // SAFETY: the features of `V`; `P` and `Q` are 2 to 5.
    unsafe {
        let zero = V::splat(0.0);
        let mut rows = [[(zero, zero); Q]; P];
        for q in 0..Q {
            let mut column = [(zero, zero); P];
            for p in 0..P {
                column[p] = x[p * Q + q];
            }
            butterfly_small::<V, P>(&mut column);
            for p in 0..P {
                rows[p][q] = turn::<V>(column[p], p * q, R);
            }
        }
        for p in 0..P {
            butterfly_small::<V, Q>(&mut rows[p]);
            for q in 0..Q {
                x[q * P + p] = rows[p][q];
            }
        }
    }
}

/// [`butterfly`] for lengths 2 to 5, apart so that neither calls itself.
#[inline(always)]
unsafe fn butterfly_small<V: Lanes, const R: usize>(x: &mut [(V, V); R]) {
    unsafe {
        match R {
            2 => (x[0], x[1]) = (add(x[0], x[1]), sub(x[0], x[1])),
            3 => [x[0], x[1], x[2]] = three([x[0], x[1], x[2]]),
            4 => [x[0], x[1], x[2], x[3]] = four([x[0], x[1], x[2], x[3]]),
            _ => [x[0], x[1], x[2], x[3], x[4]] = five([x[0], x[1], x[2], x[3], x[4]]),
        }
    }
}

/// Rotates by `-part / whole` of a full turn; eighths of a turn cost less than the others.
#[inline(always)]
unsafe fn turn<V: Lanes>(x: (V, V), part: usize, whole: usize) -> (V, V) {
    /// Cosines and negated sines of `part / 16`, `/ 12`, `/ 10`, `/ 9` and `/ 6` of a turn.
    const SIXTEENTHS: [(f32, f32); 10] = [
        (1.0, 0.0),
        (0.923_879_5, -0.382_683_43),
        (0.707_106_77, -0.707_106_77),
        (0.382_683_43, -0.923_879_5),
        (0.0, -1.0),
        (-0.382_683_43, -0.923_879_5),
        (-0.707_106_77, -0.707_106_77),
        (-0.923_879_5, -0.382_683_43),
        (-1.0, 0.0),
        (-0.923_879_5, 0.382_683_43),
    ];
    const TWELFTHS: [(f32, f32); 7] = [
        (1.0, 0.0),
        (0.866_025_4, -0.5),
        (0.5, -0.866_025_4),
        (0.0, -1.0),
        (-0.5, -0.866_025_4),
        (-0.866_025_4, -0.5),
        (-1.0, 0.0),
    ];
    const TENTHS: [(f32, f32); 5] = [
        (1.0, 0.0),
        (0.809_017, -0.587_785_24),
        (0.309_017, -0.951_056_5),
        (-0.309_017, -0.951_056_5),
        (-0.809_017, -0.587_785_24),
    ];
    const NINTHS: [(f32, f32); 5] = [
        (1.0, 0.0),
        (0.766_044_44, -0.642_787_6),
        (0.173_648_18, -0.984_807_73),
        (-0.5, -0.866_025_4),
        (-0.939_692_6, -0.342_020_15),
    ];
    let (cos, sin) = match whole {
        16 => SIXTEENTHS[part],
        8 => SIXTEENTHS[2 * part],
        12 => TWELFTHS[part],
        6 => TWELFTHS[2 * part],
        10 => TENTHS[part],
        _ => NINTHS[part],
    };
    unsafe {
        if part == 0 {
            return x;
        }
        if 8 * part == whole {
            let scale = V::splat(cos);
            return (x.0.add(x.1).mul(scale), x.1.sub(x.0).mul(scale));
        }
        if 4 * part == whole {
            return (x.1, V::splat(0.0).sub(x.0));
        }
        multiply(x, (V::splat(cos), V::splat(sin)))
    }
}
