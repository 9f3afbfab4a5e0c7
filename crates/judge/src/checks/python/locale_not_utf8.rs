//! A Python before 3.7 and the locale of the image come in; a note where that is none of UTF-8 comes out.
//!
//! From 3.7 on Python takes UTF-8 in the locale C by itself (PEP 538, PEP 540), and a locale that is named and not installed is
//! C. musl's C locale is UTF-8.

use envdiff_model::{Evidence, ImageConfig, Libc, Text, say};

use crate::case::{Case, Spoken};

pub(crate) fn listen(case: &Case<'_>) -> Vec<Spoken> {
    speak(case).into_iter().collect()
}

fn speak(case: &Case<'_>) -> Option<Spoken> {
    let version = case.environment.python.value()?;
    let mut numbers = version.as_str()?.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    let libc = case.environment.stack.native.value().and_then(|native| native.libc.value());
    if major != 3 || minor >= 7 || matches!(libc, Some(Libc::Musl(_))) {
        return None;
    }
    let locale = locale(case.config?);
    let (told, evidence) = match locale {
        Some((_, value)) if is_utf8(value) => return None,
        Some((name, value)) => {
            (say!("the locale is ", value), Evidence::new("image configuration", say!(name, "=", value)))
        }
        None => (
            "no locale is set".into(),
            Evidence::new("image configuration", "sets none of LC_ALL, LC_CTYPE and LANG"),
        ),
    };
    Some(
        Spoken::new("locale", say!(told, ", and Python ", version, " reads and writes text as ASCII then"))
            .seen(case.environment.python.evidence().iter().cloned())
            .seen([evidence])
            .why(
                "`open` without an encoding and `print` end with UnicodeDecodeError or UnicodeEncodeError at the first letter \
                 beyond ASCII, as in a file of labels",
            )
            .fix("`ENV LC_ALL=C.UTF-8`, or a Python of 3.7 or later"),
    )
}

/// The variable that decides, as setlocale(3) looks at them: the first that is set and not empty.
fn locale(config: &ImageConfig) -> Option<(&'static str, &Text)> {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| config.var(name).filter(|value| !value.is_empty()).map(|value| (name, value)))
}

/// `C.UTF-8`, `en_US.utf8@euro`
fn is_utf8(locale: &Text) -> bool {
    let lower = locale.as_bytes().to_ascii_lowercase();
    let codeset = lower.split(|b| *b == b'.').nth(1).and_then(|rest| rest.split(|b| *b == b'@').next());
    codeset.is_some_and(|codeset| matches!(codeset, b"utf-8" | b"utf8"))
}
