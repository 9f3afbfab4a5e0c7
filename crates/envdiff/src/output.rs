//! Where reports go: standard output, and files that are written whole or not at all.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice, StripStream};
use envdiff_report::{Detail, View};
use tempfile::NamedTempFile;

use crate::cli::{Color, Shared};
use crate::failure::Failure;
use crate::status::Status;

/// The widest that a report is laid out.
const WIDEST: usize = 100;
/// The narrowest.
const NARROWEST: usize = 40;

/// Standard output, with colours where they are wanted.
pub(crate) struct Stdout {
    choice: ColorChoice,
}

impl Stdout {
    pub(crate) fn new(shared: &Shared) -> Self {
        let choice = match shared.color {
            Color::Auto => AutoStream::choice(&io::stdout()),
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self { choice }
    }

    /// Writes all of `text`, which may hold ANSI colours. A closed pipe is no failure: whoever read has read enough.
    pub(crate) fn write(&mut self, text: &[u8]) -> Result<(), Failure> {
        let mut stream = AutoStream::new(io::stdout().lock(), self.choice);
        match stream.write_all(text).and_then(|()| stream.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result.map_err(Failure::Stdout),
        }
    }

    /// Writes it and ends well.
    pub(crate) fn finish(&mut self, text: &[u8]) -> Result<Status, Failure> {
        self.write(text).map(|()| Status::Clean)
    }
}

/// How reports are shown on standard output.
pub(crate) fn view(shared: &Shared) -> View<'static> {
    let detail = match (shared.quiet, shared.verbose) {
        (true, _) => Detail::Quiet,
        (false, 0) => Detail::Normal,
        (false, 1) => Detail::Verbose,
        (false, _) => Detail::Full,
    };
    View { width: columns(), detail, ..View::default() }
}

/// The columns that standard output is laid out in.
pub(crate) fn columns() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(View::WIDTH, |(width, _)| usize::from(width.0))
        .clamp(NARROWEST, WIDEST)
}

/// A file that a report will stand in. Made before the audit, so that a folder that is not there costs no time.
pub(crate) enum Destination {
    /// A temporary file beside it, renamed over it in the end.
    Whole { file: NamedTempFile, path: PathBuf },
    /// A device or pipe, which cannot be replaced.
    Stream { path: PathBuf },
}

impl Destination {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let fail = |error| Failure::Write { path: path.to_owned(), error };
        let resolved = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(fail(io::Error::from(ErrorKind::IsADirectory))),
            Ok(meta) if !meta.is_file() => return Ok(Self::Stream { path: path.to_owned() }),
            // A link's file is replaced, not the link.
            Ok(_) => fs::canonicalize(path).map_err(fail)?,
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(fail(error)),
        };
        let folder = match resolved.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".envdiff-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As for any new file; the umask takes its part away.
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder).map_err(fail)?;
        Ok(Self::Whole { file, path: resolved })
    }

    /// Puts `text` there, without colours.
    pub(crate) fn write(self, text: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Whole { mut file, path } => {
                let result = StripStream::new(file.as_file_mut()).write_all(text);
                match result.and_then(|()| file.as_file().sync_data()) {
                    Ok(()) => {
                        file.persist(&path).map(|_| ()).map_err(|e| Failure::Write { path, error: e.error })
                    }
                    Err(error) => Err(Failure::Write { path, error }),
                }
            }
            Self::Stream { path } => {
                let result = fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .and_then(|mut stream| StripStream::new(&mut stream).write_all(text));
                match result {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                    result => result.map_err(|error| Failure::Write { path, error }),
                }
            }
        }
    }
}
