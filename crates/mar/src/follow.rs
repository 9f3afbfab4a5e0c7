//! Archives, an image and wishes come in; a prediction for each archive comes out. The order of the questions is the one in which
//! TorchServe comes to them: the server's configuration, the archive, its manifest, its configuration, its requirements, the
//! worker, the handler.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use envdiff_files::{Likely, Miss};
use envdiff_model::{
    Environment, Evidence, Fault, Import, Load, Outcome, Prediction, Spot, Stage, Step, Text, Trouble,
    Weight, say,
};

use crate::container::{self, Contents};
use crate::ending::{Ending, Found, How, trouble};
use crate::handler::value::{Place, Raised};
use crate::handler::world::{Image, There, World, shown_path};
use crate::handler::{self, Course};
use crate::manifest;
use crate::model_config::{self, ModelConfig};
use crate::server::Server;
use crate::version::Version;
use crate::{place, requests, requirements, surroundings};

/// What predictions will probably want of an image, for sources that can pass only once.
pub const LIKELY: Likely = Likely {
    names: &["config.properties", "__init__.py"],
    suffixes: &[
        "_handler.py",
        "context.py",
        "util.py",
        "timer.py",
        "_classifier.py",
        "_segmenter.py",
        "_detector.py",
    ],
    ..Likely::NONE
};

/// What the command line adds.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// `--config-properties`: the file's name and what it holds, in the place of the image's own.
    pub properties: Option<(Text, Vec<u8>)>,
    /// `--verify`: read whole what is otherwise sampled.
    pub verify: bool,
}

/// Why an archive cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refuses.
    #[error("{}: the archive cannot be opened", path.display())]
    System {
        /// As it was named.
        path: PathBuf,
        /// What it says.
        #[source]
        error: container::OpenError,
    },
}

/// An archive that can be read.
#[derive(Debug)]
pub struct Archive {
    name: Text,
    inner: container::Archive,
    /// What it holds for the version that was asked first; a conversation with an image asks again in every round.
    unpacked: OnceLock<(Version, bool, Found<Contents>)>,
    /// Why nothing can be told of it: it lies in an image and was not read.
    unread: Option<Text>,
}

impl Archive {
    /// Opens a file or folder.
    ///
    /// # Errors
    /// [`OpenError`]: it is not there, or the system does not let it be read. A damaged one opens, and is predicted to fail.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let inner = container::Archive::open(path)
            .map_err(|error| OpenError::System { path: path.to_owned(), error })?;
        Ok(Self {
            name: path.as_os_str().as_encoded_bytes().into(),
            inner,
            unpacked: OnceLock::new(),
            unread: None,
        })
    }

    /// An archive that lies in an image, by its path there.
    #[must_use]
    pub fn of_image(path: &str, bytes: Vec<u8>) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        Self {
            name: path.into(),
            inner: container::Archive::of_bytes(name, bytes),
            unpacked: OnceLock::new(),
            unread: None,
        }
    }

    /// One that the image's server loads and that cannot be read there; `why` is a clause.
    pub(crate) fn unread(path: &str, why: Text) -> Self {
        Self { unread: Some(why), ..Self::of_image(path, Vec::new()) }
    }

    fn unpack(&self, version: Version, verify: bool) -> Found<Contents> {
        let (of, verified, found) =
            self.unpacked.get_or_init(|| (version, verify, self.inner.unpack(version, verify)));
        if (*of, *verified) == (version, verify) { found.clone() } else { self.inner.unpack(version, verify) }
    }

    /// As it was named.
    #[must_use]
    pub const fn name(&self) -> &Text {
        &self.name
    }
}

/// Predicts for archives that one server is to load; without an image only what they decide by themselves.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub fn predict(archives: &[Archive], image: Option<&Image<'_>>, wishes: &Wishes) -> Result<Vec<Load>, Miss> {
    let version = image.and_then(surroundings::torchserve).unwrap_or(Version::NEWEST);
    let given = wishes.properties.as_ref().map(|(name, bytes)| (name, bytes.as_slice()));
    let server = surroundings::server(image, given, version)?;
    let mut loads = Vec::with_capacity(archives.len());
    let mut pending = false;
    for archive in archives {
        match one(archive, image, wishes, &server, version) {
            Ok(load) => loads.push(load),
            // The others are asked about in the same batch.
            Err(Miss::Pending) => pending = true,
            Err(miss) => return Err(miss),
        }
    }
    if pending {
        return Err(Miss::Pending);
    }
    duplicates(&mut loads);
    Ok(loads)
}

/// Two archives of one name and version: the second to be loaded finds it taken (ConflictStatusException, ModelManager.java).
fn duplicates(loads: &mut [Load]) {
    let key = |load: &Load| {
        let loads = load.register.stage.is_none_or(|stage| stage > Stage::Config)
            || load.at_startup.stage.is_none_or(|stage| stage > Stage::Config);
        (loads && load.model.is_some()).then(|| (load.model.clone(), load.version.clone()))
    };
    let keys: Vec<_> = loads.iter().map(key).collect();
    for at in 0..loads.len() {
        let Some(Some(own)) = keys.get(at) else { continue };
        let Some(before) = keys.iter().take(at).position(|other| other.as_ref() == Some(own)) else {
            continue;
        };
        let first = loads.get(before).map_or_else(Text::new, |load| load.archive.clone());
        let Some(load) = loads.get_mut(at) else { continue };
        let (Some(model), Some(version)) = (&own.0, &own.1) else { continue };
        let mut found = trouble(
            Fault::ArchiveDuplicate,
            Weight::Breaks,
            Stage::Archive,
            say!("it has the name ", model, " and the version ", version, ", as ", first, " has"),
        );
        found.message = say!("Model version ", version, " is already registered for model ", model);
        found.fix = "give one of them another version with --version, or leave one out".into();
        load.troubles.push(found);
        let cause = Some(load.troubles.len() - 1);
        load.at_startup =
            Prediction { outcome: Outcome::ServerFails, stage: Some(Stage::Server), cause, reason: None };
        load.register =
            Prediction { outcome: Outcome::Fails, stage: Some(Stage::Archive), cause, reason: None };
    }
}

/// A load that is being put together.
struct Draft {
    load: Load,
    decided: [Option<Prediction>; 2],
    /// What keeps it from being called ready; the first counts.
    doubt: Option<(Stage, Text)>,
    /// What ends it behind the entry point, each with where its troubles begin.
    late: Vec<(Ending, usize)>,
}

impl Draft {
    /// Takes over what was noticed and what ends it.
    fn take<T>(&mut self, found: Found<T>) -> T {
        let base = self.load.troubles.len();
        self.load.troubles.extend(found.troubles);
        for ending in found.endings {
            self.end(&ending, base);
        }
        found.facts
    }

    fn end(&mut self, ending: &Ending, base: usize) {
        let cause = Some(base + ending.trouble);
        for (way, end) in [ending.at_startup(), ending.register()].into_iter().enumerate() {
            let Some((outcome, stage)) = end else { continue };
            let reason = (outcome == Outcome::Unknown)
                .then(|| cause.and_then(|at| self.load.troubles.get(at)).map(|trouble| trouble.what.clone()))
                .flatten();
            if let Some(slot) = self.decided.get_mut(way)
                && slot.is_none()
            {
                *slot = Some(Prediction { outcome, stage: Some(stage), cause, reason });
            }
        }
    }

    /// What this trouble decides, for both ways that are still open.
    fn fails(&mut self, found: Trouble) {
        let base = self.load.troubles.len();
        let stage = found.stage;
        self.load.troubles.push(found);
        self.end(&Ending { stage, how: How::Dead, trouble: 0 }, base);
    }

    /// What cannot be told: nothing that fails is less sure for it, but nothing is called ready.
    fn doubt(&mut self, stage: Stage, why: Text) {
        self.doubt.get_or_insert((stage, why));
    }

    fn is_decided(&self) -> bool {
        self.decided.iter().all(Option::is_some)
    }

    fn step(&mut self, stage: Stage, what: impl Into<Text>, evidence: Vec<Evidence>) {
        self.load.steps.push(Step { stage, what: what.into(), evidence });
    }

    /// What is still open becomes this.
    fn rest(mut self, outcome: Outcome, stage: Option<Stage>, reason: Option<Text>) -> Load {
        let mut ways = self.decided.map(|decided| {
            decided.unwrap_or_else(|| Prediction { outcome, stage, cause: None, reason: reason.clone() })
        });
        self.load.at_startup = std::mem::take(&mut ways[0]);
        self.load.register = std::mem::take(&mut ways[1]);
        self.load
    }
}

fn one(
    archive: &Archive,
    image: Option<&Image<'_>>,
    wishes: &Wishes,
    server: &Found<Server>,
    version: Version,
) -> Result<Load, Miss> {
    let mut draft = Draft {
        load: Load { archive: archive.name.clone(), ..Load::default() },
        decided: [None, None],
        doubt: None,
        late: Vec::new(),
    };
    if let Some(why) = &archive.unread {
        return Ok(draft.rest(Outcome::Unknown, Some(Stage::Archive), Some(why.clone())));
    }
    let server = draft.take(server.clone());
    draft.step(
        Stage::Server,
        match image.and_then(surroundings::torchserve) {
            Some(version) => say!("TorchServe ", version.to_string(), " of the image"),
            None => "the rules of TorchServe 0.12.0".into(),
        },
        Vec::new(),
    );
    // TorchServe, ModelArchive.java: wherever in the name they stand.
    if archive.inner.name().contains("..") {
        let what = say!("the archive's name `", archive.inner.name(), "` holds two dots in a row");
        let mut found = trouble(Fault::ArchiveName, Weight::Breaks, Stage::Archive, what);
        found.message = say!(
            "org.pytorch.serve.archive.model.ModelNotFoundException: Relative path is not allowed in url: ",
            archive.inner.name()
        );
        let base = draft.load.troubles.len();
        draft.load.troubles.push(found);
        draft.end(&Ending { stage: Stage::Archive, how: How::Skip, trouble: 0 }, base);
        return Ok(draft.rest(Outcome::Unknown, None, None));
    }
    let contents = draft.take(archive.unpack(version, wishes.verify));
    draft.step(Stage::Archive, say!(contents.files().len().to_string(), " files"), Vec::new());
    if draft.is_decided() {
        return Ok(draft.rest(Outcome::Unknown, None, None));
    }
    let manifest = draft.take(manifest::read(&contents, version));
    let found = place::read(archive.inner.name(), &manifest, &server);
    draft.load.model = Some(found.facts.name.as_str().into());
    draft.load.version = Some(found.facts.version.as_str().into());
    if let Some(handler) = &found.facts.handler {
        draft.load.reads.push(("handler", handler.as_str().into()));
    }
    if draft.is_decided() {
        return Ok(draft.rest(Outcome::Unknown, None, None));
    }
    let mut config = model_config::read(&contents, &manifest, version);
    // The worker reads it after it has found the handler's entry point: what dies of it dies behind that (model_loader.py).
    let base = draft.load.troubles.len();
    let late: Vec<Ending> = config.endings.iter().filter(|ending| ending.how == How::Dead).cloned().collect();
    config.endings.retain(|ending| ending.how != How::Dead);
    draft.late = late.into_iter().map(|ending| (ending, base)).collect();
    let config = draft.take(config);
    let environment = image.map(|image| image.environment);
    draft.take(requirements::read(&contents, &manifest, &config, &server, environment, &found.facts.name));
    let place = draft.take(found);
    if draft.is_decided() {
        return Ok(draft.rest(Outcome::Unknown, None, None));
    }
    let Some(handler) = place.handler.clone() else { return Ok(draft.rest(Outcome::Unknown, None, None)) };
    let mut world = World::new(&contents, image);
    world.model = place.name.clone();
    world.manifest = manifest.value.clone();
    world.model_config = config.value.clone();
    world.torchserve = version;
    if let Some(image) = image {
        surroundings::describe(&mut world, image, Some(&handler));
        surroundings::torchrun(&mut world, &config);
        surroundings::foresee(&world);
    }
    if let Some(found) = shadowed(&world)? {
        if found.weight == Weight::Breaks {
            draft.fails(found);
        } else {
            let reason = found.what.clone();
            draft.load.troubles.push(found);
            return Ok(draft.rest(Outcome::Unknown, Some(Stage::Worker), Some(reason)));
        }
        return Ok(draft.rest(Outcome::Unknown, None, None));
    }
    worker(&mut draft, &world)?;
    started(&mut draft, &world, &manifest, &config, &server)?;
    let course = handler::load(&mut world, &handler, server.envelope.as_deref())?;
    let later = requests::troubles(&world, &course.later, &config)?;
    Ok(conclude(draft, &world, &contents, course, later, &config, &server))
}

/// A name that the worker, or what it imports, takes from a module while it starts: without it the worker dies.
#[rustfmt::skip]
const TAKEN: &[(&str, &str)] = &[
    ("argparse", "ArgumentParser"), ("collections", "namedtuple"), ("contextlib", "contextmanager"), ("copyreg", "pickle"),
    ("dataclasses", "dataclass"), ("datetime", "datetime"), ("enum", "Enum"), ("functools", "wraps"), ("heapq", "heappush"),
    ("inspect", "signature"), ("logging", "getLogger"), ("numbers", "Number"), ("numpy", "ndarray"), ("operator", "itemgetter"),
    ("pathlib", "Path"), ("pickle", "Pickler"), ("psutil", "Process"), ("queue", "Queue"), ("random", "Random"),
    ("re", "compile"), ("socket", "socket"), ("string", "Template"), ("struct", "Struct"), ("subprocess", "Popen"),
    ("threading", "Lock"), ("token", "tok_name"), ("torch", "Tensor"), ("types", "ModuleType"), ("typing", "Any"),
    ("warnings", "warn"), ("weakref", "ref"), ("yaml", "safe_load"),
];

/// A file of the archive that stands in front of something that the worker itself imports, and whether it surely breaks it.
fn shadowed(world: &World<'_>) -> Result<Option<Trouble>, Miss> {
    let Some(entries) = world.list(crate::handler::world::MODEL_DIR)? else { return Ok(None) };
    let mut perhaps = None;
    for (entry, is_folder) in &entries {
        let name = if *is_folder { entry.as_str() } else { entry.strip_suffix(".py").unwrap_or("") };
        let file = if *is_folder { format!("{entry}/__init__.py") } else { entry.clone() };
        let frozen = handler::stdlib::is_built_in(name)
            || (handler::stdlib::is_frozen(name) && world.python.is_none_or(|python| python >= (3, 11)));
        if frozen || !handler::stdlib::is_of_worker(name) || !world.contents.is_file(&file) {
            continue;
        }
        let lacks = match TAKEN.iter().find(|(module, _)| *module == name) {
            _ if name == "ts" => (!world.contents.is_file("ts/arg_parser.py")).then_some("arg_parser"),
            Some((_, taken)) => {
                let path = format!("{}/{file}", crate::handler::world::MODEL_DIR);
                match world.python_file(&path)?.as_deref() {
                    Some(Ok(module)) => match envdiff_python::outline::names_bound(module).has(taken) {
                        envdiff_python::outline::Has::No => Some(*taken),
                        _ => None,
                    },
                    Some(Err(refusal)) if refusal.kind.is_certain() => Some(*taken),
                    _ => None,
                }
            }
            None => None,
        };
        let weight = if lacks.is_some() { Weight::Breaks } else { Weight::MayBreak };
        let mut found = trouble(
            Fault::Shadowed,
            weight,
            Stage::Worker,
            say!(
                file.as_str(),
                " of the archive stands in front of the module ",
                name,
                ", which TorchServe's worker imports before it loads anything"
            ),
        );
        if let Some(lacks) = lacks {
            found.message = if name == "ts" {
                "ModuleNotFoundError: No module named 'ts.arg_parser'".into()
            } else {
                say!("AttributeError: module '", name, "' has no attribute '", lacks, "'")
            };
        }
        found.fix = say!("give ", file.as_str(), " another name");
        found.at = Some(Spot { file: file.as_str().into(), line: 1, column: 1, end_column: 1 });
        if lacks.is_some() {
            return Ok(Some(found));
        }
        perhaps.get_or_insert(found);
    }
    Ok(perhaps)
}

/// What the worker itself needs (WRK-10).
fn worker(draft: &mut Draft, world: &World<'_>) -> Result<(), Miss> {
    let Some(image) = world.image else { return Ok(()) };
    let environment: &Environment = image.environment;
    if environment.sys_path.value().is_none() {
        return Ok(());
    }
    let (folders, all) = world.search();
    if !all {
        return Ok(());
    }
    let wanted: &[&str] =
        if world.torchserve.since(0, 6, 1) { &["torch", "yaml", "psutil"] } else { &["torch", "psutil"] };
    for name in wanted {
        let mut found = false;
        let mut unknown = false;
        for folder in &folders {
            match world.list(folder)? {
                Some(entries) => {
                    found |= entries.iter().any(|(entry, _)| {
                        entry == name
                            || entry.strip_suffix(".py") == Some(*name)
                            || (entry.starts_with(&format!("{name}.")) && entry.ends_with(".so"))
                    });
                }
                None => unknown = true,
            }
        }
        if !found && !unknown {
            let mut missing = trouble(
                Fault::Worker,
                Weight::Breaks,
                Stage::Worker,
                say!(
                    "TorchServe's worker imports ",
                    *name,
                    " whatever the handler is, and the image does not have it"
                ),
            );
            missing.message = say!("ModuleNotFoundError: No module named '", *name, "'");
            missing.fix = say!("install ", if *name == "yaml" { "pyyaml" } else { name }, " in the image");
            draft.fails(missing);
            return Ok(());
        }
    }
    Ok(())
}

/// How the worker's process is started (WorkerLifeCycle.java): the interpreter of the runtime, `torchrun`, the file of metrics, Java
/// for the server itself.
fn started(
    draft: &mut Draft,
    world: &World<'_>,
    manifest: &manifest::Manifest,
    config: &ModelConfig,
    server: &Server,
) -> Result<(), Miss> {
    let Some(image) = world.image else { return Ok(()) };
    let breaks = |what: Text, message: &str, fix: &str| {
        let mut found = trouble(Fault::Worker, Weight::Breaks, Stage::Worker, what);
        found.message = message.into();
        found.fix = fix.into();
        found
    };
    if let Some(file) = &server.metrics_config
        && world.torchserve.since(0, 6, 1)
        && file.starts_with('/')
        && world.there(file)? == There::Absent
    {
        draft.fails(breaks(
            say!(
                "metrics_config names ",
                file.as_str(),
                ", which the image does not have: every worker reads it"
            ),
            "MetricsCacheIOError: Error reading file",
            "name a file that is there, or leave metrics_config out",
        ));
    }
    match manifest.runtime {
        manifest::Runtime::Lsp => {
            let home = surroundings::home(image).unwrap_or_default();
            let program = format!("{home}/cpp/bin/model_worker_socket");
            if !home.is_empty() && world.there(&program)? == There::Absent {
                draft.fails(breaks(
                    "the manifest's runtime is LSP, whose worker the image's TorchServe does not bring"
                        .into(),
                    "WorkerInitializationException: model_worker_socket not found",
                    "use the runtime python",
                ));
            }
        }
        manifest::Runtime::Python3 | manifest::Runtime::Python2 => {
            let word = if manifest.runtime == manifest::Runtime::Python3 { "python3" } else { "python2" };
            let found = surroundings::on_path(world, image, word)?;
            let own = image.environment.interpreter.value().and_then(|own| own.executable.as_str());
            let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
            if let Some(found) = found
                && own.and_then(folder) != folder(&found)
            {
                draft.doubt(
                    Stage::Worker,
                    say!(
                        "the runtime ",
                        word,
                        " starts ",
                        found.as_str(),
                        ", another interpreter than the server's"
                    ),
                );
            }
        }
        manifest::Runtime::Python => {}
    }
    let parallel = config.parallel_level > 0 || config.has_torchrun;
    if parallel && config.parallel_type.is_some_and(|kind| kind != "custom") {
        match surroundings::on_path(world, image, "torchrun")? {
            None if image.config.is_some_and(|config| config.var("PATH").is_some()) => draft.fails(breaks(
                "the model is to run in parallel, and torchrun is not on the image's PATH".into(),
                "java.io.IOException: Cannot run program \"torchrun\"",
                "install torch where PATH finds its torchrun",
            )),
            _ => draft.doubt(Stage::Worker, "the worker is started by torchrun on several GPUs".into()),
        }
    }
    if matches!(image.environment.stack.java.value(), Some(None)) {
        let mut found = trouble(
            Fault::Worker,
            Weight::Breaks,
            Stage::Server,
            "TorchServe starts java, and the image has none",
        );
        found.message = "java not found, please make sure JAVA_HOME is set properly.".into();
        found.fix = "install a JRE of version 17 or newer".into();
        let base = draft.load.troubles.len();
        draft.load.troubles.push(found);
        draft.end(&Ending { stage: Stage::Server, how: How::NoServer, trouble: 0 }, base);
    }
    if matches!(image.environment.stack.torchserve.value(), Some(None)) {
        draft.doubt(Stage::Server, "the image has no TorchServe".into());
    }
    Ok(())
}

/// The line of a file, and the place as it is told.
pub(crate) fn placed(world: &World<'_>, place: &Place) -> (Spot, Text) {
    let path = if place.file.starts_with('/') {
        place.file.to_string()
    } else {
        format!("{}/{}", crate::handler::world::MODEL_DIR, place.file)
    };
    let bytes = world.bytes(&path, 4 << 20).ok().flatten().unwrap_or_default();
    let number = usize::try_from(place.at.line).unwrap_or(1);
    let line = String::from_utf8_lossy(&bytes).lines().nth(number.saturating_sub(1)).unwrap_or("").to_owned();
    let spot = Spot {
        file: shown_path(&path).as_str().into(),
        line: number,
        column: usize::try_from(place.at.column).unwrap_or(1),
        end_column: usize::try_from(place.at.end_column).unwrap_or(1),
    };
    (spot, line.as_str().into())
}

/// An error that ends the load, or perhaps ends it, as a trouble.
fn told(world: &World<'_>, stage: Stage, raised: &Raised, weight: Weight) -> Trouble {
    let first = raised.first();
    let message = match (&*first.class, first.message.is_empty()) {
        (class, true) => class.to_owned(),
        (class, false) => format!("{class}: {}", first.message.lines().next().unwrap_or("")),
    };
    let mut what = first.what.as_deref().map_or_else(|| message.clone(), str::to_owned);
    // What stands below the first line names keys and sizes.
    let more: Vec<&str> =
        first.message.lines().skip(1).map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(detail) = more.first() {
        what =
            format!("{what}: {}", detail.chars().take(200).collect::<String>().trim_end_matches(['.', ' ']));
        if more.len() > 1 {
            what = format!("{what}, and {} more", more.len() - 1);
        }
    }
    let what = match &first.condition {
        Some(condition) => format!("{what}; {condition}"),
        None => what,
    };
    let mut found = trouble(first.fault, weight, stage, what.as_str());
    found.message = message.as_str().into();
    if let Some(fix) = &first.fix {
        found.fix = (&**fix).into();
    }
    if let Some(place) = &first.at {
        let (spot, line) = placed(world, place);
        found.at = Some(spot);
        found.line = line;
    }
    found
}

fn conclude(
    mut draft: Draft,
    world: &World<'_>,
    contents: &Contents,
    course: Course,
    later: Vec<Trouble>,
    config: &ModelConfig,
    server: &Server,
) -> Load {
    if let Some(entry) = &course.entry {
        draft.load.reads.push(("entry", entry.as_str().into()));
    }
    for (kind, path) in &course.reads {
        draft.load.reads.push((kind, (&**path).into()));
    }
    for module in &course.imports {
        draft.load.imports.push(Import { module: (&**module).into(), at: None });
    }
    for (stage, what) in &course.steps {
        draft.step(*stage, what.as_str(), Vec::new());
    }
    for (stage, raised) in &course.perhaps {
        let found = told(world, *stage, raised, Weight::MayBreak);
        draft.load.troubles.push(found);
    }
    dangers(&mut draft, world, contents);
    if let Some((stage, raised)) = &course.end
        && (*stage <= Stage::Entry || draft.late.is_empty())
    {
        let found = told(world, *stage, raised, Weight::Breaks);
        draft.fails(found);
        return draft.rest(Outcome::Unknown, None, None);
    }
    for (ending, base) in std::mem::take(&mut draft.late) {
        draft.end(&ending, base);
    }
    if draft.is_decided() {
        return draft.rest(Outcome::Unknown, None, None);
    }
    let limit = if config.is_read() { config.startup_timeout } else { server.startup_timeout };
    if course.slept > f64::from(limit) {
        let mut found = trouble(
            Fault::StartupTimeout,
            Weight::Breaks,
            Stage::Initialize,
            say!(
                "the load sleeps ",
                course.slept.to_string(),
                " s, and the server waits ",
                limit.to_string(),
                " s for it"
            ),
        );
        found.message = "WorkerInitializationException: Backend worker did not respond in given time".into();
        found.fix = "raise startupTimeout in model-config.yaml".into();
        draft.fails(found);
        return draft.rest(Outcome::Unknown, None, None);
    }
    draft.load.troubles.extend(later);
    if let Some((stage, why)) = &course.lost {
        let reason: Text = if world.image.is_none() { Load::ALONE.into() } else { (&**why).into() };
        return draft.rest(Outcome::Unknown, Some(*stage), Some(reason));
    }
    if world.image.is_none() {
        return draft.rest(Outcome::Unknown, None, Some(Load::ALONE.into()));
    }
    if let Some((stage, raised)) = course.perhaps.first() {
        let found = told(world, *stage, raised, Weight::MayBreak);
        return draft.rest(Outcome::Unknown, Some(*stage), Some(found.what));
    }
    if let Some((stage, blind)) = course.blind.first() {
        let mut reason = String::from(&*blind.what);
        if let Some(place) = &blind.at {
            reason = format!("{reason} ({}:{})", place.file, place.at.line);
        }
        return draft.rest(Outcome::Unknown, Some(*stage), Some(reason.as_str().into()));
    }
    if let Some((stage, why)) = draft.doubt.take() {
        return draft.rest(Outcome::Unknown, Some(stage), Some(why));
    }
    draft.step(Stage::Ready, "nothing was found that keeps the worker from becoming ready", Vec::new());
    draft.rest(Outcome::Ready, Some(Stage::Ready), None)
}

/// What would run when the archive's pickles are loaded.
fn dangers(draft: &mut Draft, world: &World<'_>, contents: &Contents) {
    for (path, _) in contents.files() {
        let suffix = path.rsplit('.').next().unwrap_or("");
        if !matches!(
            suffix,
            "pt" | "pth" | "bin" | "pkl" | "pickle" | "joblib" | "ckpt" | "npy" | "npz" | "dat" | "p"
        ) {
            continue;
        }
        let weights = world.weights(&path);
        let Ok(weights) = weights.as_ref() else { continue };
        for danger in weights.dangers() {
            let name =
                if danger.name.is_empty() { "something that is computed".to_owned() } else { danger.name };
            let does = if danger.called { " calls " } else { " imports " };
            let mut found = trouble(
                Fault::PickleRuns,
                Weight::MayBreak,
                Stage::Initialize,
                say!(path.as_str(), does, name.as_str(), " when it is unpickled: ", danger.why),
            );
            found.fix =
                "load it only where its origin is trusted; save a state_dict or safetensors instead".into();
            draft.load.troubles.push(found);
        }
    }
}

/// The archives that the image's own server would load at its start: those of its model store that `load_models` or its
/// command name. One that is not there, or is larger than is taken of an image, is predicted as not known, with that reason.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub fn in_image(image: &Image<'_>) -> Result<Vec<Archive>, Miss> {
    if surroundings::torchserve(image).is_none() {
        return Ok(Vec::new());
    }
    surroundings::served(image)
}
