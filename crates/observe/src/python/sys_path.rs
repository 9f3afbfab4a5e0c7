//! A started interpreter and its layout to `sys.path` as `python -m` has it.
//!
//! Rules: `Modules/getpath.c` and `getpath.py` for what comes before `site`, `Modules/main.c` for the first entry.

use envdiff_files::{ImagePath, Miss, Seen};
use envdiff_model::{Evidence, Fact, PathSource, SysPathEntry, Text, Unknown, say};

use super::ask::{self, Found};
use super::layout::{Implementation, Layout};
use super::process::{Process, Vars};
use super::site::{Given, Making};
use crate::limits::SYS_PATH;

/// What the flags before a program say, with the variables of the same meaning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    /// `-E`, `-I`
    pub(crate) ignores_environment: bool,
    /// `-s`, `-I`
    pub(crate) no_user_site: bool,
    /// `-S`
    pub(crate) no_site: bool,
    /// `-P`, `-I`
    pub(crate) safe_path: bool,
}

impl Switches {
    /// Reads the flags of a command line.
    pub(crate) fn of(flags: &[Text]) -> Self {
        let mut out = Self::default();
        let mut value = false;
        for flag in flags {
            let Some(letters) = flag.as_bytes().strip_prefix(b"-").filter(|l| !l.starts_with(b"-")) else {
                continue;
            };
            if std::mem::take(&mut value) {
                continue;
            }
            for (at, letter) in letters.iter().enumerate() {
                match letter {
                    b'I' => {
                        out.ignores_environment = true;
                        out.no_user_site = true;
                        out.safe_path = true;
                    }
                    b'E' => out.ignores_environment = true,
                    b's' => out.no_user_site = true,
                    b'S' => out.no_site = true,
                    b'P' => out.safe_path = true,
                    b'W' | b'X' => {
                        value = at + 1 == letters.len();
                        break;
                    }
                    _ => {}
                }
            }
        }
        out
    }

    /// With the variables that say the same, unless they are ignored.
    pub(crate) fn with(mut self, vars: &Vars, minor_eleven: bool) -> Self {
        let set = |name: &str| vars.get(name).is_some_and(|v| !v.is_empty());
        if !self.ignores_environment {
            self.no_user_site |= set("PYTHONNOUSERSITE");
            self.safe_path |= minor_eleven && set("PYTHONSAFEPATH");
        }
        self
    }
}

/// `sys.path` and what of it could not be told.
pub(crate) struct Derived {
    pub(crate) fact: Fact<Vec<SysPathEntry>>,
    pub(crate) unknown: Vec<Unknown>,
}

/// Derives `sys.path`. `has_folder`: whether a configuration tells the working folder.
pub(crate) fn derive(
    seen: &Seen,
    layout: &Layout,
    flags: &[Text],
    process: &Process,
    has_folder: bool,
) -> Result<Derived, Miss> {
    let switches = Switches::of(flags).with(&process.vars, layout.feature.at_least(11));
    let mut unknown = Vec::new();
    let here = match &process.cwd {
        Some(cwd) => match ask::real(seen, cwd)? {
            // `getcwd` tells the folder without links; one that is not there the engine makes.
            Found::Is(real) => real.clone(),
            _ => cwd.normalised(),
        },
        None => {
            unknown.push(Unknown {
                what: Text::from("sys_path"),
                why: Text::from("the working folder that the start script leaves cannot be told"),
            });
            ImagePath::root()
        }
    };
    let mut begin = Vec::new();
    if !switches.ignores_environment {
        match process.vars.raw(b"PYTHONPATH") {
            Some(Some(paths)) if !paths.is_empty() => {
                // One more than can stand there, so that it is told.
                for path in paths.as_bytes().split(|b| *b == b':').take(SYS_PATH + 1) {
                    begin.push(SysPathEntry { path: Text::from(path), from: PathSource::Env, exists: false });
                }
            }
            Some(None) => unknown.push(Unknown {
                what: Text::from("sys_path"),
                why: Text::from("the start script sets PYTHONPATH to something that cannot be told"),
            }),
            _ => {}
        }
    }
    begin.extend(standard(layout));
    let mut evidence: Vec<Evidence> = layout.evidence.clone();
    let mut path = if switches.no_site {
        // Nothing is made absolute and nothing dropped without `site`; from 3.11 on getpath itself makes it absolute.
        begin
            .into_iter()
            .map(|mut entry| {
                if layout.feature.at_least(11)
                    && let Some(full) = here.join(entry.path.as_bytes())
                {
                    entry.path = Text::from(full.normalised().as_bytes());
                }
                entry
            })
            .collect()
    } else {
        let mut making = Making::new(seen, layout, &here, begin)?;
        let given = Given {
            vars: &process.vars,
            ignores_environment: switches.ignores_environment,
            no_user_site: switches.no_user_site,
        };
        making.run(&given)?;
        unknown.append(&mut making.unknown);
        evidence.append(&mut making.evidence);
        making.path
    };
    if !switches.safe_path && has_folder {
        path.insert(
            0,
            SysPathEntry { path: Text::from(here.as_bytes()), from: PathSource::Cwd, exists: true },
        );
    }
    if path.len() > SYS_PATH {
        path.truncate(SYS_PATH);
        let more = Unknown { what: Text::from("sys_path"), why: say!("more than ", SYS_PATH, " entries") };
        if !unknown.contains(&more) {
            unknown.push(more);
        }
    }
    let there = seen.each(&path, |entry| {
        let Some(full) = here.join(entry.path.as_bytes()) else { return Ok(false) };
        Ok(match ask::list(seen, &full)? {
            Found::Is(_) => true,
            Found::Absent => false,
            // A zip, or what may not be read: it is there.
            Found::Unreadable(why) => !why.as_str().is_some_and(|w| w.contains("symbolic links")),
        })
    })?;
    for (entry, there) in path.iter_mut().zip(there) {
        entry.exists = there || entry.from == PathSource::Cwd;
    }
    if let Some(venv) = layout.venv.as_ref().filter(|v| !layout.stdlib_seen && v.settings.system_site) {
        unknown.push(Unknown {
            what: Text::from("sys_path"),
            why: say!(
                venv.cfg.as_bytes(),
                " lets the packages of ",
                layout.base.as_bytes(),
                " be seen, which is not in what was read"
            ),
        });
    }
    if evidence.is_empty() {
        evidence.push(Evidence::new(layout.stdlib.as_bytes(), "standard library"));
    }
    Ok(Derived { fact: Fact::seen(path, evidence), unknown })
}

/// The zip, the standard library, its compiled part.
fn standard(layout: &Layout) -> Vec<SysPathEntry> {
    let entry = |path: Option<ImagePath>, from| {
        path.map(|p| SysPathEntry { path: Text::from(p.as_bytes()), from, exists: false })
    };
    let lib = layout.base.join(&layout.platlibdir);
    let zip = lib.as_ref().and_then(|l| l.join(layout.feature.zip()));
    let dynload = layout
        .base_exec
        .join(&layout.platlibdir)
        .and_then(|l| l.join(layout.feature.folder()))
        .and_then(|l| l.join("lib-dynload"));
    let mut out = Vec::new();
    if layout.feature.implementation == Implementation::CPython {
        out.extend(entry(zip, PathSource::Zip));
    }
    out.extend(entry(Some(layout.stdlib.clone()), PathSource::Stdlib));
    if layout.feature.implementation == Implementation::CPython {
        out.extend(entry(dynload, PathSource::Stdlib));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::Switches;
    use envdiff_model::Text;

    #[test]
    fn letters_of_one_word_all_count() {
        let of = |flags: &[&str]| Switches::of(&flags.iter().map(|f| Text::from(*f)).collect::<Vec<_>>());
        assert!(of(&["-uI"]).no_user_site);
        assert!(of(&["-X", "-S", "-s"]).no_user_site);
        assert!(!of(&["-X", "-S"]).no_site);
        assert!(!of(&["-WS"]).no_site);
        assert_eq!(of(&[]), Switches::default());
    }
}
