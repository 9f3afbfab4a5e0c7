//! A module's name comes in; what Python's own library and TorchServe's worker do with that name comes out.

/// `sys.stdlib_module_names` of CPython 3.11, with what other versions from 3.7 to 3.14 have.
#[rustfmt::skip]
const MODULES: &[&str] = &[
    "__future__", "_collections_abc", "_io", "_pickle", "_thread", "_weakref", "abc", "aifc", "annotationlib",
    "antigravity", "argparse", "array", "ast", "asynchat", "asyncio", "asyncore", "atexit", "audioop", "base64",
    "bdb", "binascii", "binhex", "bisect", "builtins", "bz2", "cProfile", "calendar", "cgi", "cgitb", "chunk",
    "cmath", "cmd", "code", "codecs", "codeop", "collections", "colorsys", "compileall", "compression", "concurrent",
    "configparser", "contextlib", "contextvars", "copy", "copyreg", "crypt", "csv", "ctypes", "curses",
    "dataclasses", "datetime", "dbm", "decimal", "difflib", "dis", "distutils", "doctest", "dummy_threading",
    "email", "encodings", "ensurepip", "enum", "errno", "faulthandler", "fcntl", "filecmp", "fileinput", "fnmatch",
    "formatter", "fractions", "ftplib", "functools", "gc", "genericpath", "getopt", "getpass", "gettext", "glob",
    "graphlib", "grp", "gzip", "hashlib", "heapq", "hmac", "html", "http", "idlelib", "imaplib", "imghdr", "imp",
    "importlib", "inspect", "io", "ipaddress", "itertools", "json", "keyword", "lib2to3", "linecache", "locale",
    "logging", "lzma", "macpath", "mailbox", "mailcap", "marshal", "math", "mimetypes", "mmap", "modulefinder",
    "msilib", "msvcrt", "multiprocessing", "netrc", "nis", "nntplib", "nt", "ntpath", "nturl2path", "numbers",
    "opcode", "operator", "optparse", "os", "ossaudiodev", "parser", "pathlib", "pdb", "pickle", "pickletools",
    "pipes", "pkgutil", "platform", "plistlib", "poplib", "posix", "posixpath", "pprint", "profile", "pstats", "pty",
    "pwd", "py_compile", "pyclbr", "pydoc", "pydoc_data", "pyexpat", "queue", "quopri", "random", "re", "readline",
    "reprlib", "resource", "rlcompleter", "runpy", "sched", "secrets", "select", "selectors", "shelve", "shlex",
    "shutil", "signal", "site", "smtpd", "smtplib", "sndhdr", "socket", "socketserver", "spwd", "sqlite3",
    "sre_compile", "sre_constants", "sre_parse", "ssl", "stat", "statistics", "string", "stringprep", "struct",
    "subprocess", "sunau", "symbol", "symtable", "sys", "sysconfig", "syslog", "tabnanny", "tarfile", "telnetlib",
    "tempfile", "termios", "textwrap", "this", "threading", "time", "timeit", "tkinter", "token", "tokenize",
    "tomllib", "trace", "traceback", "tracemalloc", "tty", "turtle", "turtledemo", "types", "typing", "unicodedata",
    "unittest", "urllib", "uu", "uuid", "venv", "warnings", "wave", "weakref", "webbrowser", "winreg", "winsound",
    "wsgiref", "xdrlib", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport", "zlib", "zoneinfo",
];

/// `sys.builtin_module_names`: no file stands in front of them.
#[rustfmt::skip]
const BUILT_IN: &[&str] = &[
    "_abc", "_ast", "_codecs", "_collections", "_functools", "_imp", "_io", "_locale", "_operator", "_signal",
    "_sre", "_stat", "_string", "_symtable", "_thread", "_tokenize", "_tracemalloc", "_warnings", "_weakref",
    "atexit", "builtins", "errno", "faulthandler", "gc", "itertools", "marshal", "posix", "pwd", "sys", "time",
    "xxsubtype",
];

/// What CPython 3.11 and later has loaded from frozen code before it looks at any path.
#[rustfmt::skip]
const FROZEN: &[&str] = &[
    "_collections_abc", "abc", "codecs", "genericpath", "io", "ntpath", "os", "posixpath", "site", "stat",
    "zipimport",
];

/// What the worker of TorchServe 0.12.0 with torch 2.6.0 on CPython 3.11 imports before it takes a load request: the modules that
/// a walk from `ts/model_service_worker.py` meets, private ones left out.
#[rustfmt::skip]
const WORKER: &[&str] = &[
    "argparse", "array", "ast", "asyncio", "base64", "bdb", "binascii", "bisect", "bz2", "calendar", "cmath", "cmd",
    "code", "codeop", "collections", "concurrent", "contextlib", "contextvars", "copy", "copyreg", "csv", "ctypes",
    "dataclasses", "datetime", "difflib", "dis", "email", "encodings", "enum", "fcntl", "fnmatch", "functools",
    "gettext", "glob", "grp", "gzip", "hashlib", "heapq", "http", "importlib", "inspect", "ipaddress", "json",
    "keyword", "linecache", "locale", "logging", "lzma", "math", "mmap", "multiprocessing", "numbers", "numpy",
    "opcode", "operator", "pathlib", "pdb", "pickle", "pickletools", "pkgutil", "platform", "pprint", "psutil",
    "pwd", "queue", "quopri", "random", "re", "reprlib", "resource", "select", "selectors", "shutil", "signal",
    "socket", "ssl", "string", "struct", "subprocess", "tarfile", "tempfile", "textwrap", "threading", "token",
    "tokenize", "torch", "torchgen", "tqdm", "traceback", "ts", "types", "typing", "typing_extensions",
    "unicodedata", "unittest", "urllib", "uuid", "warnings", "weakref", "xml", "yaml", "zipfile", "zlib",
];

/// Names that modules of Python's own library got or dropped between 3.7 and 3.13: the module, the name, the first minor version that
/// has it (0: 3.7 had it), the first that has it no more (0: 3.13 has it). Made from `dir()` of each version; the abstract classes that `collections`
/// passed on until 3.9 are added.
#[rustfmt::skip]
const CHANGED: &[(&str, &str, u8, u8)] = &[
    ("abc", "update_abstractmethods", 10, 0), ("argparse", "BooleanOptionalAction", 9, 0),
    ("asyncio", "Barrier", 11, 0), ("asyncio", "BrokenBarrierError", 11, 0), ("asyncio", "EventLoop", 13, 0),
    ("asyncio", "MultiLoopChildWatcher", 8, 0), ("asyncio", "PidfdChildWatcher", 9, 0),
    ("asyncio", "QueueShutDown", 13, 0), ("asyncio", "Runner", 11, 0), ("asyncio", "Server", 9, 0),
    ("asyncio", "TaskGroup", 11, 0), ("asyncio", "ThreadedChildWatcher", 8, 0), ("asyncio", "Timeout", 11, 0),
    ("asyncio", "coroutine", 0, 11), ("asyncio", "create_eager_task_factory", 12, 0),
    ("asyncio", "eager_task_factory", 12, 0), ("asyncio", "exceptions", 8, 0), ("asyncio", "mixins", 10, 0),
    ("asyncio", "staggered", 8, 0), ("asyncio", "taskgroups", 11, 0), ("asyncio", "threads", 9, 0),
    ("asyncio", "timeout", 11, 0), ("asyncio", "timeout_at", 11, 0), ("asyncio", "timeouts", 11, 0),
    ("asyncio", "to_thread", 9, 0), ("asyncio", "trsock", 8, 0), ("collections", "AsyncGenerator", 0, 10),
    ("collections", "AsyncIterable", 0, 10), ("collections", "AsyncIterator", 0, 10),
    ("collections", "Awaitable", 0, 10), ("collections", "ByteString", 0, 10), ("collections", "Callable", 0, 10),
    ("collections", "Collection", 0, 10), ("collections", "Container", 0, 10), ("collections", "Coroutine", 0, 10),
    ("collections", "Generator", 0, 10), ("collections", "Hashable", 0, 10), ("collections", "ItemsView", 0, 10),
    ("collections", "Iterable", 0, 10), ("collections", "Iterator", 0, 10), ("collections", "KeysView", 0, 10),
    ("collections", "Mapping", 0, 10), ("collections", "MappingView", 0, 10), ("collections", "MutableMapping", 0, 10),
    ("collections", "MutableSequence", 0, 10), ("collections", "MutableSet", 0, 10),
    ("collections", "Reversible", 0, 10), ("collections", "Sequence", 0, 10), ("collections", "Set", 0, 10),
    ("collections", "Sized", 0, 10), ("collections", "ValuesView", 0, 10),
    ("contextlib", "AsyncContextDecorator", 10, 0), ("contextlib", "GenericAlias", 9, 0),
    ("contextlib", "MethodType", 8, 0), ("contextlib", "aclosing", 10, 0), ("contextlib", "chdir", 11, 0),
    ("dataclasses", "FunctionType", 10, 13), ("dataclasses", "GenericAlias", 9, 13), ("dataclasses", "KW_ONLY", 10, 0),
    ("dataclasses", "recursive_repr", 13, 0), ("datetime", "UTC", 11, 0), ("enum", "CONFORM", 11, 0),
    ("enum", "CONTINUOUS", 11, 0), ("enum", "EJECT", 11, 0), ("enum", "EnumCheck", 11, 0), ("enum", "EnumDict", 13, 0),
    ("enum", "EnumType", 11, 0), ("enum", "FlagBoundary", 11, 0), ("enum", "KEEP", 11, 0),
    ("enum", "NAMED_FLAGS", 11, 0), ("enum", "OrderedDict", 0, 8), ("enum", "ReprEnum", 11, 0),
    ("enum", "STRICT", 11, 0), ("enum", "StrEnum", 11, 0), ("enum", "UNIQUE", 11, 0), ("enum", "bin", 11, 0),
    ("enum", "bltns", 11, 0), ("enum", "global_enum", 11, 0), ("enum", "global_enum_repr", 11, 0),
    ("enum", "global_flag_repr", 11, 0), ("enum", "global_str", 11, 0), ("enum", "member", 11, 0),
    ("enum", "nonmember", 11, 0), ("enum", "pickle_by_enum_name", 11, 0), ("enum", "pickle_by_global_name", 11, 0),
    ("enum", "property", 11, 0), ("enum", "reduce", 11, 13), ("enum", "show_flag_values", 11, 0),
    ("enum", "verify", 11, 0), ("fractions", "gcd", 0, 9), ("functools", "GenericAlias", 9, 0),
    ("functools", "cache", 9, 0), ("functools", "cached_property", 8, 0), ("functools", "singledispatchmethod", 8, 0),
    ("importlib", "find_loader", 0, 12), ("importlib", "readers", 11, 12), ("importlib", "resources", 11, 12),
    ("inspect", "AGEN_CLOSED", 12, 0), ("inspect", "AGEN_CREATED", 12, 0), ("inspect", "AGEN_RUNNING", 12, 0),
    ("inspect", "AGEN_SUSPENDED", 12, 0), ("inspect", "ArgSpec", 0, 11), ("inspect", "BufferFlags", 12, 0),
    ("inspect", "ClassFoundException", 9, 0), ("inspect", "formatargspec", 0, 11),
    ("inspect", "get_annotations", 10, 0), ("inspect", "getargspec", 0, 11), ("inspect", "getasyncgenlocals", 12, 0),
    ("inspect", "getasyncgenstate", 12, 0), ("inspect", "getmembers_static", 11, 0), ("inspect", "iskeyword", 11, 0),
    ("inspect", "ismethodwrapper", 11, 0), ("inspect", "k", 0, 11), ("inspect", "make_weakref", 13, 0),
    ("inspect", "markcoroutinefunction", 12, 0), ("inspect", "mod_dict", 0, 11), ("inspect", "v", 0, 11),
    ("itertools", "batched", 12, 0), ("itertools", "pairwise", 10, 0), ("math", "cbrt", 11, 0), ("math", "comb", 8, 0),
    ("math", "dist", 8, 0), ("math", "exp2", 11, 0), ("math", "fma", 13, 0), ("math", "isqrt", 8, 0),
    ("math", "lcm", 9, 0), ("math", "nextafter", 9, 0), ("math", "perm", 8, 0), ("math", "prod", 8, 0),
    ("math", "sumprod", 12, 0), ("math", "ulp", 9, 0), ("operator", "call", 11, 0), ("pathlib", "EBADF", 0, 13),
    ("pathlib", "EINVAL", 0, 11), ("pathlib", "ELOOP", 0, 13), ("pathlib", "ENOENT", 0, 13),
    ("pathlib", "ENOTDIR", 0, 13), ("pathlib", "S_ISBLK", 0, 13), ("pathlib", "S_ISCHR", 0, 13),
    ("pathlib", "S_ISDIR", 0, 13), ("pathlib", "S_ISFIFO", 0, 13), ("pathlib", "S_ISLNK", 0, 13),
    ("pathlib", "S_ISREG", 0, 13), ("pathlib", "S_ISSOCK", 0, 13), ("pathlib", "Sequence", 0, 13),
    ("pathlib", "UnsupportedOperation", 13, 0), ("pathlib", "attrgetter", 0, 12),
    ("pathlib", "supports_symlinks", 0, 10), ("pathlib", "urlquote_from_bytes", 0, 13), ("queue", "ShutDown", 13, 0),
    ("random", "binomialvariate", 12, 0), ("random", "main", 13, 0), ("random", "randbytes", 9, 0),
    ("shutil", "COPY_BUFSIZE", 8, 0), ("shutil", "getgrnam", 0, 10), ("shutil", "getpwnam", 0, 10),
    ("statistics", "Counter", 8, 0), ("statistics", "LinearRegression", 10, 0), ("statistics", "NormalDist", 8, 0),
    ("statistics", "acos", 13, 0), ("statistics", "asin", 13, 0), ("statistics", "atan", 13, 0),
    ("statistics", "correlation", 10, 0), ("statistics", "cos", 13, 0), ("statistics", "cosh", 13, 0),
    ("statistics", "count", 12, 0), ("statistics", "covariance", 10, 0), ("statistics", "defaultdict", 11, 0),
    ("statistics", "erf", 8, 0), ("statistics", "exp", 8, 0), ("statistics", "fabs", 8, 0),
    ("statistics", "fmean", 8, 0), ("statistics", "fsum", 8, 0), ("statistics", "geometric_mean", 8, 0),
    ("statistics", "hypot", 8, 0), ("statistics", "isfinite", 13, 0), ("statistics", "isinf", 13, 0),
    ("statistics", "kde", 13, 0), ("statistics", "kde_random", 13, 0), ("statistics", "linear_regression", 10, 0),
    ("statistics", "log", 8, 0), ("statistics", "mul", 11, 12), ("statistics", "multimode", 8, 0),
    ("statistics", "namedtuple", 10, 0), ("statistics", "pi", 13, 0), ("statistics", "quantiles", 8, 0),
    ("statistics", "reduce", 11, 0), ("statistics", "repeat", 10, 0), ("statistics", "sin", 13, 0),
    ("statistics", "sqrt", 8, 0), ("statistics", "sumprod", 12, 0), ("statistics", "tan", 13, 0),
    ("statistics", "tau", 8, 0), ("threading", "ExceptHookArgs", 8, 0), ("threading", "excepthook", 8, 0),
    ("threading", "get_native_id", 8, 0), ("threading", "getprofile", 10, 0), ("threading", "gettrace", 10, 0),
    ("threading", "setprofile_all_threads", 12, 0), ("threading", "settrace_all_threads", 12, 0),
    ("time", "CLOCK_TAI", 9, 0), ("time", "clock", 0, 8), ("types", "CellType", 8, 0), ("types", "EllipsisType", 10, 0),
    ("types", "GenericAlias", 9, 0), ("types", "NoneType", 10, 0), ("types", "NotImplementedType", 10, 0),
    ("types", "UnionType", 10, 0), ("types", "get_original_bases", 12, 0), ("typing", "ABCMeta", 8, 0),
    ("typing", "Annotated", 9, 0), ("typing", "AsyncContextManager", 0, 13), ("typing", "Concatenate", 10, 0),
    ("typing", "ContextManager", 0, 13), ("typing", "EXCLUDED_ATTRIBUTES", 8, 0), ("typing", "Final", 8, 0),
    ("typing", "GenericAlias", 9, 0), ("typing", "Literal", 8, 0), ("typing", "LiteralString", 11, 0),
    ("typing", "Match", 0, 13), ("typing", "Never", 11, 0), ("typing", "NoDefault", 13, 0),
    ("typing", "NotRequired", 11, 0), ("typing", "ParamSpec", 10, 0), ("typing", "ParamSpecArgs", 10, 0),
    ("typing", "ParamSpecKwargs", 10, 0), ("typing", "Pattern", 0, 13), ("typing", "Protocol", 8, 0),
    ("typing", "ReadOnly", 13, 0), ("typing", "Required", 11, 0), ("typing", "Self", 11, 0),
    ("typing", "SupportsIndex", 8, 0), ("typing", "TypeAlias", 10, 0), ("typing", "TypeAliasType", 12, 0),
    ("typing", "TypeGuard", 10, 0), ("typing", "TypeIs", 13, 0), ("typing", "TypeVarTuple", 11, 0),
    ("typing", "TypedDict", 8, 0), ("typing", "Unpack", 11, 0), ("typing", "abstractproperty", 0, 8),
    ("typing", "assert_never", 11, 0), ("typing", "assert_type", 11, 0), ("typing", "clear_overloads", 11, 0),
    ("typing", "dataclass_transform", 11, 0), ("typing", "defaultdict", 11, 0), ("typing", "final", 8, 0),
    ("typing", "get_args", 8, 0), ("typing", "get_origin", 8, 0), ("typing", "get_overloads", 11, 0),
    ("typing", "get_protocol_members", 13, 0), ("typing", "is_protocol", 13, 0), ("typing", "is_typeddict", 10, 0),
    ("typing", "override", 12, 0), ("typing", "reveal_type", 11, 0), ("typing", "runtime_checkable", 8, 0),
    ("typing", "stdlib_re", 0, 13),
];

/// Whether a module of Python's own library has a name in this version, where that changed between versions.
pub(crate) fn has(module: &str, name: &str, python: (u8, u8)) -> Option<bool> {
    let at = CHANGED.binary_search_by(|(of, changed, ..)| (*of, *changed).cmp(&(module, name))).ok()?;
    let (_, _, since, until) = CHANGED.get(at)?;
    let (3, minor) = python else { return None };
    Some(minor >= *since && (*until == 0 || minor < *until))
}

/// Whether a top-level module belongs to Python's own library in some version.
pub(crate) fn is_stdlib(name: &str) -> bool {
    MODULES.binary_search(&name).is_ok()
}

/// Whether it lies in the interpreter itself.
pub(crate) fn is_built_in(name: &str) -> bool {
    BUILT_IN.binary_search(&name).is_ok()
}

/// Whether it is loaded before any path counts.
pub(crate) fn is_frozen(name: &str) -> bool {
    FROZEN.binary_search(&name).is_ok()
}

/// Whether the worker imports it before it takes a load request.
pub(crate) fn is_of_worker(name: &str) -> bool {
    WORKER.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{CHANGED, has};

    #[test]
    fn names_come_and_go() {
        assert!(CHANGED.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
        assert_eq!(has("collections", "Mapping", (3, 9)), Some(true));
        assert_eq!(has("collections", "Mapping", (3, 10)), Some(false));
        assert_eq!(has("functools", "cached_property", (3, 7)), Some(false));
        assert_eq!(has("collections", "OrderedDict", (3, 11)), None);
    }
}
