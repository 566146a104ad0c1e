//! Numbers and texts as instructions spell them.

use super::value::Value;
use crate::weights::error::Fault;

/// The decimal number on a line; protocols 0 and 1 write booleans as 00 and 01.
pub(super) fn integer_line(line: &str) -> Result<Value, Fault> {
    let digits = line.trim_end_matches('\r').trim_end_matches('L');
    match digits {
        "00" => Ok(Value::Bool(false)),
        "01" => Ok(Value::Bool(true)),
        _ => match digits.parse::<i128>() {
            Ok(number) => Ok(long(number.to_le_bytes().to_vec())),
            // A number beyond 128 bits beside the weights, such as a random generator's state.
            Err(error)
                if matches!(
                    error.kind(),
                    std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow
                ) =>
            {
                Ok(Value::Long(Vec::new()))
            }
            Err(_) => Err(Fault::Damaged("its pickle has a garbled number".into())),
        },
    }
}

pub(super) fn memo_key(line: &str) -> Result<u64, Fault> {
    line.trim_end_matches('\r')
        .parse()
        .map_err(|_| Fault::Damaged("its pickle has a garbled memo key".into()))
}

/// An integer in little-endian two's complement of any length.
pub(super) fn long(mut bytes: Vec<u8>) -> Value {
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    let sign = if negative { 0xff } else { 0 };
    while bytes.len() > 8
        && bytes.last() == Some(&sign)
        && (bytes[bytes.len() - 2] >= 0x80) == negative
    {
        bytes.pop();
    }
    if bytes.len() > 8 {
        return Value::Long(bytes);
    }
    bytes.resize(8, sign);
    bytes.first_chunk().map_or(Value::None, |bytes| Value::Int(i64::from_le_bytes(*bytes)))
}

/// Text if it can be: Python 2 writes its texts as bytes.
pub(super) fn text(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).map_or(Value::Bytes, Value::Text)
}

/// Instructions of Python 3 for bytes never mean a text.
pub(super) fn text_or_bytes(code: u8, bytes: Vec<u8>) -> Value {
    match code {
        b'B' | b'C' | 0x8e | 0x96 => Value::Bytes,
        _ => text(bytes),
    }
}

/// The text in a Python 2 string literal. Names have no escapes, so those aren't resolved.
pub(super) fn quoted(line: &[u8]) -> Value {
    match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => text(inner.to_vec()),
        _ => Value::Bytes,
    }
}
