//! A page of a check comes in; its examples come out: a small image as a listing of files, locks, and what is found.
//!
//! An example is a fenced block ```` ```envdiff example="fires" ```` (or `"silent"`) with sections:
//!
//! ```text
//! --- image
//! without MODULE                takes the files of a module in site-packages away again
//! torchserve VERSION            TorchServe with what its workers import: torch, yaml, psutil, packaging; Java; comes after `python`
//! python 3.11.7 [at PREFIX]     an interpreter at PREFIX/bin/python (PREFIX is /usr/local), first on PATH
//! package NAME VERSION          a dist-info folder in its site-packages; indented lines are more headers
//! env NAME=VALUE                a variable of the image's configuration
//! cmd PROGRAM ARGUMENT...       what the image starts, in the place of `python`
//! /path or SITE/path            a file; indented lines are its content (for METADATA and PKG-INFO: headers)
//! elf PATH [KEY=VALUE]...       an ELF library for x86-64. Keys, lists with commas: needed=libA.so.1,libB.so soname=libA.so.1
//!                               rpath=DIRS runpath=DIRS needs=libc.so.6:GLIBC_2.28 defines=GLIBC_2.36,GLIBC_2.28 stack=rwx
//!                               machine=aarch64 interpreter=/lib/ld.so; indented lines are texts in its .rodata
//! size PATH BYTES               a file of so many zeros
//! link PATH TARGET              a symbolic link
//! --- machine                   the machine it will run on, as --driver and --gpu name it:
//! driver 535.104.05             or: driver none, driver 551.61 wsl
//! gpu NVIDIA L4                 or: gpu sm_86, gpu none; several lines are several
//! node NAME                     the lines above it are its driver and GPUs; several are the nodes of a cluster
//! --- told                      what the interpreter said under --exec: lines of `observe/src/told/probe.py`, or
//! failed WHY                    it could not be started
//! gpus ASKED                    it was given GPUs; or `no-gpus WHY`: it was to have some, and the engine had none
//! --- verify                    as under --verify
//! --- lock NAME [--record|--demand]
//! the lock's content
//! --- lock-file NAME            a file that a lock includes
//! --- archive NAME [zip|tar.gz|folder|raw]   a model archive (by its suffix; one without is a folder); predicted in the image
//!                               where there is one, else alone. Lines:
//! manifest [KEY=VALUE]...       MAR-INF/MANIFEST.json with these keys of `model` beside modelName=model, handler=handler.py and
//!                               modelVersion=1.0 (KEY= leaves one out), and runtime=
//! PATH                          an entry (`\xff` in it is that byte); indented lines are its content
//! base64 PATH                   an entry of the bytes that the indented lines encode
//! zip PATH                      a zip in the archive, such as torch's weights; indented are its own lines
//! safetensors PATH BYTES        the indented header, and so many zeros behind it
//! size PATH BYTES               so many zeros
//! hidden PATH                   an entry that the zip's directory does not tell
//! bzip2 PATH                    one that says to be compressed by bzip2
//! wrong-checksum PATH           one whose checksum is another
//! cut BYTES                     so many bytes are missing at the archive's end
//! --- properties                config.properties, as --config-properties gives it
//! --- finds
//! severity check subject        every finding of the page's own check
//! ```

use std::collections::BTreeMap;

use envdiff_files::made::{Made, elf};

use crate::archive::{Archive, archive};

/// An example of a page.
#[derive(Debug, Default)]
pub struct Example {
    /// `page/2`
    pub title: String,
    pub fires: bool,
    pub python: Option<Python>,
    pub env: Vec<(String, String)>,
    /// `CMD`; empty for the usual one.
    pub cmd: Vec<String>,
    /// Content by absolute path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Targets by absolute path.
    pub links: BTreeMap<String, String>,
    /// `--driver`
    pub driver: Option<String>,
    /// `--gpu`
    pub gpus: Vec<String>,
    /// `--node`
    pub nodes: Vec<Node>,
    /// `--exec`
    pub told: Option<String>,
    /// `--verify`
    pub verify: bool,
    pub locks: Vec<Lock>,
    pub lock_files: BTreeMap<String, String>,
    pub archives: Vec<Archive>,
    /// `--config-properties`
    pub properties: Option<String>,
    /// There is an `image` section.
    pub has_image: bool,
    pub finds: Vec<String>,
}

/// A node of a cluster.
#[derive(Debug)]
pub struct Node {
    pub name: String,
    pub driver: Option<String>,
    pub gpus: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Python {
    pub version: String,
    pub prefix: String,
}

impl Python {
    pub fn feature(&self) -> String {
        let mut parts = self.version.split('.');
        format!("{}.{}", parts.next().unwrap(), parts.next().unwrap())
    }
    pub fn library(&self) -> String {
        format!("{}/lib/python{}", self.prefix, self.feature())
    }
    pub fn site(&self) -> String {
        format!("{}/site-packages", self.library())
    }
}

#[derive(Debug)]
pub struct Lock {
    pub name: String,
    pub option: Option<String>,
    pub content: String,
}

/// All examples of a page, in its order.
pub fn examples(id: &str, page: &str) -> Vec<Example> {
    let mut out = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```envdiff example=\"") else { continue };
        let kind = info.trim_end_matches('"');
        assert!(matches!(kind, "fires" | "silent"), "{id}: an example fires or is silent, not {kind:?}");
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let title = format!("{id}/{}", out.len() + 1);
        out.push(example(title, kind == "fires", &body));
    }
    out
}

fn example(title: String, fires: bool, body: &[&str]) -> Example {
    let mut example = Example { title, fires, ..Example::default() };
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in body {
        match line.strip_prefix("--- ") {
            Some(head) => sections.push((head, Vec::new())),
            None => {
                sections.last_mut().unwrap_or_else(|| panic!("{}: no section", example.title)).1.push(line)
            }
        }
    }
    for (head, lines) in sections {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        match head.split_whitespace().collect::<Vec<_>>()[..] {
            ["image"] => {
                example.has_image = true;
                image(&mut example, &lines);
            }
            ["archive", ref words @ ..] => example.archives.push(archive(&example.title, words, &lines)),
            ["properties"] => example.properties = Some(text),
            ["machine"] => machine(&mut example, &lines),
            ["told"] => example.told = Some(text),
            ["verify"] => example.verify = true,
            ["lock", name] => example.locks.push(Lock { name: name.into(), option: None, content: text }),
            ["lock", name, option] => {
                example.locks.push(Lock { name: name.into(), option: Some(option.into()), content: text });
            }
            ["lock-file", name] => {
                example.lock_files.insert(name.into(), text);
            }
            ["finds"] => example.finds = lines.iter().map(|line| (*line).to_owned()).collect(),
            _ => panic!("{}: no section is called {head:?}", example.title),
        }
    }
    example
}

fn image(example: &mut Example, lines: &[&str]) {
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        let mut content = String::new();
        while let Some(more) = lines.get(at).and_then(|line| line.strip_prefix("  ")) {
            content.push_str(more);
            content.push('\n');
            at += 1;
        }
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["python", version] => {
                example.python = Some(Python { version: version.into(), prefix: "/usr/local".into() });
            }
            ["python", version, "at", prefix] => {
                example.python = Some(Python { version: version.into(), prefix: prefix.into() });
            }
            ["package", name, version] => {
                let folder = name.replace(['-', '.'], "_");
                let site = example.python.as_ref().expect("python comes before package").site();
                let metadata =
                    format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{content}\n");
                example
                    .files
                    .insert(format!("{site}/{folder}-{version}.dist-info/METADATA"), metadata.into_bytes());
                example
                    .files
                    .insert(format!("{site}/{folder}-{version}.dist-info/INSTALLER"), b"pip\n".to_vec());
            }
            ["without", module] => {
                let folder = absolute(example, &format!("SITE/{module}/"));
                example.files.retain(|path, _| !path.starts_with(&folder));
            }
            ["torchserve", version] => crate::torchserve::install(example, version),
            ["env", ..] => {
                let pair = line.strip_prefix("env ").expect("env NAME=VALUE");
                let (name, value) = pair.split_once('=').expect("env NAME=VALUE");
                example.env.push((name.into(), value.into()));
            }
            ["cmd", ref words @ ..] => example.cmd = words.iter().map(|word| (*word).to_owned()).collect(),
            ["elf", path, ref keys @ ..] => {
                let path = absolute(example, path);
                example.files.insert(path, elf(keys, &content));
            }
            ["size", path, bytes] => {
                let path = absolute(example, path);
                example.files.insert(path, vec![0; bytes.parse().expect("size PATH BYTES")]);
            }
            ["link", path, target] => {
                let path = absolute(example, path);
                example.links.insert(path, target.into());
            }
            _ => {
                let path = absolute(example, line);
                example.files.insert(path, content.into_bytes());
            }
        }
    }
}

/// A path as an example writes it.
fn absolute(example: &Example, written: &str) -> String {
    let path = match written.strip_prefix("SITE/") {
        Some(rest) => {
            format!("{}/{rest}", example.python.as_ref().expect("python comes before SITE").site())
        }
        None => written.to_owned(),
    };
    assert!(path.starts_with('/'), "{}: what is {written:?}?", example.title);
    path
}

fn machine(example: &mut Example, lines: &[&str]) {
    for line in lines {
        match line.split_once(' ') {
            Some(("driver", version)) => example.driver = Some(version.to_owned()),
            Some(("gpu", name)) => example.gpus.push(name.to_owned()),
            Some(("node", name)) => {
                let (driver, gpus) = (example.driver.take(), std::mem::take(&mut example.gpus));
                example.nodes.push(Node { name: name.to_owned(), driver, gpus });
            }
            _ => panic!("{}: a machine has driver, gpu and node, not {line:?}", example.title),
        }
    }
}

/// The bytes of an ELF library with these keys.
fn elf(keys: &[&str], texts: &str) -> Vec<u8> {
    fn keep(text: &str) -> &'static str {
        Box::leak(text.to_owned().into_boxed_str())
    }
    let mut made = Made { needs: vec![], texts: vec![], definitions: vec![], ..Made::library() };
    made.rodata = texts.bytes().map(|byte| if byte == b'\n' { 0 } else { byte }).collect();
    for key in keys {
        let (key, value) = key.split_once('=').expect("elf PATH KEY=VALUE");
        match key {
            "needed" => made.texts.extend(value.split(',').map(|name| (elf::DT_NEEDED, keep(name)))),
            "soname" => made.texts.push((elf::DT_SONAME, keep(value))),
            "rpath" => made.texts.push((elf::DT_RPATH, keep(value))),
            "runpath" => made.texts.push((elf::DT_RUNPATH, keep(value))),
            "defines" => {
                made.definitions.push("itself");
                made.definitions.extend(value.split(',').map(keep));
            }
            "needs" => {
                for need in value.split(',') {
                    let (library, version) = need.split_once(':').expect("needs=LIBRARY:VERSION");
                    match made.needs.iter_mut().find(|(name, _)| *name == library) {
                        Some((_, versions)) => versions.push((keep(version), false)),
                        None => made.needs.push((keep(library), vec![(keep(version), false)])),
                    }
                }
            }
            "stack" => made.executable_stack = Some(value == "rwx"),
            "machine" => {
                made.machine = match value {
                    "aarch64" => elf::EM_AARCH64,
                    "x86_64" => elf::EM_X86_64,
                    other => panic!("no machine {other}"),
                }
            }
            "interpreter" => made.interpreter = Some(keep(value)),
            other => panic!("an ELF file has no key {other}"),
        }
    }
    made.bytes()
}
