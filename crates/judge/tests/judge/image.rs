//! The image of an example comes in; its snapshot comes out, by the same observers that read a real one.

use envdiff_files::{Budget, Literal, Seen, converse};
use envdiff_mar::{Archive, Image, Wishes};
use envdiff_model::{
    Environment, Evidence, Fact, ImageConfig, Load, Machine, Snapshot, Target, TargetKind, Text, Told,
    Verified,
};
use envdiff_observe::{Inputs, environment};

use crate::example::{Example, Python};

/// Derives the snapshot of an example's image.
pub fn snapshot(example: &Example) -> Snapshot {
    let config = config(example);
    let target = Target {
        kind: TargetKind::Dir,
        name: "example".into(),
        id: None,
        platform: Some("linux/amd64".into()),
        gathered_by: "dir",
        layers: None,
        notices: Vec::new(),
    };
    let mut environment = observed(files(example), &config);
    if example.verify {
        environment.verified = Some(verified(files(example), &environment));
    }
    environment.machine = machine(example);
    environment.told = example.told.as_deref().map(told);
    Snapshot { target, config: Some(config), environment }
}

/// What `--driver` and `--gpu` name, for each node where there are some.
fn machine(example: &Example) -> Machine {
    if example.nodes.is_empty() {
        return host(example, example.driver.as_deref(), &example.gpus);
    }
    let hosts = example.nodes.iter().flat_map(|node| {
        let mut hosts = host(example, node.driver.as_deref(), &node.gpus).hosts;
        for host in &mut hosts {
            host.name = Some(node.name.as_str().into());
        }
        hosts
    });
    Machine { hosts: hosts.collect(), ..Machine::default() }
}

/// A driver of Windows stands for what WSL2 itself would tell.
fn host(example: &Example, driver: Option<&str>, gpus: &[String]) -> Machine {
    let on_windows = driver.and_then(|driver| driver.strip_suffix(" wsl"));
    let mut machine = envdiff_observe::machine::named(on_windows.or(driver), gpus)
        .unwrap_or_else(|error| panic!("{}: {error}; {}", example.title, error.help()));
    for host in &mut machine.hosts {
        if let Fact::Known { value: Some(driver), .. } = &mut host.driver {
            driver.wsl = on_windows.is_some();
        }
    }
    machine
}

/// What the interpreter said.
fn told(lines: &str) -> Told {
    let (mut output, mut ended, mut gpus) = (String::new(), None, None);
    for line in lines.lines() {
        match line.split_once(' ') {
            Some(("failed", why)) => ended = Some(Text::from(why)),
            Some(("gpus", asked)) => {
                gpus = Some(Fact::known(Text::from(asked), Evidence::new("--exec-gpus", asked)))
            }
            Some(("no-gpus", why)) => gpus = Some(Fact::unknown(why)),
            _ => output.push_str(&format!("\u{1e}envdiff {line}\n")),
        }
    }
    if ended.is_none() {
        output.insert_str(0, "\u{1e}envdiff {\"question\": \"begin\"}\n");
    }
    let command = vec!["/usr/local/bin/python".into()];
    Told { gpus, ..envdiff_observe::told::read(command, output.as_bytes(), ended.as_ref()) }
}

/// What the observers tell of a file system.
pub fn observed(mut files: Literal, config: &ImageConfig) -> Environment {
    let mut seen = Seen::new();
    let inputs = Inputs { config: Some(config), ..Inputs::default() };
    converse(&mut files, &mut seen, &mut Budget::default(), |seen| environment(seen, &inputs)).unwrap()
}

/// What is predicted for the archives of an example, and whether it was without an image.
pub fn loads(example: &Example, snapshot: &Snapshot) -> Vec<Load> {
    if example.archives.is_empty() {
        return Vec::new();
    }
    let folder = tempfile::tempdir().unwrap();
    for archive in &example.archives {
        crate::archive::write(archive, folder.path());
    }
    let archives: Vec<Archive> = example
        .archives
        .iter()
        .map(|archive| {
            Archive::open(&folder.path().join(&archive.name))
                .unwrap_or_else(|e| panic!("{}: {e}", example.title))
        })
        .collect();
    let properties = example.properties.as_ref();
    let wishes = Wishes {
        properties: properties.map(|text| ("config.properties".into(), text.clone().into_bytes())),
        verify: example.verify,
    };
    let mut loads = if example.has_image {
        let config = snapshot.config.as_ref();
        let (mut files, mut seen) = (files(example), Seen::new());
        converse(&mut files, &mut seen, &mut Budget::default(), |seen| {
            let image = Image { seen, environment: &snapshot.environment, config };
            envdiff_mar::predict(&archives, Some(&image), &wishes)
        })
        .unwrap()
    } else {
        envdiff_mar::predict(&archives, None, &wishes).unwrap()
    };
    // The folder's name is another each time.
    let folder = format!("{}/", folder.path().display());
    for load in &mut loads {
        load.archive = without(&load.archive, &folder);
        for trouble in &mut load.troubles {
            trouble.what = without(&trouble.what, &folder);
            trouble.message = without(&trouble.message, &folder);
            trouble.fix = without(&trouble.fix, &folder);
            for evidence in &mut trouble.evidence {
                evidence.path = without(&evidence.path, &folder);
                evidence.detail = without(&evidence.detail, &folder);
            }
        }
        for prediction in [&mut load.at_startup, &mut load.register] {
            prediction.reason = prediction.reason.as_ref().map(|reason| without(reason, &folder));
        }
    }
    loads
}

fn without(text: &Text, folder: &str) -> Text {
    match text.as_str() {
        Some(known) => known.replace(folder, "").as_str().into(),
        None => text.clone(),
    }
}

/// What `--verify` finds.
fn verified(mut files: Literal, environment: &Environment) -> Fact<Verified> {
    let mut seen = Seen::new();
    let observe = |seen: &Seen| envdiff_observe::verified(seen, environment);
    converse(&mut files, &mut seen, &mut Budget::default(), observe).unwrap()
}

fn config(example: &Example) -> ImageConfig {
    let prefix = example.python.as_ref().map_or("/usr/local", |python| &python.prefix);
    let mut env = vec![("PATH".into(), format!("{prefix}/bin:/usr/bin:/bin").into())];
    env.extend(example.env.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())));
    let program = if example.python.is_some() { "python" } else { "/usr/bin/server" };
    ImageConfig {
        env,
        workdir: "/srv".into(),
        cmd: if example.cmd.is_empty() {
            vec![program.into()]
        } else {
            example.cmd.iter().map(|word| word.as_str().into()).collect()
        },
        os: Some("linux".into()),
        architecture: Some("amd64".into()),
        ..ImageConfig::default()
    }
}

fn files(example: &Example) -> Literal {
    let mut files = Literal::new().folder("/srv").file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    if let Some(python) = &example.python {
        files = interpreter(files, python);
    }
    for (path, content) in &example.files {
        files = files.file(path, content);
    }
    for (path, target) in &example.links {
        files = files.link(path, target);
    }
    files
}

/// As much of an installed CPython as its own start looks for, and the header that tells its version.
fn interpreter(files: Literal, python: &Python) -> Literal {
    /// The head of a 64-bit little-endian program for x86-64.
    const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0";
    let (prefix, feature, library) = (&python.prefix, python.feature(), python.library());
    files
        .file(&format!("{prefix}/bin/python{feature}"), PROGRAM)
        .link(&format!("{prefix}/bin/python3"), &format!("python{feature}"))
        .link(&format!("{prefix}/bin/python"), "python3")
        .file(&format!("{library}/os.py"), "")
        .file(&format!("{library}/lib-dynload/math.so"), "")
        .folder(&python.site())
        .file(
            &format!("{prefix}/include/python{feature}/patchlevel.h"),
            format!("#define PY_VERSION \"{}\"\n", python.version),
        )
}
