//! The command line: words in, typed options out. Only what works is here.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use envdiff_files::ImagePath;
use envdiff_image::{Gpus, ReadBy};
use envdiff_judge::Ignore;
use envdiff_lock::{Environment, Wishes};
use envdiff_model::{Name, Severity};
use envdiff_report::{Format, inspect, lock};

const EXIT_STATUS: &str = "\
Exit status: 0 nothing at or above --fail-on, 1 something is, 2 not audited (usage, unreadable input, no engine), \
130 and 143 interrupted.
An image that is called like a command is written docker:inspect.";

/// Says whether a serving image holds what training was locked to, without running it
///
/// With locks: does this image hold what training was locked to? Without: is this image consistent in itself?
/// Nothing of the image's code is run, unless --exec asks for it, and nothing leaves this machine.
#[derive(Debug, Parser)]
#[command(name = "envdiff", version, after_help = EXIT_STATUS)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
#[command(override_usage = "envdiff [OPTIONS] IMAGE [LOCK]...\n       envdiff [OPTIONS] COMMAND ...")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) audit: Audit,
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// The commands beside the main job.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What is in there? Interpreter, sys.path, distributions
    Inspect(Inspect),
    /// Will TorchServe load these model archives?
    Mar(MarCommand),
    /// What do locks install in an environment?
    Lock(LockCommand),
    /// A check's page; without argument the list of checks
    Explain(Explain),
    /// Completions for a shell, on stdout
    Completions(Completions),
    /// The man page, on stdout
    Man,
}

/// The main job.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// A name, an id, a path, or a form of `envdiff explain targets`
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) image: Option<String>,
    /// What training was locked to: a path, or - for standard input
    ///
    /// A folder is a project or a model of MLflow. An image, container, archive or folder that trained is written with its prefix, such as
    /// docker:train:1.0; `envdiff explain locks` lists all formats.
    #[arg(value_name = "LOCK")]
    pub(crate) locks: Vec<String>,

    #[command(flatten)]
    pub(crate) report: ReportOptions,
    /// All that is known of one package
    #[arg(long, value_name = "NAME", value_parser = package_name, help_heading = "Report")]
    pub(crate) why: Option<Name>,

    /// Every lock says what must be there
    #[arg(long, conflicts_with = "record", help_heading = "Reading the lock")]
    pub(crate) demand: bool,
    /// Every lock tells what was there in training
    #[arg(long, help_heading = "Reading the lock")]
    pub(crate) record: bool,
    #[command(flatten)]
    pub(crate) groups: GroupOptions,

    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// Read installed files whole and hold them against their RECORD
    ///
    /// Every file that the RECORD of an installed package names with a SHA-256 is hashed: gigabytes where torch is installed.
    /// Without it nothing of this is read. A file that is missing or another is the finding wheel-file-changed.
    #[arg(long, help_heading = "Reading the image")]
    pub(crate) verify: bool,
    #[command(flatten)]
    pub(crate) machine: MachineOptions,

    /// A model archive that is to load in it; repeatable
    ///
    /// What `envdiff mar` predicts joins this report. Archives that the image itself would load at its start are found and
    /// predicted without it.
    #[arg(long = "mar", value_name = "FILE", help_heading = "Archives")]
    pub(crate) archives: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
}

/// Where reports go, and what makes them fail.
#[derive(Debug, Args)]
pub(crate) struct ReportOptions {
    #[arg(long, value_name = "FORMAT", value_parser = report_format(), default_value = "terminal", help_heading = "Report")]
    #[arg(help = choices("What stdout carries", envdiff_report::FORMATS.iter().map(|f| f.id)), hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub(crate) format: FormatId,
    /// Also write the report to a file; repeatable
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report_file, help_heading = "Report")]
    pub(crate) reports: Vec<(FormatId, PathBuf)>,

    /// What gives status 1: error (default), warning, note, never
    #[arg(long, value_name = "LEVEL", default_value = "error", help_heading = "Policy")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) fail_on: FailOn,
    /// Short for --fail-on never
    #[arg(long, conflicts_with = "fail_on", help_heading = "Policy")]
    pub(crate) exit_zero: bool,
    /// Accept findings, all or of a name or glob; repeatable
    #[arg(long, value_name = "CHECK[=SUBJECT]", value_parser = Ignore::parse, help_heading = "Policy")]
    pub(crate) ignore: Vec<Ignore>,
}

/// How the server is set up.
#[derive(Debug, Default, Args)]
pub(crate) struct ServerOptions {
    /// The server's config.properties, in the place of the image's own
    #[arg(long, value_name = "FILE", help_heading = "Archives")]
    pub(crate) config_properties: Option<PathBuf>,
}

/// `envdiff mar`
#[derive(Debug, Args)]
pub(crate) struct MarCommand {
    /// Model archives: files, folders, or a model store with several
    ///
    /// A folder that holds archives (.mar, .model, .tar.gz) is a model store, and every entry counts that TorchServe would take
    /// with load_models=ALL; any other folder is one archive.
    #[arg(value_name = "ARCHIVE", required = true)]
    pub(crate) archives: Vec<PathBuf>,

    /// The image that will serve them; without it only what an archive decides alone
    #[arg(long = "in", value_name = "IMAGE", help_heading = "Archives")]
    pub(crate) image: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    /// Read whole what is otherwise judged by its size
    ///
    /// Entries of an archive above 64 MiB, which are held against what the pickle in them promises, are read and their
    /// checksums compared.
    #[arg(long, help_heading = "Archives")]
    pub(crate) verify: bool,

    #[command(flatten)]
    pub(crate) report: ReportOptions,
    /// The way that each prediction took, stage by stage; -v shows it too
    #[arg(long, help_heading = "Report")]
    pub(crate) explain: bool,

    /// With --in: which of an image's platforms
    #[arg(long, value_name = "OS/ARCH", value_parser = platform, requires = "image", help_heading = "Reading the image")]
    pub(crate) platform: Option<String>,
    /// With --in: how, auto (default), layers, walker, export
    #[arg(
        long,
        value_name = "WAY",
        default_value = "auto",
        requires = "image",
        help_heading = "Reading the image"
    )]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) read: Way,
    /// With --in: which interpreter, an absolute path in it
    #[arg(long, value_name = "PATH", value_parser = image_path, requires = "image", help_heading = "Reading the image")]
    pub(crate) python: Option<ImagePath>,
    /// With --in: configuration of a root file system
    #[arg(long, value_name = "FILE", requires = "image", help_heading = "Reading the image")]
    pub(crate) image_config: Option<PathBuf>,
}

/// Which groups, extras and members of a lock count.
#[derive(Debug, Default, Args)]
pub(crate) struct GroupOptions {
    /// A group beside the default ones; repeatable
    ///
    /// A format's own words for groups count: Pipenv's categories (dev is develop), conda-lock's categories, pixi's environments,
    /// Poetry's and PDM's groups. With several locks it must be in one of them.
    #[arg(long = "group", value_name = "NAME", value_parser = package_name, help_heading = "Reading the lock")]
    pub(crate) groups: Vec<Name>,
    /// Not this group; repeatable
    ///
    /// It must be one of the lock's.
    #[arg(long = "no-group", value_name = "NAME", value_parser = package_name, help_heading = "Reading the lock")]
    pub(crate) no_groups: Vec<Name>,
    /// This group and nothing else; repeatable
    ///
    /// With several locks nothing counts of one that has no such group, a requirements file for instance.
    #[arg(long = "only-group", value_name = "NAME", value_parser = package_name, help_heading = "Reading the lock")]
    #[arg(conflicts_with_all = ["groups", "all_groups"])]
    pub(crate) only_groups: Vec<Name>,
    /// Every group
    #[arg(long, help_heading = "Reading the lock")]
    pub(crate) all_groups: bool,
    /// No group that is not asked for: what tools call --no-dev or --prod
    #[arg(long, help_heading = "Reading the lock")]
    pub(crate) no_default_groups: bool,
    /// An extra of the project; repeatable
    #[arg(long = "extra", value_name = "NAME", value_parser = package_name, help_heading = "Reading the lock")]
    pub(crate) extras: Vec<Name>,
    /// Every extra of the project
    #[arg(long, help_heading = "Reading the lock")]
    pub(crate) all_extras: bool,
    /// A member of the workspace instead of its root; repeatable
    #[arg(long = "package", value_name = "NAME", value_parser = package_name, help_heading = "Reading the lock")]
    pub(crate) packages: Vec<Name>,
    /// Every member of the workspace
    #[arg(long, conflicts_with = "packages", help_heading = "Reading the lock")]
    pub(crate) all_packages: bool,
}

impl GroupOptions {
    /// As the readers of locks take it.
    pub(crate) fn wishes(&self) -> Wishes {
        Wishes {
            groups: self.groups.clone(),
            no_groups: self.no_groups.clone(),
            only_groups: self.only_groups.clone(),
            all_groups: self.all_groups,
            no_default_groups: self.no_default_groups,
            extras: self.extras.clone(),
            all_extras: self.all_extras,
            packages: self.packages.clone(),
            all_packages: self.all_packages,
        }
    }
}

/// `envdiff lock`
#[derive(Debug, Args)]
pub(crate) struct LockCommand {
    /// Locks: paths, - for standard input, or targets with their prefix
    #[arg(value_name = "LOCK", required = true)]
    pub(crate) locks: Vec<String>,

    /// The environment of this target
    #[arg(
        long = "for",
        value_name = "TARGET",
        conflicts_with = "python_version",
        help_heading = "Environment"
    )]
    pub(crate) target: Option<String>,
    /// A version of CPython: 3.11, or 3.11.7
    ///
    /// Of 3.11 alone a marker that asks for the patch version is undecided only where patch versions of 3.11 differ in it.
    #[arg(long, value_name = "VERSION", help_heading = "Environment")]
    pub(crate) python_version: Option<String>,
    #[arg(long, value_name = "PLATFORM", help_heading = "Environment")]
    #[arg(help = format!("A platform: {}; with --for one of an image's", Environment::platforms().collect::<Vec<_>>().join(", ")))]
    pub(crate) platform: Option<String>,
    /// With --for: how, auto (default), layers, walker, export
    #[arg(
        long,
        value_name = "WAY",
        default_value = "auto",
        requires = "target",
        help_heading = "Environment"
    )]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) read: Way,
    /// With --for: which interpreter, an absolute path in it
    #[arg(long, value_name = "PATH", value_parser = image_path, requires = "target", help_heading = "Environment")]
    pub(crate) python: Option<ImagePath>,
    /// With --for: configuration of a root file system
    #[arg(long, value_name = "FILE", requires = "target", help_heading = "Environment")]
    pub(crate) image_config: Option<PathBuf>,

    #[arg(long, value_name = "FORMAT", value_parser = lock_format(), default_value = "requirements", help_heading = "Report")]
    #[arg(help = choices("What stdout carries", lock::FORMATS.iter().map(|f| f.id)), hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub(crate) format: LockFormatId,

    #[command(flatten)]
    pub(crate) groups: GroupOptions,
}

/// `envdiff inspect`
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A name, an id, a path, or a form of `envdiff explain targets`
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    #[arg(long, value_name = "FORMAT", value_parser = inspect_format(), default_value = "table", help_heading = "Report")]
    #[arg(help = choices("What stdout carries", inspect::FORMATS.iter().map(|f| f.id)), hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub(crate) format: InspectFormatId,
    /// Write the files that were read to a new folder, a bundle
    ///
    /// A bundle is a TARGET on another machine and answers there as the image does here. Values of variables that look like
    /// secrets are masked in it; whatever else the files hold is in it as it is.
    #[arg(long, value_name = "DIR", help_heading = "Report")]
    pub(crate) thin: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: TargetOptions,
}

/// `envdiff explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A check's id, or one of the lists: locks, targets, reports
    #[arg(value_name = "CHECK|locks|targets|reports")]
    pub(crate) topic: Option<String>,
}

/// `envdiff completions`
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: Shell,
}

/// How a target is read.
#[derive(Debug, Args)]
pub(crate) struct TargetOptions {
    /// Which of an image's platforms
    #[arg(long, value_name = "OS/ARCH", value_parser = platform, help_heading = "Reading the image")]
    pub(crate) platform: Option<String>,
    /// How: auto (default), layers, walker, export
    ///
    /// layers reads the engine's layer folders directly; walker asks a tiny program of envdiff's own in a container that is
    /// created for it; export takes the export stream of a container that is never started. auto takes the first of these
    /// that works, in this order.
    #[arg(long, value_name = "WAY", default_value = "auto", help_heading = "Reading the image")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) read: Way,
    /// Which interpreter, an absolute path in the image
    #[arg(long, value_name = "PATH", value_parser = image_path, help_heading = "Reading the image")]
    pub(crate) python: Option<ImagePath>,
    /// Configuration of a root file system
    ///
    /// An OCI image configuration, or what `docker image inspect` prints; it tells how the process starts. Without it those
    /// facts are unknown, and --python or the only interpreter that is there counts.
    #[arg(long, value_name = "FILE", help_heading = "Reading the image")]
    pub(crate) image_config: Option<PathBuf>,

    /// Start the image's own interpreter and ask it too
    ///
    /// The one option that runs code of the image: importlib.metadata, pip and torch are asked in a container that is made for
    /// it, without network, with a read-only file system and no capability but that of reading, for at most 120 s. What they
    /// say stands beside what was read, and where the two differ that is a finding.
    #[arg(long, help_heading = "Running the image's Python")]
    pub(crate) exec: bool,
    /// With --exec: ask for GPUs: all, a number, or ids
    ///
    /// As `docker run --gpus` does: all, how many, or which (UUIDs such as GPU-5c8b…, or device=0,1). Where the engine has none
    /// to give, the interpreter is started without, and a note says why.
    #[arg(long, value_name = "all|N|ID", value_parser = gpus, requires = "exec", help_heading = "Running the image's Python")]
    pub(crate) exec_gpus: Option<AskedGpus>,
}

/// `--exec-gpus`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedGpus {
    pub(crate) written: String,
    pub(crate) gpus: Gpus,
}

/// The machine that will run the image, where it is not this one.
#[derive(Debug, Default, Args)]
pub(crate) struct MachineOptions {
    /// Driver of the machine that will run the image, or none
    ///
    /// The version that `nvidia-smi` prints there, such as 535.104.05. Where neither this nor --gpu nor --node is given, an
    /// image of this machine's own engine is judged by this machine's driver and GPUs, if it has any.
    #[arg(long, value_name = "VERSION", help_heading = "Machine")]
    pub(crate) driver: Option<String>,
    /// GPU of that machine, or none; repeatable
    ///
    /// A name as `nvidia-smi` prints it or a usual short form (A100, RTX 4090), a cloud's instance type (g5.xlarge), or a
    /// compute capability (sm_86).
    #[arg(long = "gpu", value_name = "NAME", help_heading = "Machine")]
    pub(crate) gpus: Vec<String>,
    /// Nodes of a cluster: kubectl get nodes -o json
    ///
    /// Drivers and GPUs are told by the labels of NVIDIA's GPU feature discovery.
    #[arg(long = "node", value_name = "FILE", conflicts_with_all = ["driver", "gpus"], help_heading = "Machine")]
    pub(crate) node: Option<PathBuf>,
}

/// What every command knows.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Shared {
    /// The verdict and one line for each error
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// All findings and what is unknown; -vv every requirement
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Colours: auto (default), always, never
    ///
    /// auto is by the stream, NO_COLOR, CLICOLOR_FORCE and TERM.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub(crate) color: Color,
}

/// `--color`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where the stream is a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--fail-on`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Something breaks, or the lock is not met
    Error,
    /// It breaks under a condition that cannot be seen from here
    Warning,
    /// A difference without a mechanism
    Note,
    /// Nothing fails
    Never,
}

impl FailOn {
    /// The level as the policy takes it.
    pub(crate) const fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Note => Some(Severity::Note),
            Self::Never => None,
        }
    }
}

/// `--read`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// The first that works
    Auto,
    /// The engine's layer folders, directly
    Layers,
    /// A tiny program of our own in a container
    Walker,
    /// The export stream of a container that is never started
    Export,
}

impl From<Way> for ReadBy {
    fn from(way: Way) -> Self {
        match way {
            Way::Auto => Self::Auto,
            Way::Layers => Self::Layers,
            Way::Walker => Self::Walker,
            Way::Export => Self::Export,
        }
    }
}

/// A report format of the registry.
#[derive(Clone, Copy)]
pub(crate) struct FormatId(pub(crate) &'static Format);

/// A format of the registry of `lock`.
#[derive(Clone, Copy)]
pub(crate) struct LockFormatId(pub(crate) &'static lock::Format);

impl std::fmt::Debug for LockFormatId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.id)
    }
}

/// A format of the registry of `inspect`.
#[derive(Clone, Copy)]
pub(crate) struct InspectFormatId(pub(crate) &'static inspect::Format);

impl std::fmt::Debug for FormatId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.id)
    }
}
impl std::fmt::Debug for InspectFormatId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.id)
    }
}

/// `What stdout carries: terminal (default), json`
fn choices(what: &str, ids: impl Iterator<Item = &'static str>) -> String {
    let ids: Vec<String> = ids
        .enumerate()
        .map(|(i, id)| if i == 0 { format!("{id} (default)") } else { id.to_owned() })
        .collect();
    format!("{what}: {}", ids.join(", "))
}

fn report_format() -> impl TypedValueParser<Value = FormatId> {
    let values = envdiff_report::FORMATS.iter().map(|f| PossibleValue::new(f.id).help(f.about));
    PossibleValuesParser::new(values)
        .try_map(|id| envdiff_report::find(&id).map(FormatId).ok_or("no report format has this name"))
}

fn inspect_format() -> impl TypedValueParser<Value = InspectFormatId> {
    let values = inspect::FORMATS.iter().map(|f| PossibleValue::new(f.id).help(f.about));
    PossibleValuesParser::new(values)
        .try_map(|id| inspect::find(&id).map(InspectFormatId).ok_or("no format of inspect has this name"))
}

fn lock_format() -> impl TypedValueParser<Value = LockFormatId> {
    let values = lock::FORMATS.iter().map(|f| PossibleValue::new(f.id).help(f.about));
    PossibleValuesParser::new(values)
        .try_map(|id| lock::find(&id).map(LockFormatId).ok_or("no format of lock has this name"))
}

fn report_file(written: &str) -> Result<(FormatId, PathBuf), String> {
    let known = || envdiff_report::FORMATS.iter().map(|f| f.id).collect::<Vec<_>>().join(", ");
    let (id, file) = written.split_once('=').ok_or_else(|| {
        format!("a format and a file are wanted, such as json=report.json (formats: {})", known())
    })?;
    let format = envdiff_report::find(id)
        .ok_or_else(|| format!("no report format is called {id:?}; there are {}", known()))?;
    match file {
        "" => Err(format!("no file stands behind {id}=")),
        "-" => Err(format!("stdout is what --format fills: --format {id}")),
        file => Ok((FormatId(format), file.into())),
    }
}

fn package_name(written: &str) -> Result<Name, &'static str> {
    // PEP 508: letters, digits, `.`, `_`, `-`, the first and last one a letter or digit.
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if written.chars().all(inner) && edge(written.chars().next()) && edge(written.chars().last()) {
        Ok(Name::new(written))
    } else {
        Err("that is no name of a package")
    }
}

pub(crate) fn platform(written: &str) -> Result<String, &'static str> {
    let part = |p: &str| {
        !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    let parts: Vec<&str> = written.split('/').collect();
    if matches!(parts.len(), 2 | 3) && parts.iter().all(|p| part(p)) {
        Ok(written.to_owned())
    } else {
        Err("a platform is an operating system and an architecture: linux/amd64, linux/arm64, linux/arm/v7")
    }
}

fn gpus(written: &str) -> Result<AskedGpus, &'static str> {
    let id =
        |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/=".contains(&b));
    let ids = |list: &str| -> Option<Vec<String>> {
        list.split(',').map(|one| id(one).then(|| one.to_owned())).collect()
    };
    let gpus = match (written, written.parse::<u32>(), written.strip_prefix("device=")) {
        ("all", ..) => Some(Gpus::All),
        (_, Ok(count), _) => (count > 0).then_some(Gpus::Count(count)),
        (_, Err(_), Some(list)) => ids(list).map(Gpus::Ids),
        (_, Err(_), None) => {
            ids(written).filter(|_| !written.bytes().all(|b| b.is_ascii_digit())).map(Gpus::Ids)
        }
    };
    gpus.map(|gpus| AskedGpus { written: written.to_owned(), gpus })
        .ok_or("all, a number of GPUs, or their ids are wanted: all, 2, GPU-5c8b0d6e, device=0,1")
}

fn image_path(written: &str) -> Result<ImagePath, &'static str> {
    ImagePath::new(written).ok_or("an absolute path in the image is wanted, such as /opt/venv/bin/python")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use clap::Parser;
    use envdiff_image::Gpus;

    use super::{Cli, FailOn, Verb};

    #[test]
    fn the_definition_is_sound() {
        crate::command().debug_assert();
    }

    #[test]
    fn an_image_or_a_command() {
        let cli = Cli::try_parse_from(["envdiff", "serve:1.4", "a.txt", "b.txt"]).unwrap();
        assert_eq!(cli.audit.image.as_deref(), Some("serve:1.4"));
        assert_eq!(cli.audit.locks, ["a.txt", "b.txt"]);
        assert_eq!(cli.audit.report.fail_on, FailOn::Error);
        assert!(matches!(
            Cli::try_parse_from(["envdiff", "inspect", "x"]).unwrap().verb,
            Some(Verb::Inspect(_))
        ));
        let named = Cli::try_parse_from(["envdiff", "docker:inspect"]).unwrap();
        assert_eq!(named.audit.image.as_deref(), Some("docker:inspect"));
        // Behind an image, a word is a lock.
        let lock = Cli::try_parse_from(["envdiff", "serve:1.4", "inspect"]).unwrap();
        assert_eq!(lock.audit.locks, ["inspect"]);
    }

    #[test]
    fn shared_options_stand_on_either_side_of_a_command() {
        assert_eq!(Cli::try_parse_from(["envdiff", "-vv", "inspect", "x"]).unwrap().shared.verbose, 2);
        assert_eq!(Cli::try_parse_from(["envdiff", "inspect", "x", "-v"]).unwrap().shared.verbose, 1);
    }

    #[test]
    fn gpus_are_all_a_number_or_ids() {
        let asked = |written: &str| super::gpus(written).unwrap().gpus;
        assert_eq!(asked("all"), Gpus::All);
        assert_eq!(asked("2"), Gpus::Count(2));
        assert_eq!(asked("GPU-1,MIG-2"), Gpus::Ids(vec!["GPU-1".into(), "MIG-2".into()]));
        assert_eq!(asked("device=0,1"), Gpus::Ids(vec!["0".into(), "1".into()]));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for words in [
            &["envdiff"][..],
            &["envdiff", "x", "--report", "json"],
            &["envdiff", "x", "--report", "yaml=x"],
            &["envdiff", "x", "--report", "json="],
            &["envdiff", "x", "--report", "json=-"],
            &["envdiff", "x", "--ignore", "no-such-check"],
            &["envdiff", "x", "--demand", "--record"],
            &["envdiff", "x", "--exit-zero", "--fail-on", "note"],
            &["envdiff", "x", "--platform", "linux"],
            &["envdiff", "x", "--python", "bin/python"],
            &["envdiff", "x", "--exec-gpus", "all"],
            &["envdiff", "x", "--exec", "--exec-gpus", "0"],
            &["envdiff", "x", "--exec", "--exec-gpus", "device="],
            &["envdiff", "x", "--exec", "--exec-gpus", "a b"],
            &["envdiff", "x", "--why", "../x"],
            &["envdiff", "x", "-q", "-v"],
            &["envdiff", "x", "--node", "nodes.json", "--driver", "535.104.05"],
            &["envdiff", "x", "--node", "nodes.json", "--gpu", "L4"],
            &["envdiff", "inspect"],
            &["envdiff", "mar"],
            &["envdiff", "mar", "x.mar", "--python", "/usr/bin/python"],
            &["envdiff", "x", "--format", "sarif"],
        ] {
            assert_eq!(Cli::try_parse_from(words.iter().copied()).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }
}
