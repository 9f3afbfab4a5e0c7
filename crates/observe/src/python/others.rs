//! Where interpreters usually lie, to those that are there and do not start.

use envdiff_files::{ImagePath, Kind, Miss, Seen};
use envdiff_model::{Fact, OtherInterpreter, Text, say};

use super::ask::{self, Found};
use super::layout::{self, Feature, Overrides, is_python_name};
use super::process::Process;
use super::{pyvenv, version};
use crate::limits::{INTERPRETERS, PYVENV_CFG};

/// The most folders that are looked into.
const MAX_FOLDERS: usize = 512;

/// An interpreter that was found: its shortest name in its folder, the file behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) executable: ImagePath,
    pub(crate) real: ImagePath,
    /// The folder without links.
    pub(crate) folder: ImagePath,
}

/// Looks into PATH, the usual folders of programs, `/opt`, and where pipx, conda, uv, pyenv and venvs put theirs.
pub(crate) fn candidates(seen: &Seen, process: Option<&Process>) -> Result<Vec<Candidate>, Miss> {
    let mut bins: Vec<ImagePath> = process.and_then(Process::path_folders).unwrap_or_default();
    let fixed = ["/usr/bin", "/usr/local/bin"];
    bins.extend(fixed.iter().filter_map(ImagePath::new));
    let home = process.and_then(|p| p.vars.get("HOME")).and_then(|h| ImagePath::new(h.as_bytes()));
    let cwd = process.and_then(|p| p.cwd.clone());
    // Folders each of whose folders is a prefix.
    let mut parents: Vec<ImagePath> =
        ["/opt", "/opt/pipx/venvs", "/opt/conda/envs", "/opt/venvs", "/opt/uv/python", "/"]
            .iter()
            .filter_map(ImagePath::new)
            .collect();
    for more in [
        ".local/share/pipx/venvs",
        ".local/pipx/venvs",
        ".local/share/uv/python",
        ".pyenv/versions",
        ".virtualenvs",
        "miniconda3/envs",
    ] {
        parents.extend(home.as_ref().and_then(|h| h.join(more)));
    }
    for folder in [&home, &cwd].into_iter().flatten() {
        for name in [".venv", "venv", "env", "miniconda3", "miniforge3", "anaconda3"] {
            bins.extend(folder.join(name).and_then(|p| p.join("bin")));
        }
    }
    let lists = seen.each(&parents, |folder| ask::list(seen, folder))?;
    for (parent, list) in parents.iter().zip(lists) {
        let Found::Is(list) = list else { continue };
        for (name, kind) in &list.entries {
            if matches!(kind, Kind::Folder | Kind::Link)
                && !matches!(
                    &**name,
                    b"proc"
                        | b"sys"
                        | b"dev"
                        | b"usr"
                        | b"bin"
                        | b"sbin"
                        | b"etc"
                        | b"lib"
                        | b"lib64"
                        | b"run"
                        | b"var"
                        | b"boot"
                        | b"tmp"
                        | b"media"
                        | b"mnt"
                )
                && let Some(bin) = parent.join(name).and_then(|p| p.join("bin"))
            {
                bins.push(bin);
            }
        }
    }
    let mut unique: Vec<ImagePath> = Vec::new();
    for bin in bins {
        if !unique.contains(&bin) && unique.len() < MAX_FOLDERS {
            unique.push(bin);
        }
    }
    let found = seen.each(&unique, |bin| {
        let list = match ask::list(seen, bin)? {
            Found::Is(list) => list,
            _ => return Ok(Vec::new()),
        };
        let folder = ask::real(seen, bin);
        let beside = [bin.join("pyvenv.cfg"), bin.parent().and_then(|p| p.join("pyvenv.cfg"))];
        for cfg in beside.into_iter().flatten() {
            drop(seen.parsed(&cfg, PYVENV_CFG, pyvenv::parse));
        }
        let names: Vec<&[u8]> = list
            .entries
            .iter()
            .filter(|(name, kind)| is_python_name(name) && matches!(kind, Kind::File | Kind::Link))
            .map(|(name, _)| &**name)
            .collect();
        let real = seen.each(&names, |name| match bin.join(name) {
            Some(path) => {
                let is_file = ask::is_file(seen, &path);
                drop(seen.link(&path));
                let real = ask::real(seen, &path);
                Ok(match (is_file?, real?) {
                    (Found::Is(true), Found::Is(real)) => Some((path, real.clone())),
                    _ => None,
                })
            }
            None => Ok(None),
        });
        let folder = match folder? {
            Found::Is(folder) => folder.clone(),
            _ => bin.clone(),
        };
        let mut out: Vec<Candidate> = Vec::new();
        for (executable, real) in real?.into_iter().flatten() {
            match out.iter_mut().find(|c| c.real == real) {
                Some(known) if executable.as_bytes().len() < known.executable.as_bytes().len() => {
                    known.executable = executable;
                }
                Some(_) => {}
                None => out.push(Candidate { executable, real, folder: folder.clone() }),
            }
        }
        Ok(out)
    })?;
    let mut out: Vec<Candidate> = Vec::new();
    for candidate in found.into_iter().flatten() {
        if !out.iter().any(|c| c.folder == candidate.folder && c.real == candidate.real) {
            out.push(candidate);
        }
    }
    out.sort_by(|a, b| a.executable.cmp(&b.executable));
    Ok(out)
}

/// The version of each, from what lies beside it; programs are not searched.
pub(crate) fn versions(seen: &Seen, candidates: &[Candidate]) -> Result<Vec<Fact<Text>>, Miss> {
    seen.each(candidates.iter().take(INTERPRETERS), |candidate| {
        Ok(match layout::find(seen, &candidate.executable, &Overrides::default())? {
            Ok(layout) => version::find(seen, &layout, false)?.python,
            Err(why) => match Feature::from_name(candidate.real.file_name()) {
                Some(feature) => {
                    Fact::unknown(say!(feature.folder(), " without its standard library: ", why))
                }
                None => Fact::unknown(why),
            },
        })
    })
}

/// Those that do not start. `started`: the one that does, with its version, which is that of every name of its file.
pub(crate) fn others(
    seen: &Seen,
    candidates: &[Candidate],
    versions: &[Fact<Text>],
    started: Option<(&ImagePath, &Fact<Text>)>,
) -> Result<Vec<OtherInterpreter>, Miss> {
    let own = match started {
        Some((started, version)) => {
            let real = ask::real(seen, started);
            let folder = started.parent().map(|p| ask::real(seen, &p)).transpose();
            match (real?, folder?) {
                (Found::Is(real), Some(Found::Is(folder))) => Some((folder, real, version)),
                _ => None,
            }
        }
        None => None,
    };
    Ok(candidates
        .iter()
        .zip(versions)
        .filter(|(c, _)| own.is_none_or(|(folder, real, _)| c.folder != *folder || c.real != *real))
        .map(|(candidate, version)| OtherInterpreter {
            executable: Text::from(candidate.executable.as_bytes()),
            version: match own {
                Some((_, real, own)) if candidate.real == *real && version.value().is_none() => own.clone(),
                _ => version.clone(),
            },
        })
        .collect())
}
