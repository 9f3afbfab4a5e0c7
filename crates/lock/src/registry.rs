//! The one list of lock formats.

use envdiff_model::{
    Fact, Name, Place, ReadAs, Requirement, RequirementKind, Selection, Source, Text, Training, say,
};

use crate::broken::Broken;
use crate::environment::Environment;
use crate::formats::{
    collect_env, conda_environment, conda_list, conda_lock, cyclonedx, mlflow, pdm_lock, pip_inspect,
    pip_list, pipfile_lock, pixi_lock, poetry_lock, pylock, pyproject, requirements, setup_cfg, snapshot,
    spdx, uv_lock,
};
use crate::recognise::{Look, Shape};
use crate::text::Document;
use crate::{LockError, Reader, Wishes};

/// A lock format.
pub struct Format {
    /// What `Lock::format` and JSON say.
    pub id: &'static str,
    /// One line: what it is and who writes it.
    pub title: &'static str,
    /// One line: how its content is recognised.
    pub recognised: &'static str,
    pub(crate) is: fn(&Look) -> bool,
    pub(crate) open: fn(Input<'_>) -> Result<Box<dyn Selectable>, LockError>,
}

/// A file that a format is to read.
pub(crate) struct Input<'a> {
    /// As the user gave it.
    pub(crate) path: &'a str,
    pub(crate) bytes: Vec<u8>,
    /// For what lies beside it.
    pub(crate) reader: &'a dyn Reader,
    /// Id of the format.
    pub(crate) format: &'static str,
}

impl Input<'_> {
    /// The text with its places.
    pub(crate) fn document(&mut self) -> Result<Document, LockError> {
        let bytes = std::mem::take(&mut self.bytes);
        match crate::text::decode(bytes) {
            Ok(text) => Ok(Document::new(self.path, text)),
            Err((broken, readable)) => Err(self.refuse(&Document::new(self.path, readable), broken)),
        }
    }

    /// A fault as the message to the user.
    pub(crate) fn refuse(&self, document: &Document, broken: Broken) -> LockError {
        let Broken { fault, at, message } = broken;
        LockError::Broken {
            path: self.path.into(),
            format: Some(self.format),
            at: at.map(|at| document.place(at, at + 1)),
            fault,
            message: message.into(),
        }
    }

    /// The path of a file in the same folder; `None` for standard input.
    pub(crate) fn beside(&self, name: &str) -> Option<String> {
        if self.path == "-" {
            return None;
        }
        Some(match self.path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        })
    }
}

/// What of a lock can be asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    pub(crate) groups: Vec<Name>,
    pub(crate) extras: Vec<Name>,
    pub(crate) packages: Vec<Name>,
}

/// A lock that was read, before anything is known of the environment.
pub(crate) trait Selectable {
    fn offers(&self) -> Offers;

    /// What its own tool would install there.
    ///
    /// # Errors
    /// Where what is asked for cannot be had, or the lock contradicts itself there.
    fn select(&self, environment: &Environment, wishes: &Wishes) -> Result<Chosen, LockError>;

    /// `algorithm:digest` of the files of a requirement, by its index, where they were not read while selecting.
    fn hashes(&self, _requirement: usize) -> Vec<Text> {
        Vec::new()
    }
}

/// What was selected, and what was not.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) format_version: Option<Text>,
    pub(crate) read_as: (ReadAs, &'static str),
    pub(crate) requires_python: Option<Text>,
    pub(crate) python: Option<Fact<Text>>,
    /// What else it tells of the training machine.
    pub(crate) training: Training,
    pub(crate) groups: Vec<Name>,
    pub(crate) extras: Vec<Name>,
    pub(crate) requirements: Vec<Requirement>,
    pub(crate) notes: Vec<Text>,
    /// Why its tool would not install it there.
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) problems: Vec<envdiff_model::LockProblem>,
    pub(crate) sources: Vec<Source>,
}

impl Chosen {
    /// Nothing yet; what an installer reads says what must be there.
    pub(crate) const fn demand(why: &'static str) -> Self {
        Self::of((ReadAs::Demand, why))
    }

    /// Nothing yet; what was written of an environment tells what was there.
    pub(crate) const fn record(why: &'static str) -> Self {
        Self::of((ReadAs::Record, why))
    }

    const fn of(read_as: (ReadAs, &'static str)) -> Self {
        Self {
            format_version: None,
            read_as,
            requires_python: None,
            python: None,
            training: Training::NONE,
            groups: Vec::new(),
            extras: Vec::new(),
            requirements: Vec::new(),
            notes: Vec::new(),
            refusals: Vec::new(),
            problems: Vec::new(),
            sources: Vec::new(),
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<Text>) {
        self.notes.push(note.into());
    }

    /// Deselects all of it, for these groups alone are asked for and it has none of them.
    pub(crate) fn keep_nothing(&mut self, groups: &[Name]) {
        let reason =
            say!("only ", Text::join(groups, ", "), " is asked for, and this lock has no such group");
        for requirement in &mut self.requirements {
            if !matches!(requirement.kind, RequirementKind::Invalid { .. }) {
                requirement.selection = Selection::NotSelected { reason: reason.clone() };
            }
        }
        self.groups.clear();
        self.refusals.clear();
        self.note(reason);
    }

    /// Keeps the lines that findings can quote.
    pub(crate) fn quote(&mut self, document: &Document) {
        let lines = self.requirements.iter().map(|requirement| requirement.at.line);
        let refused = self.refusals.iter().filter_map(|refusal| refusal.at.as_ref()).map(|at| at.line);
        self.sources.push(document.quoted(lines.chain(refused)));
    }
}

/// Why a lock's own tool would install nothing of it in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) at: Option<Place>,
    /// A sentence without a full stop.
    pub(crate) message: Text,
    /// Whether it is the range of Python versions, which a check of its own tells.
    pub(crate) is_python: bool,
}

/// The format of targets, which no file need hold.
pub(crate) const SNAPSHOT: &str = "snapshot";

/// Every format, in the order in which a file is tried; the last takes what is text and nothing else.
pub static FORMATS: &[Format] = &[
    Format {
        id: "uv-lock",
        title: "uv.lock: uv lock, uv sync",
        recognised: "TOML with requires-python and packages whose source is a table",
        is: |look| look.is(Shape::UvLock),
        open: uv_lock::open,
    },
    Format {
        id: "pylock",
        title: "pylock.toml (PEP 751): pip lock, uv export, pdm export and pdm lock",
        recognised: "TOML with a text lock-version at its top",
        is: |look| look.is(Shape::Pylock),
        open: pylock::open,
    },
    Format {
        id: "poetry-lock",
        title: "poetry.lock: poetry lock; before Poetry 2 with the pyproject.toml beside it",
        recognised: "TOML with packages that have python-versions, or metadata with lock-version",
        is: |look| look.is(Shape::PoetryLock),
        open: poetry_lock::open,
    },
    Format {
        id: "pdm-lock",
        title: "pdm.lock: pdm lock; without inherit_metadata with the pyproject.toml beside it",
        recognised: "TOML with metadata that has lock_version",
        is: |look| look.is(Shape::PdmLock),
        open: pdm_lock::open,
    },
    Format {
        id: "pipfile-lock",
        title: "Pipfile.lock: pipenv lock",
        recognised: "JSON with pipfile-spec",
        is: |look| look.is(Shape::PipfileLock),
        open: pipfile_lock::open,
    },
    Format {
        id: "pyproject",
        title: "pyproject.toml: what a project asks for (PEP 621, PEP 735, Poetry, setuptools' dynamic files); no lock",
        recognised: "TOML with project, build-system, dependency-groups or tool",
        is: |look| look.is(Shape::Pyproject),
        open: pyproject::open,
    },
    Format {
        id: "setup-cfg",
        title: "setup.cfg: what a project asks for; no lock",
        recognised: "sections with options",
        is: |look| look.is(Shape::SetupCfg),
        open: setup_cfg::open,
    },
    Format {
        id: "pip-inspect",
        title: "pip inspect: what was installed, from where, on which Python",
        recognised: "JSON with pip_version and installed",
        is: |look| look.is(Shape::PipInspect),
        open: pip_inspect::open,
    },
    Format {
        id: "pip-list",
        title: "pip list and uv pip list, as a table or as JSON",
        recognised: "a table headed Package and Version, or a JSON list of names and versions",
        is: |look| look.is(Shape::PipList),
        open: pip_list::open,
    },
    Format {
        id: "conda-list",
        title: "conda list (columns, --export, --explicit, --json) and explicit locks of conda-lock",
        recognised: "conda's head line, @EXPLICIT, lines name=version=build, or a JSON list with build_string",
        is: |look| look.is(Shape::CondaList),
        open: conda_list::open,
    },
    Format {
        id: "conda-environment",
        title: "environment.yml: conda env export, by hand",
        recognised: "YAML with dependencies, mostly beside name, channels or prefix",
        is: |look| look.is(Shape::CondaEnvironment),
        open: conda_environment::open,
    },
    Format {
        id: "conda-lock",
        title: "conda-lock.yml: conda-lock; pixi.lock before version 4",
        recognised: "YAML with version, metadata and package",
        is: |look| look.is(Shape::CondaLock),
        open: conda_lock::open,
    },
    Format {
        id: "pixi-lock",
        title: "pixi.lock: pixi lock, version 4 to 7",
        recognised: "YAML with version, environments and packages",
        is: |look| look.is(Shape::PixiLock),
        open: pixi_lock::open,
    },
    Format {
        id: "collect-env",
        title: "python -m torch.utils.collect_env: some libraries, and Python, CUDA, driver and GPU of training",
        recognised: "lines that begin with PyTorch version, or with [pip3]",
        is: |look| look.is(Shape::CollectEnv),
        open: collect_env::open,
    },
    Format {
        id: "mlflow",
        title: "a model of MLflow: its folder, its MLmodel or python_env.yaml, with the requirements.txt beside",
        recognised: "YAML with flavors and artifact_path, or with python and build_dependencies",
        is: |look| look.is(Shape::Mlflow),
        open: mlflow::open,
    },
    Format {
        id: "cyclonedx",
        title: "bill of materials of CycloneDX in JSON",
        recognised: "JSON with bomFormat",
        is: |look| look.is(Shape::CycloneDx),
        open: cyclonedx::open,
    },
    Format {
        id: "spdx",
        title: "bill of materials of SPDX 2 in JSON",
        recognised: "JSON with spdxVersion",
        is: |look| look.is(Shape::Spdx),
        open: spdx::open,
    },
    Format {
        id: SNAPSHOT,
        title: "an image, container, archive or folder, written with its prefix (docker:train:1.0), and what envdiff inspect --format json wrote",
        recognised: "a target's prefix where no file is called so, or JSON with the schema envdiff.snapshot/1",
        is: |look| look.is(Shape::Snapshot),
        open: snapshot::open,
    },
    Format {
        id: "requirements",
        title: "requirements file of pip: pip freeze, pip-compile, uv pip compile, uv export, poetry export, by hand",
        recognised: "text that is none of the other formats",
        is: requirements::is,
        open: requirements::open,
    },
];
