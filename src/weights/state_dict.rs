//! From a pickle to the tensors of a state dict: the calls by which PyTorch describes them.
//!
//! The functions named here are those of `torch/_utils.py` and the persistent identifiers those of
//! `torch/serialization.py`; none is called, their arguments are read.

use std::collections::BTreeMap;

use super::budget::Budget;
use super::dtype::Dtype;
use super::error::{Fault, printable};
use super::pickle::{Call, Id, Pickle, Value};
use super::tensor::NamedTensor;
use super::view::{MOST_DIMENSIONS, Storages, View};

/// Keys under which training scripts keep the weights, in order of preference.
const CONTAINERS: [&str; 3] = ["model", "state_dict", "model_ema"];

/// How many containers may lie within one another.
const DEEPEST: usize = 3;

/// How often a tensor may be wrapped: a parameter, of a subclass, of a tensor.
const MOST_WRAPPERS: usize = 4;

/// Longest key of a storage; PyTorch numbers them or takes their address.
const LONGEST_KEY: usize = 256;

/// Tensors by name, and the keys that led to them, joined by dots.
pub(super) type Contents = (BTreeMap<String, NamedTensor>, Option<String>);

/// Reads the tensors of the state dict in `pickle`.
///
/// # Errors
///
/// See [`Fault`]; a whole module and a call that no checkpoint makes are refused.
pub(super) fn read(
    pickle: &Pickle,
    storages: &mut dyn Storages,
    budget: &mut Budget,
) -> Result<Contents, Fault> {
    // First, since a module's pickle calls all sorts of functions, and this says best what to do.
    check_module(pickle)?;
    pickle.check_calls()?;
    let (id, path) =
        locate(pickle, pickle.root, 0).ok_or_else(|| Fault::NoTensors(describe(pickle)))?;

    let mut tensors = BTreeMap::new();
    for &(key, value) in pickle.entries(id).unwrap_or_default() {
        let Some(name) = pickle.text(key) else {
            continue;
        };
        if let Some(view) = view(pickle, name, value)? {
            tensors.insert(name.to_owned(), view.read(name, storages, budget)?);
        }
    }
    Ok((tensors, (!path.is_empty()).then(|| path.join("."))))
}

/// Refuses a module that was pickled as a whole.
///
/// # Errors
///
/// [`Fault::WholeModule`], with its class.
pub(super) fn check_module(pickle: &Pickle) -> Result<(), Fault> {
    let within = CONTAINERS.iter().filter_map(|key| pickle.lookup(pickle.root, key));
    match std::iter::once(pickle.root).chain(within).find_map(|id| module_class(pickle, id)) {
        // Weights beside a pickled module are of use.
        Some(class) if locate(pickle, pickle.root, 0).is_none() => {
            Err(Fault::WholeModule(printable(class)))
        }
        _ => Ok(()),
    }
}

/// The class of a pickled `torch.nn.Module`, told by the tables that every module has.
fn module_class(pickle: &Pickle, id: Id) -> Option<&str> {
    let Value::Call(call) = pickle.get(id) else {
        return None;
    };
    let state = call.state?;
    pickle.lookup(state, "_parameters")?;
    pickle.lookup(state, "_modules")?;
    let arguments = pickle.sequence(call.arguments).unwrap_or_default();
    let class = match (pickle.get(call.callable), arguments.first()) {
        (Value::Global(name), Some(&class)) if name.ends_with("._reconstructor") => {
            pickle.global(class)
        }
        (Value::Global(name), _) => Some(name.as_str()),
        // The legacy form keeps a class with its source: ("module", class, file, source).
        (Value::Persistent(identifier), _) => {
            pickle.sequence(*identifier)?.get(1).and_then(|&class| pickle.global(class))
        }
        _ => None,
    };
    Some(class.unwrap_or("torch.nn.Module"))
}

/// Finds the dictionary that holds tensors: under a container's key if one leads to tensors, else
/// the given one itself.
fn locate(pickle: &Pickle, id: Id, depth: usize) -> Option<(Id, Vec<&'static str>)> {
    let entries = pickle.entries(id)?;
    if depth < DEEPEST {
        for key in CONTAINERS {
            let within = pickle.lookup(id, key).and_then(|id| locate(pickle, id, depth + 1));
            if let Some((found, mut path)) = within {
                path.insert(0, key);
                return Some((found, path));
            }
        }
    }
    let holds = entries.iter().any(|&(key, value)| {
        pickle.text(key).is_some() && !matches!(view(pickle, "", value), Ok(None))
    });
    holds.then_some((id, Vec::new()))
}

/// What a pickle without weights holds instead, for a message.
fn describe(pickle: &Pickle) -> String {
    const MOST: usize = 8;
    let Some(entries) = pickle.entries(pickle.root) else {
        return format!("it holds {}", kind(pickle.root()));
    };
    let keys = entries.iter().filter_map(|&(key, _)| pickle.text(key));
    let mut names: Vec<String> =
        keys.take(MOST).map(|key| format!("`{}`", printable(key))).collect();
    if names.is_empty() {
        return "it is an empty dictionary".into();
    }
    if entries.len() > MOST {
        names.push("...".into());
    }
    format!("it has the keys {}", names.join(", "))
}

/// A value's Python type, with its article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::None => "None",
        Value::Bool(_) => "a bool",
        Value::Int(_) | Value::Long(_) => "an int",
        Value::Float => "a float",
        Value::Text(_) => "a str",
        Value::Bytes => "bytes",
        Value::List(_) => "a list",
        Value::Tuple(_) => "a tuple",
        Value::Dict(_) => "a dict",
        Value::Global(_) => "a class or function",
        Value::Call(_) => "an object",
        Value::Persistent(_) => "a storage",
    }
}

/// The tensor that `id` describes; `None` if it is something else.
fn view(pickle: &Pickle, name: &str, id: Id) -> Result<Option<View>, Fault> {
    let Value::Call(call) = pickle.get(id) else {
        return Ok(None);
    };
    let Call { callable, arguments, .. } = &**call;
    rebuild(pickle, name, *callable, *arguments, 0)
}

fn rebuild(
    pickle: &Pickle,
    name: &str,
    callable: Id,
    arguments: Id,
    wrappers: usize,
) -> Result<Option<View>, Fault> {
    let Some(function) = pickle.global(callable) else {
        return Ok(None);
    };
    let arguments = pickle.sequence(arguments).unwrap_or_default();
    let damaged = || Fault::Tensor {
        name: printable(name),
        problem: format!("has arguments that `{function}` doesn't take"),
    };
    match function {
        "torch._utils._rebuild_parameter"
        | "torch._utils._rebuild_parameter_with_state"
        | "torch.nn.parameter.Parameter" => match arguments.first().map(|&id| pickle.get(id)) {
            Some(Value::Call(call)) if wrappers < MOST_WRAPPERS => {
                rebuild(pickle, name, call.callable, call.arguments, wrappers + 1)
            }
            _ => Err(damaged()),
        },
        // (function, subclass, arguments, state)
        "torch._tensor._rebuild_from_type_v2" | "torch.tensor._rebuild_from_type_v2" => {
            match arguments {
                &[function, _, arguments, ..] if wrappers < MOST_WRAPPERS => {
                    rebuild(pickle, name, function, arguments, wrappers + 1)
                }
                _ => Err(damaged()),
            }
        }
        // (storage, offset, sizes, strides, ...), the third form with an element type.
        "torch._utils._rebuild_tensor"
        | "torch._utils._rebuild_tensor_v2"
        | "torch._utils._rebuild_tensor_v3" => {
            let &[storage, offset, shape, stride, ..] = arguments else {
                return Err(damaged());
            };
            let element = arguments.get(6).filter(|_| function.ends_with("_v3"));
            let element = element.and_then(|&id| pickle.global(id));
            let storage = storage_of(pickle, storage).ok_or_else(damaged)?;
            let dtype = element.map_or(storage.dtype, dtype_of).ok_or_else(|| {
                unsupported(
                    name,
                    format!("of the element type {}", element.unwrap_or(storage.kind)),
                )
            })?;
            let (offset, shape, stride) =
                place(pickle, offset, shape, stride).ok_or_else(damaged)?;
            Ok(Some(View {
                declared: storage.bytes / dtype.size() as u64,
                storage: storage.key,
                dtype,
                offset: storage.offset.checked_add(offset).ok_or_else(damaged)?,
                shape,
                stride,
            }))
        }
        _ if function.starts_with("torch._utils._rebuild_") => {
            Err(unsupported(name, format!("a tensor that `{function}` makes")))
        }
        _ => Ok(None),
    }
}

fn unsupported(name: &str, what: String) -> Fault {
    Fault::Unsupported { name: printable(name), what: printable(&what) }
}

fn place(pickle: &Pickle, offset: Id, shape: Id, stride: Id) -> Option<(u64, Vec<u64>, Vec<u64>)> {
    let integers = |id| {
        let elements = pickle.sequence(id)?;
        (elements.len() <= MOST_DIMENSIONS)
            .then(|| elements.iter().map(|&id| pickle.integer(id)).collect::<Option<Vec<u64>>>())?
    };
    let (shape, stride) = (integers(shape)?, integers(stride)?);
    (shape.len() == stride.len()).then_some((pickle.integer(offset)?, shape, stride))
}

/// A storage as a pickle refers to it.
pub(super) struct Storage<'pickle> {
    pub(super) key: String,
    /// Name of its class.
    pub(super) kind: &'pickle str,
    /// `None` for bytes of any type, and for types that aren't read.
    pub(super) dtype: Option<Dtype>,
    /// Length of the whole storage in elements, and in bytes.
    pub(super) elements: u64,
    pub(super) bytes: u64,
    /// First element of the part that is meant, when the legacy form stores a part of another.
    pub(super) offset: u64,
}

fn storage_of(pickle: &Pickle, id: Id) -> Option<Storage<'_>> {
    match pickle.get(id) {
        Value::Persistent(identifier) => storage_from(pickle, *identifier),
        _ => None,
    }
}

/// Reads `("storage", class, key, location, number of elements[, part])`.
pub(super) fn storage_from(pickle: &Pickle, identifier: Id) -> Option<Storage<'_>> {
    let &[tag, class, key, _location, elements, ref part @ ..] = pickle.sequence(identifier)?
    else {
        return None;
    };
    if pickle.text(tag) != Some("storage") {
        return None;
    }
    let kind = pickle.global(class)?;
    let (dtype, size) = element_of(kind)?;
    let key = match pickle.get(key) {
        Value::Text(key) if key.len() <= LONGEST_KEY => key.clone(),
        Value::Int(key) => key.to_string(),
        _ => return None,
    };
    // (key of the part, first element, number of elements)
    let offset = match part.first() {
        Some(&part) if *pickle.get(part) != Value::None => {
            pickle.integer(*pickle.sequence(part)?.get(1)?)?
        }
        _ => 0,
    };
    let elements = pickle.integer(elements)?;
    let bytes = elements.checked_mul(size)?;
    Some(Storage { key, kind, dtype, elements, bytes, offset })
}

/// Element type and size of a class of storage, `torch.FloatStorage` or `torch.cuda.FloatStorage`.
fn element_of(class: &str) -> Option<(Option<Dtype>, u64)> {
    let dtype = match class.strip_prefix("torch.")?.rsplit('.').next()? {
        "FloatStorage" => Dtype::F32,
        "DoubleStorage" => Dtype::F64,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" => Dtype::U8,
        "BoolStorage" => Dtype::Bool,
        "UntypedStorage" | "QInt8Storage" | "QUInt8Storage" => return Some((None, 1)),
        "QInt32Storage" => return Some((None, 4)),
        "ComplexFloatStorage" => return Some((None, 8)),
        "ComplexDoubleStorage" => return Some((None, 16)),
        _ => return None,
    };
    Some((Some(dtype), dtype.size() as u64))
}

fn dtype_of(global: &str) -> Option<Dtype> {
    Some(match global.strip_prefix("torch.")? {
        "float32" => Dtype::F32,
        "float64" => Dtype::F64,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "int64" => Dtype::I64,
        "int32" => Dtype::I32,
        "int16" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint8" => Dtype::U8,
        "bool" => Dtype::Bool,
        _ => return None,
    })
}
