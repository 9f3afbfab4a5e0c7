//! What keeps a run from its answer: each case as one message on stderr, and as the exit status.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use envdiff_files::Miss;
use envdiff_image::ImageError;
use envdiff_lock::LockError;
use envdiff_mar::OpenError;
use envdiff_observe::machine::MachineError;
use envdiff_report::escape::shown;

use crate::archives;
use crate::status::Status;

/// Everything that ends a run without an audit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The target.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The machine that the options name.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The facts could not be had in the questions that one target is allowed.
    #[error("{target}: more rounds of questions than one target is allowed")]
    TooManyRounds {
        /// As the user gave it.
        target: String,
    },
    /// An observer ended in a miss: a fault of envdiff's own.
    #[error("{target}: a question to the target ended without an answer ({miss:?})")]
    Unanswered {
        /// As the user gave it.
        target: String,
        /// The miss.
        miss: Miss,
    },
    /// Standard input can be read once.
    #[error("`-` is given for {0} locks, and standard input can be read only once")]
    StandardInputTwice(usize),
    /// `--python-version` or `--platform` that name nothing.
    #[error("{0}")]
    NoEnvironment(String),
    /// Group options without a lock.
    #[error("a group, extra or package is asked for, and no lock is given that could have it")]
    WishesWithoutLock,
    /// A model archive that cannot be opened, and no other is left.
    #[error("{}", archives::told(.0))]
    Archive(OpenError),
    /// A file beside the target could not be read.
    #[error("cannot read {}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A report or bundle could not be written.
    #[error("cannot write {}: {error}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Two reports to one file.
    #[error("two reports are to be written to {}", .0.display())]
    SameFile(PathBuf),
    /// Standard output refuses (a full disk; a closed pipe is no failure).
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// `--thin` of what holds no files.
    #[error("--thin wants a target with files, and a snapshot holds none")]
    ThinSnapshot,
    /// `--exec` of what cannot be started.
    #[error("{target}: --exec starts the Python of an image in an engine, and this is {kind}")]
    ExecTarget {
        /// As the user gave it.
        target: String,
        /// What it is, with an article.
        kind: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// `explain` of something that is not there.
    #[error("no check is called `{topic}`")]
    NoSuchTopic {
        /// As the user gave it.
        topic: String,
        /// The nearest id.
        nearest: Option<&'static str>,
    },
    /// The panic hook has told what happened.
    #[error("a fault of envdiff's own")]
    Panic,
}

impl Failure {
    /// The exit status: the one place that decides it.
    pub(crate) const fn status(&self) -> Status {
        match self {
            Self::Image(ImageError::Interrupted { signal: 15 }) => Status::Terminated,
            Self::Image(ImageError::Interrupted { .. }) => Status::Interrupted,
            Self::Image(_)
            | Self::Lock(_)
            | Self::Machine(_)
            | Self::TooManyRounds { .. }
            | Self::Unanswered { .. }
            | Self::StandardInputTwice(_)
            | Self::NoEnvironment(_)
            | Self::WishesWithoutLock
            | Self::Archive(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::SameFile(_)
            | Self::Stdout(_)
            | Self::ThinSnapshot
            | Self::ExecTarget { .. }
            | Self::NoSuchTopic { .. }
            | Self::Panic => Status::NotAudited,
        }
    }

    /// What to do.
    fn help(&self) -> Option<String> {
        match self {
            Self::Lock(error) => Some(error.help()),
            Self::Machine(error) => Some(error.help()),
            Self::NoSuchTopic { nearest: Some(nearest), .. } => {
                Some(format!("the nearest is `{nearest}`; `envdiff explain` lists all"))
            }
            Self::NoSuchTopic { nearest: None, .. } => Some("`envdiff explain` lists all".into()),
            Self::TooManyRounds { .. } | Self::Unanswered { .. } => Some(
                "that is a fault of envdiff's own; a bundle (`envdiff inspect --thin DIR`) makes it possible to see why"
                    .into(),
            ),
            Self::StandardInputTwice(_) => Some("give the other locks as files".into()),
            Self::WishesWithoutLock => Some("give a lock, or leave the option out".into()),
            Self::ThinSnapshot => Some("inspect the image that the snapshot was made of".into()),
            Self::ExecTarget { help, .. } => Some((*help).into()),
            Self::SameFile(_) => Some("give each --report a file of its own".into()),
            Self::Archive(_) => Some(archives::HELP.into()),
            Self::Image(_) | Self::NoEnvironment(_) | Self::Read { .. } | Self::Write { .. } | Self::Stdout(_) | Self::Panic => None,
        }
    }
}

/// Tells a failure on stderr, in one message.
pub(crate) fn tell(failure: &Failure) {
    match failure {
        // The hook has told it.
        Failure::Panic => {}
        // The user knows.
        Failure::Image(ImageError::Interrupted { .. }) => {}
        failure => tell_text(&failure.to_string(), failure.help().as_deref()),
    }
}

/// `error: …` and, where there is one, what to do. Whatever came from outside is escaped.
fn tell_text(message: &str, help: Option<&str>) {
    let (bad, plain) = if colours() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    let mut text = format!("{bad}error{plain}: {}\n", shown(&message.into()));
    if let Some(help) = help {
        text.push_str(&format!("  help: {}\n", shown(&help.into())));
    }
    // Nothing can be told any more when stderr is closed.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn colours() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never && io::stderr().is_terminal()
}

/// A panic is a fault of envdiff's own: one message, and the stack unwinds so that what was started is removed.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let said = info.payload();
        let said = said
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| said.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".into());
        let place = info.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
        tell_text(
            &format!("envdiff met a fault of its own: {said}{place}"),
            Some("nothing was audited; `envdiff inspect --thin DIR` makes a bundle that shows it again"),
        );
    }));
}
