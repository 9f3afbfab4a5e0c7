//! The bytes of `pyvenv.cfg` to its settings.
//!
//! Rules: `site.venv()` and `getpath`: one `key = value` a line, keys without case, the last of a key counts; whatever
//! `include-system-site-packages` says other than `true` means no, and no line of it means yes.

use envdiff_model::Text;

use super::metadata::unify_newlines;

/// What a `pyvenv.cfg` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `home`: the folder of the interpreter that made it.
    pub home: Option<Text>,
    /// Whether the packages of that interpreter are seen.
    pub system_site: bool,
    /// `version` (venv), `version_info` (virtualenv, uv).
    pub version: Option<Text>,
    /// `implementation` (virtualenv, uv).
    pub implementation: Option<Text>,
}

/// Reads `pyvenv.cfg`.
#[must_use]
pub fn parse(bytes: &[u8]) -> Settings {
    let unified = unify_newlines(bytes);
    let mut out = Settings { home: None, system_site: true, version: None, implementation: None };
    for line in unified.split(|b| *b == b'\n') {
        let Some(at) = line.iter().position(|b| *b == b'=') else { continue };
        let (key, value) = line.split_at(at);
        let key = key.trim_ascii().to_ascii_lowercase();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        match &*key {
            b"home" => out.home = Some(Text::from(value)),
            b"include-system-site-packages" => out.system_site = value.eq_ignore_ascii_case(b"true"),
            b"version" => out.version = Some(Text::from(value)),
            b"version_info" => out.version = out.version.or_else(|| Some(Text::from(value))),
            b"implementation" => out.implementation = Some(Text::from(value)),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_last_of_a_key_counts_and_no_line_means_yes() {
        let cfg = parse(b"home = /usr/bin\r\nHOME=/opt/bin\nversion_info = 3.9.2.final.0\nx\n");
        assert_eq!(cfg.home.as_ref().map(|h| h.as_bytes()), Some(&b"/opt/bin"[..]));
        assert!(cfg.system_site);
        assert_eq!(cfg.version.as_ref().map(|h| h.as_bytes()), Some(&b"3.9.2.final.0"[..]));
        assert!(!parse(b"include-system-site-packages = yes\n").system_site);
    }
}
