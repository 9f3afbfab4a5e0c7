//! The words of version 1 that stand for one of a few choices, and what they are in the model.

use envdiff_model as model;
use serde::{Deserialize, Serialize};

/// An enum of words; with `both ways`, conversions from and to the enum of the same name in the model.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: both ways { $( $(#[$vdoc:meta])* $variant:ident = $word:literal ),* $(,)? }) => {
        words! { $(#[$doc])* $name: out { $( $(#[$vdoc])* $variant = $word ),* } }
        impl From<model::$name> for $name {
            fn from(word: model::$name) -> Self {
                match word { $( model::$name::$variant => Self::$variant ),* }
            }
        }
        impl From<$name> for model::$name {
            fn from(word: $name) -> Self {
                match word { $( $name::$variant => Self::$variant ),* }
            }
        }
        impl crate::mirror::Mirror for $name {
            type Model = model::$name;
            fn of(word: &model::$name) -> Self {
                (*word).into()
            }
            fn into_model(self) -> model::$name {
                self.into()
            }
        }
    };
    ($(#[$doc:meta])* $name:ident: out { $( $(#[$vdoc:meta])* $variant:ident = $word:literal ),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name { $( $(#[$vdoc])* #[serde(rename = $word)] $variant ),* }
    };
}

words! {
    /// The kind of a target, as it is written before the colon.
    TargetKind: both ways {
        /// An image of the engine.
        Docker = "docker",
        /// A container's file system.
        Container = "container",
        /// A file that `docker save` or its like wrote.
        Archive = "archive",
        /// An OCI image layout.
        Oci = "oci",
        /// A folder.
        Dir = "dir",
        /// A snapshot.
        Snapshot = "snapshot",
        /// Model archives without an image.
        Mar = "mar",
    }
}
words! {
    /// Where the CUDA libraries that torch links lie.
    CudaLibraries: both ways {
        /// In `torch/lib`.
        Bundled = "bundled",
        /// In wheels of their own.
        Wheels = "wheels",
        /// Where the system's loader finds them.
        System = "system",
    }
}
words! {
    /// Who brought a library.
    LibraryOrigin: both ways {
        /// A wheel of its own.
        Wheel = "wheel",
        /// It lies beside what needs it.
        Bundled = "bundled",
        /// The conda prefix.
        Conda = "conda",
        /// The image's system.
        System = "system",
    }
}
words! {
    /// What a torch was built for.
    VariantKind: out {
        /// No accelerator.
        Cpu = "cpu",
        /// CUDA.
        Cuda = "cuda",
        /// ROCm.
        Rocm = "rocm",
        /// oneAPI.
        Xpu = "xpu",
    }
}
words! {
    /// A kind of C library.
    LibcKind: out {
        /// GNU.
        Glibc = "glibc",
        /// musl.
        Musl = "musl",
    }
}
words! {
    /// Where an entry of `sys.path` comes from.
    PathSource: both ways {
        /// The working folder.
        Cwd = "cwd",
        /// `PYTHONPATH`.
        Env = "env",
        /// `pythonXY.zip`.
        Zip = "zip",
        /// The standard library.
        Stdlib = "stdlib",
        /// `site-packages` or `dist-packages`.
        Site = "site",
        /// The user's site.
        User = "user",
        /// `site-packages` of a virtual environment.
        Venv = "venv",
        /// A line of a `.pth` file.
        Pth = "pth",
        /// An egg that a `.pth` file names.
        Egg = "egg",
    }
}
words! {
    /// The shape of a distribution's metadata.
    MetadataKind: both ways {
        /// A `.dist-info` folder.
        DistInfo = "dist-info",
        /// An `.egg-info` folder.
        EggInfoFolder = "egg-info-folder",
        /// An `.egg-info` file.
        EggInfoFile = "egg-info-file",
        /// `EGG-INFO` in an egg folder.
        Egg = "egg",
        /// Metadata in a zip.
        Zip = "zip",
    }
}
words! {
    /// How a lock is meant.
    ReadAs: both ways {
        /// It says what must be there.
        Demand = "demand",
        /// It tells what was there in a training environment.
        Record = "record",
    }
}
words! {
    /// What came of a requirement.
    Verdict: both ways {
        /// The image holds it.
        Satisfied = "satisfied",
        /// The image has no such distribution.
        Missing = "missing",
        /// Another version.
        VersionMismatch = "version-mismatch",
        /// Another URL or commit.
        SourceMismatch = "source-mismatch",
        /// Marker or selection leaves it out.
        NotApplicable = "not-applicable",
        /// It cannot be told.
        Unverifiable = "unverifiable",
        /// No installer takes the line.
        Invalid = "invalid",
    }
}
words! {
    /// The largest part of the version in which two versions differ.
    Change: both ways {
        /// The first number.
        Major = "major",
        /// The second.
        Minor = "minor",
        /// The third or a later one.
        Patch = "patch",
        /// Local version, post or dev part.
        Build = "build",
        /// Epochs differ, or one is no version.
        Other = "other",
    }
}
words! {
    /// What the image's version is beside the lock's.
    Direction: both ways {
        /// Newer.
        Newer = "newer",
        /// Older.
        Older = "older",
    }
}
words! {
    /// How grave a finding is.
    Severity: both ways {
        /// A difference without a mechanism.
        Note = "note",
        /// It breaks under a condition that cannot be seen from here.
        Warning = "warning",
        /// Something breaks, or the lock is not met.
        Error = "error",
    }
}
words! {
    /// The verdict of a report.
    Outcome: out {
        /// Nothing at or above the level of `--fail-on`.
        Pass = "pass",
        /// Something is, or an audit could not be made.
        Fail = "fail",
    }
}
words! {
    /// What happens to a model.
    LoadOutcome: out {
        /// The first worker becomes ready.
        Ready = "ready",
        /// It does not.
        Fails = "fails",
        /// The whole server ends.
        ServerFails = "server-fails",
        /// It cannot be told.
        Unknown = "unknown",
    }
}
impl From<model::Outcome> for LoadOutcome {
    fn from(outcome: model::Outcome) -> Self {
        match outcome {
            model::Outcome::Ready => Self::Ready,
            model::Outcome::Fails => Self::Fails,
            model::Outcome::ServerFails => Self::ServerFails,
            model::Outcome::Unknown => Self::Unknown,
        }
    }
}
words! {
    /// A stage of a load, in their order.
    Stage: both ways {
        /// The server starts.
        Server = "server",
        /// The file is found and unpacked.
        Archive = "archive",
        /// MANIFEST.json is read.
        Manifest = "manifest",
        /// model-config.yaml is read.
        Config = "config",
        /// pip installs what the archive asks for.
        Requirements = "requirements",
        /// The worker's process starts.
        Worker = "worker",
        /// The handler is imported.
        Import = "import",
        /// Its function or class is found and constructed.
        Entry = "entry",
        /// `initialize`, or the first call of a function.
        Initialize = "initialize",
        /// The worker takes requests.
        Ready = "ready",
    }
}
words! {
    /// What kind of place a package comes from.
    SourceKind: both ways {
        /// An index.
        Registry = "registry",
        /// A repository under version control.
        Git = "git",
        /// An archive by its URL.
        Url = "url",
        /// An archive by its path.
        Path = "path",
        /// A folder.
        Directory = "directory",
        /// A folder, in place.
        Editable = "editable",
        /// A project that is never installed itself.
        Virtual = "virtual",
        /// A channel of conda.
        Conda = "conda",
    }
}
