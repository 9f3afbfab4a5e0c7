//! Questions that will probably come, asked early so that they share a batch with those that must be answered first. What
//! they answer is not looked at here, so a wrong guess costs a question and changes nothing.

use envdiff_files::{ImagePath, Seen};
use envdiff_model::{ImageConfig, Text};

use super::layout::{Feature, is_python_name};
use super::process::DEFAULT_PATH;
use super::program::HEAD;
use super::{others, process, pyvenv, shell, site, version};
use crate::limits::{ACCOUNTS_FILE, PYVENV_CFG, SCRIPT_FILE};

/// The most folders of PATH that are foreseen.
const MOST_FOLDERS: usize = 32;

/// What the start of an image will want: accounts, the folders of PATH, the program itself, the Pythons of PATH.
pub(crate) fn start(seen: &Seen, config: Option<&ImageConfig>) {
    if let Some(passwd) = ImagePath::new("/etc/passwd") {
        drop(seen.parsed(&passwd, ACCOUNTS_FILE, process::accounts));
    }
    drop(others::candidates(seen, None));
    let Some(config) = config else { return };
    let cwd = ImagePath::root().join(config.workdir.as_bytes()).unwrap_or_else(ImagePath::root);
    drop(seen.stat(&cwd));
    drop(seen.list(&cwd.normalised()));
    for shell in ["/bin/sh", "/bin/bash", "/usr/bin/env", "/usr/bin/bash"] {
        program(seen, ImagePath::new(shell));
    }
    let path = config.var("PATH").cloned().unwrap_or_else(|| Text::from(DEFAULT_PATH));
    let first = config.entrypoint.first().or_else(|| config.cmd.first());
    for folder in path.as_bytes().split(|b| *b == b':').take(MOST_FOLDERS) {
        let Some(folder) = cwd.join(folder) else { continue };
        drop(seen.list(&folder));
        for name in [Some(&b"python"[..]), Some(b"python3"), first.map(Text::as_bytes)].into_iter().flatten()
        {
            if !name.contains(&b'/') {
                program(seen, folder.join(name));
            }
        }
    }
    for (index, word) in config.entrypoint.iter().chain(&config.cmd).enumerate().take(16) {
        let bytes = word.as_bytes();
        if !bytes.contains(&b'/') || bytes.contains(&b' ') || bytes.starts_with(b"-") {
            continue;
        }
        let Some(path) = cwd.join(bytes) else { continue };
        program(seen, Some(path.clone()));
        let of_system =
            ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"].iter().any(|d| bytes.starts_with(d.as_bytes()));
        if bytes.ends_with(b".sh") || (index == 0 && !of_system) {
            drop(seen.parsed(&path, SCRIPT_FILE, shell::parse));
        }
    }
}

/// What a program that is about to start will be asked: where it leads, what it is, and for a Python its environment.
pub(crate) fn program(seen: &Seen, path: Option<ImagePath>) {
    if let Some(path) = path {
        if is_python_name(path.file_name()) {
            let bin = path.parent();
            let above = bin.as_ref().and_then(ImagePath::parent);
            for cfg in [bin, above].into_iter().flatten().filter_map(|p| p.join("pyvenv.cfg")) {
                drop(seen.parsed(&cfg, PYVENV_CFG, pyvenv::parse));
            }
        }
        drop(seen.stat(&path));
        drop(seen.link(&path));
        drop(seen.range(&path, 0, HEAD));
    }
}

/// What an interpreter with its library below one of `prefixes` will want: `site.py`, version evidence, site folders.
pub(crate) fn library(seen: &Seen, prefixes: &[ImagePath], libs: &[String], feature: Feature) {
    let folder = feature.folder();
    for prefix in prefixes {
        version::foresee(seen, prefix, &folder);
        for lib in libs {
            let Some(stdlib) = prefix.join(lib).and_then(|p| p.join(&folder)) else { continue };
            drop(seen.list(&stdlib));
            for name in ["lib-dynload", "site-packages", "dist-packages"] {
                if let Some(path) = stdlib.join(name) {
                    drop(seen.list(&path));
                    drop(seen.stat(&path));
                }
            }
            site::foresee(seen, &stdlib);
        }
        let zip = prefix.join("lib").and_then(|p| p.join(feature.zip()));
        let debian = [format!("local/lib/{folder}/dist-packages"), "lib/python3/dist-packages".to_owned()];
        for path in debian.iter().filter_map(|d| prefix.join(d)) {
            drop(seen.list(&path));
            drop(seen.stat(&path));
        }
        if let Some(zip) = zip {
            drop(seen.list(&zip));
        }
    }
}
