//! Functions that load weights and what they give: `torch`, `safetensors`, `onnxruntime`, `pickle`, `joblib`, `numpy`.

use std::rc::Rc;

use envdiff_model::{Fault, Weight};

use super::{Args, builtin, make, paths};
use crate::container::Read;
use crate::handler::layers;
use crate::handler::modules::Finding;
use crate::handler::names::{self, Has};
use crate::handler::run::{Run, Stop};
use crate::handler::state::{Made, Names, Object, Origin};
use crate::handler::value::{Raised, Value};
use crate::handler::world::{There, shown_path};
use crate::weights::Weights;
use crate::weights::fits::{self, Fit};
use crate::weights::load::{
    self, Class, JitLoad, Loaded, Loading, MapLocation, Outcome, PickleLoad, Raise, TorchLoad, WeightsOnly,
};
use crate::weights::shape::{Entries, Shape, Tensor};

type Done<T> = Result<T, Stop>;

/// Layers and loaders: calls one of these functions; `None` where the name is of another.
pub(crate) fn call(run: &mut Run<'_>, name: &str, given: &Args<'_>) -> Done<Option<Value>> {
    Ok(match name {
        "torch.load" => Some(torch_load(run, given)?),
        "torch.jit.load" => Some(jit_load(run, given)?),
        "safetensors.torch.load_file"
        | "safetensors.safe_open"
        | "safetensors.numpy.load_file"
        | "safetensors.torch.load_model" => {
            let at = usize::from(name.ends_with("load_model"));
            let found = opened(run, given.get(at, "filename"), "weights", |weights, _| {
                load::safetensors_load(weights)
            })?;
            // What `safe_open` gives is asked by name, and no dictionary.
            Some(if name == "safetensors.safe_open" { Value::Unknown } else { found })
        }
        "onnxruntime.InferenceSession" => {
            Some(opened(run, given.get(0, "path_or_bytes"), "weights", load::onnx_load)?)
        }
        "onnx.load" => {
            if let Some(path) = given.get(0, "f").and_then(Value::path).map(str::to_owned) {
                builtin::must_be_there(run, &path, &paths::absolute(&path))?;
            }
            Some(Value::Unknown)
        }
        "pickle.load" | "dill.load" | "cloudpickle.load" => {
            if let Some(Value::File(file)) = given.get(0, "file")
                && file.reads
                && !file.is_binary
                && name == "pickle.load"
            {
                return run.raise(
                    "TypeError",
                    "a bytes-like object is required, not 'str'",
                    run.fault_here(),
                );
            }
            let call = unpickling(run);
            Some(opened(run, given.get(0, "file"), "opens", move |weights, _| {
                load::pickle_load(weights, &call)
            })?)
        }
        "joblib.load" => {
            let call = unpickling(run);
            Some(opened(run, given.get(0, "filename"), "opens", move |weights, _| {
                load::joblib_load(weights, &call)
            })?)
        }
        "numpy.load" => {
            let allow = match given.get(2, "allow_pickle") {
                None => Some(false),
                Some(Value::Bool(allow)) => Some(*allow),
                Some(_) => None,
            };
            let call = unpickling(run);
            Some(opened(run, given.get(0, "file"), "opens", move |weights, path| {
                load::np_load(weights, allow, path, &call)
            })?)
        }
        "torch.nn.modules.utils.consume_prefix_in_state_dict_if_present"
        | "torch.nn.consume_prefix_in_state_dict_if_present" => {
            if let (Some(Value::Dict(id)), Some(prefix)) =
                (given.get(0, "state_dict"), given.get(1, "prefix"))
                && let Some(dict) = run.state.dict_mut(*id)
            {
                match prefix {
                    Value::Str(prefix) => {
                        for (key, _) in &mut dict.items {
                            if let Some(rest) = key.text().and_then(|key| key.strip_prefix(&**prefix)) {
                                *key = Value::str(rest);
                            }
                        }
                    }
                    _ => dict.is_open = true,
                }
            }
            Some(Value::None)
        }
        "torch.cuda.get_device_name"
        | "torch.cuda.get_device_properties"
        | "torch.cuda.get_device_capability"
        | "torch.cuda.set_device"
        | "torch.cuda.current_device"
        | "torch.cuda.mem_get_info" => {
            needs_gpu(run)?;
            Some(Value::Unknown)
        }
        "torch.device" => Some(device(run, given)?),
        "torch.cuda.is_available" => Some(run.world.gpu.map_or(Value::Unknown, Value::Bool)),
        "torch.cuda.device_count" => Some(match run.world.gpu {
            Some(false) => Value::Int(0),
            _ => Value::Unknown,
        }),
        "torch.backends.mps.is_available" | "torch.backends.mps.is_built" => Some(Value::Bool(false)),
        "torch.serialization.add_safe_globals"
        | "torch.serialization.safe_globals"
        | "torch.add_safe_globals"
        | "torch.safe_globals" => {
            let list = given.args.first().and_then(|list| run.items(list));
            match list {
                Some(items) => {
                    for item in items {
                        match qualified(run, &item) {
                            Some(name) => run.state.safe_globals.push(name),
                            None => run.state.safe_globals_open = true,
                        }
                    }
                }
                None => run.state.safe_globals_open = true,
            }
            Some(make(run, "contextlib.nullcontext", Vec::new(), Vec::new()))
        }
        "torch.nn.parameter.Parameter" | "torch.nn.Parameter" => {
            Some(make(run, "torch.nn.Parameter", given.args.to_vec(), given.named.to_vec()))
        }
        "torch.zeros" | "torch.ones" | "torch.randn" | "torch.rand" | "torch.empty" => {
            Some(tensor_of(run, given))
        }
        "torch.tensor" | "torch.arange" | "torch.linspace" | "torch.eye" | "torch.full"
        | "torch.from_numpy" => Some(make(run, "torch.Tensor", Vec::new(), Vec::new())),
        "torch.compile"
        | "torch.jit.script"
        | "torch.jit.trace"
        | "torch.jit.freeze"
        | "torch.jit.optimize_for_inference" => {
            Some(make(run, "torch.jit.ScriptModule", Vec::new(), Vec::new()))
        }
        "torch.nn.DataParallel" | "torch.nn.parallel.DataParallel" => {
            Some(make(run, "torch.nn.DataParallel", given.args.to_vec(), given.named.to_vec()))
        }
        _ => None,
    })
}

fn unpickling(run: &Run<'_>) -> PickleLoad {
    let python = run.world.python.map(|(major, minor)| (u32::from(major), u32::from(minor)));
    PickleLoad { python, torch: run.torch(), gpu: run.world.gpu }
}

/// `torch.zeros(2, 3)`.
fn tensor_of(run: &mut Run<'_>, given: &Args<'_>) -> Value {
    let sizes: Option<Vec<Value>> = match given.args {
        [one @ (Value::Tuple(_) | Value::List(_))] => run.items(one),
        many => Some(many.to_vec()),
    };
    let named = match sizes {
        Some(sizes) if !sizes.is_empty() && sizes.iter().all(|size| matches!(size, Value::Int(_))) => {
            vec![(Rc::from("sizes"), Value::Tuple(sizes.into()))]
        }
        _ => Vec::new(),
    };
    make(run, "torch.Tensor", Vec::new(), named)
}

/// `module.name` of a class that is given as a value.
fn qualified(run: &Run<'_>, value: &Value) -> Option<String> {
    match value {
        Value::Foreign(name) => Some(name.to_string()),
        Value::Class(id) => {
            let class = run.state.class(*id)?;
            Some(format!("{}.{}", class.module, class.name))
        }
        Value::Tuple(parts) => qualified(run, parts.first()?),
        _ => None,
    }
}

/// What a device string may begin with (torch, c10/core/Device.cpp); those of older releases are among them.
#[rustfmt::skip]
const DEVICES: &[&str] = &[
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "ort", "xla",
    "lazy", "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone", "npu",
];

/// `torch.device(…)`.
fn device(run: &mut Run<'_>, given: &Args<'_>) -> Done<Value> {
    if let Some(Value::Str(text)) = given.args.first() {
        let (kind, index) = text.split_once(':').unwrap_or((text, "0"));
        if index.parse::<u32>().is_err() {
            let mut raised =
                run.error("RuntimeError", format!("Invalid device string: '{text}'"), Fault::InitializeFails);
            if index == "None" {
                raised.what = Some(Rc::from(
                    "TorchServe gives no gpu_id here, and the device is made of it all the same",
                ));
                raised.fix =
                    Some(Rc::from("use cuda only where torch.cuda.is_available() and gpu_id is not None"));
            }
            return Err(Stop::Raise(Box::new(raised)));
        }
        if !DEVICES.contains(&kind) {
            let text = format!(
                "Expected one of {} device type at start of device string: {kind}",
                DEVICES.join(", ")
            );
            return run.raise("RuntimeError", text, Fault::InitializeFails);
        }
    }
    Ok(make(run, "torch.device", given.args.to_vec(), given.named.to_vec()))
}

/// What a value says as a device.
fn map_location(run: &Run<'_>, value: Option<&Value>) -> MapLocation {
    match value {
        None | Some(Value::None) => MapLocation::None,
        Some(Value::Str(text)) => {
            if &**text == "cpu" {
                MapLocation::Given
            } else {
                MapLocation::Device(text.to_string())
            }
        }
        Some(Value::Made(id)) => match run.state.made(*id) {
            Some(made) if &*made.of == "torch.device" => match made.args.first() {
                Some(Value::Str(text)) if &**text != "cpu" => MapLocation::Device(text.to_string()),
                _ => MapLocation::Given,
            },
            _ => MapLocation::Unknown,
        },
        // Which of its keys the file's storages have is not looked up.
        Some(Value::Dict(_) | Value::Unknown) => MapLocation::Unknown,
        Some(_) => MapLocation::Given,
    }
}

impl Run<'_> {
    /// The torch of the image.
    fn torch(&self) -> Option<(u32, u32, u32)> {
        let version = names::version_of(self, "torch")?;
        let mut parts = version.split(['.', '+', 'a', 'b', 'r', 'd']).map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
    }

    /// Where a file argument leads: a path or an open file.
    fn file_argument(&mut self, value: Option<&Value>) -> Done<Option<(String, String)>> {
        Ok(match value {
            Some(Value::File(file)) => Some((file.path.to_string(), file.path.to_string())),
            Some(value @ (Value::Str(_) | Value::Path(_))) => {
                let path = value.path().unwrap_or_default().to_owned();
                Some((path.clone(), paths::absolute(&path)))
            }
            _ => None,
        })
    }

    /// What the bytes of a file of weights are.
    fn weights(&mut self, full: &str) -> Option<Read> {
        let inside = self.world.in_archive(full)?;
        Some(self.world.weights(inside))
    }
}

/// The file behind an argument: what it is, or what is raised before that.
enum Opened {
    Weights(Read),
    Value(Value),
}

fn file(run: &mut Run<'_>, value: Option<&Value>, what: &'static str, error: &str) -> Done<(Opened, String)> {
    if matches!(value, Some(Value::None)) {
        return run.raise("AttributeError", "'NoneType' object has no attribute 'read'", run.fault_here());
    }
    let Some((path, full)) = run.file_argument(value)? else {
        if !matches!(value, Some(Value::Made(_))) {
            run.cannot_see("weights are loaded from what is only known at run time");
        }
        return Ok((Opened::Value(Value::Unknown), String::new()));
    };
    match run.there(&full)? {
        There::Absent => {
            let mut raised = match error {
                "ValueError" => run.error(
                    "ValueError",
                    format!("The provided filename {path} does not exist"),
                    Fault::FileMissing,
                ),
                "onnx" => run.error(
                    "onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile",
                    format!("[ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model from {path} failed:Load model {path} failed. File doesn't exist"),
                    Fault::FileMissing,
                ),
                _ => run.error(
                    "FileNotFoundError",
                    format!("[Errno 2] No such file or directory: '{path}'"),
                    Fault::FileMissing,
                ),
            };
            builtin::explain_missing(run, &mut raised, &full);
            Err(Stop::Raise(Box::new(raised)))
        }
        There::Folder => {
            run.raise("IsADirectoryError", format!("[Errno 21] Is a directory: '{path}'"), Fault::FileMissing)
        }
        There::Unknown => {
            run.cannot_see(format!("what {} is", shown_path(&full)));
            Ok((Opened::Value(Value::Unknown), full))
        }
        There::File(_) => {
            run.note_read(what, &full);
            if run.is_written(&full) {
                run.cannot_see(format!("what {} is, which the handler makes itself", shown_path(&full)));
                return Ok((Opened::Value(Value::Unknown), full));
            }
            match run.weights(&full) {
                Some(weights) => Ok((Opened::Weights(weights), full)),
                None => {
                    run.cannot_see(format!("what {} is, which lies in the image", shown_path(&full)));
                    Ok((Opened::Value(Value::Unknown), full))
                }
            }
        }
    }
}

/// A file that a function reads that takes nothing else.
fn opened<F>(run: &mut Run<'_>, value: Option<&Value>, what: &'static str, how: F) -> Done<Value>
where
    F: for<'w> Fn(&'w Weights, &str) -> Loading<'w>,
{
    if let Some(Value::Bytes(_) | Value::Unknown | Value::Instance(_)) = value {
        run.cannot_see("weights are loaded from what is only known at run time");
        return Ok(Value::Unknown);
    }
    let (found, full) = file(run, value, what, "")?;
    let weights = match found {
        Opened::Value(value) => return Ok(value),
        Opened::Weights(weights) => weights,
    };
    match weights.as_ref() {
        Ok(weights) => {
            let loading = how(weights, &full);
            finish(run, loading, &full)
        }
        Err(why) => {
            run.cannot_see(format!("what {} is: {why}", shown_path(&full)));
            Ok(Value::Unknown)
        }
    }
}

fn torch_load(run: &mut Run<'_>, given: &Args<'_>) -> Done<Value> {
    let weights_only =
        match given.named.iter().find(|(name, _)| &**name == "weights_only").map(|(_, value)| value) {
            None | Some(Value::None) => WeightsOnly::Default,
            Some(Value::Bool(given)) => WeightsOnly::Given(*given),
            Some(_) => WeightsOnly::Unknown,
        };
    let variable = |run: &Run<'_>, name: &str| run.world.variable(name).flatten().unwrap_or("").to_owned();
    let call = TorchLoad {
        torch: run.torch(),
        weights_only,
        map_location: map_location(run, given.get(1, "map_location")),
        gpu: run.world.gpu,
        pickle_module: given.get(2, "pickle_module").is_some_and(|value| !matches!(value, Value::None)),
        safe_globals: run.state.safe_globals.clone(),
        safe_globals_open: run.state.safe_globals_open,
        force_weights_only: variable(run, "TORCH_FORCE_WEIGHTS_ONLY_LOAD"),
        force_no_weights_only: variable(run, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"),
        mmap: given.named.iter().any(|(name, value)| &**name == "mmap" && matches!(value, Value::Bool(true))),
    };
    // What is no path is asked for its place before it is read (torch, serialization.py, _check_seekable).
    if matches!(given.get(0, "f"), Some(Value::None)) {
        let says = "'NoneType' object has no attribute 'seek'. You can only torch.load from a file that is seekable. Please \
                    pre-load the data into a buffer like io.BytesIO and try to load from it instead.";
        return run.raise("AttributeError", says, run.fault_here());
    }
    opened(run, given.get(0, "f"), "weights", move |weights, _| load::torch_load(weights, &call))
}

fn jit_load(run: &mut Run<'_>, given: &Args<'_>) -> Done<Value> {
    let (found, full) = file(run, given.get(0, "f"), "weights", "ValueError")?;
    let weights = match found {
        Opened::Value(value) => return Ok(value),
        Opened::Weights(weights) => weights,
    };
    let Ok(weights) = weights.as_ref() else { return Ok(Value::Unknown) };
    let call = JitLoad {
        torch: run.torch(),
        map_location: map_location(run, given.get(1, "map_location")),
        gpu: run.world.gpu,
        namespaces: run.imports.iter().map(ToString::to_string).collect(),
        namespaces_open: !run.imports.is_empty(),
    };
    let loading = load::jit_load(weights, &call);
    finish(run, loading, &full)
}

fn raised(run: &Run<'_>, raise: &Raise, full: &str) -> Raised {
    let mut raised = run.error(raise.exception, raise.text.replace("<path>", full), raise.fault);
    if !raise.what.is_empty() {
        raised.what = Some(Rc::from(format!("{}: {}", shown_path(full), raise.what)));
    }
    raised
}

/// Classes are imported, then it loads or not.
fn finish(run: &mut Run<'_>, loading: Loading<'_>, full: &str) -> Done<Value> {
    let until = match &loading.outcome {
        Outcome::Raises(Raise { at: Some(at), .. }) => Some(*at),
        Outcome::Raises(Raise { at: None, .. }) => Some(0),
        _ => None,
    };
    for class in &loading.classes {
        if until.is_some_and(|until| class.at >= until) {
            break;
        }
        import_class(run, class, full)?;
    }
    match loading.outcome {
        Outcome::Loads(loaded) => Ok(match loaded {
            Loaded::Object(shape) => from_shape(run, shape, 0),
            Loaded::ScriptModule => make(run, "torch.jit.ScriptModule", Vec::new(), Vec::new()),
            Loaded::Session => make(run, "onnxruntime.InferenceSession", Vec::new(), Vec::new()),
            Loaded::Tensors => tensors(run, full),
            Loaded::Arrays => Value::Unknown,
        }),
        Outcome::Raises(raise) => {
            let error = raised(run, &raise, full);
            match raise.weight {
                Weight::Breaks => Err(Stop::Raise(Box::new(error))),
                Weight::MayBreak | Weight::Remark => {
                    run.note_perhaps(error);
                    Ok(Value::Unknown)
                }
            }
        }
        Outcome::Unknown(why) => {
            run.cannot_see(format!("what loading {} does: {why}", shown_path(full)));
            Ok(Value::Unknown)
        }
    }
}

/// The tensors of a safetensors file by their names.
fn tensors(run: &mut Run<'_>, full: &str) -> Value {
    let Some(weights) = run.weights(full) else { return Value::Unknown };
    let Ok(weights) = weights.as_ref() else { return Value::Unknown };
    match &weights.kind {
        crate::weights::Kind::Safetensors(file) => {
            let mut items = Vec::with_capacity(file.tensors.len());
            for tensor in &file.tensors {
                let shape = Tensor {
                    sizes: Some(tensor.shape.clone()),
                    dtype: None,
                    location: String::new(),
                    parameter: false,
                };
                let value = from_tensor(run, &shape);
                items.push((Value::str(&tensor.name), value));
            }
            run.state.new_dict(items, Origin::Own)
        }
        _ => Value::Unknown,
    }
}

/// Imports a class that a pickle names, or raises what the unpickler raises.
fn import_class(run: &mut Run<'_>, class: &Class, full: &str) -> Done<()> {
    let top = class.module.split('.').next().unwrap_or(&class.module);
    if matches!(top, "torch" | "collections" | "builtins" | "_codecs" | "copyreg" | "__builtin__") {
        return Ok(());
    }
    let shown = shown_path(full);
    if class.module == "__main__" {
        let home = match run.find("ts")? {
            Finding::Source(path, _) => path.rsplit_once('/').map(|(folder, _)| folder.to_owned()),
            _ => None,
        };
        let worker = format!("{}/model_service_worker.py", home.unwrap_or_else(|| "ts".to_owned()));
        let mut error = run.error(
            "AttributeError",
            format!("Can't get attribute '{}' on <module '__main__' from '{worker}'>", class.name),
            Fault::WeightsClass,
        );
        error.what = Some(Rc::from(format!(
            "{shown} names the class __main__.{}: it was saved by a script that defined the class itself, and in TorchServe __main__ is the worker's own script",
            class.name
        )));
        error.fix =
            Some(Rc::from("save the state_dict, or define the class in a module that the archive carries"));
        return Err(Stop::Raise(Box::new(error)));
    }
    let module = match run.import_module(&class.module) {
        Ok(module) => module,
        Err(Stop::Raise(mut error)) => {
            if &*error.class == "ModuleNotFoundError" {
                error.fault = Fault::WeightsClass;
                error.what = Some(Rc::from(format!(
                    "{shown} names the class {}.{}, and neither the archive nor the image has that module",
                    class.module, class.name
                )));
                if class.module.starts_with("numpy._core") {
                    error.what = Some(Rc::from(format!(
                        "{shown} was pickled under numpy 2, whose module {} the image's numpy does not have",
                        class.module
                    )));
                    error.fix = Some(Rc::from("serve it with numpy 2, or save the arrays under numpy 1"));
                }
            }
            return Err(Stop::Raise(error));
        }
        Err(stop) => return Err(stop),
    };
    let Value::Module(id) = module else { return Ok(()) };
    let Some(found) = run.state.module(id).cloned() else { return Ok(()) };
    let first = class.name.split('.').next().unwrap_or(&class.name);
    let has = match found.scope.and_then(|scope| run.state.scope(scope)) {
        Some(scope) => {
            if scope.names.contains_key(first) {
                Has::Yes
            } else if scope.is_open || scope.names.contains_key("__getattr__") {
                Has::Unknown
            } else {
                Has::No
            }
        }
        None => names::has(run, &found, first)?,
    };
    if has == Has::No {
        let file = if found.file.starts_with('/') {
            found.file.to_string()
        } else {
            format!("{}/{}", crate::handler::world::MODEL_DIR, found.file)
        };
        let mut error = run.error(
            "AttributeError",
            format!("Can't get attribute '{}' on <module '{}' from '{file}'>", class.name, class.module),
            Fault::WeightsClass,
        );
        error.what = Some(Rc::from(format!(
            "{shown} names the class {}.{}, and the module has no such name",
            class.module, class.name
        )));
        return Err(Stop::Raise(Box::new(error)));
    }
    Ok(())
}

/// What was unpickled, as a value.
fn from_shape(run: &mut Run<'_>, shape: &Shape, depth: usize) -> Value {
    if depth > 4 {
        return Value::Unknown;
    }
    match shape {
        Shape::None => Value::None,
        Shape::Bool(value) => Value::Bool(*value),
        Shape::Int(value) => Value::Int(*value),
        Shape::Text(text) => Value::str(text),
        Shape::Tensor(tensor) => from_tensor(run, tensor),
        Shape::Dict(_) | Shape::OrderedDict(_) | Shape::Made(_) => match shape.entries() {
            Some(entries) => from_entries(run, entries, depth),
            None => match shape {
                Shape::Made(made) => {
                    let of = format!("{}.{}", made.by.module, made.by.name);
                    make(run, &format!("pickled:{of}"), Vec::new(), Vec::new())
                }
                _ => Value::Unknown,
            },
        },
        Shape::List(_) | Shape::Set => run.state.open_list(),
        Shape::Unknown
        | Shape::Float
        | Shape::Bytes
        | Shape::Tuple(_)
        | Shape::Storage
        | Shape::Global(_) => Value::Unknown,
    }
}

fn from_entries(run: &mut Run<'_>, entries: &Entries, depth: usize) -> Value {
    let mut items = Vec::with_capacity(entries.named.len());
    for (key, shape) in &entries.named {
        let value = from_shape(run, shape, depth + 1);
        items.push((Value::str(key), value));
    }
    let value = run.state.new_dict(items, Origin::Own);
    if (entries.others > 0 || entries.cut)
        && let Value::Dict(id) = value
        && let Some(dict) = run.state.dict_mut(id)
    {
        dict.is_open = true;
    }
    value
}

fn from_tensor(run: &mut Run<'_>, tensor: &Tensor) -> Value {
    let named = match &tensor.sizes {
        Some(sizes) => {
            let sizes: Vec<Value> =
                sizes.iter().map(|size| i64::try_from(*size).map_or(Value::Unknown, Value::Int)).collect();
            vec![(Rc::from("sizes"), Value::Tuple(sizes.into()))]
        }
        None => Vec::new(),
    };
    make(run, "torch.Tensor", Vec::new(), named)
}

/// A value as something that `load_state_dict` is given.
fn to_shape(run: &Run<'_>, value: &Value, depth: usize) -> Shape {
    match value {
        Value::None => Shape::None,
        Value::Bool(value) => Shape::Bool(*value),
        Value::Int(value) => Shape::Int(*value),
        Value::Float(_) => Shape::Float,
        Value::Str(text) => Shape::Text(text.to_string()),
        Value::Bytes(_) => Shape::Bytes,
        Value::Tuple(items) => Shape::Tuple(items.len()),
        Value::List(id) => match run.state.list(*id) {
            Some(list) if list.is_set => Shape::Set,
            Some(list) => Shape::List(list.items.len()),
            None => Shape::Unknown,
        },
        Value::Dict(id) if depth < 3 => {
            let Some(dict) = run.state.dict(*id) else { return Shape::Unknown };
            let mut entries = Entries { cut: dict.is_open, ..Entries::default() };
            for (key, value) in &dict.items {
                match key {
                    Value::Str(key) => entries.named.push((key.to_string(), to_shape(run, value, depth + 1))),
                    _ => entries.others += 1,
                }
            }
            Shape::Dict(entries)
        }
        Value::Made(id) => match run.state.made(*id) {
            Some(made) if &*made.of == "torch.Tensor" => {
                let sizes =
                    made.keywords.iter().find(|(name, _)| &**name == "sizes").and_then(|(_, value)| {
                        match value {
                            Value::Tuple(items) => items
                                .iter()
                                .map(|item| {
                                    if let Value::Int(size) = item { u64::try_from(*size).ok() } else { None }
                                })
                                .collect(),
                            _ => None,
                        }
                    });
                Shape::Tensor(Tensor { sizes, dtype: None, location: String::new(), parameter: false })
            }
            Some(made) => match made.of.strip_prefix("pickled:").and_then(|of| of.rsplit_once('.')) {
                Some((module, name)) => Shape::Made(Box::new(crate::weights::shape::Made {
                    by: crate::weights::shape::Name { module: module.to_owned(), name: name.to_owned() },
                    class: true,
                    entries: Entries::default(),
                    state: Shape::Unknown,
                })),
                None => Shape::Unknown,
            },
            None => Shape::Unknown,
        },
        _ => Shape::Unknown,
    }
}

/// `model.load_state_dict(state)`.
fn load_state_dict(run: &mut Run<'_>, model: &Value, given: &Args<'_>) -> Done<Value> {
    let strict = match given.get(1, "strict") {
        None => true,
        Some(value) => match run.truth(value) {
            Some(strict) => strict,
            None => {
                run.cannot_see("whether weights must fit strictly");
                return Ok(Value::Unknown);
            }
        },
    };
    let Some(state) = given.get(0, "state_dict") else { return Ok(Value::Unknown) };
    if matches!(state, Value::Unknown) {
        // What it is was said where it was loaded.
        return Ok(Value::Unknown);
    }
    let shape = to_shape(run, &state.clone(), 0);
    let model = layers::model(run, model);
    match fits::load_state_dict(&shape, &model, strict) {
        Fit::Fits => Ok(unfit_keys(run, &shape, &model)),
        Fit::Raises(raise) => {
            let mut error = run.error(raise.exception, &raise.text, raise.fault);
            if !raise.what.is_empty() {
                error.what = Some(Rc::from(raise.what.as_str()));
            }
            Err(Stop::Raise(Box::new(error)))
        }
        Fit::Unknown(why) => {
            run.cannot_see(format!(
                "whether the weights fit {}: {why}",
                if model.class.is_empty() { "the model" } else { &model.class }
            ));
            Ok(Value::Unknown)
        }
    }
}

/// What `load_state_dict` returns: the keys that are missing and those that are too many.
fn unfit_keys(run: &mut Run<'_>, state: &Shape, model: &fits::Model) -> Value {
    let lists = match fits::unfit_keys(state, model) {
        Some((missing, unexpected)) => [missing, unexpected].map(|keys| {
            let keys = keys.into_iter().map(Value::str).collect();
            run.state.new_list(keys)
        }),
        None => [run.state.open_list(), run.state.open_list()],
    };
    let value = make(run, KEYS, lists.to_vec(), Vec::new());
    if let Value::Made(id) = &value
        && let Some(made) = run.state.made_mut(*id)
    {
        let [missing, unexpected] = lists;
        made.names.insert(Rc::from("missing_keys"), missing);
        made.names.insert(Rc::from("unexpected_keys"), unexpected);
    }
    value
}

/// The named tuple that `load_state_dict` returns.
pub(crate) const KEYS: &str = "torch.nn.modules.module._IncompatibleKeys";

/// A demand for a GPU that perhaps is not there.
fn wants_gpu(run: &mut Run<'_>, name: &str, given: &Args<'_>) -> Done<()> {
    let wants = match name {
        "cuda" => true,
        "to" => match given.args.first() {
            Some(Value::Str(text)) => text.starts_with("cuda"),
            Some(Value::Made(id)) => run.state.made(*id).is_some_and(|made| {
                &*made.of == "torch.device"
                    && made.args.first().and_then(Value::text).is_some_and(|text| text.starts_with("cuda"))
            }),
            _ => false,
        },
        _ => false,
    };
    if wants { needs_gpu(run) } else { Ok(()) }
}

/// Raises what torch raises where no GPU is there, perhaps.
fn needs_gpu(run: &mut Run<'_>) -> Done<()> {
    let mut raised = run.error(
        "RuntimeError",
        "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from http://www.nvidia.com/Download/index.aspx",
        Fault::InitializeFails,
    );
    raised.what = Some(Rc::from("the handler uses CUDA without asking whether a GPU is there"));
    raised.fix = Some(Rc::from("choose the device by torch.cuda.is_available()"));
    raised.condition = Some(Rc::from("a GPU that torch can use lifts it"));
    match run.world.gpu {
        Some(true) => {}
        Some(false) => return Err(Stop::Raise(Box::new(raised))),
        // Below a condition that cannot be seen it is that condition that asks for the GPU.
        None if run.doubt > 0 => {}
        None => run.note_perhaps(raised),
    }
    Ok(())
}

/// A method that an instance has from a class of a package.
pub(crate) fn module_method(run: &mut Run<'_>, value: &Value, name: &str, given: &Args<'_>) -> Done<Value> {
    let is_module = layers::is_module(run, value);
    Ok(match name {
        "__init__" => {
            if let Value::Instance(id) = value {
                let of = run.state.instance(*id).map(|instance| instance.class);
                let base = of.and_then(|of| layers::container_base(run, of));
                if let Some(of) = base {
                    let made = Value::Made(run.state.put(Object::Made(Made {
                        of,
                        args: given.args.to_vec(),
                        keywords: given.named.to_vec(),
                        names: Names::new(),
                    })));
                    if let Some(instance) = run.state.instance_mut(*id) {
                        instance.names.insert(Rc::from("__made__"), made);
                    }
                }
            }
            Value::None
        }
        "load_state_dict" => load_state_dict(run, value, given)?,
        "eval" | "train" | "to" | "cuda" | "cpu" | "half" | "float" | "double" | "requires_grad_"
        | "apply" | "bfloat16"
            if is_module =>
        {
            wants_gpu(run, name, given)?;
            if name == "apply" {
                run.escape(given.args, given.named)?;
            }
            value.clone()
        }
        "register_buffer" | "register_parameter" | "add_module" | "register_module" => {
            match given.args.first() {
                Some(Value::Str(key)) => {
                    let key = key.clone();
                    let new = given.args.get(1).cloned().unwrap_or(Value::Unknown);
                    let new = if name == "register_buffer" {
                        let persistent =
                            given.get(2, "persistent").is_none_or(|value| run.truth(value) != Some(false));
                        let of = if persistent { "buffer" } else { "nothing" };
                        make(run, of, vec![new], Vec::new())
                    } else {
                        new
                    };
                    run.set_attribute(value, &key, new)?;
                }
                _ => run.set_attribute(value, "an unknown name", Value::Unknown)?,
            }
            Value::None
        }
        // A thread, a process.
        "start" => {
            if let Value::Instance(id) = value
                && let Some(class) = run.state.instance(*id).map(|instance| instance.class)
                && let Some(Value::Function(body)) = run.class_attribute(class, "run")
            {
                run.perhaps_called(&Value::Bound(Rc::new((value.clone(), Value::Function(body)))))?;
            }
            Value::Unknown
        }
        _ => {
            run.escape(given.args, given.named)?;
            Value::Unknown
        }
    })
}

/// A method of a layer or of a loaded model; `None` where the object is another.
pub(crate) fn made_method(
    run: &mut Run<'_>,
    value: &Value,
    of: &str,
    name: &str,
    given: &Args<'_>,
) -> Done<Option<Value>> {
    if of == "torch.Tensor" {
        if matches!(name, "to" | "cuda") {
            wants_gpu(run, name, given)?;
            return Ok(Some(value.clone()));
        }
        return Ok(None);
    }
    let is_layer = of.starts_with("torch.nn.") || of.starts_with("torch.jit.") || of.starts_with("pickled:");
    if !is_layer
        && !of.starts_with("torchvision.")
        && !of.starts_with("transformers.")
        && !of.starts_with("timm.")
    {
        return Ok(None);
    }
    let Value::Made(id) = value else { return Ok(None) };
    Ok(match name {
        "eval" | "train" | "to" | "cuda" | "cpu" | "half" | "float" | "double" | "requires_grad_" => {
            wants_gpu(run, name, given)?;
            Some(value.clone())
        }
        "load_state_dict" => Some(load_state_dict(run, value, given)?),
        "append" | "add_module" | "extend" | "insert" => {
            let more: Option<Vec<Value>> = match name {
                "append" => given.args.first().map(|one| vec![one.clone()]),
                "extend" => given.args.first().and_then(|many| run.items(many)),
                "add_module" => match given.args {
                    [Value::Str(key), module] => {
                        let (key, module) = (key.clone(), module.clone());
                        run.set_attribute(value, &key, module)?;
                        return Ok(Some(Value::None));
                    }
                    _ => None,
                },
                _ => None,
            };
            layers::extend(run, *id, more);
            Some(value.clone())
        }
        _ => None,
    })
}
