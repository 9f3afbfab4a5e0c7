//! What a file of weights is and how it is opened comes in; whether that loads, raises or cannot be told comes out, with the
//! classes that must be importable for it. One function for each way to open.

use envdiff_model::{Fault, Weight};

use super::numpy::{Npy, NpyFault};
use super::pickle::{End, Error, Pickle, Shape, Step};
use super::torch_zip::TorchZip;
use super::torchscript::{self, Known, TorchScript};
use super::weights_only::{self, Safe, Verdict, advice};
use super::zip::{Zip, ZipFault};
use super::{Kind, Weights};

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

/// Where `pickle.load` and its like run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PickleLoad {
    /// The interpreter's version; `None` where not known.
    pub python: Option<(u32, u32)>,
    /// The torch of the image; `None` where not known.
    pub torch: Option<Release>,
    /// Whether torch will see a GPU; `None` where not known.
    pub gpu: Option<bool>,
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

impl Raise {
    fn new(exception: &'static str, text: impl Into<String>, fault: Fault, what: impl Into<String>) -> Self {
        Self { exception, text: text.into(), fault, weight: Weight::Breaks, what: what.into(), at: None }
    }

    fn placed(self, at: u64) -> Self {
        Self { at: Some(at), ..self }
    }
}

impl<'a> Loading<'a> {
    const fn raises(raise: Raise) -> Self {
        Self { classes: Vec::new(), outcome: Outcome::Raises(raise) }
    }
    const fn loads(loaded: Loaded<'a>) -> Self {
        Self { classes: Vec::new(), outcome: Outcome::Loads(loaded) }
    }
    fn unknown(reason: impl Into<String>) -> Self {
        Self { classes: Vec::new(), outcome: Outcome::Unknown(reason.into()) }
    }
}

/// What `torch.load` does (torch, `torch/serialization.py`, read in 1.13.1 to 2.9.1).
#[must_use]
pub fn torch_load<'a>(weights: &'a Weights, call: &TorchLoad) -> Loading<'a> {
    let careful = match careful(call) {
        Ok(careful) => careful,
        Err(raise) => return Loading::raises(raise),
    };
    if let Some(careful) = careful {
        return Loader { weights, call, careful }.load();
    }
    // Whether weights_only is true is not known: what both do alike is known.
    let plain = Loader { weights, call, careful: false }.load();
    let strict = Loader { weights, call, careful: true }.load();
    match (&plain.outcome, &strict.outcome) {
        (Outcome::Loads(_), Outcome::Loads(_)) => strict,
        (Outcome::Raises(one), Outcome::Raises(other)) if one.fault == other.fault => plain,
        _ => Loading::unknown("whether weights_only is true is not known, and decides"),
    }
}

/// Whether the careful unpickler is used; `None` where that is not known.
fn careful(call: &TorchLoad) -> Result<Option<bool>, Raise> {
    let truth = |value: &str| matches!(value, "1" | "y" | "yes" | "true");
    let minor = call.torch.map(|release| (release.0, release.1));
    let given = match call.weights_only {
        WeightsOnly::Given(value) => Some(value),
        WeightsOnly::Unknown => None,
        WeightsOnly::Default if call.pickle_module => Some(false),
        WeightsOnly::Default => minor.map(|minor| minor >= (2, 6)),
    };
    if minor.is_some_and(|minor| minor < (1, 13)) {
        return match call.weights_only {
            WeightsOnly::Default => Ok(Some(false)),
            // It is handed on to the unpickler.
            WeightsOnly::Given(_) | WeightsOnly::Unknown => Err(Raise::new(
                "TypeError",
                "'weights_only' is an invalid keyword argument for Unpickler()",
                Fault::InitializeFails,
                "torch before 1.13 has no argument weights_only",
            )),
        };
    }
    let forced = truth(&call.force_weights_only.to_ascii_lowercase());
    let freed = minor.is_none_or(|minor| minor >= (2, 6)) && truth(&call.force_no_weights_only);
    let value = if forced && freed && minor.is_some() {
        return Err(Raise::new(
            "RuntimeError",
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, but both \
             were set.",
            Fault::InitializeFails,
            "two variables of the environment contradict each other",
        ));
    } else if forced {
        Some(true)
    } else if freed && call.weights_only == WeightsOnly::Default {
        Some(false)
    } else {
        given
    };
    if call.pickle_module && value == Some(true) {
        return Err(Raise::new(
            "RuntimeError",
            "Can not safely load weights when explicit pickle_module is specified",
            Fault::InitializeFails,
            "weights_only and a pickle_module exclude each other",
        ));
    }
    Ok(value)
}

struct Loader<'a, 'c> {
    weights: &'a Weights,
    call: &'c TorchLoad,
    careful: bool,
}

impl<'a> Loader<'a, '_> {
    /// Before 2.5 the careful way turns a RuntimeError into its own error.
    fn told(&self, raise: Raise) -> Loading<'a> {
        let Some(release) = self.call.torch else { return Loading::raises(raise) };
        let minor = (release.0, release.1);
        if self.careful && minor < (2, 5) && raise.exception == "RuntimeError" {
            let text = weights_only::worded(minor, &raise.text);
            return Loading::raises(Raise { exception: "_pickle.UnpicklingError", text, ..raise });
        }
        Loading::raises(raise)
    }

    fn since(&self, minor: (u32, u32)) -> bool {
        self.call.torch.is_some_and(|release| (release.0, release.1) >= minor)
    }

    fn load(&self) -> Loading<'a> {
        let weights = self.weights;
        match &weights.kind {
            Kind::CutZip(fault) => zip_fault(fault),
            Kind::Zip(zip) | Kind::TorchExport(zip) => self.other_zip(zip),
            Kind::Npz(_) => self.outside("another file"),
            Kind::TorchScript(script) => self.script(script),
            Kind::TorchZip(zip) => self.zip(zip),
            Kind::TorchLegacy(legacy) => {
                if self.call.mmap && self.since((2, 1)) {
                    return Loading::raises(Raise::new(
                        "RuntimeError",
                        "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), \
                         please torch.save your checkpoint with this option in order to use mmap.",
                        Fault::WeightsKind,
                        "mmap wants the zip format, and this is the one before 1.6",
                    ));
                }
                self.legacy(legacy)
            }
            Kind::TorchTar(tar) => self.tar(tar.object.as_deref()),
            Kind::Tar => self.tar(None),
            _ => self.raw(),
        }
    }

    fn tar(&self, object: Option<&'a Pickle>) -> Loading<'a> {
        if self.careful && self.since((2, 6)) {
            let minor = self.call.torch.map_or((2, 6), |release| (release.0, release.1));
            return Loading::raises(Raise::new(
                "RuntimeError",
                format!(
                    "Cannot use ``weights_only=True`` with files saved in the legacy .tar format. {}",
                    advice(minor)
                ),
                Fault::WeightsOnly,
                "weights_only does not read the oldest format of torch.save",
            ));
        }
        match object {
            Some(object) => self.object(object, Ids::Any, None, Vec::new()),
            None => Loading::raises(Raise::new(
                "KeyError",
                "\"filename 'storages' not found\"",
                Fault::WeightsKind,
                "the file is a tar, and none of torch's",
            )),
        }
    }

    fn other_zip(&self, zip: &Zip) -> Loading<'a> {
        let first = zip.entries.first().map(|entry| &*entry.name).unwrap_or_default();
        if first.contains('/') {
            let top = first.split('/').next().unwrap_or_default();
            if let Some(raise) = zip_version(zip, top, None) {
                return Loading::raises(raise);
            }
        }
        self.outside(first)
    }

    /// A zip without `data.pkl` where torch looks for it.
    fn outside(&self, first: &str) -> Loading<'a> {
        let what = format!("the file is {}, not one of torch.save", self.weights.called());
        if first.contains('/') {
            return self.told(Raise::new(
                "RuntimeError",
                "PytorchStreamReader failed locating file data.pkl: file not found",
                Fault::WeightsKind,
                what,
            ));
        }
        let first = match &self.weights.kind {
            Kind::Npz(npz) => npz.arrays.first().map(|(name, _)| format!("{name}.npy")).unwrap_or_default(),
            _ => first.to_owned(),
        };
        Loading::raises(Raise::new(
            "RuntimeError",
            enforce(
                self.call.torch,
                Line::Subdirectory,
                &format!("file in archive is not in a subdirectory: {first}"),
            ),
            Fault::WeightsKind,
            what,
        ))
    }

    fn script(&self, script: &'a TorchScript) -> Loading<'a> {
        if let Some(raise) = reader(&script.zip, self.call.torch) {
            return Loading::raises(raise);
        }
        if self.careful && self.since((2, 6)) {
            let minor = self.call.torch.map_or((2, 6), |release| (release.0, release.1));
            return Loading::raises(Raise::new(
                "RuntimeError",
                format!(
                    "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``. {}",
                    advice(minor)
                ),
                Fault::WeightsKind,
                "weights_only does not read a TorchScript archive",
            ));
        }
        let call = JitLoad {
            torch: self.call.torch,
            map_location: self.call.map_location.clone(),
            gpu: self.call.gpu,
            namespaces: Vec::new(),
            namespaces_open: true,
        };
        jit_load(self.weights, &call)
    }

    fn zip(&self, zip: &'a TorchZip) -> Loading<'a> {
        if let Some(raise) = reader(zip, self.call.torch) {
            return Loading::raises(raise);
        }
        if let Some(order) = zip.byteorder.as_deref().filter(|order| !matches!(*order, "little" | "big"))
            && self.since((2, 1))
        {
            return Loading::raises(Raise::new(
                "ValueError",
                format!("Unknown endianness type: {order}"),
                Fault::WeightsDamaged,
                "the record byteorder says neither little nor big",
            ));
        }
        let Some(data) = zip.data.as_deref() else {
            return match &zip.fault {
                Some(fault @ (ZipFault::TooLarge(_) | ZipFault::Method(_) | ZipFault::Unread(_))) => {
                    Loading::unknown(fault.to_string())
                }
                _ => Loading::raises(Raise::new(
                    "RuntimeError",
                    "PytorchStreamReader failed reading file data.pkl: invalid header or archive is corrupted",
                    Fault::WeightsDamaged,
                    "its data.pkl is damaged",
                )),
            };
        };
        let missing = zip.lack.as_ref().filter(|lack| lack.has.is_none()).map(|lack| {
            Raise::new(
                "RuntimeError",
                format!("PytorchStreamReader failed locating file {}: file not found", lack.record),
                Fault::WeightsDamaged,
                format!("the record {} of a tensor is not in it", lack.record),
            )
            .placed(lack.at)
        });
        self.object(data, Ids::Torch, missing, Vec::new())
    }

    /// What unpickling an object does, with an error that may come on the way.
    fn object(
        &self,
        pickle: &'a Pickle,
        ids: Ids,
        on_the_way: Option<Raise>,
        mut classes: Vec<Class>,
    ) -> Loading<'a> {
        let mut first: Option<Raise> = None;
        let mut consider = |raise: Option<Raise>| {
            if let Some(raise) = raise
                && first.as_ref().is_none_or(|first| raise.at < first.at)
            {
                first = Some(raise);
            }
        };
        consider(on_the_way);
        let (device, doubt) = self.device(pickle);
        consider(device);
        let mut open = None;
        if self.careful {
            let Some(release) = self.call.torch else {
                return Loading::unknown(
                    "which torch is installed is not known, and its list of safe classes decides",
                );
            };
            let safe = Safe { names: &self.call.safe_globals, open: self.call.safe_globals_open };
            match weights_only::judge(pickle, release, safe) {
                Verdict::Takes => {}
                // The oldest format names its tensors by numbers and text.
                Verdict::Refuses(refusal) if ids == Ids::Any && refusal.what == "a persistent id" => {}
                Verdict::Refuses(refusal) => {
                    let damaged = matches!(pickle.end, End::Fails { at, .. } if at == refusal.at);
                    let fault = if damaged { Fault::WeightsDamaged } else { Fault::WeightsOnly };
                    let what = format!("weights_only refuses {}", refusal.what);
                    consider(Some(
                        Raise::new(refusal.exception, refusal.text, fault, what).placed(refusal.at),
                    ));
                }
                Verdict::Unknown(reason) => open = Some(reason),
            }
        } else {
            classes.extend(imports(pickle));
            consider(ended(pickle, ids));
            open = past(pickle);
        }
        match (first, open) {
            (Some(raise), None) => {
                let at = raise.at;
                let mut told = self.told(raise);
                classes.retain(|class| at.is_none_or(|at| class.at <= at));
                told.classes = classes;
                told
            }
            (_, Some(reason)) => Loading { classes, outcome: Outcome::Unknown(reason) },
            (None, None) => match doubt {
                Some(reason) => Loading { classes, outcome: Outcome::Unknown(reason) },
                None => Loading { classes, outcome: Outcome::Loads(Loaded::Object(&pickle.shape)) },
            },
        }
    }

    /// The error of a storage that wants a device, or why that cannot be told.
    fn device(&self, pickle: &Pickle) -> (Option<Raise>, Option<String>) {
        let wanted = match &self.call.map_location {
            MapLocation::Given => return (None, None),
            MapLocation::Device(device) => {
                pickle.storages.first().map(|storage| (device.clone(), storage.at)).into_iter().collect()
            }
            MapLocation::None | MapLocation::Unknown => {
                let odd = pickle.storages.iter().filter(|s| !matches!(&*s.location, "cpu" | "meta"));
                let mut odd: Vec<(String, u64)> = odd.map(|s| (s.location.clone(), s.at)).collect();
                odd.dedup_by(|a, b| a.0 == b.0);
                odd
            }
        };
        for (device, at) in wanted {
            let cuda = device.starts_with("cuda");
            if !cuda {
                if matches!(&*device, "cpu" | "meta") {
                    continue;
                }
                return (
                    None,
                    Some(format!("a storage was on {device}, and whether that device is there decides")),
                );
            }
            if self.call.map_location == MapLocation::Unknown {
                if self.call.gpu != Some(true) {
                    return (None, Some(format!("a storage was on {device}, and map_location is not known")));
                }
                continue;
            }
            match self.call.gpu {
                Some(false) => {
                    let text = "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. \
                                If you are running on a CPU-only machine, please use torch.load with \
                                map_location=torch.device('cpu') to map your storages to the CPU.";
                    let what = if matches!(self.call.map_location, MapLocation::Device(_)) {
                        format!("map_location asks for {device}, and torch sees no GPU")
                    } else {
                        format!(
                            "a tensor was on {device} when it was saved, map_location is not given, and torch sees no GPU"
                        )
                    };
                    return (
                        Some(Raise::new("RuntimeError", text, Fault::WeightsDevice, what).placed(at)),
                        None,
                    );
                }
                Some(true) if matches!(&*device, "cuda" | "cuda:0") => {}
                Some(true) => {
                    return (
                        None,
                        Some(format!("a storage was on {device}, and how many GPUs there are decides")),
                    );
                }
                None => {
                    return (
                        None,
                        Some(format!("a storage was on {device}, and whether there is a GPU decides")),
                    );
                }
            }
        }
        (None, None)
    }

    fn legacy(&self, legacy: &'a super::legacy::Legacy) -> Loading<'a> {
        let mut classes = Vec::new();
        for (index, part) in legacy.parts.iter().enumerate() {
            let begin = legacy.begins.get(index).copied().unwrap_or(0);
            if index == 3 && part.end == End::Stop {
                continue;
            }
            if self.careful {
                let release = self.call.torch.unwrap_or((2, 6, 0));
                if let Verdict::Refuses(refusal) = weights_only::judge(part, release, Safe::default())
                    && index != 3
                {
                    let what = format!("weights_only refuses {}", refusal.what);
                    return Loading::raises(Raise::new(
                        refusal.exception,
                        refusal.text,
                        Fault::WeightsDamaged,
                        what,
                    ));
                }
            }
            if index == 3 {
                return self.object(part, Ids::Torch, None, classes);
            }
            if let Some(raise) = ended(part, Ids::None) {
                return Loading { classes, outcome: Outcome::Raises(raise) };
            }
            if let Some(reason) = past(part) {
                return Loading { classes, outcome: Outcome::Unknown(reason) };
            }
            if index < 3 && !self.careful {
                let moved = imports(part).map(|class| Class { at: class.at + begin, ..class });
                classes.extend(moved);
            }
        }
        let Some(object) = legacy.object() else {
            return Loading::unknown("it has no object");
        };
        let cut = legacy.storages.filter(|(wants, has)| has < wants).map(|(wants, has)| {
            Raise::new(
                "RuntimeError",
                format!("unexpected EOF, expected {} more bytes. The file might be corrupted.", wants - has),
                Fault::WeightsDamaged,
                format!("the file is cut off: {} bytes are missing", wants - has),
            )
            .placed(u64::MAX)
        });
        self.object(object, Ids::Torch, cut, classes)
    }

    /// No format of torch: the first pickle decides.
    fn raw(&self) -> Loading<'a> {
        let weights = self.weights;
        let what = match &weights.kind {
            Kind::Empty => "the file is empty".to_owned(),
            _ => format!("the file is {}, not one of torch.save", weights.called()),
        };
        let fault = if weights.kind == Kind::Empty { Fault::WeightsDamaged } else { Fault::WeightsKind };
        let Some(pickle) = weights.pickle.as_deref() else {
            let text = if self.careful { "" } else { "Ran out of input" };
            return Loading::raises(Raise::new("EOFError", text, fault, what));
        };
        if self.careful {
            let Some(release) = self.call.torch else {
                return Loading::raises(Raise::new(
                    "_pickle.UnpicklingError",
                    "Weights only load failed.",
                    fault,
                    what,
                ));
            };
            return match weights_only::judge(pickle, release, Safe::default()) {
                Verdict::Refuses(refusal) => {
                    Loading::raises(Raise::new(refusal.exception, refusal.text, fault, what))
                }
                Verdict::Takes => self.told(magic(fault, what)),
                Verdict::Unknown(reason) => Loading::unknown(reason),
            };
        }
        let mut classes: Vec<Class> = imports(pickle).collect();
        let outcome = match (ended(pickle, Ids::None), past(pickle)) {
            (Some(raise), _) => {
                let at = raise.at;
                classes.retain(|class| at.is_none_or(|at| class.at <= at));
                Outcome::Raises(Raise { fault, what, ..raise })
            }
            (None, Some(reason)) => Outcome::Unknown(reason),
            (None, None) => Outcome::Raises(magic(fault, what)),
        };
        let call = PickleLoad { python: None, torch: self.call.torch, gpu: self.call.gpu };
        with_nested(Loading { classes, outcome }, weights, pickle, &call)
    }
}

fn magic(fault: Fault, what: String) -> Raise {
    Raise::new("RuntimeError", "Invalid magic number; corrupt file?", fault, what).placed(u64::MAX)
}

/// What a pickle imports: all names but the storages of torch, which it makes itself.
fn imports(pickle: &Pickle) -> impl Iterator<Item = Class> + '_ {
    pickle.globals.iter().filter(|global| !is_storage(&global.name.name)).map(|global| Class {
        // torch moved it, and maps it while it loads.
        module: if global.name.module == "torch.tensor" {
            "torch._tensor".to_owned()
        } else {
            global.name.module.clone()
        },
        name: global.name.name.clone(),
        at: global.at,
    })
}

fn is_storage(name: &str) -> bool {
    name.strip_suffix("Storage").is_some_and(|element| {
        matches!(
            element,
            "Float"
                | "Double"
                | "Half"
                | "BFloat16"
                | "Long"
                | "Int"
                | "Short"
                | "Char"
                | "Byte"
                | "Bool"
                | "ComplexFloat"
                | "ComplexDouble"
                | "QInt8"
                | "QUInt8"
                | "QInt32"
                | "QUInt4x2"
                | "QUInt2x4"
        )
    })
}

/// Which persistent ids an unpickler takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    None,
    /// Tuples.
    Torch,
    Any,
}

/// The error that ends a pickle.
fn ended(pickle: &Pickle, ids: Ids) -> Option<Raise> {
    let persistent = pickle.events.iter().find_map(|event| match &event.step {
        Step::Opcode(b'Q' | b'P') if ids == Ids::None => Some(Raise::new(
            "_pickle.UnpicklingError",
            "A load persistent id instruction was encountered,\nbut no persistent_load function was specified.",
            Fault::WeightsKind,
            "the pickle asks for objects that lie outside it",
        )
        .placed(event.at)),
        Step::Persistent(None) if ids == Ids::Torch => {
            Some(Raise::new("AssertionError", "", Fault::WeightsDamaged, "a persistent id is no tuple").placed(event.at))
        }
        Step::Extension(code) => Some(Raise::new(
            "ValueError",
            format!("unregistered extension code {code}"),
            Fault::WeightsDamaged,
            "the pickle names a class by a number that nothing registers",
        )
        .placed(event.at)),
        _ => None,
    });
    let end = match &pickle.end {
        End::Fails { error, at } => {
            let (exception, text) = error.told();
            let what = match error {
                Error::RanOut | Error::Truncated { .. } => "the pickle is cut off",
                Error::Protocol(_) => "the pickle has a protocol that is not known",
                Error::InvalidKey(_) | Error::Other(..) => "the pickle is damaged, or is none",
            };
            Some(Raise::new(exception, text, Fault::WeightsDamaged, what).placed(*at))
        }
        End::Stop | End::TooLarge(_) | End::Unread(_) => None,
    };
    match (persistent, end) {
        (Some(one), Some(other)) => Some(if one.at <= other.at { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// Why it is not known how a pickle ends.
fn past(pickle: &Pickle) -> Option<String> {
    match &pickle.end {
        End::TooLarge(what) => Some(format!("the pickle has more {what} than are followed")),
        End::Unread(_) => Some("the pickle cannot be read".to_owned()),
        End::Stop | End::Fails { .. } => None,
    }
}

fn zip_fault<'a>(fault: &ZipFault) -> Loading<'a> {
    let text = match fault {
        ZipFault::NoDirectory => "failed finding central directory",
        ZipFault::Damaged(_) => "invalid header or archive is corrupted",
        ZipFault::TooLarge(_) | ZipFault::Method(_) | ZipFault::Unread(_) => {
            return Loading::unknown(fault.to_string());
        }
    };
    Loading::raises(Raise::new(
        "RuntimeError",
        format!("PytorchStreamReader failed reading zip archive: {text}"),
        Fault::WeightsDamaged,
        fault.to_string(),
    ))
}

/// The places in torch's reader that its messages name by their line.
#[derive(Debug, Clone, Copy)]
enum Line {
    Subdirectory,
    Parse,
    Version,
}

/// A message of torch's reader, with the line of its source where that is known.
fn enforce(torch: Option<Release>, line: Line, text: &str) -> String {
    let lines = LINES.iter().find(|(minor, _)| torch.is_some_and(|torch| (torch.0, torch.1) == *minor));
    let number = lines.map(|(_, (subdirectory, parse, version))| match line {
        Line::Subdirectory => subdirectory,
        Line::Parse => parse,
        Line::Version => version,
    });
    match number {
        Some(number) => format!("[enforce fail at inline_container.cc:{number}] . {text}"),
        None => format!("[enforce fail at inline_container.cc] . {text}"),
    }
}

/// A minor release.
type Minor = (u32, u32);

/// Asked from the releases themselves, see `fixtures/weights/make.py`.
const LINES: &[(Minor, (u32, u32, u32))] = &[
    ((1, 13), (129, 148, 165)),
    ((2, 0), (130, 149, 166)),
    ((2, 2), (166, 201, 216)),
    ((2, 4), (174, 209, 224)),
    ((2, 5), (174, 209, 224)),
    ((2, 6), (175, 211, 226)),
    ((2, 7), (176, 212, 227)),
];

/// What torch's reader says of a zip before anything is unpickled.
fn reader(zip: &TorchZip, torch: Option<Release>) -> Option<Raise> {
    zip_version(&zip.zip, &zip.top, Some(zip.version)).map(|mut raise| {
        if let Some(version) = zip.version {
            raise.text = enforce(torch, Line::Version, &raise.text);
            raise.what = format!(
                "the file has format {version}, and torch reads up to {}",
                torchscript::NEWEST_FORMAT
            );
        } else if zip.record("version").is_some() {
            raise.text = enforce(torch, Line::Parse, &raise.text);
        }
        raise
    })
}

fn zip_version(zip: &Zip, top: &str, version: Option<Option<u64>>) -> Option<Raise> {
    let has = |name: &str| zip.entry(&format!("{top}/{name}")).is_some();
    if !has("version") && !has(".data/version") {
        return Some(Raise::new(
            "RuntimeError",
            "Expected hasRecord(\"version\") to be true, but got false.  (Could this error message be improved?  If so, please \
             report an enhancement request to PyTorch.)",
            Fault::WeightsDamaged,
            "the zip has no record of its version",
        ));
    }
    match version {
        Some(None) => Some(Raise::new(
            "RuntimeError",
            "Couldn't parse the version as Long Long.",
            Fault::WeightsDamaged,
            "the record of its version is no number",
        )),
        Some(Some(version)) if version > torchscript::NEWEST_FORMAT => Some(Raise::new(
            "RuntimeError",
            format!(
                "Attempted to read a PyTorch file with version {version}, but the maximum supported version for reading is {}. \
                 The version of your PyTorch installation may be too old, please upgrade PyTorch to latest version to mitigate \
                 this issue.",
                torchscript::NEWEST_FORMAT
            ),
            Fault::WeightsKind,
            "",
        )),
        _ => None,
    }
}

/// What `torch.jit.load` does (torch, `torch/jit/_serialization.py` and `torch/csrc/jit/serialization`).
#[must_use]
pub fn jit_load<'a>(weights: &'a Weights, call: &JitLoad) -> Loading<'a> {
    let what = || format!("the file is {}, not one of torch.jit.save", weights.called());
    let constants = || {
        Loading::raises(Raise::new(
            "RuntimeError",
            "PytorchStreamReader failed locating file constants.pkl: file not found",
            Fault::WeightsKind,
            what(),
        ))
    };
    let script = match &weights.kind {
        Kind::TorchScript(script) => script,
        Kind::CutZip(fault) => return zip_fault(fault),
        Kind::TorchZip(zip) => return reader(zip, call.torch).map_or_else(constants, Loading::raises),
        Kind::Zip(zip) | Kind::TorchExport(zip) => {
            let first = zip.entries.first().map(|entry| &*entry.name).unwrap_or_default();
            return match first.split_once('/') {
                Some((top, _)) => zip_version(zip, top, None).map_or_else(constants, Loading::raises),
                None => Loading::raises(Raise::new(
                    "RuntimeError",
                    enforce(
                        call.torch,
                        Line::Subdirectory,
                        &format!("file in archive is not in a subdirectory: {first}"),
                    ),
                    Fault::WeightsKind,
                    what(),
                )),
            };
        }
        Kind::Npz(npz) => {
            let first = npz.arrays.first().map(|(name, _)| &**name).unwrap_or_default();
            return Loading::raises(Raise::new(
                "RuntimeError",
                enforce(
                    call.torch,
                    Line::Subdirectory,
                    &format!("file in archive is not in a subdirectory: {first}.npy"),
                ),
                Fault::WeightsKind,
                what(),
            ));
        }
        _ => {
            // The reader wants room for the end record, then looks for it.
            let text =
                if weights.size < 22 { "not a ZIP archive" } else { "failed finding central directory" };
            let fault = if weights.kind == Kind::Empty { Fault::WeightsDamaged } else { Fault::WeightsKind };
            return Loading::raises(Raise::new(
                "RuntimeError",
                format!("PytorchStreamReader failed reading zip archive: {text}"),
                fault,
                what(),
            ));
        }
    };
    if let Some(raise) = reader(&script.zip, call.torch) {
        return Loading::raises(raise);
    }
    script_load(script, call)
}

fn script_load<'a>(script: &'a TorchScript, call: &JitLoad) -> Loading<'a> {
    let device = |pickle: Option<&Pickle>| -> Option<Result<Raise, String>> {
        let storage = pickle?.storages.iter().find(|storage| storage.location.starts_with("cuda"))?;
        let wanted = match &call.map_location {
            MapLocation::Given => return None,
            MapLocation::Device(device) if !device.starts_with("cuda") => return None,
            MapLocation::Device(device) => device,
            MapLocation::None | MapLocation::Unknown => &storage.location,
        };
        match (call.gpu, &call.map_location) {
            (Some(true), _) => None,
            (Some(false), MapLocation::None | MapLocation::Device(_)) => Some(Ok(Raise::new(
                "RuntimeError",
                "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver from \
                 http://www.nvidia.com/Download/index.aspx",
                Fault::WeightsDevice,
                format!("a tensor was on {wanted} when it was saved, and torch sees no GPU"),
            ))),
            _ => Some(Err(format!("a tensor was on {wanted}, and whether there is a GPU decides"))),
        }
    };
    match device(script.constants.as_deref()) {
        Some(Ok(raise)) => return Loading::raises(raise),
        Some(Err(reason)) => return Loading::unknown(reason),
        None => {}
    }
    if script.zip.data.is_none() {
        return match &script.zip.fault {
            Some(fault) => Loading::unknown(fault.to_string()),
            None => Loading::raises(Raise::new(
                "RuntimeError",
                "PytorchStreamReader failed locating file data.pkl: file not found",
                Fault::WeightsDamaged,
                "the archive has no data.pkl",
            )),
        };
    }
    let mut unknown = None;
    for operator in &script.operators {
        let full = format!("{}::{}", operator.namespace, operator.name);
        if !torchscript::is_own(&operator.namespace) {
            if call.namespaces.contains(&operator.namespace) {
                continue;
            }
            if call.namespaces_open {
                unknown.get_or_insert(format!("whether an import registers {full} is not known"));
                continue;
            }
            return Loading::raises(Raise::new(
                "RuntimeError",
                format!("Unknown builtin op: {full}."),
                Fault::TorchScript,
                format!(
                    "the code calls {full}, and no import of the handler registers the operators of {}",
                    operator.namespace
                ),
            ));
        }
        let Some(torch) = call.torch else {
            unknown
                .get_or_insert("which torch is installed is not known, and its operators decide".to_owned());
            continue;
        };
        match torchscript::known(torch, operator) {
            Known::Yes => {}
            Known::Since(first) => {
                return Loading::raises(Raise::new(
                    "RuntimeError",
                    format!("Unknown builtin op: {full}."),
                    Fault::TorchScript,
                    format!("the code calls {full}, which torch has since {}.{}", first.0, first.1),
                ));
            }
            Known::Gone(gone) => {
                unknown.get_or_insert(format!(
                    "the code calls {full}, which torch has no longer since {}.{}",
                    gone.0, gone.1
                ));
            }
            Known::No => {
                unknown.get_or_insert(format!(
                    "the code calls {full}, and since when torch has that is not known"
                ));
            }
        }
    }
    match device(script.zip.data.as_deref()) {
        Some(Ok(raise)) => return Loading::raises(raise),
        Some(Err(reason)) => return Loading::unknown(reason),
        None => {}
    }
    if let Some(reason) = unknown {
        return Loading::unknown(reason);
    }
    if !script.complete {
        return Loading::unknown("not all of its code was read");
    }
    if let Some(lack) = script.zip.lack.as_ref().filter(|lack| lack.has.is_none()) {
        return Loading::raises(Raise::new(
            "RuntimeError",
            format!("PytorchStreamReader failed locating file {}: file not found", lack.record),
            Fault::WeightsDamaged,
            format!("the record {} of a tensor is not in it", lack.record),
        ));
    }
    Loading::loads(Loaded::ScriptModule)
}

/// What `safetensors.torch.load_file` or `safe_open` does (safetensors, `safetensors/src/tensor.rs`).
#[must_use]
pub fn safetensors_load(weights: &Weights) -> Loading<'_> {
    const EXCEPTION: &str = "safetensors._safetensors_rust.SafetensorError";
    if let Kind::Safetensors(file) = &weights.kind {
        return match &file.fault {
            None => Loading::loads(Loaded::Tensors),
            Some(text) => Loading::raises(Raise::new(
                EXCEPTION,
                text.clone(),
                Fault::WeightsDamaged,
                "the header does not fit the file",
            )),
        };
    }
    let length = weights.head.get(..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let text = match length {
        None => "header too small",
        Some(length) if length > super::limits::SAFETENSORS_HEADER => "header too large",
        Some(length) if length > weights.size - 8 => "invalid header length",
        Some(_) => "invalid JSON in header",
    };
    let fault = if weights.kind == Kind::Empty { Fault::WeightsDamaged } else { Fault::WeightsKind };
    Loading::raises(Raise::new(
        EXCEPTION,
        format!("Error while deserializing header: {text}"),
        fault,
        format!("the file is {}, not one of safetensors", weights.called()),
    ))
}

/// The newest operator set and format that every onnxruntime of the time of TorchServe 0.9 and later takes (onnxruntime 1.16).
const ONNX_OPSET: u64 = 19;
const ONNX_IR: u64 = 9;

/// What `onnxruntime.InferenceSession` does with the file at that path.
#[must_use]
pub fn onnx_load<'a>(weights: &'a Weights, path: &str) -> Loading<'a> {
    let damaged = |fault, what: String| {
        Loading::raises(Raise::new(
            "onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf",
            format!(
                "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from {path} failed:Protobuf parsing failed."
            ),
            fault,
            what,
        ))
    };
    match &weights.kind {
        Kind::Empty => Loading::raises(Raise::new(
            "onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument",
            format!(
                "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Load model from {path} failed:No graph was found in the protobuf."
            ),
            Fault::WeightsDamaged,
            "the file is empty",
        )),
        Kind::Onnx(onnx) if !onnx.whole => damaged(Fault::WeightsDamaged, "the model is cut off".to_owned()),
        Kind::Onnx(onnx) => {
            if let Some((domain, _)) = onnx.opsets.iter().find(|(domain, _)| !is_known_domain(domain)) {
                return Loading::unknown(format!(
                    "operators of the domain {domain} must be registered by a library"
                ));
            }
            let own = onnx.opsets.iter().filter(|(domain, _)| matches!(&**domain, "" | "ai.onnx"));
            if let Some((_, opset)) =
                own.max_by_key(|(_, version)| *version).filter(|(_, version)| *version > ONNX_OPSET)
            {
                return Loading::unknown(format!(
                    "whether this onnxruntime knows operator set {opset} is not known"
                ));
            }
            if let Some(version) = onnx.ir_version.filter(|version| *version > ONNX_IR) {
                return Loading::unknown(format!(
                    "whether this onnxruntime reads format {version} is not known"
                ));
            }
            Loading::loads(Loaded::Session)
        }
        _ => damaged(Fault::WeightsKind, format!("the file is {}, not an ONNX model", weights.called())),
    }
}

/// Domains that onnxruntime has operators for.
fn is_known_domain(domain: &str) -> bool {
    matches!(
        domain,
        "" | "ai.onnx"
            | "ai.onnx.ml"
            | "ai.onnx.training"
            | "ai.onnx.preview.training"
            | "com.microsoft"
            | "com.microsoft.nchwc"
            | "com.microsoft.experimental"
            | "org.pytorch.aten"
            | "com.ms.internal.nhwc"
    )
}

/// What `pickle.load` does.
#[must_use]
pub fn pickle_load<'a>(weights: &'a Weights, call: &PickleLoad) -> Loading<'a> {
    let Some(pickle) = weights.pickle.as_deref() else {
        if weights.kind == Kind::Empty {
            return Loading::raises(Raise::new(
                "EOFError",
                "Ran out of input",
                Fault::WeightsDamaged,
                "the file is empty",
            ));
        }
        // A zip's first byte is the opcode of a persistent id.
        return Loading::raises(Raise::new(
            "_pickle.UnpicklingError",
            "A load persistent id instruction was encountered,\nbut no persistent_load function was specified.",
            Fault::WeightsKind,
            format!("the file is {}, not a pickle", weights.called()),
        ));
    };
    let fault = if weights.kind == Kind::Pickle { Fault::WeightsDamaged } else { Fault::WeightsKind };
    with_nested(plain(pickle, call.python, fault, weights.called()), weights, pickle, call)
}

/// The same with what lies in the bytes of the pickle: `_load_from_bytes` calls `torch.load` without a `map_location` (torch,
/// `torch/storage.py`).
fn with_nested<'a>(
    mut loading: Loading<'a>,
    weights: &Weights,
    pickle: &Pickle,
    call: &PickleLoad,
) -> Loading<'a> {
    let inner = TorchLoad {
        torch: call.torch,
        weights_only: WeightsOnly::Given(false),
        gpu: call.gpu,
        ..TorchLoad::default()
    };
    for (place, nested) in pickle.nested.iter().zip(&weights.nested) {
        let is_reached = match &loading.outcome {
            Outcome::Raises(raise) => raise.at.is_some_and(|at| place.at < at),
            Outcome::Loads(_) | Outcome::Unknown(_) => true,
        };
        if !is_reached {
            break;
        }
        let found = torch_load(nested, &inner);
        loading.classes.extend(found.classes.into_iter().map(|class| Class { at: place.at, ..class }));
        match found.outcome {
            Outcome::Raises(raise) => {
                loading.classes.retain(|class| class.at <= place.at);
                loading.outcome = Outcome::Raises(raise.placed(place.at));
                break;
            }
            Outcome::Unknown(reason) => {
                loading.outcome = Outcome::Unknown(reason);
                break;
            }
            Outcome::Loads(_) => {}
        }
    }
    loading.classes.sort_by_key(|class| class.at);
    loading
}

fn plain<'a>(pickle: &'a Pickle, python: Option<(u32, u32)>, fault: Fault, called: &str) -> Loading<'a> {
    if pickle.protocol == Some(5) && python.is_some_and(|version| version < (3, 8)) {
        return Loading::raises(Raise::new(
            "ValueError",
            "unsupported pickle protocol: 5",
            Fault::WeightsKind,
            "the pickle has protocol 5, which Python has since 3.8",
        ));
    }
    let mut classes: Vec<Class> = pickle
        .globals
        .iter()
        .map(|global| Class {
            module: global.name.module.clone(),
            name: global.name.name.clone(),
            at: global.at,
        })
        .collect();
    if let Some(raise) = ended(pickle, Ids::None) {
        let at = raise.at;
        classes.retain(|class| at.is_none_or(|at| class.at <= at));
        let what = if fault == Fault::WeightsKind {
            format!("the file is {called}, not a pickle")
        } else {
            raise.what.clone()
        };
        return Loading { classes, outcome: Outcome::Raises(Raise { fault, what, ..raise }) };
    }
    if let Some(reason) = past(pickle) {
        return Loading { classes, outcome: Outcome::Unknown(reason) };
    }
    if pickle.events.iter().any(|event| event.step == Step::UnknownGlobal) {
        let reason = "the pickle computes the name of a class".to_owned();
        return Loading { classes, outcome: Outcome::Unknown(reason) };
    }
    Loading { classes, outcome: Outcome::Loads(Loaded::Object(&pickle.shape)) }
}

/// What `joblib.load` does (joblib, `joblib/numpy_pickle.py`).
#[must_use]
pub fn joblib_load<'a>(weights: &'a Weights, call: &PickleLoad) -> Loading<'a> {
    match &weights.kind {
        Kind::Joblib(pickle) => {
            let loading = plain(pickle, call.python, Fault::WeightsDamaged, weights.called());
            with_nested(loading, weights, pickle, call)
        }
        Kind::Compressed(_, Some(pickle)) => {
            plain(pickle, call.python, Fault::WeightsDamaged, weights.called())
        }
        Kind::Compressed(..) => Loading::unknown("what is compressed in it was not read"),
        Kind::Empty => {
            Loading::raises(Raise::new("EOFError", "", Fault::WeightsDamaged, "the file is empty"))
        }
        Kind::Pickle => {
            let mut loading = pickle_load(weights, call);
            if let Outcome::Raises(raise) = &mut loading.outcome
                && raise.text.starts_with("A load persistent id")
            {
                raise.text = "unsupported persistent id encountered".to_owned();
            }
            loading
        }
        _ => match weights.pickle.as_deref() {
            // joblib's unpickler is Python's own in Python, whose table of opcodes is a dictionary.
            Some(pickle) => match &pickle.end {
                End::Fails { error: Error::InvalidKey(key), at } if pickle.globals.is_empty() => {
                    Loading::raises(
                        Raise::new(
                            "KeyError",
                            key.to_string(),
                            Fault::WeightsKind,
                            format!("the file is {}, not one of joblib", weights.called()),
                        )
                        .placed(*at),
                    )
                }
                _ => pickle_load(weights, call),
            },
            None => Loading::raises(Raise::new(
                "_pickle.UnpicklingError",
                "persistent IDs in protocol 0 must be ASCII strings",
                Fault::WeightsKind,
                format!("the file is {}, not one of joblib", weights.called()),
            )),
        },
    }
}

/// What `numpy.load` does with the file at that path; `None` where `allow_pickle` is given and not known. An archive of arrays
/// is opened only: a broken array in it is told when it is taken.
#[must_use]
pub fn np_load<'a>(
    weights: &'a Weights,
    allow_pickle: Option<bool>,
    path: &str,
    call: &PickleLoad,
) -> Loading<'a> {
    match &weights.kind {
        Kind::Empty => Loading::raises(Raise::new(
            "EOFError",
            "No data left in file",
            Fault::WeightsDamaged,
            "the file is empty",
        )),
        Kind::CutZip(_) => Loading::raises(Raise::new(
            "zipfile.BadZipFile",
            "File is not a zip file",
            Fault::WeightsDamaged,
            "the archive of arrays is cut off",
        )),
        Kind::Npz(_) | Kind::Zip(_) | Kind::TorchZip(_) | Kind::TorchScript(_) | Kind::TorchExport(_) => {
            Loading::loads(Loaded::Arrays)
        }
        Kind::Npy(array) => npy(array, allow_pickle),
        _ => {
            let Some(allowed) = allow_pickle else {
                return Loading::unknown("whether allow_pickle is true is not known, and decides");
            };
            if !allowed {
                return Loading::raises(Raise::new(
                    "ValueError",
                    "This file contains pickled (object) data. If you trust the file you can load it unsafely using the \
                     `allow_pickle=` keyword argument or `pickle.load()`.",
                    Fault::WeightsKind,
                    format!("the file is {}, not a numpy array", weights.called()),
                ));
            }
            let mut loading = pickle_load(weights, call);
            if let Outcome::Raises(raise) = &mut loading.outcome {
                raise.exception = "_pickle.UnpicklingError";
                raise.text = format!("Failed to interpret file '{path}' as a pickle");
            }
            loading
        }
    }
}

fn npy(array: &Npy, allow_pickle: Option<bool>) -> Loading<'_> {
    let damaged = |text: String, what: &str| {
        Loading::raises(Raise::new("ValueError", text, Fault::WeightsDamaged, what))
    };
    match &array.fault {
        Some(NpyFault::Header) => {
            return damaged("EOF: reading array header".to_owned(), "the header of the array is cut off");
        }
        Some(NpyFault::Version(major, minor)) => {
            return damaged(
                format!("we only support format version (1,0), (2,0), and (3,0), not ({major}, {minor})"),
                "the array has a version of the format that is not known",
            );
        }
        Some(NpyFault::Data { .. }) => {
            return damaged("Failed to read all data for array.".to_owned(), "the array is cut off");
        }
        None => {}
    }
    if !array.has_objects() {
        return Loading::loads(Loaded::Arrays);
    }
    match (allow_pickle, array.pickle.as_deref()) {
        (Some(true), Some(pickle)) => {
            let mut loading = plain(pickle, None, Fault::WeightsDamaged, "a numpy array");
            if matches!(loading.outcome, Outcome::Loads(_)) {
                loading.outcome = Outcome::Loads(Loaded::Arrays);
            }
            loading
        }
        (Some(false), _) => Loading::raises(Raise::new(
            "ValueError",
            "Object arrays cannot be loaded when allow_pickle=False",
            Fault::WeightsKind,
            "the array holds objects, and allow_pickle is false",
        )),
        _ => Loading::unknown("whether allow_pickle is true is not known, and decides"),
    }
}
