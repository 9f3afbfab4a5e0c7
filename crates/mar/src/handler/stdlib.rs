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
