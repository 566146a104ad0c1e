//! Element types, and their conversion to f32.

use std::fmt;

use half::{bf16, f16};

/// How a checkpoint stores the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 16-bit signed integer.
    I16,
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
    /// One byte; anything but 0 is true.
    Bool,
}

impl Dtype {
    /// Bytes an element takes in the file: 1, 2, 4 or 8.
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Appends the little-endian elements in `bytes` to `values`, each as the nearest f32.
    ///
    /// Bytes beyond the last whole element are ignored.
    pub(super) fn decode(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F32 => extend(values, bytes, f32::from_le_bytes),
            Self::F64 => extend(values, bytes, |b| f64::from_le_bytes(b) as f32),
            Self::F16 => extend(values, bytes, |b| f16::from_le_bytes(b).to_f32()),
            Self::BF16 => extend(values, bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Self::I64 => extend(values, bytes, |b| i64::from_le_bytes(b) as f32),
            Self::I32 => extend(values, bytes, |b| i32::from_le_bytes(b) as f32),
            Self::I16 => extend(values, bytes, |b| f32::from(i16::from_le_bytes(b))),
            Self::I8 => extend(values, bytes, |b| f32::from(i8::from_le_bytes(b))),
            Self::U8 => extend(values, bytes, |[b]: [u8; 1]| f32::from(b)),
            Self::Bool => extend(values, bytes, |[b]: [u8; 1]| f32::from(u8::from(b != 0))),
        }
    }
}

fn extend<const N: usize>(values: &mut Vec<f32>, bytes: &[u8], convert: impl Fn([u8; N]) -> f32) {
    let (elements, _) = bytes.as_chunks::<N>();
    values.extend(elements.iter().map(|&element| convert(element)));
}

impl fmt::Display for Dtype {
    /// PyTorch's name, such as `float32`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I16 => "int16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::Bool => "bool",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::new();
        dtype.decode(bytes, &mut values);
        values
    }

    #[test]
    fn every_type_becomes_f32() {
        assert_eq!(decoded(Dtype::F32, &1.5f32.to_le_bytes()), [1.5]);
        assert_eq!(decoded(Dtype::F64, &(-2.25f64).to_le_bytes()), [-2.25]);
        // 0x3c00 is 1 in binary16, 0x3f80 is 1 in bfloat16.
        assert_eq!(decoded(Dtype::F16, &[0x00, 0x3c, 0x00, 0xc0]), [1.0, -2.0]);
        assert_eq!(decoded(Dtype::BF16, &[0x80, 0x3f, 0x00, 0xc0]), [1.0, -2.0]);
        assert_eq!(decoded(Dtype::I64, &(-7i64).to_le_bytes()), [-7.0]);
        assert_eq!(decoded(Dtype::I32, &70_000i32.to_le_bytes()), [70_000.0]);
        assert_eq!(decoded(Dtype::I16, &(-300i16).to_le_bytes()), [-300.0]);
        assert_eq!(decoded(Dtype::I8, &[0xff]), [-1.0]);
        assert_eq!(decoded(Dtype::U8, &[0xff]), [255.0]);
        assert_eq!(decoded(Dtype::Bool, &[0, 1, 2]), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn display_is_the_name_in_pytorch() {
        assert_eq!(Dtype::BF16.to_string(), "bfloat16");
        assert_eq!(Dtype::I64.to_string(), "int64");
    }
}
