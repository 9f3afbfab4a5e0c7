//! What functions of Python's library and of packages do comes from here: a name and arguments come in, the value comes out. What is
//! not known here gives a value of which nothing is known; what reaches out of the files is told as not to be seen.

pub(crate) mod builtin;
pub(crate) mod files;
pub(crate) mod paths;
pub(crate) mod text;
pub(crate) mod torch;

use std::rc::Rc;

use envdiff_model::Fault;

use super::run::{Run, Stop};
use super::state::{List, Made, Names, Object, Origin};
use super::value::{Id, Raised, Str, Value};
use super::world::World;

type Done<T> = Result<T, Stop>;

/// One name for what is reached by several: `torch.nn.modules.linear.Linear` is `torch.nn.Linear`.
pub(crate) fn canonical(module: &str) -> String {
    match module {
        "posixpath" | "genericpath" => "os.path".to_owned(),
        "torch.serialization" => "torch".to_owned(),
        "torch.jit._serialization" => "torch.jit".to_owned(),
        "pickle" | "_pickle" | "cPickle" => "pickle".to_owned(),
        "io" | "_io" => "io".to_owned(),
        "ruamel.yaml" => "yaml".to_owned(),
        other => match other.strip_prefix("torch.nn.modules.") {
            Some(_) => "torch.nn".to_owned(),
            None => other.to_owned(),
        },
    }
}

/// A value that is known from elsewhere.
pub(crate) fn constant(world: &World<'_>, full: &str) -> Option<Value> {
    let version = |distribution: &str| world.version_of(distribution).map(Value::str);
    Some(match full {
        "sys.platform" => Value::str("linux"),
        "os.name" => Value::str("posix"),
        "os.sep" | "os.path.sep" => Value::str("/"),
        "os.pathsep" => Value::str(":"),
        "os.linesep" => Value::str("\n"),
        "typing.TYPE_CHECKING" | "typing_extensions.TYPE_CHECKING" => Value::Bool(false),
        "sys.version_info" => match world.python_full {
            Some((major, minor, micro)) => Value::Tuple(
                vec![
                    Value::Int(i64::from(major)),
                    Value::Int(i64::from(minor)),
                    Value::Int(i64::from(micro)),
                    Value::str("final"),
                    Value::Int(0),
                ]
                .into(),
            ),
            None => Value::Unknown,
        },
        "sys.maxsize" => Value::Int(i64::MAX),
        "sys.byteorder" => Value::str("little"),
        "sys.dont_write_bytecode"
        | "sys.flags"
        | "sys.argv"
        | "sys.modules"
        | "sys.version"
        | "sys.executable" => Value::Unknown,
        "torch.__version__" | "torch.version.__version__" => version("torch").unwrap_or(Value::Unknown),
        "numpy.__version__" => version("numpy").unwrap_or(Value::Unknown),
        "transformers.__version__" => version("transformers").unwrap_or(Value::Unknown),
        "torchvision.__version__" => version("torchvision").unwrap_or(Value::Unknown),
        "math.pi" => Value::Float(std::f64::consts::PI),
        _ => return None,
    })
}

/// A value of a module that is an object of its own.
pub(crate) fn module_value(run: &mut Run<'_>, full: &str) -> Option<Value> {
    if full == "sys.modules" {
        run.state.modules_open = true;
        return Some(Value::Unknown);
    }
    if let Some(value) = constant(run.world, full) {
        return Some(value);
    }
    Some(match full {
        "os.environ" => environ(run),
        "sys.path" => {
            let key = super::modules::sys_path_key();
            if let Some(id) = run.state.modules.get(&key) {
                return Some(Value::List(*id));
            }
            let (folders, all) = run.world.search();
            let items = folders.into_iter().map(Value::str).collect();
            let id = run.state.put(Object::List(List { items, is_open: !all, is_set: false }));
            run.state.modules.insert(key, id);
            Value::List(id)
        }
        "os.path" => Value::foreign("os.path"),
        "sys.modules" => Value::Unknown,
        _ => return None,
    })
}

fn environ(run: &mut Run<'_>) -> Value {
    let key: Str = Rc::from("os\u{0}environ");
    if let Some(id) = run.state.modules.get(&key) {
        return Value::Dict(*id);
    }
    let (items, is_open) = match &run.world.variables {
        Some(variables) => {
            let mut items: Vec<(Value, Value)> =
                variables.iter().map(|(name, value)| (Value::str(name), Value::str(value))).collect();
            let always = ["HOME", "HOSTNAME", "PATH", "PYTHONPATH", "LANG", "PWD"];
            for name in always.iter().chain(run.world.given) {
                if !items.iter().any(|(key, _)| key.text() == Some(*name)) {
                    items.push((Value::str(name), Value::Unknown));
                }
            }
            (items, false)
        }
        None => (Vec::new(), true),
    };
    let id = run.state.put(Object::Dict(super::state::Dict { items, is_open, origin: Origin::Environment }));
    run.state.modules.insert(key, id);
    Value::Dict(id)
}

/// Whether a name is one of a function or class rather than of a value that may be `None`.
pub(crate) fn is_callable_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    name.starts_with("builtins.") || last.chars().next().is_some_and(char::is_uppercase)
}

/// Whether what a call gave may be `None`.
pub(crate) fn may_be_none(of: &str) -> bool {
    let last = of.rsplit('.').next().unwrap_or(of);
    !(last.chars().next().is_some_and(char::is_uppercase)
        || matches!(of, "torch.device" | "logging.getLogger"))
}

/// Names that are written in annotations: subscripting them gives them again.
pub(crate) fn is_typing(name: &str) -> bool {
    name.starts_with("typing.")
        || name.starts_with("typing_extensions.")
        || name.starts_with("collections.abc.")
}

/// Whether a plain value of a package counts as true.
pub(crate) fn truth_of_foreign(world: &World<'_>, name: &str) -> Option<bool> {
    if name.ends_with("__name__") {
        return Some(true);
    }
    match constant(world, name) {
        Some(Value::Bool(value)) => Some(value),
        _ => is_callable_name(name).then_some(true),
    }
}

/// `packaging.version.parse(a) < packaging.version.parse(b)`.
pub(crate) fn order_of_versions(a: Option<&Made>, b: Option<&Made>) -> Option<std::cmp::Ordering> {
    let text = |made: Option<&Made>| {
        let made = made.filter(|made| &*made.of == "packaging.version.Version")?;
        envdiff_packaging::Version::parse(made.args.first()?.text()?).ok()
    };
    Some(text(a)?.cmp(&text(b)?))
}

/// Says of a key that is not there whose it is.
pub(crate) fn explain_key(run: &Run<'_>, raised: &mut Raised, origin: Origin, key: &Value) {
    let shown = run.repr(key).unwrap_or_default();
    match origin {
        Origin::Own => {}
        Origin::Manifest => {
            raised.fault = Fault::KeyMissing;
            raised.what = Some(Rc::from(format!("MAR-INF/MANIFEST.json has no key {shown} there")));
            raised.fix =
                Some(Rc::from("pack the archive with the option that writes it, or ask for it with .get"));
        }
        Origin::ModelConfig => {
            raised.fault = Fault::KeyMissing;
            raised.what = Some(Rc::from(if run.world.model_config.is_some() {
                format!("model-config.yaml has no key {shown} there")
            } else {
                format!("the archive has no model-config.yaml that gives the key {shown}")
            }));
            raised.fix = Some(Rc::from(
                "give the key in model-config.yaml and name that file with --config-file when archiving",
            ));
        }
        Origin::Environment => {
            raised.fault = Fault::VariableMissing;
            raised.what =
                Some(Rc::from(format!("neither the image nor TorchServe sets the variable {shown}")));
            raised.condition = Some(Rc::from("a variable that is given when the container starts lifts it"));
            raised.fix =
                Some(Rc::from("set it with ENV in the Dockerfile, or give it a default with os.environ.get"));
        }
        Origin::Properties => {
            raised.fault = Fault::KeyMissing;
            raised.what = Some(Rc::from(format!("TorchServe's system_properties has no key {shown}")));
        }
    }
}

/// An attribute of something that a package has.
pub(crate) fn attribute_of_foreign(run: &mut Run<'_>, of: &str, name: &str) -> Value {
    let full = format!("{of}.{name}");
    if let Some(value) = module_value(run, &full) {
        return value;
    }
    if matches!(name, "__name__" | "__qualname__") {
        return Value::str(of.rsplit('.').next().unwrap_or(of));
    }
    Value::foreign(full)
}

/// An attribute of what a package's class made.
pub(crate) fn attribute_of_made(run: &mut Run<'_>, id: Id, name: &str) -> Value {
    let Some(made) = run.state.made(id) else { return Value::Unknown };
    let this = Value::Made(id);
    match (&*made.of, name) {
        ("torch.Tensor", "shape") => made
            .keywords
            .iter()
            .find(|(key, _)| &**key == "sizes")
            .map_or(Value::Unknown, |(_, value)| value.clone()),
        (
            "packaging.version.Version",
            "major" | "minor" | "micro" | "release" | "base_version" | "public",
        ) => Value::Unknown,
        ("argparse.Namespace" | "types.SimpleNamespace", name) => made
            .keywords
            .iter()
            .find(|(key, _)| &**key == name)
            .map_or(Value::Unknown, |(_, value)| value.clone()),
        (of, "args") if of.starts_with("builtins.") => Value::Tuple(made.args.clone().into()),
        (_, name) if name.starts_with("__") => Value::Unknown,
        _ => Value::Method(Rc::new((this, Rc::from(name)))),
    }
}

/// Arguments by position or name.
pub(crate) struct Args<'v> {
    pub(crate) args: &'v [Value],
    pub(crate) named: &'v [(Str, Value)],
}

impl Args<'_> {
    /// The argument at this place or of this name.
    pub(crate) fn get(&self, at: usize, name: &str) -> Option<&Value> {
        self.args
            .get(at)
            .or_else(|| self.named.iter().find(|(key, _)| &**key == name).map(|(_, value)| value))
    }
}

/// Whether calling it reaches out to the network, another process or code that is only known at run time; a clause.
fn reaches_out(name: &str) -> Option<String> {
    let starts = |prefix: &str| name.starts_with(prefix);
    let what = if starts("subprocess.")
        || starts("pty.")
        || matches!(name, "os.system" | "os.popen")
        || starts("os.exec")
        || starts("os.spawn")
    {
        "another program is started"
    } else if starts("requests.")
        || starts("urllib.request.")
        || starts("http.client.")
        || starts("httpx.")
        || starts("aiohttp.")
        || starts("boto3.")
        || starts("botocore.")
        || starts("google.cloud.")
        || starts("azure.storage.")
        || starts("huggingface_hub.")
        || starts("gdown.")
        || starts("wget.")
        || starts("socket.create_connection")
        || starts("torch.hub.")
        || starts("redis.")
        || starts("psycopg2.")
        || starts("pymongo.")
        || starts("nltk.download")
        || starts("spacy.cli.")
    {
        "something is asked of the network"
    } else if matches!(
        name,
        "builtins.exec"
            | "builtins.eval"
            | "runpy.run_path"
            | "runpy.run_module"
            | "code.interact"
            | "pip.main"
    ) {
        "code is run that is made while it runs"
    } else if starts("ctypes.CDLL")
        || starts("ctypes.cdll")
        || starts("torch.ops.load_library")
        || starts("cffi.")
    {
        "a shared library is loaded"
    } else {
        return None;
    };
    Some(format!("{what} at load ({name})"))
}

/// Calls something foreign.
pub(crate) fn call(run: &mut Run<'_>, name: &str, args: Vec<Value>, named: Vec<(Str, Value)>) -> Done<Value> {
    let given = Args { args: &args, named: &named };
    super::later::note(run, name, &given);
    if let Some(plain) = name.strip_prefix("builtins.") {
        if let Some(what) = reaches_out(name) {
            run.cannot_see(what);
            run.names_are_lost();
            run.escape(&args, &named)?;
            return Ok(Value::Unknown);
        }
        return builtin::call(run, plain, &args, &named);
    }
    if let Some(result) = files::call(run, name, &given)? {
        return Ok(result);
    }
    if let Some(result) = torch::call(run, name, &given)? {
        return Ok(result);
    }
    if let Some(what) = reaches_out(name) {
        run.cannot_see(what);
        run.files_are_lost();
        run.escape(&args, &named)?;
        return Ok(Value::Unknown);
    }
    Ok(match name {
        "sys.exit" | "os._exit" | "os.abort" => {
            let mut raised = run.error("SystemExit", "", run.fault_here());
            if let Some(text) = args.first().and_then(|arg| run.shown(arg)) {
                raised.message = Rc::from(text);
            }
            raised.what = Some(Rc::from(format!("the code ends the worker's process with {name}")));
            return Err(Stop::Raise(Box::new(raised)));
        }
        "os.getenv" | "os.environ.get" => {
            let environ = environ(run);
            return method(run, &environ, "get", args, named);
        }
        "importlib.import_module" | "builtins.__import__" => match given.get(0, "name") {
            Some(Value::Str(module)) if !module.starts_with('.') => {
                let module = module.clone();
                return run.import_module(&module);
            }
            Some(Value::Str(module)) => match given.get(1, "package") {
                Some(Value::Str(package)) => {
                    let full = format!("{package}{module}");
                    return run.import_module(&full);
                }
                _ => Value::Unknown,
            },
            _ => {
                run.cannot_see("a module is imported whose name is only known at run time");
                Value::Unknown
            }
        },
        "importlib.util.find_spec" => match given.get(0, "name") {
            Some(Value::Str(module)) => {
                let module = module.clone();
                match run.find(&module)? {
                    super::modules::Finding::Absent => Value::None,
                    super::modules::Finding::Unknown => Value::Unknown,
                    _ => make(run, "importlib.machinery.ModuleSpec", Vec::new(), Vec::new()),
                }
            }
            _ => Value::Unknown,
        },
        "importlib.util.module_from_spec" | "importlib.util.spec_from_file_location" | "importlib.reload" => {
            run.cannot_see(format!("a module is loaded by {name}"));
            Value::Unknown
        }
        "time.sleep" => {
            match args.first() {
                #[allow(clippy::cast_precision_loss, reason = "seconds")]
                Some(Value::Int(seconds)) => run.state.slept += *seconds as f64,
                Some(Value::Float(seconds)) => run.state.slept += seconds,
                _ => {}
            }
            Value::None
        }
        "inspect.isclass" => match args.first() {
            Some(Value::Class(_)) => Value::Bool(true),
            Some(Value::Unknown | Value::Foreign(_)) | None => Value::Unknown,
            Some(_) => Value::Bool(false),
        },
        "inspect.getmembers" => return members(run, &args),
        "ts.utils.util.list_classes_from_module" => Value::Unknown,
        // A class that a call makes belongs to the module that calls.
        "enum.Enum" | "enum.IntEnum" | "enum.Flag" | "enum.IntFlag" | "enum.StrEnum" if args.len() >= 2 => {
            return Ok(namedtuple(run, &args));
        }
        "collections.namedtuple" | "typing.NamedTuple" => return Ok(namedtuple(run, &args)),
        "collections.OrderedDict" | "collections.defaultdict" => {
            let source = if name.ends_with("defaultdict") { args.get(1) } else { args.first() };
            let value = builtin::to_dict(run, source, &named);
            if name.ends_with("defaultdict")
                && let Value::Dict(id) = value
                && let Some(dict) = run.state.dict_mut(id)
            {
                dict.is_open = true;
            }
            value
        }
        "copy.copy" | "copy.deepcopy" => {
            let deep = if name == "copy.copy" { 1 } else { 32 };
            copied(run, args.first().unwrap_or(&Value::Unknown), deep)
        }
        "dataclasses.replace" => Value::Unknown,
        "os.chdir" | "os.fchdir" | "contextlib.chdir" => {
            run.files_are_lost();
            Value::Unknown
        }
        "functools.reduce" => match (args.first(), args.get(1)) {
            (Some(function), Some(over)) => {
                let (function, over) = (function.clone(), over.clone());
                match run.iterate(&over)? {
                    Some(items) => {
                        let mut items = args.get(2).cloned().into_iter().chain(items);
                        let Some(mut so_far) = items.next() else {
                            return run.raise(
                                "TypeError",
                                "reduce() of empty iterable with no initial value",
                                run.fault_here(),
                            );
                        };
                        for item in items {
                            so_far = run.call(&function, vec![so_far, item], Vec::new())?;
                        }
                        so_far
                    }
                    None => Value::Unknown,
                }
            }
            _ => Value::Unknown,
        },
        "functools.partial" => {
            run.escape(&args, &named)?;
            Value::Unknown
        }
        "functools.wraps" | "functools.lru_cache" | "functools.cache" | "contextlib.contextmanager" => {
            make(run, name, args, named)
        }
        "packaging.version.parse"
        | "packaging.version.Version"
        | "pkg_resources.parse_version"
        | "pkg_resources.packaging.version.parse"
        | "distutils.version.LooseVersion" => make(run, "packaging.version.Version", args, named),
        "platform.system" => Value::str("Linux"),
        "platform.machine" => Value::Unknown,
        "multiprocessing.cpu_count" | "os.cpu_count" => Value::Unknown,
        "operator.itemgetter" | "operator.attrgetter" => Value::Unknown,
        // A hook makes something else of it.
        "json.loads" if !named.is_empty() => Value::Unknown,
        "json.loads" => match given.get(0, "s") {
            Some(Value::Str(text)) => files::json_value(run, text.as_bytes(), None)?,
            _ => Value::Unknown,
        },
        "json.dumps" | "json.dump" => {
            let has_own = given.named.iter().any(|(key, _)| matches!(&**key, "default" | "cls"));
            let odd = given.get(0, "obj").filter(|_| !has_own).and_then(|value| not_json(run, value, 16));
            if let Some(kind) = odd {
                let text = format!("Object of type {kind} is not JSON serializable");
                return run.raise("TypeError", text, run.fault_here());
            }
            Value::Unknown
        }
        "atexit.register"
        | "signal.signal"
        | "warnings.filterwarnings"
        | "warnings.simplefilter"
        | "logging.basicConfig"
        | "random.seed"
        | "numpy.random.seed"
        | "gc.collect" => Value::None,
        _ => {
            if name.starts_with("torch.") {
                // It calls what it is given, and leaves networks as they are.
                let values = args.iter().chain(named.iter().map(|(_, value)| value));
                let called: Vec<Value> = values
                    .filter(|value| matches!(value, Value::Function(_) | Value::Bound(_)))
                    .cloned()
                    .collect();
                run.escape(&called, &[])?;
            } else {
                run.escape(&args, &named)?;
            }
            run.perhaps_written(name, &args, &named);
            let given = Args { args: &args, named: &named };
            if let Some(what) = needs_network(run, name, &given)? {
                run.cannot_see(what);
            }
            let last = name.rsplit('.').next().unwrap_or(name);
            let is_class = last.chars().next().is_some_and(char::is_uppercase);
            if is_class
                || matches!(name, "torch.device" | "logging.getLogger" | "types.SimpleNamespace")
                || name.starts_with("dataclasses.")
                || name.starts_with("contextlib.")
            {
                make(run, name, args, named)
            } else {
                Value::Unknown
            }
        }
    })
}

/// A list or dictionary of its own with the same in it, so deep; of an object nothing is known but that it is one.
fn copied(run: &mut Run<'_>, value: &Value, deep: usize) -> Value {
    let Some(deep) = deep.checked_sub(1) else { return value.clone() };
    match value {
        Value::List(id) => {
            let Some(mut list) = run.state.list(*id).cloned() else { return Value::Unknown };
            list.items = list.items.iter().map(|item| copied(run, item, deep)).collect();
            Value::List(run.state.put(Object::List(list)))
        }
        Value::Dict(id) => {
            let Some(mut dict) = run.state.dict(*id).cloned() else { return Value::Unknown };
            dict.items = dict.items.into_iter().map(|(key, item)| (key, copied(run, &item, deep))).collect();
            Value::Dict(run.state.put(Object::Dict(dict)))
        }
        Value::Tuple(items) => Value::Tuple(items.iter().map(|item| copied(run, item, deep)).collect()),
        Value::Instance(id) => {
            let Some(mut instance) = run.state.instance(*id).cloned() else { return Value::Unknown };
            instance.names =
                instance.names.into_iter().map(|(name, item)| (name, copied(run, &item, deep))).collect();
            Value::Instance(run.state.put(Object::Instance(instance)))
        }
        other => other.clone(),
    }
}

/// What a class of a package makes.
pub(crate) fn make(run: &mut Run<'_>, of: &str, args: Vec<Value>, keywords: Vec<(Str, Value)>) -> Value {
    Value::Made(run.state.put(Object::Made(Made { of: Rc::from(of), args, keywords, names: Names::new() })))
}

/// Weights that a library would fetch, or a folder that it reads.
fn needs_network(run: &mut Run<'_>, name: &str, given: &Args<'_>) -> Done<Option<String>> {
    let last = name.rsplit('.').next().unwrap_or(name);
    if last == "from_json_file" && name.starts_with("transformers.") {
        if let Some(path) = given.get(0, "json_file").and_then(Value::path).map(str::to_owned) {
            builtin::must_be_there(run, &path, &paths::absolute(&path))?;
        }
        return Ok(None);
    }
    if last == "from_pretrained" || last == "from_config" && name.contains("diffusers") {
        return match given.get(0, "pretrained_model_name_or_path") {
            Some(value) => match value.path() {
                Some(path) => {
                    let full = paths::absolute(path);
                    let there = run.there(&full)?;
                    let is_rooted = path.starts_with('/') || path.starts_with('.');
                    Ok(match there {
                        super::world::There::Folder | super::world::There::File(_) => {
                            files::check_pretrained(run, name, &full)?;
                            None
                        }
                        super::world::There::Absent if is_rooted => {
                            let shown = super::world::shown_path(&full);
                            let mut raised = run.error(
                                "OSError",
                                format!("{path} is not a local folder and is not a valid model identifier"),
                                Fault::FileMissing,
                            );
                            raised.what = Some(Rc::from(format!(
                                "{last} is given the folder {shown}, which is not there"
                            )));
                            run.note_perhaps(raised);
                            None
                        }
                        super::world::There::Absent => {
                            Some(format!("{last}({path:?}) is fetched from a hub, or found in its cache"))
                        }
                        super::world::There::Unknown => Some(format!("whether {path} is there for {last}")),
                    })
                }
                None => Ok(Some(format!("what {last} loads is only known at run time"))),
            },
            None => Ok(None),
        };
    }
    if name.starts_with("torchvision.models.")
        || name.starts_with("timm.create_model")
        || name.starts_with("segmentation_models_pytorch.")
    {
        let wants = given.named.iter().any(|(key, value)| match &**key {
            "pretrained" => run.truth(value) != Some(false),
            "weights" | "encoder_weights" => !matches!(value, Value::None),
            _ => false,
        }) || (name.starts_with("torchvision.models.")
            && matches!(given.args.first(), Some(Value::Bool(true))));
        if wants {
            return Ok(Some(format!("weights that {name} fetches from the network, or finds in its cache")));
        }
    }
    if name == "transformers.pipeline" {
        return match given.get(1, "model") {
            Some(value) if value.path().is_some() => {
                let path = paths::absolute(value.path().unwrap_or_default());
                Ok(match run.there(&path)? {
                    super::world::There::Folder => None,
                    _ => Some(
                        "a model that transformers.pipeline fetches from a hub, or finds in its cache"
                            .to_owned(),
                    ),
                })
            }
            Some(Value::Instance(_) | Value::Made(_)) => Ok(None),
            _ => Ok(Some(
                "a model that transformers.pipeline fetches from a hub, or finds in its cache".to_owned(),
            )),
        };
    }
    if matches!(last, "SentenceTransformer" | "YOLO" | "load_model" | "Whisper" | "whisper") {
        return Ok(Some(format!("what {name} loads")));
    }
    if name == "spacy.load"
        || name == "whisper.load_model"
        || name == "easyocr.Reader"
        || name == "fasttext.load_model"
    {
        return Ok(Some(format!("what {name} loads")));
    }
    Ok(None)
}

/// `inspect.getmembers(module, predicate)`.
fn members(run: &mut Run<'_>, args: &[Value]) -> Done<Value> {
    let Some(Value::Module(id)) = args.first() else { return Ok(run.state.open_list()) };
    let scope = run.state.module(*id).and_then(|module| module.scope);
    let Some(scope) = scope.and_then(|scope| run.state.scope(scope)).cloned() else {
        return Ok(run.state.open_list());
    };
    let mut items = Vec::new();
    let mut is_open = scope.is_open;
    for (name, value) in &scope.names {
        let keep = match args.get(1) {
            None => Some(true),
            Some(predicate) => {
                let answer = run.call(predicate, vec![value.clone()], Vec::new())?;
                run.truth(&answer)
            }
        };
        match keep {
            Some(true) => items.push(Value::Tuple(vec![Value::Str(name.clone()), value.clone()].into())),
            Some(false) => {}
            // A value of a package is of another module; one that is not known may be a class that a call made.
            None => is_open |= !matches!(value, Value::Foreign(_) | Value::Made(_)),
        }
    }
    Ok(Value::List(run.state.put(Object::List(List { items, is_open, is_set: false }))))
}

/// The type of a value, or of one in it, that `json` does not write.
fn not_json(run: &Run<'_>, value: &Value, depth: usize) -> Option<&'static str> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Bytes(_) => Some("bytes"),
        Value::Ellipsis => Some("ellipsis"),
        Value::Path(_) => Some("PosixPath"),
        Value::Module(_) => Some("module"),
        Value::Tuple(items) => items.iter().find_map(|item| not_json(run, item, depth)),
        Value::List(id) => {
            let list = run.state.list(*id)?;
            if list.is_set {
                return Some("set");
            }
            list.items.iter().find_map(|item| not_json(run, item, depth))
        }
        Value::Dict(id) => run.state.dict(*id)?.items.iter().find_map(|(_, item)| not_json(run, item, depth)),
        _ => None,
    }
}

/// A class that a call makes belongs to the module that calls.
fn namedtuple(run: &mut Run<'_>, args: &[Value]) -> Value {
    let Some(Value::Str(name)) = args.first() else { return Value::Unknown };
    let module =
        run.frames.last().and_then(|frame| run.state.module(frame.module)).map(|module| module.name.clone());
    let class = super::state::Class {
        name: name.clone(),
        module: module.unwrap_or_else(|| Rc::from("")),
        at: run.place(),
        bases: vec![Value::foreign("builtins.tuple")],
        names: Names::new(),
        is_open: true,
        checks_abstract: false,
        fields: None,
        meta: None,
    };
    Value::Class(run.state.put(Object::Class(class)))
}

/// Calls a method of a value of Python's own, or of a package's object.
pub(crate) fn method(
    run: &mut Run<'_>,
    value: &Value,
    name: &str,
    args: Vec<Value>,
    named: Vec<(Str, Value)>,
) -> Done<Value> {
    let given = Args { args: &args, named: &named };
    match value {
        Value::Str(text) => text::method(run, &text.clone(), name, &given),
        Value::Bytes(bytes) => Ok(match name {
            "decode" => std::str::from_utf8(bytes).map_or(Value::Unknown, Value::str),
            _ => Value::Unknown,
        }),
        Value::Dict(id) => builtin::dict_method(run, *id, name, &given),
        Value::List(id) => builtin::list_method(run, *id, name, &given),
        Value::Path(path) => files::path_method(run, &path.clone(), name, &given),
        Value::File(file) => files::file_method(run, &Rc::clone(file), name, &given),
        Value::Instance(_) => torch::module_method(run, value, name, &given),
        Value::Made(id) => {
            let of = run.state.made(*id).map(|made| made.of.clone());
            let Some(of) = of else { return Ok(Value::Unknown) };
            if let Some(result) = files::made_method(run, *id, &of, name, &given)? {
                return Ok(result);
            }
            if let Some(result) = torch::made_method(run, value, &of, name, &given)? {
                return Ok(result);
            }
            if of.starts_with("logging.") {
                return Ok(Value::None);
            }
            if matches!(&*of, "requests.Session" | "boto3.client" | "boto3.resource") {
                run.cannot_see(format!("something is asked of the network at load ({of})"));
            }
            run.escape(&args, &named)?;
            run.perhaps_written(name, &args, &named);
            Ok(Value::Unknown)
        }
        _ => Ok(Value::Unknown),
    }
}

impl Run<'_> {
    /// What lies at an absolute path, what the handler itself wrote included.
    pub(crate) fn there(&self, path: &str) -> Done<super::world::There> {
        use super::world::There;
        if self.state.written.contains(path) {
            return Ok(There::File(0));
        }
        if self.state.written.contains(&format!("{path}/")) {
            return Ok(There::Folder);
        }
        let found = self.world.there(path).map_err(Stop::Miss)?;
        if found == There::Absent
            && self
                .state
                .filled
                .iter()
                .any(|filled| path == filled || path.starts_with(&format!("{filled}/")))
        {
            return Ok(There::Unknown);
        }
        Ok(found)
    }

    /// Whether the path is one that the handler wrote or filled itself, so that its content is not known.
    pub(crate) fn is_written(&self, path: &str) -> bool {
        self.state.written.contains(path)
            || self
                .state
                .filled
                .iter()
                .any(|filled| path == filled || path.starts_with(&format!("{filled}/")))
    }
}
