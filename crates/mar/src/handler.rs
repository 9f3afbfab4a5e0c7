//! A handler and the world around it come in; where its load ends comes out: imported, its entry point found, initialized, or the
//! error on the way. The order is the one of TorchServe's `ts/model_loader.py`.

pub(crate) mod builtins;
pub(crate) mod call;
pub(crate) mod errors;
pub(crate) mod escape;
pub(crate) mod eval;
pub(crate) mod later;
pub(crate) mod layers;
pub(crate) mod library;
pub(crate) mod modules;
pub(crate) mod names;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod stdlib;
pub(crate) mod value;
pub(crate) mod world;

use std::rc::Rc;

use envdiff_files::Miss;
use envdiff_model::{Fault, Stage};

use modules::Finding;
use run::{Blind, Run, Stop};
use state::{Instance, Names, Object, Origin};
use value::{Id, Raised, Str, Value};
use world::World;

/// How the load of a handler goes.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// The error that ends it, and at which stage.
    pub(crate) end: Option<(Stage, Raised)>,
    /// Errors that perhaps end it.
    pub(crate) perhaps: Vec<(Stage, Raised)>,
    /// What cannot be judged.
    pub(crate) blind: Vec<(Stage, Blind)>,
    /// Where it could not be followed any further; a clause.
    pub(crate) lost: Option<(Stage, Str)>,
    /// What it reads.
    pub(crate) reads: Vec<(&'static str, Str)>,
    /// The packages that it imports.
    pub(crate) imports: Vec<Str>,
    /// The entry point's name.
    pub(crate) entry: Option<String>,
    /// The file that the handler's module lies in.
    pub(crate) file: Option<Str>,
    /// Seconds slept.
    pub(crate) slept: f64,
    /// What is needed only when requests come.
    pub(crate) later: Vec<later::Later>,
    /// What was decided, stage by stage.
    pub(crate) steps: Vec<(Stage, String)>,
}

/// What the loader does where it is not known whether torch sees a GPU: both are followed, and what only one of them does is
/// perhaps.
///
/// # Errors
/// [`Miss::Pending`] while the image must be asked.
pub(crate) fn load(world: &mut World<'_>, handler: &str, envelope: Option<&str>) -> Result<Course, Miss> {
    if world.gpu.is_some() {
        return load_on(world, handler, envelope);
    }
    world.gpu = Some(true);
    let with = load_on(world, handler, envelope);
    world.gpu = Some(false);
    let without = load_on(world, handler, envelope);
    world.gpu = None;
    // Only now, so that what both ask is asked at once.
    Ok(either(with?, without?))
}

/// What holds on a machine that has a GPU or has none.
fn either(with: Course, mut without: Course) -> Course {
    let only = |mut found: (Stage, Raised), condition: &str| {
        found.1.condition.get_or_insert_with(|| Rc::from(condition));
        found
    };
    let lifted = "a GPU that torch can use lifts it";
    let caused = "it happens only where torch sees a GPU";
    let mut perhaps: Vec<(Stage, Raised)> = Vec::new();
    match (with.end, without.end.take()) {
        // It fails on either: the cause is what no GPU lifts.
        (Some(end), Some(other)) => {
            if other.0 != end.0 || other.1.at != end.1.at {
                perhaps.push(only(other, lifted));
            }
            without.end = Some(end);
        }
        (None, Some(end)) => perhaps.push(only(end, lifted)),
        (Some(end), None) => perhaps.push(only(end, caused)),
        (None, None) => {}
    }
    let shared = |found: &(Stage, Raised)| with.perhaps.contains(found);
    let (both, alone): (Vec<_>, Vec<_>) = std::mem::take(&mut without.perhaps).into_iter().partition(shared);
    perhaps.extend(alone.into_iter().map(|found| only(found, lifted)));
    let new = with.perhaps.into_iter().filter(|found| !both.contains(found));
    perhaps.extend(new.map(|found| only(found, caused)));
    perhaps.extend(both);
    without.perhaps = perhaps;
    for blind in with.blind {
        if !without.blind.contains(&blind) {
            without.blind.push(blind);
        }
    }
    for later in with.later {
        if !without.later.contains(&later) {
            without.later.push(later);
        }
    }
    for read in with.reads {
        if !without.reads.contains(&read) {
            without.reads.push(read);
        }
    }
    let imports: std::collections::BTreeSet<Str> = with.imports.into_iter().chain(without.imports).collect();
    without.imports = imports.into_iter().collect();
    without.lost = without.lost.or(with.lost);
    without.slept = without.slept.min(with.slept);
    without
}

/// What the loader does with a handler's text.
///
/// # Errors
/// [`Miss::Pending`] while the image must be asked.
fn load_on(world: &World<'_>, handler: &str, envelope: Option<&str>) -> Result<Course, Miss> {
    let mut run = Run::new(world);
    let mut course = Course::default();
    world.is_initialising.set(false);
    match follow(&mut run, &mut course, handler, envelope) {
        Ok(()) => {}
        Err((stage, stop)) => match stop {
            Stop::Raise(raised) => course.end = Some((stage, *raised)),
            Stop::Lost(why) => course.lost = Some((stage, why)),
            Stop::Miss(Miss::Pending) => return Err(Miss::Pending),
            Stop::Miss(_) => course.lost = Some((stage, Rc::from("a file of the image cannot be read"))),
        },
    }
    if run.pending {
        return Err(Miss::Pending);
    }
    course.reads = run.reads;
    course.imports = run.imports.into_iter().collect();
    course.slept = run.state.slept;
    course.later = run.later;
    Ok(course)
}

type Step<T> = Result<T, (Stage, Stop)>;

/// What came up since is of this stage.
fn settle(run: &mut Run<'_>, course: &mut Course, stage: Stage) {
    course.perhaps.extend(run.perhaps.drain(..).map(|raised| (stage, raised)));
    course.blind.extend(run.blind.drain(..).map(|blind| (stage, blind)));
}

fn follow(run: &mut Run<'_>, course: &mut Course, handler: &str, envelope: Option<&str>) -> Step<()> {
    let (file, function) = match handler.split_once(':') {
        Some((file, function)) => (file, Some(function)),
        None => (handler, None),
    };
    let name = file.strip_suffix(".py").unwrap_or(file);
    let name = name.rsplit('/').next().unwrap_or(name);
    let imported = import(run, course, name, handler);
    settle(run, course, Stage::Import);
    if run.pending {
        return Err((Stage::Import, Stop::Miss(Miss::Pending)));
    }
    let module = imported.map_err(|stop| (Stage::Import, stop))?;
    let Value::Module(id) = module else {
        return Err((Stage::Import, Stop::Lost(Rc::from("the handler's module cannot be followed"))));
    };
    let found = run.state.module(id).cloned();
    let Some(found) = found else { return Ok(()) };
    course.file = Some(found.file.clone());
    course.steps.push((Stage::Import, format!("the module {} is imported from {}", found.name, found.file)));
    let wanted = function.unwrap_or("handle");
    let Some(scope) = found.scope.and_then(|scope| run.state.scope(scope)).cloned() else {
        if found.file.ends_with(".pyc") && byte_code_names(run, &found.file, wanted) {
            // What it does is not read, that it is there is.
            course.entry = Some(wanted.to_owned());
            course.steps.push((Stage::Entry, format!("{wanted} stands in the byte code of {}", found.file)));
            return Ok(());
        }
        return Err((
            Stage::Entry,
            Stop::Lost(Rc::from("the handler's module is compiled, and what it defines cannot be read")),
        ));
    };
    let entry = scope.names.get(wanted).cloned();
    let entry = match entry {
        None if scope.is_open || scope.names.contains_key("__getattr__") => {
            return Err((
                Stage::Entry,
                Stop::Lost(Rc::from("which names the handler's module has cannot be told")),
            ));
        }
        other => other,
    };
    match entry {
        Some(entry) => {
            course.entry = Some(wanted.to_owned());
            course
                .steps
                .push((Stage::Entry, format!("{wanted} is the entry point, called once with no data")));
            check_envelope(run, envelope).map_err(|stop| (Stage::Entry, stop))?;
            settle(run, course, Stage::Entry);
            run.world.is_initialising.set(true);
            let result = call_entry(run, &entry, &found.file);
            later::requests(run, &entry);
            settle(run, course, Stage::Initialize);
            result.map_err(|stop| (Stage::Initialize, stop))
        }
        None => {
            let class =
                the_class(run, &scope.names, &found.name, function).map_err(|stop| (Stage::Entry, stop))?;
            let class_name = run.state.class(class).map_or_else(String::new, |class| class.name.to_string());
            course.entry = Some(class_name.clone());
            course.steps.push((Stage::Entry, format!("{class_name} is the one class of the module")));
            let made = make(run, class);
            settle(run, course, Stage::Entry);
            let (object, initialize) = made.map_err(|stop| (Stage::Entry, stop))?;
            check_envelope(run, envelope).map_err(|stop| (Stage::Entry, stop))?;
            settle(run, course, Stage::Entry);
            run.world.is_initialising.set(true);
            let result = call_initialize(run, &object, &initialize);
            later::requests(run, &object);
            settle(run, course, Stage::Initialize);
            result.map_err(|stop| (Stage::Initialize, stop))
        }
    }
}

/// Imports the handler's module, else the stock handler of that name.
fn import(run: &mut Run<'_>, course: &mut Course, name: &str, handler: &str) -> Result<Value, Stop> {
    let first = match run.import_module(name) {
        Ok(module) => return Ok(module),
        Err(Stop::Raise(raised)) => *raised,
        Err(stop) => return Err(stop),
    };
    if !errors::is_subclass(&first.class, "ImportError") {
        return Err(Stop::Raise(Box::new(first)));
    }
    let is_missing = &*first.message == format!("No module named '{name}'").as_str()
        || first.message.starts_with(&format!("No module named '{name}';"));
    run.perhaps.clear();
    // TorchServe answers any ImportError by looking for a stock handler of the whole text.
    let stock = format!("ts.torch_handler.{handler}");
    if run.world.image.is_none() {
        if is_missing && is_stock(handler) {
            course.steps.push((Stage::Import, format!("{handler} is one of TorchServe's own handlers")));
            return Err(Stop::Lost(Rc::from("the handler is TorchServe's own, and no image was given")));
        }
    } else if !handler.is_empty()
        && stock.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    {
        match run.find_stock(&stock)? {
            Finding::Absent => {}
            Finding::Unknown => {
                return Err(Stop::Lost(Rc::from(
                    "whether it is one of TorchServe's own handlers cannot be told",
                )));
            }
            _ => {
                return match run.import_module(&stock) {
                    Ok(module) => Ok(module),
                    // Here the last error is the cause.
                    Err(Stop::Raise(second)) => Err(Stop::Raise(second)),
                    Err(stop) => Err(stop),
                };
            }
        }
    }
    let mut first = first;
    if is_missing {
        first.fault = Fault::HandlerNotFound;
        first.at = None;
        explain_handler(run, &mut first, name, handler);
    }
    Err(Stop::Raise(Box::new(first)))
}

/// TorchServe's own handlers (0.4 to 0.12).
const STOCK: &[&str] = &[
    "base_handler",
    "dali_handler",
    "dali_image_classifier",
    "densenet_handler",
    "image_classifier",
    "image_segmenter",
    "object_detector",
    "text_classifier",
    "text_handler",
    "trt_llm_handler",
    "vision_handler",
    "vllm_handler",
];

fn is_stock(handler: &str) -> bool {
    STOCK.contains(&handler)
}

fn explain_handler(run: &Run<'_>, raised: &mut Raised, name: &str, handler: &str) {
    let files = run.world.contents.files();
    raised.what = Some(Rc::from(format!(
        "the manifest names the handler {handler}, and the archive has no {name}.py at its root"
    )));
    let file = format!("{name}.py");
    let below = files.iter().find(|(path, _)| path.ends_with(&format!("/{file}")));
    let near = files
        .iter()
        .filter(|(path, _)| !path.contains('/') && path.ends_with(".py"))
        .map(|(path, _)| (strsim::normalized_damerau_levenshtein(path, &file), path.as_str()))
        .chain(STOCK.iter().map(|stock| (strsim::normalized_damerau_levenshtein(stock, handler), *stock)))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    raised.fix = Some(Rc::from(match (below, near) {
        (Some((path, _)), _) => format!(
            "the archive has it as {path}: put it at the root, or name a function behind a colon ({path}:handle), which puts its folder on the path"
        ),
        (None, Some((_, near))) => format!("is {near} meant?"),
        (None, None) => format!("pack {file} as the handler"),
    }));
}

/// Whether a function's name stands in byte code.
fn byte_code_names(run: &Run<'_>, file: &str, name: &str) -> bool {
    let Ok(bytes) = run.world.contents.read(file, 16 << 20) else { return false };
    memchr::memmem::find(&bytes, name.as_bytes()).is_some()
}

/// The one class that the module itself defines.
fn the_class(run: &mut Run<'_>, names: &Names, module: &str, function: Option<&str>) -> Result<Id, Stop> {
    let mut classes = Vec::new();
    let mut unknown = false;
    for value in names.values() {
        match value {
            Value::Class(id) if run.state.class(*id).is_some_and(|class| &*class.module == module) => {
                classes.push(*id);
            }
            Value::Unknown => unknown = true,
            _ => {}
        }
    }
    if let [one] = classes.as_slice() {
        return Ok(*one);
    }
    if classes.is_empty() && unknown {
        return Err(Stop::Lost(Rc::from("whether the handler's module defines a class cannot be told")));
    }
    let shown: Vec<String> = classes.iter().filter_map(|id| run.repr(&Value::Class(*id))).collect();
    let mut raised = run.error(
        "ValueError",
        format!(
            "Expected only one class in custom service code or a function entry point [{}]",
            shown.join(", ")
        ),
        Fault::EntryCount,
    );
    let plain: Vec<String> =
        classes.iter().filter_map(|id| run.state.class(*id)).map(|class| class.name.to_string()).collect();
    let wanted = function.unwrap_or("handle");
    raised.what = Some(Rc::from(if plain.is_empty() {
        format!(
            "the module {module} has neither a function {wanted} nor a class of its own; imported classes do not count"
        )
    } else {
        format!(
            "the module {module} has no function {wanted} and {} classes of its own: {}",
            plain.len(),
            plain.join(", ")
        )
    }));
    raised.fix = Some(Rc::from(if plain.is_empty() {
        "define the handler's class in this file, or a function handle(data, context)"
    } else {
        "move all classes but the handler into another module, or define a function handle(data, context)"
    }));
    raised.at = classes
        .get(1)
        .or_else(|| classes.first())
        .and_then(|id| run.state.class(*id))
        .and_then(|class| class.at.clone());
    Err(Stop::Raise(Box::new(raised)))
}

/// Constructs the class and finds what the loader needs of it.
fn make(run: &mut Run<'_>, class: Id) -> Result<(Value, Value), Stop> {
    let at = run.state.class(class).and_then(|class| class.at.clone());
    let placed = |stop: Stop| match stop {
        Stop::Raise(mut raised) => {
            if raised.at.is_none() {
                raised.at = at.clone();
            }
            Stop::Raise(raised)
        }
        other => other,
    };
    let object = run.call(&Value::Class(class), Vec::new(), Vec::new()).map_err(placed)?;
    if !object.is_known() {
        return Err(Stop::Lost(Rc::from("what constructing the handler's class gives cannot be told")));
    }
    let shown = run.repr(&Value::Class(class)).unwrap_or_default();
    match run.attribute_of(&object, "handle")? {
        Some(_) => {}
        None => {
            let mut raised =
                run.error("ValueError", format!("Expect handle method in class {shown}"), Fault::EntryClass);
            raised.at = at;
            raised.what = Some(Rc::from("the handler's class has no method handle"));
            raised.fix = Some(Rc::from("derive it from BaseHandler, or define handle(self, data, context)"));
            return Err(Stop::Raise(Box::new(raised)));
        }
    }
    let initialize = match run.attribute_of(&object, "initialize")? {
        Some(initialize) => initialize,
        None => {
            let name = run.state.class(class).map_or_else(String::new, |class| class.name.to_string());
            let mut raised = run.error(
                "AttributeError",
                format!("'{name}' object has no attribute 'initialize'"),
                Fault::EntryClass,
            );
            raised.at = at;
            raised.what = Some(Rc::from("the handler's class has no method initialize"));
            raised.fix = Some(Rc::from("derive it from BaseHandler, or define initialize(self, context)"));
            return Err(Stop::Raise(Box::new(raised)));
        }
    };
    Ok((object, initialize))
}

/// `service_envelope` of config.properties.
fn check_envelope(run: &mut Run<'_>, envelope: Option<&str>) -> Result<(), Stop> {
    let Some(envelope) = envelope else { return Ok(()) };
    if run.world.image.is_none() {
        run.cannot_see(format!("whether TorchServe has the envelope {envelope}"));
        return Ok(());
    }
    let full = format!("ts.torch_handler.request_envelope.{envelope}");
    match run.find_stock(&full)? {
        Finding::Absent => {
            let mut raised =
                run.error("ModuleNotFoundError", format!("No module named '{full}'"), Fault::Envelope);
            raised.at = None;
            raised.what = Some(Rc::from(format!(
                "config.properties sets service_envelope={envelope}, which TorchServe does not have"
            )));
            Err(Stop::Raise(Box::new(raised)))
        }
        _ => Ok(()),
    }
}

/// The first call of a function entry point: no data, and the context.
fn call_entry(run: &mut Run<'_>, entry: &Value, file: &Str) -> Result<(), Stop> {
    let context = context(run)?;
    let args = vec![Value::None, context];
    let result = match entry {
        Value::Function(id) => run.call_function(*id, args, Vec::new(), Some(Fault::EntrySignature)),
        other => run.call(other, args, Vec::new()),
    };
    match result {
        Ok(_) => Ok(()),
        Err(Stop::Raise(mut raised)) => {
            if raised.at.is_none() {
                raised.at = match entry {
                    Value::Function(id) => run.place_of_function(*id, file),
                    Value::Class(id) => run.state.class(*id).and_then(|class| class.at.clone()),
                    _ => None,
                };
            }
            if matches!(entry, Value::Class(_)) && raised.fault == Fault::EntryClass {
                raised.fault = Fault::EntrySignature;
                raised.what = Some(Rc::from(
                    "what stands behind the colon is called as a function with None and the context, and it is a class",
                ));
                raised.fix =
                    Some(Rc::from("leave the class's name out: it is found by being the file's only class"));
            } else if raised.fault == Fault::EntrySignature {
                raised.what = Some(Rc::from(
                    "TorchServe calls the function with two arguments when it loads: None and the context",
                ));
                raised.fix = Some(Rc::from("let it take (data, context)"));
            } else if raised.what.is_none() && raised.message.contains("NoneType") {
                raised.what = Some(Rc::from(
                    "the function is called once with no data when the model loads, and does not expect None",
                ));
                raised.fix = Some(Rc::from("return early where data is None"));
            }
            Err(Stop::Raise(raised))
        }
        Err(stop) => Err(stop),
    }
}

/// `initialize(context)`.
fn call_initialize(run: &mut Run<'_>, object: &Value, initialize: &Value) -> Result<(), Stop> {
    let context = context(run)?;
    let result = match initialize {
        Value::Bound(bound) => match &bound.1 {
            Value::Function(id) => run.call_function(
                *id,
                vec![bound.0.clone(), context],
                Vec::new(),
                Some(Fault::EntrySignature),
            ),
            other => run.call(&other.clone(), vec![context], Vec::new()),
        },
        Value::Function(id) => run.call_function(*id, vec![context], Vec::new(), Some(Fault::EntrySignature)),
        Value::Unknown | Value::Method(_) | Value::Foreign(_) => {
            return Err(Stop::Lost(Rc::from(
                "the handler inherits initialize from a class that cannot be read",
            )));
        }
        other => run.call(other, vec![context], Vec::new()),
    };
    match result {
        Ok(_) => Ok(()),
        Err(Stop::Raise(mut raised)) => {
            if raised.fault == Fault::EntrySignature {
                if let Value::Bound(bound) = initialize
                    && let Value::Function(id) = bound.1
                {
                    raised.at = raised.at.or_else(|| run.place_of_function(id, &Rc::from("")));
                }
                raised.what = Some(Rc::from("TorchServe calls initialize with one argument: the context"));
                raised.fix = Some(Rc::from("define initialize(self, context)"));
            }
            if raised.fault == Fault::InitializeFails
                && let Some(fault) = of_stock_handler(&raised.message)
            {
                raised.fault = fault;
            }
            let _ = object;
            Err(Stop::Raise(raised))
        }
        Err(stop) => Err(stop),
    }
}

/// What TorchServe's own handlers raise in so many words (ts/torch_handler, ts/utils/util.py), and what it says of the archive.
fn of_stock_handler(message: &str) -> Option<Fault> {
    [
        ("Expected only one class as model definition", Fault::ModelFile),
        ("Missing the model.py file", Fault::FileMissing),
        ("Missing the model.pt file", Fault::FileMissing),
        ("Missing the source_vocab file", Fault::FileMissing),
        ("No model weights could be loaded", Fault::WeightsKind),
        ("index->name JSON mapping should be", Fault::Labels),
        ("labels in index->name mapping must be", Fault::Labels),
    ]
    .into_iter()
    .find_map(|(words, fault)| message.starts_with(words).then_some(fault))
}

/// The context that the handler is given, made by the image's own class where it can be read.
fn context(run: &mut Run<'_>) -> Result<Value, Stop> {
    let manifest = match run.world.manifest.clone() {
        Some(manifest) => library::files::to_value(run, &manifest, Origin::Manifest),
        None => Value::None,
    };
    let config = match run.world.model_config.clone() {
        Some(config) => library::files::to_value(run, &config, Origin::ModelConfig),
        None => run.state.new_dict(Vec::new(), Origin::ModelConfig),
    };
    let gpu = if run.world.gpu == Some(false) { Value::None } else { Value::Unknown };
    let given: Vec<(&str, Value)> = vec![
        ("model_name", Value::str(&run.world.model)),
        ("model_dir", Value::str(world::MODEL_DIR)),
        ("manifest", manifest.clone()),
        ("batch_size", Value::Int(1)),
        ("gpu", gpu.clone()),
        ("mms_version", Value::Unknown),
        ("limit_max_image_pixels", Value::Bool(true)),
        ("metrics", Value::Unknown),
        ("model_yaml_config", config.clone()),
    ];
    if run.world.image.is_some()
        && let Ok(Value::Module(id)) = run.import_module("ts.context")
    {
        let scope = run.state.module(id).and_then(|module| module.scope);
        let class = scope
            .and_then(|scope| run.state.scope(scope))
            .and_then(|scope| scope.names.get("Context").cloned());
        if let Some(Value::Class(class)) = class
            && let Some(Value::Function(init)) = run.class_attribute(class, "__init__")
        {
            let takes = run.parameters_of(init);
            let named = given
                .into_iter()
                .filter(|(name, _)| takes.iter().any(|takes| takes == name))
                .map(|(name, value)| (Rc::from(name), value))
                .collect();
            return run.call(&Value::Class(class), Vec::new(), named);
        }
    }
    // Without the image's class: what every version has, and the rest open.
    let properties = run.state.new_dict(
        vec![
            (Value::str("model_dir"), Value::str(world::MODEL_DIR)),
            (Value::str("gpu_id"), gpu),
            (Value::str("batch_size"), Value::Int(1)),
            (Value::str("server_name"), Value::str("MMS")),
            (Value::str("server_version"), Value::Unknown),
            (Value::str("limit_max_image_pixels"), Value::Unknown),
        ],
        Origin::Properties,
    );
    let mut names = Names::new();
    names.insert(Rc::from("manifest"), manifest);
    names.insert(Rc::from("system_properties"), properties);
    names.insert(Rc::from("model_name"), Value::str(&run.world.model));
    // Whether it is there hangs on TorchServe's version.
    if run.world.image.is_none() || run.world.torchserve.since(0, 8, 0) {
        names.insert(Rc::from("model_yaml_config"), config);
    }
    let class = run.state.put(Object::Class(state::Class {
        name: Rc::from("Context"),
        module: Rc::from("ts.context"),
        at: None,
        bases: Vec::new(),
        names: Names::new(),
        is_open: true,
        checks_abstract: false,
        fields: None,
        meta: None,
    }));
    Ok(Value::Instance(run.state.put(Object::Instance(Instance {
        class,
        names,
        order: Vec::new(),
        is_open: true,
    }))))
}

impl Run<'_> {
    /// Where a module of TorchServe's is found, its packages imported.
    fn find_stock(&mut self, full: &str) -> Result<Finding, Stop> {
        let mut at = String::new();
        let parts: Vec<&str> = full.split('.').collect();
        for (index, part) in parts.iter().enumerate() {
            if !at.is_empty() {
                at.push('.');
            }
            at.push_str(part);
            if index + 1 == parts.len() {
                return self.find(&at);
            }
            if !self.state.modules.contains_key(at.as_str()) {
                match self.find(&at)? {
                    Finding::Absent => return Ok(Finding::Absent),
                    Finding::Unknown => return Ok(Finding::Unknown),
                    _ => {
                        if self.import_module(&at).is_err() {
                            return Ok(Finding::Unknown);
                        }
                    }
                }
            }
        }
        Ok(Finding::Absent)
    }

    fn place_of_function(&self, id: Id, file: &Str) -> Option<value::Place> {
        let function = self.state.function(id)?;
        let file =
            self.state.module(function.module).map_or_else(|| file.clone(), |module| module.file.clone());
        match &function.body {
            state::Body::Def(def) => Some(value::Place { file, at: def.name_at }),
            state::Body::Lambda(_, body) => Some(value::Place { file, at: body.at }),
        }
    }

    fn parameters_of(&self, id: Id) -> Vec<String> {
        let Some(function) = self.state.function(id) else { return Vec::new() };
        match &function.body {
            state::Body::Def(def) => def
                .parameters
                .positional
                .iter()
                .chain(&def.parameters.keyword_only)
                .map(|parameter| parameter.name.clone())
                .collect(),
            state::Body::Lambda(..) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
