//! Any bytes come in; nothing comes out, and nothing panics: the entry points of the fuzz targets.

use envdiff_files::{Budget, Literal, Seen, converse};
use envdiff_model::{ImageConfig, Text};

use crate::installed::record;
use crate::native::{cache, conf};
use crate::python::{conda, direct_url, metadata, process, program, pth, pyvenv, shell, site, version};
use crate::{Inputs, cuda, environment, machine};

/// METADATA, PKG-INFO, `requires.txt`.
pub fn metadata(bytes: &[u8]) {
    if let Ok(headers) = metadata::parse(bytes) {
        for name in ["Name", "Version", "Requires-Dist"] {
            drop((headers.first(name, true), headers.first(name, false)));
        }
    }
    drop((metadata::requires_of_egg(bytes), metadata::tags(bytes)));
}

/// RECORD.
pub fn record(bytes: &[u8]) {
    let record = record::parse(bytes);
    assert!(record.entries.iter().all(|entry| record.get(&entry.path).is_some()));
}

/// `.pth` files as both generations of Python read them.
pub fn pth(bytes: &[u8]) {
    drop((pth::parse_text_mode(bytes), pth::parse_splitlines(bytes)));
}

/// `direct_url.json`.
pub fn direct_url(bytes: &[u8]) {
    drop(direct_url::parse(bytes));
}

/// Records of `conda-meta`.
pub fn conda_meta(bytes: &[u8]) {
    drop(conda::parse(bytes));
}

/// The small files of an interpreter and of the system: `pyvenv.cfg`, `patchlevel.h`, databases of packages, accounts,
/// versions of CUDA.
pub fn small_files(bytes: &[u8]) {
    drop((pyvenv::parse(bytes), version::patchlevel(bytes), version::build_details(bytes)));
    drop((version::dpkg(bytes), version::apk(bytes), process::accounts(bytes)));
    drop((program::kind(bytes), shell::parse(bytes)));
    let _: site::SiteRules = site::rules(bytes);
    cuda::fuzz(bytes);
}

/// A list of nodes, and the table that nvidia-smi prints.
pub fn machine(bytes: &[u8]) {
    drop(machine::nodes(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(machine::parse_smi(text));
        drop(machine::named(Some(text), &[text.to_owned()]));
        drop(machine::named(None, &[text.to_owned()]));
    }
}

/// `version.py` of torch and its companions, and the `release` file of a Java.
pub fn versions_of_builds(bytes: &[u8]) {
    drop((crate::torch::version::parse(bytes), crate::java::version(bytes)));
}

/// What an image's interpreter printed when it was asked.
pub fn told(bytes: &[u8]) {
    drop(crate::told::read(Vec::new(), bytes, None));
    // Most inputs lack the frame, and the JSON in it is what is read.
    let begun = b"\x1eenvdiff {\"question\":\"begin\"}\n\x1eenvdiff ";
    drop(crate::told::read(Vec::new(), &[begun, bytes].concat(), None));
}

/// What tells the dynamic loader where libraries lie.
pub fn loader(bytes: &[u8]) {
    drop((cache::parse(bytes), conf::parse(bytes)));
}

/// A start script, followed in a small image; the same bytes lie where other files are read.
pub fn start_script(bytes: &[u8]) {
    let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";
    let script = [b"#!/bin/sh\n", bytes].concat();
    let mut image = Literal::new()
        .file("/bin/sh", elf)
        .file("/bin/env", elf)
        .file("/usr/bin/python3.11", [&elf[..], bytes].concat())
        .link("/usr/bin/python3", "python3.11")
        .file("/usr/lib/python3.11/os.py", "")
        .file("/usr/lib/python3.11/site.py", bytes)
        .file("/usr/lib/python3.11/site-packages/a.pth", bytes)
        .file("/usr/lib/python3.11/site-packages/x-1.0.dist-info/METADATA", bytes)
        .file("/usr/lib/python3.11/site-packages/y.egg-info", bytes)
        .file("/lib.sh", bytes)
        .file("/entry.sh", script);
    let config = ImageConfig {
        env: vec![(Text::from("PATH"), Text::from("/usr/bin:/bin"))],
        entrypoint: vec![Text::from("/entry.sh")],
        cmd: vec![Text::from("serve"), Text::from(bytes)],
        ..ImageConfig::default()
    };
    let inputs = Inputs { config: Some(&config), interpreter: None };
    drop(converse(&mut image, &mut Seen::new(), &mut Budget::default(), |seen| environment(seen, &inputs)));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]

    /// Pieces of valid files in random order, with random bytes changed: a minute's stand-in for the fuzz targets.
    #[test]
    fn nothing_panics() {
        let pieces: &[&[u8]] = &[
            b"exec \"$@\"\n",
            b"if [ \"$1\" = a ]; then\n",
            b"fi\n",
            b"case \"$1\" in\n",
            b"*)",
            b";;",
            b"esac\n",
            b"$(",
            b"`",
            b"${a:-",
            b"}",
            b"'",
            b"\"",
            b"\\",
            b"\n",
            b" ",
            b"f() {",
            b"for i in a; do\n",
            b"done\n",
            b"exec python3\n",
            b"<<EOF\n",
            b"EOF\n",
            b"source /lib.sh\n",
            b"eval \"$1\"\n",
            b"f\n",
            b"Name: x\n",
            b"Version:\n 1\n",
            b"import sys; sys.path.insert(0, '/x')\n",
            b"import site; site.addsitedir('/usr/lib/python3.11/site-packages')\n",
            b"/usr/lib\n",
            b"\xff",
            b"\r",
            b"[[ a == b* && ",
            b"]]\n",
            b"${@:2}",
            b"${x##*/}",
            b"$((",
            b"))",
            b"&",
            b"|",
            b"{\"url\": \"x\", ",
            b"3.11.2\0",
            b"glibc-ld.so.cache1.1",
            b"ld.so-1.7.0\0\x01\0\0\0",
            b"include /etc/*.conf\n",
            b"set -- ",
            b"[!a-",
            b"exec -a\n",
            b"shift 9\n",
            b"{\"kind\": \"List\", \"items\": [",
            b"{\"kind\": \"Node\", \"metadata\": {\"name\": \"a\", \"labels\": {",
            b"\"nvidia.com/gpu.product\": \"Tesla-T4\"}}}",
            b"]}",
            b"535.104.05, Tesla T4, 7.5\n",
            b"NVIDIA A100",
            b"\x1eenvdiff {\"question\":\"torch\",\"answer\":",
            b"\n\x1eenvdiff {\"question\":\"gpus\",\"answer\":{\"gpus\":[[",
            b"]]}}\n",
            b"a.py,sha256=aa,1\n",
            b"\"a, \"\"b\",\r\n",
            b"Tag: py3-none-any\n",
        ];
        let mut state = 7_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap_or(0) % below
        };
        let rounds = if std::env::var_os("ENVDIFF_LONG").is_some() { 200_000 } else { 1_500 };
        for _ in 0..rounds {
            let mut bytes: Vec<u8> = Vec::new();
            for _ in 0..next(14) {
                bytes.extend_from_slice(pieces[next(pieces.len())]);
            }
            if !bytes.is_empty() && next(3) == 0 {
                let at = next(bytes.len());
                bytes[at] = u8::try_from(next(256)).unwrap_or(0);
            }
            super::metadata(&bytes);
            super::pth(&bytes);
            super::record(&bytes);
            super::direct_url(&bytes);
            super::conda_meta(&bytes);
            super::small_files(&bytes);
            super::versions_of_builds(&bytes);
            super::machine(&bytes);
            super::told(&bytes);
            super::loader(&bytes);
            super::start_script(&bytes);
        }
    }
}
