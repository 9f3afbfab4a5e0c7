//! The names that a pickle looks up and calls come in; what would run while it is loaded comes out. Names of things that run
//! commands, run code, load other code, change files or talk to the network count; classes that only hold data do not.

use super::pickle::{End, Pickle, Step, Subject};
use super::shape::Name;

/// Something in a pickle that would run, or lets something run, while it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// The name that stands for it: `os.system`; empty where it is computed.
    pub name: String,
    /// What it does; a clause.
    pub why: &'static str,
    /// Where, in bytes from the begin of the pickle.
    pub at: u64,
    /// Whether the pickle calls it; else it is looked up only, which already imports its module.
    pub called: bool,
}

const COMMANDS: &str = "it runs commands of the operating system";
const CODE: &str = "it runs code that is given as text or bytes";
const IMPORTS: &str = "it imports or finds code by name";
const PICKLES: &str = "it loads another pickle";
const FILES: &str = "it reads, writes or removes files";
const NETWORK: &str = "it talks to the network";
const MEMORY: &str = "it reaches into the process itself";
const MADE: &str = "it makes a function out of parts, and the pickle calls that";
const SCANNER: &str = "it reaches into a scanner of pickles, which no model needs";
const CHANGED: &str = "the pickle changes the class or module itself";
const COMPUTED: &str = "the pickle computes which name it looks up";

/// Packages of which every name counts, with everything below them.
const WHOLE: &[(&str, &str)] = &[
    ("_aix_support", COMMANDS),
    ("_bootsubprocess", COMMANDS),
    ("_ctypes", MEMORY),
    ("_frozen_importlib", IMPORTS),
    ("_frozen_importlib_external", IMPORTS),
    ("_imp", IMPORTS),
    ("_interpchannels", CODE),
    ("_interpqueues", CODE),
    ("_interpreters", CODE),
    ("_osx_support", COMMANDS),
    ("_pickle", PICKLES),
    ("_posixshmem", MEMORY),
    ("_posixsubprocess", COMMANDS),
    ("_pyrepl", COMMANDS),
    ("_socket", NETWORK),
    ("_ssl", NETWORK),
    ("_thread", MEMORY),
    ("_winapi", COMMANDS),
    ("_xxsubinterpreters", CODE),
    ("aiohttp", NETWORK),
    ("asyncio", COMMANDS),
    ("bdb", CODE),
    ("cProfile", CODE),
    ("cffi", MEMORY),
    ("code", CODE),
    ("codeop", CODE),
    ("commands", COMMANDS),
    ("concurrent.interpreters", CODE),
    ("ctypes", MEMORY),
    ("dill", PICKLES),
    ("distutils", COMMANDS),
    ("doctest", CODE),
    ("ensurepip", COMMANDS),
    ("fickling", SCANNER),
    ("fileinput", FILES),
    ("ftplib", NETWORK),
    ("gc", MEMORY),
    ("glob", FILES),
    ("http.client", NETWORK),
    ("http.server", NETWORK),
    ("httplib", NETWORK),
    ("httpx", NETWORK),
    ("idlelib", CODE),
    ("imaplib", NETWORK),
    ("imp", IMPORTS),
    ("importlib", IMPORTS),
    ("inspect", MEMORY),
    ("joblib.numpy_pickle_compat", PICKLES),
    ("lib2to3", CODE),
    ("linecache", FILES),
    ("macos", COMMANDS),
    ("marshal", CODE),
    ("mmap", MEMORY),
    ("model_unpickler", SCANNER),
    ("modelaudit", SCANNER),
    ("modelscan", SCANNER),
    ("modulefinder", IMPORTS),
    ("multiprocessing.popen_fork", COMMANDS),
    ("multiprocessing.popen_spawn_posix", COMMANDS),
    ("multiprocessing.process", COMMANDS),
    ("multiprocessing.spawn", COMMANDS),
    ("multiprocessing.util", COMMANDS),
    ("netrc", FILES),
    ("nntplib", NETWORK),
    ("nt", COMMANDS),
    ("ntpath", FILES),
    ("numpy.distutils", COMMANDS),
    ("numpy.f2py", CODE),
    ("numpy.testing", CODE),
    ("os", COMMANDS),
    ("pdb", CODE),
    ("pexpect", COMMANDS),
    ("pickle", PICKLES),
    ("picklescan", SCANNER),
    ("pickletools", PICKLES),
    ("pip", COMMANDS),
    ("pkgutil", IMPORTS),
    ("platform", COMMANDS),
    ("poplib", NETWORK),
    ("popen2", COMMANDS),
    ("posix", COMMANDS),
    ("posixpath", FILES),
    ("profile", CODE),
    ("pstats", FILES),
    ("pty", COMMANDS),
    ("py_compile", FILES),
    ("pydoc", IMPORTS),
    ("readline", FILES),
    ("requests", NETWORK),
    ("rlcompleter", CODE),
    ("runpy", CODE),
    ("saferpickle", SCANNER),
    ("sched", CODE),
    ("setuptools", COMMANDS),
    ("shelve", PICKLES),
    ("shlex", COMMANDS),
    ("shutil", FILES),
    ("signal", MEMORY),
    ("site", IMPORTS),
    ("smtplib", NETWORK),
    ("socket", NETWORK),
    ("socketserver", NETWORK),
    ("sqlite3", FILES),
    ("ssl", NETWORK),
    ("subprocess", COMMANDS),
    ("sys", MEMORY),
    ("sysconfig", COMMANDS),
    ("tabnanny", FILES),
    ("tarfile", FILES),
    ("telnetlib", NETWORK),
    ("tempfile", FILES),
    ("test", COMMANDS),
    ("threading", MEMORY),
    ("timeit", CODE),
    ("torch._dynamo", CODE),
    ("torch._inductor", CODE),
    ("torch.compile", CODE),
    ("torch.hub", IMPORTS),
    ("torch.jit", CODE),
    ("torch.utils.bottleneck", CODE),
    ("torch.utils.collect_env", COMMANDS),
    ("torch.utils.cpp_extension", COMMANDS),
    ("torch.utils.model_zoo", NETWORK),
    ("trace", CODE),
    ("tty", MEMORY),
    ("turtledemo", CODE),
    ("unittest", CODE),
    ("urllib.request", NETWORK),
    ("urllib2", NETWORK),
    ("urllib3", NETWORK),
    ("venv", COMMANDS),
    ("webbrowser", COMMANDS),
    ("winreg", MEMORY),
    ("xmlrpc", NETWORK),
    ("zipapp", FILES),
    ("zipfile", FILES),
    ("zipimport", IMPORTS),
];

/// Single names.
const NAMES: &[(&str, &str, &str)] = &[
    ("_io", "FileIO", FILES),
    ("_io", "open", FILES),
    ("_io", "open_code", FILES),
    ("_operator", "call", MADE),
    ("builtins", "__build_class__", CODE),
    ("builtins", "__import__", IMPORTS),
    ("builtins", "apply", CODE),
    ("builtins", "breakpoint", CODE),
    ("builtins", "compile", CODE),
    ("builtins", "delattr", MEMORY),
    ("builtins", "eval", CODE),
    ("builtins", "exec", CODE),
    ("builtins", "execfile", CODE),
    ("builtins", "exit", MEMORY),
    ("builtins", "globals", MEMORY),
    ("builtins", "help", CODE),
    ("builtins", "input", CODE),
    ("builtins", "locals", MEMORY),
    ("builtins", "open", FILES),
    ("builtins", "quit", MEMORY),
    ("builtins", "setattr", MEMORY),
    ("builtins", "vars", MEMORY),
    ("builtins", "file", FILES),
    ("cloudpickle.cloudpickle", "_builtin_type", CODE),
    ("cloudpickle.cloudpickle", "_function_setstate", CODE),
    ("cloudpickle.cloudpickle", "_make_function", CODE),
    ("cloudpickle.cloudpickle", "_make_skel_func", CODE),
    ("cloudpickle.cloudpickle", "_fill_function", CODE),
    ("cloudpickle.cloudpickle", "subimport", IMPORTS),
    ("codecs", "open", FILES),
    ("collections", "namedtuple", CODE),
    ("dataclasses", "make_dataclass", CODE),
    ("io", "FileIO", FILES),
    ("io", "open", FILES),
    ("io", "open_code", FILES),
    ("joblib", "load", PICKLES),
    ("joblib.numpy_pickle", "load", PICKLES),
    ("jsonpickle.unpickler", "decode", PICKLES),
    ("logging", "FileHandler", FILES),
    ("logging.config", "_resolve", IMPORTS),
    ("logging.config", "dictConfig", IMPORTS),
    ("logging.config", "fileConfig", IMPORTS),
    ("logging.config", "listen", NETWORK),
    ("numpy", "fromfile", FILES),
    ("numpy", "load", PICKLES),
    ("numpy", "loadtxt", FILES),
    ("numpy", "memmap", FILES),
    ("numpy", "save", FILES),
    ("numpy.lib.npyio", "load", PICKLES),
    ("numpy.lib._npyio_impl", "load", PICKLES),
    ("pandas", "eval", CODE),
    ("pandas", "read_pickle", PICKLES),
    ("pandas.core.computation.eval", "eval", CODE),
    ("pandas.io.pickle", "read_pickle", PICKLES),
    ("timeit", "timeit", CODE),
    ("torch", "compile", CODE),
    ("torch", "load", PICKLES),
    ("torch", "save", FILES),
    ("torch._C", "import_ir_module", CODE),
    ("torch.distributed.elastic.rendezvous.api", "basichandlers", PICKLES),
    ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression", CODE),
    ("torch.fx.graph_module", "_exec_with_source", CODE),
    ("torch.fx.graph_module", "_forward_from_src", CODE),
    ("torch.jit", "load", CODE),
    ("torch.jit._serialization", "load", CODE),
    ("torch.jit.unsupported_tensor_ops", "execWrapper", CODE),
    ("torch.package", "PackageImporter", CODE),
    ("torch.serialization", "load", PICKLES),
    ("torch.utils._config_module", "ConfigModule", PICKLES),
    ("torch.utils._config_module", "ConfigModule.load_config", PICKLES),
    ("torch.utils.data.datapipes.utils.decoder", "basichandlers", PICKLES),
    ("types", "CodeType", CODE),
    ("types", "FunctionType", CODE),
    ("types", "LambdaType", CODE),
    ("uuid", "_get_command_stdout", COMMANDS),
    ("uuid", "_popen", COMMANDS),
    ("yaml", "load", IMPORTS),
    ("yaml", "unsafe_load", IMPORTS),
    ("yaml", "full_load", IMPORTS),
];

/// What makes functions of others: it counts only where the pickle calls what it made.
const MAKERS: &[(&str, &[&str])] = &[
    ("builtins", &["getattr", "map", "filter", "type"]),
    ("_functools", &["partial", "reduce"]),
    ("functools", &["partial", "partialmethod", "reduce"]),
    ("itertools", &["accumulate", "starmap"]),
    ("_operator", &["attrgetter", "itemgetter", "methodcaller"]),
    ("operator", &["attrgetter", "itemgetter", "methodcaller"]),
    ("types", &["MethodType"]),
];

/// Makers that run what they are given at once: they count wherever they are called.
const AT_ONCE: &[(&str, &str)] = &[
    ("builtins", "map"),
    ("builtins", "filter"),
    ("functools", "reduce"),
    ("_functools", "reduce"),
    ("itertools", "accumulate"),
    ("itertools", "starmap"),
];

/// Names in a module that is listed as a whole that hold data only, or that every pickle of old protocols has.
const HARMLESS: &[(&str, &str)] = &[
    ("threading", "local"),
    ("inspect", "Signature"),
    ("inspect", "Parameter"),
    ("inspect", "_ParameterKind"),
    ("inspect", "_empty"),
    ("signal", "Signals"),
    ("pickle", "PickleBuffer"),
    ("_pickle", "PickleBuffer"),
    ("platform", "uname_result"),
    ("os", "PathLike"),
    ("sys", "float_info"),
    // What a TorchScript archive names in its own pickles.
    ("torch.jit._pickle", "build_boollist"),
    ("torch.jit._pickle", "build_doublelist"),
    ("torch.jit._pickle", "build_intlist"),
    ("torch.jit._pickle", "build_tensor_from_id"),
    ("torch.jit._pickle", "build_tensorlist"),
    ("torch.jit._pickle", "restore_type_tag"),
];

fn of(name: &Name) -> Option<&'static str> {
    if let Some((_, _, why)) = NAMES.iter().find(|(module, n, _)| *module == name.module && *n == name.name) {
        return Some(why);
    }
    if HARMLESS.iter().any(|(module, n)| *module == name.module && *n == name.name) {
        return None;
    }
    // The first dot of a name of protocol 4 leads through the module: `sys.modules` of `sys`.
    let below = |whole: &str| {
        name.module.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if let Some((_, why)) = WHOLE.iter().find(|(whole, _)| below(whole)) {
        return Some(why);
    }
    // `torch.os.system`, `numpy.f2py.os`, and `torch` with the name `os.system`: a module reached through another one.
    let path = format!("{}.{}", name.module, name.name);
    let parts: Vec<&str> = path.split('.').collect();
    let inner = parts.get(1..).unwrap_or_default();
    let through = inner.iter().any(|part| {
        matches!(
            *part,
            "os" | "posix"
                | "nt"
                | "sys"
                | "subprocess"
                | "importlib"
                | "builtins"
                | "__builtins__"
                | "ctypes"
                | "shutil"
                | "pty"
                | "runpy"
                | "__import__"
                | "__subclasses__"
                | "__globals__"
                | "__code__"
                | "__getattribute__"
                | "__reduce__"
                | "__reduce_ex__"
                | "__loader__"
                | "__spec__"
                | "__builtin__"
        )
    });
    through.then_some(IMPORTS)
}

fn is_maker(name: &Name) -> bool {
    MAKERS.iter().any(|(module, names)| *module == name.module && names.contains(&&*name.name))
}

fn at_once(name: &Name) -> bool {
    AT_ONCE.iter().any(|(module, n)| *module == name.module && *n == name.name)
}

/// What would run while this pickle is loaded, in the order of its stream; a pickle that cannot be followed as far as that has
/// [`Pickle::complete`] false.
#[must_use]
pub fn judge(pickle: &Pickle) -> Vec<Danger> {
    let mut out: Vec<Danger> = Vec::new();
    let called = |index: usize| {
        pickle.events.iter().any(|event| {
            matches!(&event.step, Step::Call(Subject::Global(i)) | Step::New(Subject::Global(i)) if *i == index)
        })
    };
    let result_called = |index: usize| {
        pickle.events.iter().any(|event| {
            matches!(&event.step, Step::Call(Subject::Result(i)) | Step::New(Subject::Result(i)) if *i == index)
        })
    };
    for (index, global) in pickle.globals.iter().enumerate() {
        let name = &global.name;
        let found = of(name).or_else(|| {
            let runs = is_maker(name) && (result_called(index) || (at_once(name) && called(index)));
            runs.then_some(MADE)
        });
        if let Some(why) = found {
            out.push(Danger {
                name: format!("{}.{}", name.module, name.name),
                why,
                at: global.at,
                called: called(index) || result_called(index),
            });
        }
    }
    for event in &pickle.events {
        // Giving a module or class itself a state changes what it is for everybody.
        if let Step::Build(Subject::Global(index)) = &event.step
            && let Some(global) = pickle.globals.get(*index)
        {
            let name = format!("{}.{}", global.name.module, global.name.name);
            out.push(Danger { name, why: CHANGED, at: event.at, called: true });
        }
    }
    for event in &pickle.events {
        let computed = matches!(
            event.step,
            Step::UnknownGlobal | Step::Call(Subject::Unknown) | Step::New(Subject::Unknown)
        );
        if computed && pickle.end != End::TooLarge("names that are not known") {
            out.push(Danger { name: String::new(), why: COMPUTED, at: event.at, called: true });
            break;
        }
    }
    out.sort_by_key(|danger| danger.at);
    out
}

/// A pickle in the bytes of another that was not read.
#[must_use]
pub fn unread() -> Danger {
    Danger { name: "torch.storage._load_from_bytes".to_owned(), why: PICKLES, at: 0, called: true }
}

#[cfg(test)]
mod tests {
    use super::{HARMLESS, NAMES, WHOLE, of};
    use crate::weights::shape::Name;

    fn name(module: &str, name: &str) -> Name {
        Name { module: module.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn what_runs_is_told_and_what_holds_data_is_not() {
        for (module, n) in [
            ("os", "system"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("torch.hub", "load"),
            ("os.path", "join"),
            ("numpy.testing._private.utils", "runstring"),
            ("torch", "os.system"),
            ("torch.serialization", "os"),
        ] {
            assert!(of(&name(module, n)).is_some(), "{module}.{n}");
        }
        for (module, n) in [
            ("collections", "OrderedDict"),
            ("torch._utils", "_rebuild_tensor_v2"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "dtype"),
            ("sklearn.linear_model._base", "LinearRegression"),
            ("builtins", "getattr"),
            ("functools", "partial"),
            ("datetime", "datetime"),
            ("pathlib", "PosixPath"),
            ("osgeo", "thing"),
        ] {
            assert!(of(&name(module, n)).is_none(), "{module}.{n}");
        }
        assert!(!WHOLE.is_empty() && !NAMES.is_empty() && !HARMLESS.is_empty());
    }
}
