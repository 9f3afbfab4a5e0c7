//! What a file of weights is and how it is opened comes in; whether that loads, raises or cannot be told comes out, with the
//! classes that must be importable for it. One function for each way to open.

use envdiff_model::{Fault, Weight};

use super::Weights;
use super::pickle::Shape;

/// A release, three numbers: `2.6.0` of `2.6.0+cu124`.
pub type Release = (u32, u32, u32);

/// How `weights_only` was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightsOnly {
    /// Not given, or `None`.
    #[default]
    Default,
    /// Given as a literal.
    Given(bool),
    /// Given, and not known.
    Unknown,
}

/// How `map_location` was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum MapLocation {
    /// Not given, or `None`.
    #[default]
    None,
    /// To a device that works: the CPU, or a device computed from what is available.
    Given,
    /// To this device by its literal name, such as `cuda:0`.
    Device(String),
    /// Given, and not known.
    Unknown,
}

/// One call of `torch.load` and where it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TorchLoad {
    /// The torch of the image; `None` where not known.
    pub torch: Option<Release>,
    /// The argument.
    pub weights_only: WeightsOnly,
    /// The argument.
    pub map_location: MapLocation,
    /// Whether torch will see a GPU; `None` where not known.
    pub gpu: Option<bool>,
    /// Whether a `pickle_module` was given.
    pub pickle_module: bool,
    /// What `add_safe_globals` or `safe_globals` was given, as `module.name`.
    pub safe_globals: Vec<String>,
    /// Whether something unknown was added to them.
    pub safe_globals_open: bool,
    /// `TORCH_FORCE_WEIGHTS_ONLY_LOAD` of the environment; empty where not set.
    pub force_weights_only: String,
    /// `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` of the environment; empty where not set.
    pub force_no_weights_only: String,
    /// Whether `mmap=True` was given.
    pub mmap: bool,
}

/// One call of `torch.jit.load` and where it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JitLoad {
    /// The torch of the image; `None` where not known.
    pub torch: Option<Release>,
    /// The argument.
    pub map_location: MapLocation,
    /// Whether torch will see a GPU; `None` where not known.
    pub gpu: Option<bool>,
    /// Namespaces of operators that the imports of the handler register: `torchvision`.
    pub namespaces: Vec<String>,
    /// Whether imports that cannot be followed may register more.
    pub namespaces_open: bool,
}

/// A class or function that unpickling imports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// Its module, as it is imported: Python 2's names are mapped.
    pub module: String,
    /// Its name; dots in it are attributes of attributes (protocol 4).
    pub name: String,
    /// Where it stands in the pickle, in bytes from its begin.
    pub at: u64,
}

/// What a call of a loading function does.
#[derive(Debug, Clone, PartialEq)]
pub struct Loading<'a> {
    /// What must be importable, in the order of the stream: the first that is not is what is raised, if nothing in
    /// [`Raise::at`] comes before it. Empty where nothing is imported.
    pub classes: Vec<Class>,
    /// What happens when all of them are.
    pub outcome: Outcome<'a>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// It loads.
    Loads(Loaded<'a>),
    /// It raises.
    Raises(Raise),
    /// It cannot be told, for this reason; a clause.
    Unknown(String),
}

/// What the caller has then.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded<'a> {
    /// An unpickled object of this shape.
    Object(&'a Shape),
    /// A TorchScript module.
    ScriptModule,
    /// Tensors by their names (safetensors).
    Tensors,
    /// A session of onnxruntime.
    Session,
    /// A numpy array, or an archive of them.
    Arrays,
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// Its class as a traceback names it: `_pickle.UnpicklingError`.
    pub exception: &'static str,
    /// Its text; may be empty.
    pub text: String,
    /// Which fault that is.
    pub fault: Fault,
    /// Whether it is sure, or hangs on something that is not seen here.
    pub weight: Weight,
    /// What is, for a reader; one clause.
    pub what: String,
    /// Where in the pickle: classes that stand before it are imported first. `None`: before any.
    pub at: Option<u64>,
}

/// What `torch.load` does (torch, `torch/serialization.py`).
#[must_use]
pub fn torch_load<'a>(weights: &'a Weights, call: &TorchLoad) -> Loading<'a> {
    let _ = (weights, call);
    Loading { classes: Vec::new(), outcome: Outcome::Unknown(String::new()) }
}

/// What `torch.jit.load` does.
#[must_use]
pub fn jit_load<'a>(weights: &'a Weights, call: &JitLoad) -> Loading<'a> {
    let _ = (weights, call);
    Loading { classes: Vec::new(), outcome: Outcome::Unknown(String::new()) }
}

/// What `safetensors.torch.load_file` (or `safe_open`) does.
#[must_use]
pub fn safetensors_load(weights: &Weights) -> Loading<'_> {
    let _ = weights;
    Loading { classes: Vec::new(), outcome: Outcome::Unknown(String::new()) }
}

/// What `onnxruntime.InferenceSession` does.
#[must_use]
pub fn onnx_load(weights: &Weights) -> Loading<'_> {
    let _ = weights;
    Loading { classes: Vec::new(), outcome: Outcome::Unknown(String::new()) }
}

/// What `pickle.load` does; `python` is the interpreter's version.
#[must_use]
pub fn pickle_load(weights: &Weights, python: Option<(u32, u32)>) -> Loading<'_> {
    let _ = (weights, python);
    Loading { classes: Vec::new(), outcome: Outcome::Unknown(String::new()) }
}

/// What `joblib.load` does; `python` is the interpreter's version.
#[must_use]
pub fn joblib_load(weights: &Weights, python: Option<(u32, u32)>) -> Loading<'_> {
    let _ = (weights, python);
    Loading { classes: Vec::new(), outcome: Outcome::Unknown(String::new()) }
}

/// What `numpy.load` does.
#[must_use]
pub fn np_load(weights: &Weights, allow_pickle: Option<bool>) -> Loading<'_> {
    let _ = (weights, allow_pickle);
    Loading { classes: Vec::new(), outcome: Outcome::Unknown(String::new()) }
}
