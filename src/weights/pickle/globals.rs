//! Which Python names a checkpoint may mention, and which it may call.
//!
//! Nothing is looked up or called here whatever the name is, so these lists decide only which
//! files are refused: one that would do something if Python loaded it should not pass for a
//! harmless one, whatever else it holds.

/// Modules whose functions act on the machine: mentioning one is enough to refuse a file.
const ACTING_MODULES: [&str; 44] = [
    "_posixsubprocess",
    "_winapi",
    "asyncio",
    "bdb",
    "cProfile",
    "cloudpickle",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "dill",
    "distutils",
    "ftplib",
    "http",
    "idlelib",
    "imp",
    "importlib",
    "joblib",
    "marshal",
    "multiprocessing",
    "nt",
    "ntpath",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkgutil",
    "platform",
    "popen2",
    "posix",
    "profile",
    "pty",
    "pydoc",
    "requests",
    "runpy",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "subprocess",
    "sys",
    "timeit",
    "urllib",
    "webbrowser",
];

/// What is harmless of Python's built-in names; the others run code or reach what does.
const HARMLESS_BUILTINS: [&str; 17] = [
    "Ellipsis",
    "NotImplemented",
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
];

/// Functions that run code, of modules that are harmless otherwise.
const ACTING_NAMES: [&str; 7] = [
    "operator.attrgetter",
    "operator.methodcaller",
    "torch.load",
    "torch.serialization.load",
    "torch.storage._load_from_bytes",
    "types.CodeType",
    "types.FunctionType",
];

/// What checkpoints call to describe data. A name that ends with a dot stands for all it begins.
const CALLED_BY_CHECKPOINTS: [&str; 36] = [
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.deque",
    "copy_reg._reconstructor",
    "copyreg._reconstructor",
    "datetime.",
    "decimal.Decimal",
    "fractions.Fraction",
    "functools.partial",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.numeric._frombuffer",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.core.numeric._frombuffer",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.random._pickle.",
    "pathlib.",
    "pathlib._local.",
    "torch.Size",
    "torch.Tensor",
    "torch._tensor._rebuild_from_type_v2",
    "torch._utils._rebuild_",
    "torch.device",
    "torch.dtype",
    "torch.nn.parameter.Parameter",
    "torch.serialization._get_layout",
    "torch.tensor._rebuild_from_type_v2",
    "torch.torch_version.TorchVersion",
    "uuid.UUID",
    "yacs.config.CfgNode",
    "zoneinfo.ZoneInfo",
];

/// Whether mentioning `global` (`module.name`) is enough to refuse a file.
pub(super) fn acts(global: &str) -> bool {
    if let Some(name) =
        global.strip_prefix("builtins.").or_else(|| global.strip_prefix("__builtin__."))
    {
        return !HARMLESS_BUILTINS.contains(&name);
    }
    let package = global.split('.').next().unwrap_or_default();
    ACTING_MODULES.contains(&package)
        || ACTING_NAMES.contains(&global)
        || global.starts_with("torch.hub.")
}

/// Whether a checkpoint has reason to call `global`, as a function or to make an object.
pub(super) fn may_be_called(global: &str) -> bool {
    global.starts_with("builtins.")
        || global.starts_with("__builtin__.")
        || CALLED_BY_CHECKPOINTS.iter().any(|&known| {
            global == known || (known.ends_with(['.', '_']) && global.starts_with(known))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_the_machine_is_refused_at_sight() {
        for global in [
            "posix.system",
            "os.system",
            "nt.system",
            "subprocess.Popen",
            "builtins.eval",
            "__builtin__.exec",
            "builtins.getattr",
            "importlib.import_module",
            "torch.hub.load",
            "os.path.expanduser",
        ] {
            assert!(acts(global), "{global}");
        }
        for global in ["torch.FloatStorage", "builtins.set", "mmengine.Config", "ostrich.Egg"] {
            assert!(!acts(global), "{global}");
        }
    }

    #[test]
    fn calls_are_allowed_by_name() {
        assert!(may_be_called("torch._utils._rebuild_tensor_v2"));
        assert!(may_be_called("collections.OrderedDict"));
        assert!(may_be_called("pathlib.PosixPath"));
        assert!(!may_be_called("torch.nn.functional.relu"));
        assert!(!may_be_called("somebody.Else"));
    }

    #[test]
    fn lists_are_sorted() {
        assert!(ACTING_MODULES.is_sorted());
        assert!(ACTING_NAMES.is_sorted());
        assert!(HARMLESS_BUILTINS.is_sorted());
        assert!(CALLED_BY_CHECKPOINTS.is_sorted());
    }
}
