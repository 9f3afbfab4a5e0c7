//! Which of Python's own exceptions is a kind of which.

/// Class and the one that it is derived from; the rest derives from `Exception`. Source: the exception hierarchy in Python's
/// documentation of built-in exceptions (3.13), and the classes of the packages that are predicted here.
const BASES: &[(&str, &str)] = &[
    ("Exception", "BaseException"),
    ("SystemExit", "BaseException"),
    ("KeyboardInterrupt", "BaseException"),
    ("GeneratorExit", "BaseException"),
    ("FloatingPointError", "ArithmeticError"),
    ("OverflowError", "ArithmeticError"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("ModuleNotFoundError", "ImportError"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("UnboundLocalError", "NameError"),
    ("BlockingIOError", "OSError"),
    ("ChildProcessError", "OSError"),
    ("ConnectionError", "OSError"),
    ("FileExistsError", "OSError"),
    ("FileNotFoundError", "OSError"),
    ("InterruptedError", "OSError"),
    ("IsADirectoryError", "OSError"),
    ("NotADirectoryError", "OSError"),
    ("PermissionError", "OSError"),
    ("ProcessLookupError", "OSError"),
    ("TimeoutError", "OSError"),
    ("BrokenPipeError", "ConnectionError"),
    ("ConnectionAbortedError", "ConnectionError"),
    ("ConnectionRefusedError", "ConnectionError"),
    ("ConnectionResetError", "ConnectionError"),
    ("NotImplementedError", "RuntimeError"),
    ("RecursionError", "RuntimeError"),
    ("IndentationError", "SyntaxError"),
    ("TabError", "IndentationError"),
    ("UnicodeError", "ValueError"),
    ("UnicodeDecodeError", "UnicodeError"),
    ("UnicodeEncodeError", "UnicodeError"),
    ("UnicodeTranslateError", "UnicodeError"),
    ("DeprecationWarning", "Warning"),
    ("UserWarning", "Warning"),
    ("RuntimeWarning", "Warning"),
    ("FutureWarning", "Warning"),
    ("ImportWarning", "Warning"),
    ("json.decoder.JSONDecodeError", "ValueError"),
    ("json.JSONDecodeError", "ValueError"),
    ("zipfile.BadZipFile", "Exception"),
    ("_pickle.UnpicklingError", "pickle.PickleError"),
    ("subprocess.CalledProcessError", "subprocess.SubprocessError"),
];

/// `IOError` and `EnvironmentError` are other names of `OSError`.
fn real(name: &str) -> &str {
    match name {
        "IOError" | "EnvironmentError" | "socket.error" | "os.error" | "select.error" => "OSError",
        "pickle.UnpicklingError" => "_pickle.UnpicklingError",
        other => other,
    }
}

/// Whether the class is the other or one of its kinds.
pub(crate) fn is_subclass(class: &str, of: &str) -> bool {
    let of = real(of);
    let mut class = real(class);
    loop {
        if class == of {
            return true;
        }
        match BASES.iter().find(|(name, _)| *name == class) {
            Some((_, base)) => class = base,
            None if class == "BaseException" => return false,
            None => class = "Exception",
        }
        if class == "Exception" && of == "Exception" {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_subclass;

    #[test]
    fn the_hierarchy_is_pythons() {
        for (class, of, expected) in [
            ("ModuleNotFoundError", "ImportError", true),
            ("ImportError", "ModuleNotFoundError", false),
            ("FileNotFoundError", "IOError", true),
            ("KeyError", "Exception", true),
            ("SystemExit", "Exception", false),
            ("SystemExit", "BaseException", true),
            ("KeyError", "AttributeError", false),
            ("json.decoder.JSONDecodeError", "ValueError", true),
            ("UnicodeDecodeError", "ValueError", true),
            ("TabError", "SyntaxError", true),
        ] {
            assert_eq!(is_subclass(class, of), expected, "{class} {of}");
        }
    }
}
