//! What a pickle describes.

use crate::weights::error::Fault;

/// A value's place in [`Pickle::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::weights) struct Id(pub(super) u32);

/// One value. Those that contain others do so by number.
#[derive(Debug, PartialEq)]
pub(in crate::weights) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, little-endian two's complement.
    Long(Vec<u8>),
    /// A float's value is never needed.
    Float,
    Text(String),
    /// Bytes that are no text are never needed.
    Bytes,
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// `module.name`, not looked up anywhere.
    Global(String),
    /// A call that was asked for and not made.
    Call(Box<Call>),
    /// What the file refers to by an identifier of its own, such as a storage.
    Persistent(Id),
}

/// A call that was asked for and not made, and what was to be done to its result.
#[derive(Debug, PartialEq)]
pub(in crate::weights) struct Call {
    pub(in crate::weights) callable: Id,
    pub(in crate::weights) arguments: Id,
    /// Dictionary entries to be set on the result.
    pub(in crate::weights) items: Vec<(Id, Id)>,
    /// The state to be set on the result.
    pub(in crate::weights) state: Option<Id>,
}

/// A pickle after its last instruction.
#[derive(Debug)]
pub(in crate::weights) struct Pickle {
    pub(super) values: Vec<Value>,
    pub(in crate::weights) root: Id,
    /// The first call of something that no checkpoint needs.
    pub(super) refused: Option<String>,
}

impl Pickle {
    pub(in crate::weights) fn get(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    pub(in crate::weights) fn root(&self) -> &Value {
        self.get(self.root)
    }

    /// Every value, in the order in which they were made.
    pub(in crate::weights) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(in crate::weights) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(in crate::weights) fn integer(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Value::Int(integer) => u64::try_from(*integer).ok(),
            _ => None,
        }
    }

    pub(in crate::weights) fn global(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Global(name) => Some(name),
            _ => None,
        }
    }

    /// The elements of a tuple or list.
    pub(in crate::weights) fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(elements) | Value::List(elements) => Some(elements),
            // torch.Size((1, 2)), as some versions write a shape.
            Value::Call(call) if self.global(call.callable) == Some("torch.Size") => {
                match self.get(call.arguments) {
                    Value::Tuple(arguments) => match self.get(*arguments.first()?) {
                        Value::Tuple(elements) | Value::List(elements) => Some(elements),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The entries of a dictionary, or of an object that behaves like one.
    pub(in crate::weights) fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            Value::Call(call) if !call.items.is_empty() => Some(&call.items),
            _ => None,
        }
    }

    /// The value under the text `key` of a dictionary; the last one, as in Python.
    pub(in crate::weights) fn lookup(&self, id: Id, key: &str) -> Option<Id> {
        let entries = self.entries(id)?;
        let found = entries.iter().rev().find(|(name, _)| self.text(*name) == Some(key))?;
        Some(found.1)
    }

    /// Passes if every call in the pickle is one that checkpoints make.
    ///
    /// # Errors
    ///
    /// [`Fault::RefusedGlobal`].
    pub(in crate::weights) fn check_calls(&self) -> Result<(), Fault> {
        match &self.refused {
            Some(global) => Err(Fault::RefusedGlobal(global.clone())),
            None => Ok(()),
        }
    }
}
