//! A target as the user wrote it goes in; what it holds comes out, with the conversation still open for later questions.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::thread;

use envdiff_files::{
    Ask, Budget, Converse, ImagePath, Kind, Likely, Miss, Reply, Seen, Source as _, Stat, converse,
};
use envdiff_image::{Begin, Events, Files, Here, OpenOptions, Opened, TargetSpec};
use envdiff_mar::{Archive, Image, Wishes};
use envdiff_model::{Environment, Evidence, Fact, Finding, Load, Machine, Snapshot, Verified};
use envdiff_observe::{Checkout, Inputs, machine};
use envdiff_report::Cost;

use crate::cli::{MachineOptions, TargetOptions};
use crate::exec;
use crate::failure::Failure;
use crate::progress::Progress;

/// What will probably be asked for, for sources that can pass only once.
static LIKELY: LazyLock<Likely> = LazyLock::new(|| envdiff_observe::LIKELY.and(&envdiff_mar::LIKELY));

/// The machine that the options name; `None` where they name none.
pub(crate) fn named_machine(options: &MachineOptions) -> Result<Option<Machine>, Failure> {
    match options {
        MachineOptions { node: Some(file), .. } => Ok(Some(machine::node_file(file)?)),
        MachineOptions { driver: None, gpus, .. } if gpus.is_empty() => Ok(None),
        MachineOptions { driver, gpus, .. } => Ok(Some(machine::named(driver.as_deref(), gpus)?)),
    }
}

/// Reads a target: what it holds, and what can still be asked of it; a snapshot holds no files to ask about.
///
/// Where no machine is named, it is this one for an image of this machine's engine, the snapshot's for a snapshot, and
/// unknown for what may go anywhere.
pub(crate) fn gather(
    written: &str,
    options: &TargetOptions,
    named: Option<Machine>,
    progress: &Arc<Progress>,
) -> Result<(Snapshot, Option<Conversation>), Failure> {
    let spec = TargetSpec::parse(written, &Here)?;
    if options.exec {
        exec::can_start(written, &spec)?;
    }
    let open = OpenOptions {
        read: options.read.into(),
        platform: options.platform.clone(),
        image_config: options.image_config.clone(),
        likely: Some(*LIKELY),
    };
    let events: Arc<dyn Events> = Arc::clone(progress) as _;
    let files = match envdiff_image::open(&spec, &open, &events)? {
        Opened::Snapshot(mut snapshot) => {
            if let Some(machine) = named {
                snapshot.environment.machine = machine;
            }
            return Ok((*snapshot, None));
        }
        Opened::Files(files) => files,
    };
    let interpreter = options.python.clone().or(match &files.begin {
        Begin::Interpreter(path) => Some(path.clone()),
        Begin::Configuration | Begin::Unknown => None,
    });
    // A driver may take its time; it is asked while the image is read.
    let asked = (named.is_none() && files.local).then(|| thread::spawn(machine::this));
    let config = files.config.clone();
    let inputs = Inputs { config: config.as_ref(), interpreter };
    let mut conversation = Conversation::begin(written, files);
    let mut environment = conversation.ask(|seen| envdiff_observe::environment(seen, &inputs))?;
    environment.machine =
        named.or_else(|| asked?.join().ok()).unwrap_or_else(|| Machine::unknown(machine::NOT_NAMED));
    if options.exec {
        let beginning = conversation.ask(|seen| envdiff_observe::beginning(seen, &inputs))?;
        let asked = options.exec_gpus.as_ref();
        environment.told = Some(exec::ask(&conversation.files, &environment, beginning, asked, &events)?);
    }
    let target = conversation.target();
    Ok((Snapshot { target, config, environment }, Some(conversation)))
}

/// An opened target and what it has answered. Dropping it removes whatever was started for it.
pub(crate) struct Conversation {
    written: String,
    files: Box<Files>,
    seen: Seen,
    budget: Budget,
}

impl Conversation {
    fn begin(written: &str, mut files: Box<Files>) -> Self {
        files.source.expect(&LIKELY);
        Self { written: written.to_owned(), files, seen: Seen::new(), budget: Budget::default() }
    }

    fn ask<T>(&mut self, observe: impl Fn(&Seen) -> Result<T, Miss>) -> Result<T, Failure> {
        let target = || self.written.clone();
        converse(&mut *self.files.source, &mut self.seen, &mut self.budget, observe).map_err(
            |end| match end {
                Converse::Source(error) => Failure::Image(error),
                Converse::TooManyRounds => Failure::TooManyRounds { target: target() },
                Converse::Observer(miss) => Failure::Unanswered { target: target(), miss },
            },
        )
    }

    /// The target with what its source found out about its way of reading.
    pub(crate) fn target(&mut self) -> envdiff_model::Target {
        self.files.told.complete(&mut self.files.target);
        self.files.target.clone()
    }

    /// What reading cost so far.
    pub(crate) const fn cost(&self) -> Cost {
        Cost { rounds: self.budget.rounds, questions: self.budget.questions, bytes: self.budget.bytes }
    }

    /// Holds installed files against their RECORDs; asked only under `--verify`, for it reads them whole.
    pub(crate) fn verify(&mut self, environment: &Environment) -> Result<Fact<Verified>, Failure> {
        self.ask(|seen| envdiff_observe::verified(seen, environment))
    }

    /// The archives that the image's own server would load at its start.
    pub(crate) fn archives(&mut self, snapshot: &Snapshot) -> Result<Vec<Archive>, Failure> {
        if !envdiff_mar::starts_server(snapshot.config.as_ref()) {
            return Ok(Vec::new());
        }
        let server = self.of_server(snapshot)?;
        let environment = server.as_ref().unwrap_or(&snapshot.environment);
        self.ask(|seen| envdiff_mar::in_image(&Image { seen, environment, config: snapshot.config.as_ref() }))
    }

    /// Whether archives load in the image.
    pub(crate) fn predict(
        &mut self,
        archives: &[Archive],
        snapshot: &Snapshot,
        wishes: &Wishes,
    ) -> Result<Vec<Load>, Failure> {
        let server = self.of_server(snapshot)?;
        let environment = server.as_ref().unwrap_or(&snapshot.environment);
        self.ask(|seen| {
            let image = Image { seen, environment, config: snapshot.config.as_ref() };
            envdiff_mar::predict(archives, Some(&image), wishes)
        })
    }

    /// Takes the interpreter of the image's `torchserve` command for the one that counts, where the container starts another
    /// program.
    pub(crate) fn serve(&mut self, snapshot: &mut Snapshot) -> Result<(), Failure> {
        if let Some(environment) = self.of_server(snapshot)? {
            snapshot.environment = environment;
        }
        Ok(())
    }

    /// What the interpreter of the image's `torchserve` command has, where the container starts another program.
    fn of_server(&mut self, snapshot: &Snapshot) -> Result<Option<Environment>, Failure> {
        let Some(interpreter) = self.ask(|seen| envdiff_mar::interpreter(&image(seen, snapshot)))? else {
            return Ok(None);
        };
        let inputs = Inputs { config: snapshot.config.as_ref(), interpreter: Some(interpreter) };
        let mut environment = self.ask(|seen| envdiff_observe::environment(seen, &inputs))?;
        environment.machine = snapshot.environment.machine.clone();
        Ok(Some(environment))
    }

    /// What version control tells of editable installs; asked only for the lines of `pip freeze`.
    pub(crate) fn checkouts(&mut self, environment: &Environment) -> Result<Vec<Checkout>, Failure> {
        self.ask(|seen| envdiff_observe::checkouts(seen, environment))
    }

    /// Writes what was asked and answered as a bundle.
    pub(crate) fn record(&mut self, dir: &Path) -> Result<(), Failure> {
        Ok(envdiff_image::record(dir, &self.seen, &mut self.files)?)
    }

    /// Names the layer of every piece of evidence whose file a layer-aware source can tell. Asked after judging and only for
    /// findings, so that a clean image costs nothing; a source that cannot tell layers is not asked at all.
    pub(crate) fn name_layers(&mut self, findings: &mut [Finding]) -> Result<(), Failure> {
        let has_layer =
            |reply: &Reply| matches!(reply, Reply::Answered(answered) if answered.layer.is_some());
        if !self.seen.replies().any(|(_, reply)| has_layer(reply)) {
            return Ok(());
        }
        let mut paths: Vec<ImagePath> =
            findings.iter().flat_map(|finding| &finding.evidence).filter_map(file_of).collect();
        paths.sort();
        paths.dedup();
        self.ask(|seen| seen.each(&paths, |path| answered(seen.stat(path))))?;
        for evidence in findings.iter_mut().flat_map(|finding| &mut finding.evidence) {
            let Some(path) = file_of(evidence) else { continue };
            // A folder can be in many layers, and that something is not there is in none.
            if matches!(self.seen.stat(&path), Ok(Stat { kind: Kind::File, .. })) {
                evidence.layer = evidence.layer.or_else(|| self.seen.layer_of(&Ask::Stat(path)));
            }
        }
        Ok(())
    }
}

fn image<'a>(seen: &'a Seen, snapshot: &'a Snapshot) -> Image<'a> {
    Image { seen, environment: &snapshot.environment, config: snapshot.config.as_ref() }
}

/// A layer is told for what is a file; what is absent or unreadable has none, and no verdict rests on it here.
fn answered(stat: Result<Stat, Miss>) -> Result<(), Miss> {
    match stat {
        Err(Miss::Pending) => Err(Miss::Pending),
        Ok(_) | Err(Miss::Absent | Miss::Unreadable(_)) => Ok(()),
    }
}

/// The file that stands for a piece of evidence: of a metadata folder the file that every installer writes anew.
fn file_of(evidence: &Evidence) -> Option<ImagePath> {
    let path = ImagePath::new(evidence.path.as_bytes())?;
    let name = path.file_name();
    if name.ends_with(b".dist-info") { path.join("METADATA") } else { Some(path) }
}
