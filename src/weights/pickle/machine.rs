//! The stack machine: all instructions of protocols 0 to 5 that build data.

use std::collections::HashMap;
use std::io::BufRead;

use super::globals;
use super::input::Input;
use super::literal::{integer_line, long, memo_key, quoted, text, text_or_bytes};
use super::value::{Call, Id, Pickle, Value};
use crate::weights::error::{Fault, printable};

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

    /// Instructions that mention Python names, ask for calls, or refer to the file's storages.
    fn call<R: BufRead>(&mut self, code: u8, input: &mut Input<R>) -> Result<bool, Fault> {
        match code {
            b'c' => {
                let (module, name) = (input.text_line()?, input.text_line()?);
                let global = mention(&module, &name)?;
                self.push(Value::Global(global))?;
            }
            0x93 => {
                let names = self.pop_several(2)?;
                let [Value::Text(module), Value::Text(name)] =
                    [0, 1].map(|index: usize| &self.values[names[index].0 as usize])
                else {
                    return Err(Fault::Damaged("its pickle names a global by no text".into()));
                };
                let global = mention(module, name)?;
                self.push(Value::Global(global))?;
            }
            b'i' => {
                let (module, name) = (input.text_line()?, input.text_line()?);
                let global = mention(&module, &name)?;
                let arguments = self.pop_to_mark()?;
                self.push(Value::Global(global))?;
                self.push(Value::Tuple(arguments))?;
                self.ask_for_call(0, true)?;
            }
            b'o' => {
                let mut arguments = self.pop_to_mark()?;
                if arguments.is_empty() {
                    return Err(underflow());
                }
                self.stack.push(arguments.remove(0));
                self.push(Value::Tuple(arguments))?;
                self.ask_for_call(0, true)?;
            }
            b'R' => self.ask_for_call(0, true)?,
            // A new object of a class, without its initialiser: how plain instances are stored.
            0x81 => self.ask_for_call(0, false)?,
            0x92 => self.ask_for_call(1, false)?,
            b'b' => self.set_state()?,
            b'P' => {
                let identifier = text(input.line()?);
                self.push(identifier)?;
                let id = self.pop()?;
                self.push(Value::Persistent(id))?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Replaces a callable, its arguments and `extra` values above them by the call of it.
    fn ask_for_call(&mut self, extra: usize, by_function: bool) -> Result<(), Fault> {
        for _ in 0..extra {
            self.pop()?;
        }
        let arguments = self.pop()?;
        let callable = self.pop()?;
        let name = match &self.values[callable.0 as usize] {
            Value::Global(name) => name.as_str(),
            _ => "the result of another call",
        };
        if name == "collections.OrderedDict" || name == "collections.defaultdict" {
            let items = self.ordered_dict_items(arguments);
            return self.push(Value::Dict(items));
        }
        if by_function && !globals::may_be_called(name) && self.refused.is_none() {
            self.refused = Some(printable(name));
        }
        self.push(Value::Call(Box::new(Call {
            callable,
            arguments,
            items: Vec::new(),
            state: None,
        })))
    }

    /// The entries in the arguments of `OrderedDict([[key, value], ...])`, as Python 2 wrote it.
    ///
    /// Taken out of the list rather than copied: a list may be an argument many times.
    fn ordered_dict_items(&mut self, arguments: Id) -> Vec<(Id, Id)> {
        let Value::Tuple(arguments) = &self.values[arguments.0 as usize] else {
            return Vec::new();
        };
        let Some(&list) = arguments.first() else {
            return Vec::new();
        };
        let Value::List(list) = &mut self.values[list.0 as usize] else {
            return Vec::new();
        };
        let list = std::mem::take(list);
        list.iter()
            .filter_map(|pair| match &self.values[pair.0 as usize] {
                Value::List(pair) | Value::Tuple(pair) => match pair[..] {
                    [key, value] => Some((key, value)),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    }

    /// BUILD: sets the state of an object. The attributes of a dictionary are of no interest.
    fn set_state(&mut self) -> Result<(), Fault> {
        let state = self.pop()?;
        let object = self.top()?;
        if let Value::Call(call) = &mut self.values[object.0 as usize] {
            call.state = Some(state);
        }
        Ok(())
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

/// The full name of a global.
fn mention(module: &str, name: &str) -> Result<String, Fault> {
    let global = format!("{module}.{name}");
    if globals::acts(&global) {
        return Err(Fault::RefusedGlobal(printable(&global)));
    }
    Ok(global)
}

fn pairs(elements: &[Id]) -> Result<Vec<(Id, Id)>, Fault> {
    let (pairs, rest) = elements.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Fault::Damaged("its pickle has a key without a value".into()));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(bytes: &[u8]) -> Result<Pickle, Fault> {
        load(&mut Input::new(bytes, 1 << 20))
    }

    fn root_of(bytes: &[u8]) -> Value {
        let mut pickle = run(bytes).unwrap();
        pickle.values.swap_remove(pickle.root.0 as usize)
    }

    #[test]
    fn numbers_and_texts() {
        assert_eq!(root_of(b"\x80\x02K\x07."), Value::Int(7));
        assert_eq!(root_of(b"J\xff\xff\xff\xff."), Value::Int(-1));
        assert_eq!(root_of(b"\x8a\x00."), Value::Int(0));
        assert_eq!(root_of(b"\x8a\x02\x00\x01."), Value::Int(256));
        assert_eq!(root_of(b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00."), Value::Int(i64::MAX));
        assert!(matches!(root_of(b"\x8a\x09\0\0\0\0\0\0\0\0\x01."), Value::Long(_)));
        assert_eq!(root_of(b"I01\n."), Value::Bool(true));
        assert_eq!(root_of(b"L-5L\n."), Value::Int(-5));
        assert_eq!(root_of(b"X\x02\0\0\0hi."), Value::Text("hi".into()));
        assert_eq!(root_of(b"S'hi'\n."), Value::Text("hi".into()));
        assert_eq!(root_of(b"C\x02hi."), Value::Bytes);
    }

    #[test]
    fn a_value_filled_after_it_was_stored_is_seen_filled() {
        // {"a": d, "b": d} where d is stored empty, then gets an item.
        let pickle = run(b"}(X\x01\0\0\0a}q\x00X\x01\0\0\0kK\x01sX\x01\0\0\0bh\x00u.").unwrap();
        let root = pickle.root;
        let (a, b) = (pickle.lookup(root, "a").unwrap(), pickle.lookup(root, "b").unwrap());
        assert_eq!(a, b);
        assert_eq!(pickle.entries(b).unwrap().len(), 1);
    }

    #[test]
    fn what_acts_is_refused_even_if_never_called_or_thrown_away() {
        for pickle in [
            &b"cposix\nsystem\n."[..],
            b"cposix\nsystem\n0K\x01.",
            b"\x8c\x05posix\x8c\x06system\x93.",
            b"(S'ls'\niposix\nsystem\n.",
            b"(cposix\nsystem\nS'ls'\no.",
        ] {
            match run(pickle).unwrap_err() {
                Fault::RefusedGlobal(name) => assert_eq!(name, "posix.system"),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn unknown_calls_are_remembered_and_unknown_instances_are_not() {
        let called = run(b"csome\nthing\n)R0N.").unwrap();
        assert!(
            matches!(called.check_calls(), Err(Fault::RefusedGlobal(name)) if name == "some.thing")
        );
        // Calling what a call returned.
        assert!(run(b"cargparse\nNamespace\n)R)R.").unwrap().check_calls().is_err());
        let instance = run(b"csome\nThing\n)\x81}b.").unwrap();
        assert!(instance.check_calls().is_ok());
    }

    #[test]
    fn broken_programs_are_errors() {
        for pickle in [
            &b""[..],
            b"K",
            b".",
            b"a.",
            b"(",
            b"(.",
            b"t.",
            b"h\x05.",
            b"}K\x01a.",
            b"]K\x01K\x02s.",
            b"}(K\x01u.",
            b"\x93.",
            b"R.",
            b"b.",
            b"o.",
            b"(o.",
            b"\xff.",
            b"Ix\n.",
            b"gx\n.",
            b"K\x01(0(2.",
        ] {
            assert!(run(pickle).is_err(), "{pickle:?}");
        }
    }

    #[test]
    fn declared_lengths_cost_nothing() {
        for pickle in [
            &b"X\xff\xff\xff\xffhi"[..],
            b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi",
            b"\x8b\xff\xff\xff\xff\x01",
        ] {
            assert!(run(pickle).is_err());
        }
    }

    #[test]
    fn depth_sharing_and_cycles_are_harmless() {
        let mut deep = vec![b']'; 100_000];
        deep.extend(vec![b'a'; 99_999]);
        deep.push(b'.');
        assert!(run(&deep).is_ok());

        // Each tuple holds the one before twice: 2^40 leaves if it were copied.
        let mut doubling = b"N".to_vec();
        doubling.extend(b"q\x00h\x00\x86".repeat(40));
        doubling.push(b'.');
        assert!(run(&doubling).is_ok());

        assert!(run(b"]q\x00h\x00a.").is_ok());
    }
}
