//! The stack machine: all instructions of protocols 0 to 5 that build data.

mod calls;

use std::collections::HashMap;
use std::io::BufRead;

use super::input::Input;
use super::literal::{integer_line, long, memo_key, quoted, text, text_or_bytes};
use super::value::{Id, Pickle, Value};
use crate::weights::error::Fault;

/// Most values in a pickle: a hundred times what the largest checkpoints with their optimiser's
/// state have, and 128 MiB.
const MOST_VALUES: usize = 4 << 20;

/// Carries out one pickle of `input`, up to its STOP.
///
/// # Errors
///
/// [`Fault::RefusedGlobal`] on a mention of something that acts on the machine,
/// [`Fault::Truncated`], [`Fault::Damaged`] or [`Fault::TooLarge`] if the pickle is no good.
pub(in crate::weights) fn load<R: BufRead>(input: &mut Input<R>) -> Result<Pickle, Fault> {
    let mut machine = Machine::default();
    while machine.step(input)? {}
    let root = machine.pop()?;
    Ok(Pickle { values: machine.values, root, refused: machine.refused })
}

#[derive(Default)]
struct Machine {
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at which a MARK was set.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    refused: Option<String>,
}

impl Machine {
    /// Carries out one instruction; false after STOP.
    fn step<R: BufRead>(&mut self, input: &mut Input<R>) -> Result<bool, Fault> {
        match input.byte()? {
            b'.' => return Ok(false),
            // PROTO and FRAME say nothing about the value.
            0x80 => drop(input.byte()?),
            0x95 => drop(input.array::<8>()?),
            code => {
                let done = self.scalar(code, input)?
                    || self.container(code)?
                    || self.stack_and_memo(code, input)?
                    || self.call(code, input)?;
                if !done {
                    return Err(Fault::Damaged(format!(
                        "its pickle has the unknown instruction {code:#04x} at byte {}",
                        input.position() - 1
                    )));
                }
            }
        }
        // Neither marks nor recalled values make a new one.
        if self.marks.len().max(self.stack.len()) > MOST_VALUES {
            return Err(too_many());
        }
        Ok(true)
    }

    /// Instructions that push a number, a text or bytes. The codes of this function and the
    /// following ones have their names in `pickletools`.
    fn scalar<R: BufRead>(&mut self, code: u8, input: &mut Input<R>) -> Result<bool, Fault> {
        let value = match code {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'I' | b'L' => integer_line(&input.text_line()?)?,
            b'J' => Value::Int(i32::from_le_bytes(input.array()?).into()),
            b'K' => Value::Int(input.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(input.array()?).into()),
            0x8a => {
                let length = input.byte()?;
                long(input.bytes(length.into())?)
            }
            0x8b => {
                let length = u32::from_le_bytes(input.array()?);
                long(input.bytes(length.into())?)
            }
            b'F' => {
                input.line()?;
                Value::Float
            }
            b'G' => {
                input.array::<8>()?;
                Value::Float
            }
            b'V' => text(input.line()?),
            b'S' => quoted(&input.line()?),
            b'T' | b'X' | b'B' => {
                let length = u32::from_le_bytes(input.array()?);
                text_or_bytes(code, input.bytes(length.into())?)
            }
            b'U' | b'C' | 0x8c => {
                let length = input.byte()?;
                text_or_bytes(code, input.bytes(length.into())?)
            }
            0x8d | 0x8e | 0x96 => {
                let length = u64::from_le_bytes(input.array()?);
                text_or_bytes(code, input.bytes(length)?)
            }
            _ => return Ok(false),
        };
        self.push(value)?;
        Ok(true)
    }

    /// Instructions that make and fill tuples, lists, sets and dictionaries.
    fn container(&mut self, code: u8) -> Result<bool, Fault> {
        match code {
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b']' | 0x8f => self.push(Value::List(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b't' => {
                let elements = self.pop_to_mark()?;
                self.push(Value::Tuple(elements))?;
            }
            b'l' | 0x91 => {
                let elements = self.pop_to_mark()?;
                self.push(Value::List(elements))?;
            }
            b'd' => {
                let elements = self.pop_to_mark()?;
                self.push(Value::Dict(pairs(&elements)?))?;
            }
            0x85..=0x87 => {
                let length = usize::from(code - 0x84);
                let elements = self.pop_several(length)?;
                self.push(Value::Tuple(elements))?;
            }
            b'a' => {
                let element = self.pop()?;
                self.append(&[element])?;
            }
            b'e' | 0x90 => {
                let elements = self.pop_to_mark()?;
                self.append(&elements)?;
            }
            b's' => {
                let pair = self.pop_several(2)?;
                self.set_items(&pair)?;
            }
            b'u' => {
                let elements = self.pop_to_mark()?;
                self.set_items(&elements)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Instructions that move values between the stack and the memo.
    fn stack_and_memo<R: BufRead>(
        &mut self,
        code: u8,
        input: &mut Input<R>,
    ) -> Result<bool, Fault> {
        match code {
            b'(' => self.marks.push(self.stack.len()),
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => self.stack.push(self.top()?),
            b'g' => {
                let key = memo_key(&input.text_line()?)?;
                self.recall(key)?;
            }
            b'h' => {
                let key = input.byte()?;
                self.recall(key.into())?;
            }
            b'j' => {
                let key = u32::from_le_bytes(input.array()?);
                self.recall(key.into())?;
            }
            b'p' => {
                let key = memo_key(&input.text_line()?)?;
                self.memo.insert(key, self.top()?);
            }
            b'q' => {
                let key = input.byte()?;
                self.memo.insert(key.into(), self.top()?);
            }
            b'r' => {
                let key = u32::from_le_bytes(input.array()?);
                self.memo.insert(key.into(), self.top()?);
            }
            0x94 => drop(self.memo.insert(self.memo.len() as u64, self.top()?)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn append(&mut self, elements: &[Id]) -> Result<(), Fault> {
        let list = self.top()?;
        match &mut self.values[list.0 as usize] {
            Value::List(list) => list.extend(elements),
            // A list or set of some class: its elements are of no interest.
            Value::Call(_) => {}
            _ => {
                return Err(Fault::Damaged("its pickle appends to what is no list".into()));
            }
        }
        Ok(())
    }

    fn set_items(&mut self, elements: &[Id]) -> Result<(), Fault> {
        let dictionary = self.top()?;
        let pairs = pairs(elements)?;
        match &mut self.values[dictionary.0 as usize] {
            Value::Dict(entries) => entries.extend(pairs),
            Value::Call(call) => call.items.extend(pairs),
            _ => {
                return Err(Fault::Damaged("its pickle sets an item of no dictionary".into()));
            }
        }
        Ok(())
    }

    fn push(&mut self, value: Value) -> Result<(), Fault> {
        if self.values.len() >= MOST_VALUES {
            return Err(too_many());
        }
        self.stack.push(Id(self.values.len() as u32));
        self.values.push(value);
        Ok(())
    }

    fn top(&self) -> Result<Id, Fault> {
        match self.stack.last() {
            Some(&id) if self.marks.last() != Some(&self.stack.len()) => Ok(id),
            _ => Err(underflow()),
        }
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    /// The last `count` values, the earliest first.
    fn pop_several(&mut self, count: usize) -> Result<Vec<Id>, Fault> {
        let mut ids = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        ids.reverse();
        Ok(ids)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark))
    }

    fn recall(&mut self, key: u64) -> Result<(), Fault> {
        let id = self.memo.get(&key).ok_or_else(|| {
            Fault::Damaged(format!("its pickle recalls the value {key}, which it never stored"))
        })?;
        self.stack.push(*id);
        Ok(())
    }
}

fn too_many() -> Fault {
    Fault::TooLarge(format!("its pickle has over {MOST_VALUES} values"))
}

fn underflow() -> Fault {
    Fault::Damaged("its pickle takes a value that isn't there".into())
}

fn pairs(elements: &[Id]) -> Result<Vec<(Id, Id)>, Fault> {
    let (pairs, rest) = elements.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Fault::Damaged("its pickle has a key without a value".into()));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

#[cfg(test)]
mod tests;
