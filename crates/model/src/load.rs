//! What TorchServe will do with one model archive: a prediction for each of the two ways in which it is loaded, and what speaks for
//! it.

use crate::{Evidence, Place, Text, say};

/// The prediction for one archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// The archive, as it was named.
    pub archive: Text,
    /// The model's name, where one is given.
    pub model: Option<Text>,
    /// The model's version, where one is given.
    pub version: Option<Text>,
    /// Loaded by `load_models` while the server starts.
    pub at_startup: Prediction,
    /// Loaded by `POST /models?url=…&initial_workers=1&synchronous=true`.
    pub register: Prediction,
    /// What the load reads: `handler`, `entry`, `weights` and others, each with what it is.
    pub reads: Vec<(&'static str, Text)>,
    /// The way the prediction took, stage by stage.
    pub steps: Vec<Step>,
    /// All that was noticed; what decides is among them.
    pub troubles: Vec<Trouble>,
    /// What the archive's code imports and does not bring, while it loads or later, each module once.
    pub imports: Vec<Import>,
}

impl Load {
    /// The reason where no image was given and the archive alone does not decide.
    pub const ALONE: &str = "checked alone: what the image decides is not known";

    /// The prediction for one way of loading.
    #[must_use]
    pub const fn by(&self, way: Way) -> &Prediction {
        match way {
            Way::AtStartup => &self.at_startup,
            Way::Register => &self.register,
        }
    }

    /// What decides one way of loading, where something does.
    #[must_use]
    pub fn cause(&self, way: Way) -> Option<&Trouble> {
        self.troubles.get(self.by(way).cause?)
    }

    /// Both ways end alike, by the same cause.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.at_startup == self.register
    }

    /// Where a trouble strikes, as the user would look for it: `model.mar/handler.py`, or a path in the image.
    #[must_use]
    pub fn place(&self, trouble: &Trouble) -> Option<Place> {
        let spot = trouble.at.as_ref()?;
        Some(Place {
            file: self.file(&spot.file),
            line: spot.line,
            column: spot.column,
            end_column: spot.end_column,
        })
    }

    /// A file of the archive, or of the image where its path is absolute.
    #[must_use]
    pub fn file(&self, file: &Text) -> Text {
        let archive = self.archive.as_bytes();
        if file.as_bytes().starts_with(b"/") {
            file.clone()
        } else if archive.ends_with(b"/") {
            say!(self.archive, file)
        } else {
            say!(self.archive, "/", file)
        }
    }
}

/// The two ways in which an archive is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// While the server starts.
    AtStartup,
    /// By a request.
    Register,
}

impl Way {
    /// Both.
    pub const ALL: [Self; 2] = [Self::AtStartup, Self::Register];
}

/// A module that the archive's code imports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// As it is written: `cv2`, `google.cloud.storage`.
    pub module: Text,
    /// Where, the first time.
    pub at: Option<Spot>,
}

/// What is predicted for one way of loading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prediction {
    /// What happens.
    pub outcome: Outcome,
    /// At which stage; `None` where that is not known.
    pub stage: Option<Stage>,
    /// Index in [`Load::troubles`] of the one that decides.
    pub cause: Option<usize>,
    /// Why it is not known; a clause.
    pub reason: Option<Text>,
}

/// What happens to the model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The first worker becomes ready.
    Ready,
    /// It does not.
    Fails,
    /// The whole server ends.
    ServerFails,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl Outcome {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Fails => "fails",
            Self::ServerFails => "server-fails",
            Self::Unknown => "unknown",
        }
    }
}

/// The stages of a load, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The server itself starts.
    Server,
    /// The file is found and unpacked.
    Archive,
    /// MANIFEST.json is read, by the frontend or by the worker.
    Manifest,
    /// model-config.yaml is read, by the frontend or by the worker.
    Config,
    /// pip installs what the archive asks for.
    Requirements,
    /// The worker's process starts.
    Worker,
    /// The handler is imported.
    Import,
    /// Its function or class is found and constructed.
    Entry,
    /// `initialize`, or the first call of a function.
    Initialize,
    /// The worker takes requests.
    Ready,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 10] = [
        Self::Server,
        Self::Archive,
        Self::Manifest,
        Self::Config,
        Self::Requirements,
        Self::Worker,
        Self::Import,
        Self::Entry,
        Self::Initialize,
        Self::Ready,
    ];

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Archive => "archive",
            Self::Manifest => "manifest",
            Self::Config => "config",
            Self::Requirements => "requirements",
            Self::Worker => "worker",
            Self::Import => "import",
            Self::Entry => "entry",
            Self::Initialize => "initialize",
            Self::Ready => "ready",
        }
    }
}

/// One step of the way: what was decided at a stage, and from what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// At which stage.
    pub stage: Stage,
    /// What was decided; a sentence without a full stop.
    pub what: Text,
    /// Where that was seen.
    pub evidence: Vec<Evidence>,
}

/// A place in a file of the archive, or of the image where the path is absolute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file.
    pub file: Text,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// One past the last character on that line.
    pub end_column: usize,
}

/// How sure it is that something breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Nothing breaks.
    Remark,
    /// It breaks under a condition that cannot be seen from here.
    MayBreak,
    /// It breaks in the image as it stands.
    Breaks,
}

/// Something that was noticed about an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which fault it is: the id of the check that tells it.
    pub fault: Fault,
    /// How sure.
    pub weight: Weight,
    /// At which stage it strikes.
    pub stage: Stage,
    /// What is; one sentence without a full stop.
    pub what: Text,
    /// What the server or the worker will say, as exception and text: `ModuleNotFoundError: No module named 'captum'`. May be
    /// empty.
    pub message: Text,
    /// Where.
    pub at: Option<Spot>,
    /// The line there, as it stands in the file. May be empty.
    pub line: Text,
    /// What else was seen, in the archive or in the image.
    pub evidence: Vec<Evidence>,
    /// What to do, where that hangs on this case; else the check's own words serve. May be empty.
    pub fix: Text,
}

/// Which fault. The word of each is the id of a check.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)*) => {
        /// The faults of an archive, each told by the check of that id.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $($(#[$doc])* $name,)* }
        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The id of its check.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }
        }
    };
}

faults! {
    /// The server's configuration stops it (SRV-11, SRV-14 … SRV-18, SRV-22, SRV-24, SRV-25).
    ServerConfig = "server-config-invalid",
    /// A file whose name the server unpacks in another way than its content needs (ARC-5).
    ArchiveSuffix = "archive-suffix-wrong",
    /// `..` in the archive's name (ARC-2).
    ArchiveName = "archive-name-refused",
    /// No archive at all: a page, a pointer, an empty file (ARC-8, MAN-1).
    NotAnArchive = "archive-not-an-archive",
    /// It cannot be unpacked: truncated, a checksum, a compression that Java does not know, encrypted (ARC-8, ARC-10).
    ArchiveDamaged = "archive-damaged",
    /// An entry that leaves the folder (ARC-9).
    ArchiveSlip = "archive-entry-escapes",
    /// An entry's name that is no UTF-8 (ARC-8).
    ArchiveNotUtf8 = "archive-entry-name-not-utf8",
    /// Java, which reads from the front, sees other entries than everybody else (ARC-8).
    ArchiveViews = "archive-views-differ",
    /// Two archives of one name and version (MAN-9).
    ArchiveDuplicate = "archive-duplicate",
    /// `MAR-INF/MANIFEST.json` is not where it is looked for (MAN-1, ARC-11, ARC-14).
    ManifestMissing = "manifest-missing",
    /// It cannot be read by the frontend (MAN-2, MAN-3, MAN-5).
    ManifestInvalid = "manifest-invalid",
    /// The frontend reads it, the worker does not (MAN-4).
    ManifestLenient = "manifest-not-strict-json",
    /// A runtime that is none (MAN-8).
    RuntimeInvalid = "manifest-runtime-invalid",
    /// No name for the model (MAN-6).
    ModelNameMissing = "model-name-missing",
    /// No handler (HND-9).
    HandlerMissing = "handler-not-named",
    /// model-config.yaml is named and absent, or cannot be read (CFG-1 … 6).
    ModelConfig = "model-config-invalid",
    /// A key of model-config.yaml has no effect or another than it seems (CFG-7 … 9).
    ModelConfigKey = "model-config-key-ineffective",
    /// The requirements file is named and absent (REQ-1, REQ-8).
    RequirementsFile = "archive-requirements-missing",
    /// The archive asks for packages that the image lacks, and nothing installs them (REQ-1).
    RequirementsUnmet = "archive-requirements-unmet",
    /// pip will be asked, and its success hangs on an index (REQ-4, REQ-5).
    RequirementsInstalled = "archive-requirements-installed-at-load",
    /// A file of the archive stands in front of a module that the worker needs (WRK-5, WRK-6).
    Shadowed = "archive-shadows-module",
    /// The worker itself cannot start (WRK-10 … 15).
    Worker = "worker-cannot-start",
    /// The handler's module is not found (HND-1, HND-2, HND-5).
    HandlerNotFound = "handler-not-found",
    /// A module that is imported is neither in the archive nor in the image (HND-2, HND-12).
    ModuleMissing = "module-not-in-image",
    /// A name that the module has not (HND-15).
    NameMissing = "name-not-in-module",
    /// A relative import without a package (HND-2).
    RelativeImport = "relative-import-without-package",
    /// Syntax that the image's Python refuses (HND-3, HND-11).
    Syntax = "handler-syntax-error",
    /// Byte code or an extension module of another Python (HND-12).
    ForeignBytecode = "module-of-another-python",
    /// Something that ends or breaks the import (HND-3, HND-14, HND-16).
    ImportFails = "handler-import-fails",
    /// Not exactly one class, and no function (HND-20, HND-23).
    EntryCount = "entry-point-not-found",
    /// A class that cannot be constructed, or lacks a method (HND-24).
    EntryClass = "handler-class-unusable",
    /// A function or method that does not take what it is given (HND-21, HND-22, HND-24).
    EntrySignature = "handler-signature-wrong",
    /// The envelope is none (HND-10).
    Envelope = "service-envelope-unknown",
    /// A file that is opened and not there (INI-11 … 14, INI-19, INI-26).
    FileMissing = "file-not-in-archive",
    /// A file of the wrong kind for what reads it (INI-13, INI-16, INI-21).
    WeightsKind = "weights-kind-wrong",
    /// Weights that are damaged (INI-21, INI-25).
    WeightsDamaged = "weights-damaged",
    /// A class in the pickle that cannot be imported (INI-23).
    WeightsClass = "weights-class-not-importable",
    /// A pickle that `weights_only` refuses (INI-22).
    WeightsOnly = "weights-only-refused",
    /// Storages on CUDA without `map_location` (INI-24).
    WeightsDevice = "weights-on-cuda",
    /// Keys or shapes that the model has not (INI-12).
    WeightsShape = "weights-do-not-fit",
    /// A model file without exactly one class, or whose class cannot be constructed (INI-12).
    ModelFile = "model-file-unusable",
    /// TorchScript that the image's torch does not know (INI-28).
    TorchScript = "torchscript-operator-unknown",
    /// A key that manifest, configuration or context do not have (INI-26, INI-27).
    KeyMissing = "key-not-given",
    /// A variable of the environment that is not set (HND-16, INI-26).
    VariableMissing = "environment-variable-not-set",
    /// `index_to_name.json` that is refused (INI-18).
    Labels = "labels-invalid",
    /// Anything else that breaks `initialize` (INI-10, INI-17, INI-26).
    InitializeFails = "initialize-fails",
    /// It loads too slowly (WRK-26).
    StartupTimeout = "startup-timeout-too-short",
    /// What `torch.compile` generates cannot be compiled in the image.
    CompilerMissing = "compiler-missing-for-torch-compile",
    /// Tensors go from process to process through `/dev/shm`, of which a container has little.
    SharedMemory = "shm-too-small",
    /// What would run when the weights are unpickled.
    PickleRuns = "pickle-runs-code",
}
