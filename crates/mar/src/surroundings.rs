//! An image and an archive's facts come in; the world that its handler finds comes out: interpreter, variables, GPU, search path.

use envdiff_files::{ImagePath, Miss};
use envdiff_model::{ImageConfig, Text, TorchVariant, say};

use crate::ending::Found;
use crate::handler::world::{Image, There, World};
use crate::model_config::ModelConfig;
use crate::properties;
use crate::server::{self, Command, Server};
use crate::version::Version;

/// Variables that a container's own program may set before it starts the server are not known; what the image gives is.
pub(crate) fn variables(image: &Image<'_>) -> Option<Vec<(String, String)>> {
    let config = image.config?;
    let mut out: Vec<(String, String)> = Vec::new();
    for (name, value) in &config.env {
        let (Some(name), Some(value)) = (name.as_str(), value.as_str()) else { continue };
        out.retain(|(other, _)| other != name);
        out.push((name.to_owned(), value.to_owned()));
    }
    // What the server adds for every worker (TorchServe, EnvironmentUtils.java).
    for (name, value) in
        [("TS_DECODE_INPUT_REQUEST", "true"), ("TS_IPEX_ENABLE", "false"), ("TS_IPEX_GPU_ENABLE", "false")]
    {
        if !out.iter().any(|(other, _)| other == name) {
            out.push((name.to_owned(), value.to_owned()));
        }
    }
    Some(out)
}

/// Whether torch sees a GPU there: never where it was built without CUDA, else as the machine is said to be.
fn gpu(image: &Image<'_>) -> Option<bool> {
    if let Some(Some(torch)) = image.environment.stack.torch.value()
        && matches!(torch.variant.value(), Some(TorchVariant::Cpu))
    {
        return Some(false);
    }
    let hosts = &image.environment.machine.hosts;
    let without = |host: &envdiff_model::Host| host.gpus.value().is_some_and(Vec::is_empty);
    (!hosts.is_empty() && hosts.iter().all(without)).then_some(false)
}

/// How the server of the image behaves, with `given` in the place of its own configuration; without an image, by the defaults.
///
/// # Errors
/// [`Miss::Pending`].
pub(crate) fn server(
    image: Option<&Image<'_>>,
    given: Option<(&Text, &[u8])>,
    version: Version,
) -> Result<Found<Server>, Miss> {
    let none = ImageConfig::default();
    let config = image.and_then(|image| image.config).unwrap_or(&none);
    let command = Command::of(config);
    if let Some((name, bytes)) = given {
        return Ok(server::read(&name.to_lossy(), &properties::read(bytes), config, &command, version));
    }
    let own = match image {
        Some(image) if image.config.is_some() => properties_of(image, config, &command)?,
        _ => None,
    };
    let (name, bytes) = own.unwrap_or_default();
    Ok(server::read(&name, &properties::read(&bytes), config, &command, version))
}

/// The config.properties that the image's server reads: its name and what it holds.
fn properties_of(
    image: &Image<'_>,
    config: &ImageConfig,
    command: &Command,
) -> Result<Option<(String, Vec<u8>)>, Miss> {
    let named = server::config_path(config, command);
    let workdir = config.workdir.as_str().filter(|path| !path.is_empty()).unwrap_or("/");
    let path = match named.as_str() {
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(path) => format!("{workdir}/{path}"),
        None => return Ok(None),
    };
    let Some(at) = ImagePath::new(&path) else { return Ok(None) };
    match image.seen.parsed(&at, 1 << 20, <[u8]>::to_vec) {
        Ok(bytes) => Ok(Some((path, bytes.to_vec()))),
        Err(Miss::Absent | Miss::Unreadable(_)) => Ok(None),
        Err(miss) => Err(miss),
    }
}

/// The release of TorchServe in the image.
pub(crate) fn torchserve(image: &Image<'_>) -> Option<Version> {
    let found = image.environment.stack.torchserve.value()?.as_ref()?;
    Version::parse(found.version.as_str()?)
}

/// Where a program is found on the image's PATH.
///
/// # Errors
/// [`Miss::Pending`].
pub(crate) fn on_path(world: &World<'_>, image: &Image<'_>, program: &str) -> Result<Option<String>, Miss> {
    let path = image.config.and_then(|config| config.var("PATH")).and_then(Text::as_str).unwrap_or("");
    let mut pending = false;
    for folder in path.split(':').filter(|folder| folder.starts_with('/')) {
        let at = format!("{folder}/{program}");
        match world.there(&at) {
            Ok(There::Absent) => {}
            Ok(_) if !pending => return Ok(Some(at)),
            Ok(_) => {}
            Err(Miss::Pending) => pending = true,
            Err(miss) => return Err(miss),
        }
    }
    if pending { Err(Miss::Pending) } else { Ok(None) }
}

/// Where `ts` lies in the image.
pub(crate) fn home(image: &Image<'_>) -> Option<String> {
    let found = image.environment.stack.torchserve.value()?.as_ref()?;
    found.location.as_str().filter(|path| !path.is_empty()).map(str::to_owned)
}

/// Fills in what the image tells.
pub(crate) fn describe(world: &mut World<'_>, image: &Image<'_>, handler: Option<&str>) {
    if let Some(version) = image.environment.python.value().and_then(Text::as_str) {
        let mut parts = version.split('.').map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u8>().ok()
        });
        if let (Some(Some(major)), Some(Some(minor))) = (parts.next(), parts.next()) {
            world.python = Some((major, minor));
            world.python_full = Some((major, minor, parts.next().flatten().unwrap_or(0)));
        }
    }
    world.variables = variables(image);
    world.gpu = gpu(image);
    if let Some(version) = torchserve(image) {
        world.torchserve = version;
    }
    // `dir/module.py:function` puts `dir` before everything (TorchServe, EnvironmentUtils.java).
    if let Some((file, _)) = handler.and_then(|handler| handler.split_once(':')) {
        let folder = file.rsplit_once('/').map_or(file, |(folder, _)| folder);
        world.before.push(crate::handler::library::paths::absolute(folder));
    }
    let inherited =
        image.config.and_then(|config| config.var("PYTHONPATH")).and_then(Text::as_str).unwrap_or("");
    for part in inherited.split(':').filter(|part| !part.is_empty()) {
        world.before.push(crate::handler::library::paths::absolute(part));
    }
}

/// What torchrun sets for each of its processes, with values that are known at run time alone (PyTorch, "torchrun", Environment
/// Variables).
const OF_TORCHRUN: &[&str] = &[
    "GROUP_RANK",
    "GROUP_WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
    "OMP_NUM_THREADS",
    "RANK",
    "ROLE_NAME",
    "ROLE_RANK",
    "ROLE_WORLD_SIZE",
    "TORCHELASTIC_MAX_RESTARTS",
    "TORCHELASTIC_RESTART_COUNT",
    "TORCHELASTIC_RUN_ID",
    "WORLD_SIZE",
];

/// A worker of several processes is started by torchrun, which tells each of them which one it is (TorchServe,
/// WorkerLifeCycle.java); the first of them is looked at.
pub(crate) fn torchrun(world: &mut World<'_>, config: &ModelConfig) {
    if config.parallel_level <= 0 || config.parallel_type == Some("custom") {
        return;
    }
    world.given = OF_TORCHRUN;
    if let Some(variables) = &mut world.variables {
        variables.retain(|(name, _)| {
            !OF_TORCHRUN.contains(&name.as_str()) && name != "LOCAL_RANK" && name != "LOCAL_WORLD_SIZE"
        });
        variables.push(("LOCAL_RANK".into(), "0".into()));
        variables.push(("LOCAL_WORLD_SIZE".into(), config.parallel_level.to_string()));
        variables.push(("LOGLEVEL".into(), "INFO".into()));
    }
}

/// Asks at once what nearly every handler leads to, so that the conversation is short. What is missing there is found out later.
pub(crate) fn foresee(world: &World<'_>) {
    let Some(image) = world.image else { return };
    let (folders, _) = world.search();
    for folder in &folders {
        let _: Result<_, Miss> = world.list(folder);
    }
    let Some(ts) = home(image) else { return };
    for folder in ["", "/torch_handler", "/utils", "/handler_utils", "/torch_handler/request_envelope"] {
        let _: Result<_, Miss> = world.list(&format!("{ts}{folder}"));
    }
    for file in [
        "/__init__.py",
        "/context.py",
        "/torch_handler/__init__.py",
        "/torch_handler/base_handler.py",
        "/torch_handler/vision_handler.py",
        "/utils/__init__.py",
        "/utils/util.py",
        "/handler_utils/__init__.py",
        "/handler_utils/timer.py",
    ] {
        let _: Result<_, Miss> = world.python_file(&format!("{ts}{file}"));
    }
    let site = ts.rsplit_once('/').map_or("", |(site, _)| site);
    for folder in ["/torch", "/packaging", "/numpy", "/torchvision", "/PIL", "/yaml"] {
        let _: Result<_, Miss> = world.list(&format!("{site}{folder}"));
    }
}

/// The most bytes that are taken of an archive in an image.
const ARCHIVE: u64 = 64 << 20;

/// Whether what the image starts is TorchServe.
#[must_use]
pub fn starts_server(config: Option<&ImageConfig>) -> bool {
    config.is_some_and(|config| Command::of(config).is_torchserve)
}

/// Whether a folder of the image holds something.
fn is_filled(image: &Image<'_>, folder: &str) -> Result<bool, Miss> {
    let Some(at) = ImagePath::new(folder) else { return Ok(false) };
    match image.seen.list(&at) {
        Ok(listing) => Ok(!listing.entries.is_empty()),
        Err(Miss::Pending) => Err(Miss::Pending),
        Err(Miss::Absent | Miss::Unreadable(_)) => Ok(false),
    }
}

/// The archives that the image's server loads at its start.
///
/// # Errors
/// [`Miss::Pending`].
pub(crate) fn served(image: &Image<'_>) -> Result<Vec<crate::follow::Archive>, Miss> {
    let Some(config) = image.config else { return Ok(Vec::new()) };
    let version = torchserve(image).unwrap_or(Version::NEWEST);
    let command = Command::of(config);
    if !command.is_torchserve {
        return Ok(Vec::new());
    }
    let server = server(Some(image), None, version)?.facts;
    let store = command.model_store.or(server.model_store);
    let models: Vec<String> = command
        .models
        .or(server.load_models)
        .map(|list| list.split(',').map(str::to_owned).collect())
        .unwrap_or_default();
    let Some(store) = store else { return Ok(Vec::new()) };
    let names: Vec<String> = if models.iter().any(|name| name.eq_ignore_ascii_case("all")) {
        let Some(folder) = ImagePath::new(&store) else { return Ok(Vec::new()) };
        match image.seen.list(&folder) {
            Ok(listing) => listing
                .entries
                .iter()
                .filter_map(|(name, _)| std::str::from_utf8(name).ok())
                .filter(|name| {
                    name.ends_with(".mar") || (name.ends_with(".tar.gz") && version.since(0, 12, 0))
                })
                .map(str::to_owned)
                .collect(),
            Err(Miss::Pending) => return Err(Miss::Pending),
            Err(_) => Vec::new(),
        }
    } else {
        models
            .iter()
            .map(|model| model.split_once('=').map_or(model.as_str(), |(_, url)| url))
            .filter(|url| !url.contains("://") && !url.is_empty())
            .map(|url| url.rsplit('/').next().unwrap_or(url).to_owned())
            .collect()
    };
    let mut archives = Vec::new();
    let mut pending = false;
    for name in names {
        let path = format!("{store}/{name}");
        let Some(at) = ImagePath::new(&path) else { continue };
        match image.seen.parsed(&at, ARCHIVE, <[u8]>::to_vec) {
            Ok(bytes) => archives.push(crate::follow::Archive::of_image(&path, bytes.to_vec())),
            Err(Miss::Pending) => pending = true,
            // A store that is not in the image, or is empty there, is brought by a mount: nothing of it can be wrong here.
            Err(Miss::Absent) if !is_filled(image, &store)? => {}
            Err(Miss::Absent) => {
                let why = "the server is to load it, and the image does not have it: a mount may bring it";
                archives.push(crate::follow::Archive::unread(&path, why.into()));
            }
            Err(Miss::Unreadable(reason)) => {
                archives.push(crate::follow::Archive::unread(
                    &path,
                    say!("it cannot be read in the image: ", reason.to_string()),
                ));
            }
        }
    }
    if pending { Err(Miss::Pending) } else { Ok(archives) }
}

/// The interpreter that runs the `torchserve` command, by that script's first line, where the interpreter that the container starts
/// is not known or has no TorchServe; else the first `python` on PATH. `None` where what the container starts is right or nothing
/// better is found. Workers are started with the interpreter of the command (TorchServe, `ts/model_server.py`).
///
/// # Errors
/// [`Miss::Pending`].
pub fn interpreter(image: &Image<'_>) -> Result<Option<ImagePath>, Miss> {
    if matches!(image.environment.stack.torchserve.value(), Some(Some(_))) {
        return Ok(None);
    }
    let Some(path) = image.config.and_then(|config| config.var("PATH")).and_then(Text::as_str) else {
        return Ok(None);
    };
    let folders: Vec<&str> = path.split(':').filter(|folder| folder.starts_with('/')).collect();
    let mut pending = false;
    for folder in &folders {
        let Some(script) = ImagePath::new(format!("{folder}/torchserve")) else { continue };
        match image.seen.range(&script, 0, 512) {
            Ok(head) if !pending => return Ok(shebang(&head.content)),
            Ok(_) | Err(Miss::Absent | Miss::Unreadable(_)) => {}
            Err(Miss::Pending) => pending = true,
        }
    }
    if pending {
        return Err(Miss::Pending);
    }
    if image.environment.interpreter.value().is_some() {
        return Ok(None);
    }
    for folder in &folders {
        for name in ["python", "python3"] {
            let Some(program) = ImagePath::new(format!("{folder}/{name}")) else { continue };
            match image.seen.stat(&program) {
                Ok(_) if !pending => return Ok(Some(program)),
                Ok(_) | Err(Miss::Absent | Miss::Unreadable(_)) => {}
                Err(Miss::Pending) => pending = true,
            }
        }
    }
    if pending { Err(Miss::Pending) } else { Ok(None) }
}

/// The interpreter of `#!/path/python`, also of the two lines that pip writes where that is too long.
fn shebang(head: &[u8]) -> Option<ImagePath> {
    let text = String::from_utf8_lossy(head);
    let first = text.lines().next()?.strip_prefix("#!")?.trim();
    let path = if first == "/bin/sh" {
        text.lines()
            .nth(1)?
            .strip_prefix("'''exec' ")?
            .trim_start_matches('"')
            .split(['"', ' '])
            .next()?
            .to_owned()
    } else {
        first.split_whitespace().next()?.to_owned()
    };
    path.contains("python").then(|| ImagePath::new(&path)).flatten()
}
