//! What a pickle asks Python to do: it is noted down, and nothing is done.

use std::io::BufRead;

use super::{Machine, underflow};
use crate::weights::error::{Fault, printable};
use crate::weights::pickle::globals;
use crate::weights::pickle::input::Input;
use crate::weights::pickle::literal::text;
use crate::weights::pickle::value::{Call, Id, Value};

impl Machine {
    /// Instructions that mention Python names, ask for calls, or refer to the file's storages.
    pub(super) fn call<R: BufRead>(
        &mut self,
        code: u8,
        input: &mut Input<R>,
    ) -> Result<bool, Fault> {
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
}

/// The full name of a global.
fn mention(module: &str, name: &str) -> Result<String, Fault> {
    let global = format!("{module}.{name}");
    if globals::acts(&global) {
        return Err(Fault::RefusedGlobal(printable(&global)));
    }
    Ok(global)
}
