//! One requirement file after the other comes in through the reader; their entries come out in the order in which pip
//! meets them.

use envdiff_model::{Place, Secret, Source, Text, say};

use super::encoding::{self, Undecoded};
use super::line::{Parsed, Reading, Refusal, Refused};
use super::lines::{self, Columns, Logical};
use super::options::{self, Setting};
use super::shell;
use super::{
    Asked, DEEPEST_INCLUDE, Entry, FileError, Invalid, MOST_BYTES, MOST_INCLUDES, MOST_QUOTED,
    MOST_REQUIREMENTS, OptionFault, OptionLine, OptionName, Problem, ProblemKind, ReadError, Reader,
    RequirementFile, is_freeze_shape,
};
use crate::cursor::slice;
use crate::{Span, mask};

/// Reads a requirement file and all that it includes. `path` is how findings name it; `-` and other names that the
/// reader knows are as good as paths.
///
/// # Errors
/// Where the file itself cannot be read, or a bound is passed. Anything else that is wrong is told in the result.
pub fn read(path: &str, reader: &dyn Reader) -> Result<RequirementFile, FileError> {
    read_within(path, reader, Most::default())
}

/// The same within bounds of the caller's.
pub(crate) fn read_within(path: &str, reader: &dyn Reader, most: Most) -> Result<RequirementFile, FileError> {
    let mut walk = Walk { reader, most, out: RequirementFile::default(), includes: 0, bytes: 0 };
    let bytes = reader.read(path).map_err(|error| FileError::Unreadable { file: path.into(), error })?;
    walk.file(path, &bytes, false, &[absolute(path, reader)])?;
    Ok(walk.out)
}

/// How much is read; production has the numbers of [`crate::limits`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) bytes: usize,
    pub(crate) requirements: usize,
    pub(crate) includes: usize,
    pub(crate) quoted: usize,
}

impl Default for Most {
    fn default() -> Self {
        Self {
            bytes: MOST_BYTES,
            requirements: MOST_REQUIREMENTS,
            includes: MOST_INCLUDES,
            quoted: MOST_QUOTED,
        }
    }
}

struct Walk<'a> {
    reader: &'a dyn Reader,
    most: Most,
    out: RequirementFile,
    includes: usize,
    bytes: usize,
}

/// A line of a file, with what is needed to tell where it stands.
struct Line<'a> {
    file: &'a str,
    logical: Logical,
    hidden: Vec<Span>,
}

impl Line<'_> {
    fn place(&self, span: Span) -> Place {
        let Columns { line, column, end_column } = self.logical.place(span);
        Place { file: self.file.into(), line, column, end_column }
    }

    fn whole(&self) -> Span {
        Span::new(0, self.logical.text.len())
    }

    fn written(&self) -> Text {
        mask::masked(self.logical.written.as_str().unwrap_or(""), &[]).into()
    }
}

impl Walk<'_> {
    /// Reads one file; `open` are the files that are being read, by absolute path.
    fn file(&mut self, file: &str, bytes: &[u8], constraint: bool, open: &[String]) -> Result<(), FileError> {
        self.count_bytes(bytes.len(), file)?;
        let text = match encoding::decode(bytes) {
            Ok(text) => text,
            Err(undecoded) => {
                self.out.problems.push(undecodable(file, bytes, undecoded));
                return Ok(());
            }
        };
        if open.len() == 1 {
            self.out.is_freeze_shape = is_freeze_shape(lines::split(&text));
        }
        let shown: Vec<Text> =
            lines::split(&text).take(self.most.quoted).map(|line| mask::masked(line, &[]).into()).collect();
        self.out.sources.push(Source::whole(file.into(), shown));
        let reader = self.reader;
        let variable = |name: &str| reader.variable(name);
        for logical in lines::logical(&text, &variable) {
            let line = Line { file, hidden: logical.hidden(), logical };
            self.line(&line, constraint, open)?;
        }
        Ok(())
    }

    fn count_bytes(&mut self, bytes: usize, file: &str) -> Result<(), FileError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.most.bytes { Err(FileError::TooLarge { file: file.into() }) } else { Ok(()) }
    }

    fn line(&mut self, line: &Line<'_>, constraint: bool, open: &[String]) -> Result<(), FileError> {
        if line.logical.is_too_long {
            let refused = Refused { refusal: Refusal::TooLong, span: line.whole() };
            return self.refuse(line, &refused, constraint);
        }
        let text = line.logical.text.as_str();
        let at = options_start(text);
        let settings = match read_options(slice(text, at, text.len()), at) {
            Ok(settings) => settings,
            Err(refused) => return self.refuse(line, &refused, constraint),
        };
        let asked = slice(text, 0, at).strip_suffix(' ').unwrap_or(slice(text, 0, at));
        let editable = settings.iter().find(|setting| setting.option == OptionName::Editable);
        if !asked.is_empty() || editable.is_some() {
            return self.requirement(line, asked, editable, &settings, constraint);
        }
        // pip looks for a requirement file first, wherever it stands in the line.
        let include = [OptionName::Requirement, OptionName::Constraint]
            .into_iter()
            .find_map(|option| settings.iter().find(|setting| setting.option == option));
        self.out.options.push(option_line(line, &settings));
        match include {
            Some(include) => self.include(line, include, open),
            None => Ok(()),
        }
    }

    fn requirement(
        &mut self,
        line: &Line<'_>,
        asked: &str,
        editable: Option<&Setting>,
        settings: &[Setting],
        constraint: bool,
    ) -> Result<(), FileError> {
        // With `-e` behind a requirement, it is the requirement that pip takes for editable.
        let (text, at, end) = match editable {
            Some(setting) if asked.is_empty() => {
                (setting.value.as_str(), setting.value_span.start, setting.value_span.end)
            }
            _ => (asked, 0, asked.trim_end().len()),
        };
        let is_folder = |path: &str| self.reader.is_folder(path);
        let reading = Reading { text, at, hidden: &line.hidden, is_folder: &is_folder };
        let parsed = match (editable.is_some(), constraint) {
            (true, true) => Err(Refused { refusal: Refusal::ConstraintEditable, span: Span::new(0, end) }),
            (true, false) => reading.editable(),
            (false, _) => reading.line(),
        };
        let parsed = parsed.and_then(|parsed| {
            let refusal = match &parsed {
                Parsed { name: None, .. } if constraint => Refusal::ConstraintName,
                Parsed { extras, .. } if constraint && !extras.is_empty() => Refusal::ConstraintExtras,
                _ => return Ok(parsed),
            };
            Err(Refused { refusal, span: Span::new(0, end) })
        });
        let hashes = settings.iter().filter(|setting| setting.option == OptionName::Hash);
        let hashes = hashes.filter_map(|setting| setting.value.split_once(':'));
        let hashes = if editable.is_some() {
            Vec::new()
        } else {
            hashes.map(|(algorithm, digest)| (algorithm.to_owned(), digest.to_owned())).collect()
        };
        let asked = parsed
            .map(|parsed| asked_for(parsed, line))
            .map_err(|refused| Invalid { refusal: refused.refusal, at: line.place(refused.span) });
        self.push(line, Span::new(0, end), asked, editable.is_some(), constraint, hashes)
    }

    fn refuse(&mut self, line: &Line<'_>, refused: &Refused, constraint: bool) -> Result<(), FileError> {
        let invalid = Invalid { refusal: refused.refusal, at: line.place(refused.span) };
        self.push(line, line.whole(), Err(invalid), false, constraint, Vec::new())
    }

    fn push(
        &mut self,
        line: &Line<'_>,
        span: Span,
        asked: Result<Asked, Invalid>,
        editable: bool,
        constraint: bool,
        hashes: Vec<(String, String)>,
    ) -> Result<(), FileError> {
        if self.out.entries.len() >= self.most.requirements {
            return Err(FileError::TooManyRequirements { file: line.file.into() });
        }
        let text = line.written();
        let requirement = if line.hidden.is_empty() {
            mask::masked(slice(&line.logical.text, 0, span.end), &[]).into()
        } else {
            written_requirement(line, span)
        };
        self.out.entries.push(Entry {
            at: line.place(span),
            text,
            requirement,
            real: Secret::new(line.logical.text.clone()),
            from_variable: !line.hidden.is_empty(),
            asked,
            editable,
            constraint,
            hashes,
        });
        Ok(())
    }

    fn include(&mut self, line: &Line<'_>, include: &Setting, open: &[String]) -> Result<(), FileError> {
        let constraint = include.option == OptionName::Constraint;
        let hidden: Vec<Span> = hidden_in(&line.hidden, include.value_span);
        let shown = mask::masked(&include.value, &hidden);
        let mut problem = |kind, message: Text| {
            let at = line.place(include.value_span);
            self.out.problems.push(Problem { at, kind, message, text: line.written() });
        };
        if is_fetched(&include.value) {
            problem(ProblemKind::NotFetched, say!(shown, " is a URL, and nothing is fetched"));
            return Ok(());
        }
        let path = beside(line.file, &include.value);
        let key = absolute(&path, self.reader);
        if open.contains(&key) {
            problem(ProblemKind::Cycle, say!(shown, " includes itself"));
            return Ok(());
        }
        self.includes += 1;
        if open.len() > DEEPEST_INCLUDE || self.includes > self.most.includes {
            return Err(FileError::TooManyIncludes { at: line.place(include.value_span) });
        }
        let bytes = match self.reader.read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let kind = match error {
                    ReadError::Absent => ProblemKind::MissingInclude,
                    ReadError::TooLarge | ReadError::Unreadable(_) => ProblemKind::UnreadableInclude,
                };
                problem(kind, say!(shown, ": ", error.to_string()));
                return Ok(());
            }
        };
        let mut open = open.to_vec();
        open.push(key);
        // A path that a variable gave is not shown, in no place of what the file holds.
        let name = if hidden.is_empty() { path } else { shown };
        self.file(&name, &bytes, constraint, &open)
    }
}

fn asked_for(parsed: Parsed, line: &Line<'_>) -> Asked {
    let written =
        |span: Option<Span>| span.map(|span| slice(&line.logical.text, span.start, span.end).to_owned());
    Asked {
        specifiers_at: parsed.specifiers_span.map(|span| line.place(span)),
        marker_at: parsed.marker_span.map(|span| line.place(span)),
        name: parsed.name.as_deref().map(envdiff_model::Name::new),
        name_written: parsed.name,
        specifiers: parsed.specifiers,
        extras: parsed.extras,
        marker_written: written(parsed.marker_span),
        marker: parsed.marker,
        link: parsed.link,
    }
}

/// The requirement of a line as written, where variables make it differ in length from what pip parses.
fn written_requirement(line: &Line<'_>, span: Span) -> Text {
    let behind = line.logical.text.len() - span.end.min(line.logical.text.len());
    let written = line.logical.written.as_str().unwrap_or("");
    // What stands behind the requirement are options; they are cut where they begin in the written line.
    let end = if behind == 0 { written.len() } else { options_start(written) };
    let end = if end == 0 { written.len() } else { end };
    mask::masked(slice(written, 0, end).trim_end(), &[]).into()
}

fn hidden_in(hidden: &[Span], span: Span) -> Vec<Span> {
    let within = hidden.iter().filter(|h| h.start < span.end && h.end > span.start);
    within
        .map(|h| Span::new(h.start.max(span.start) - span.start, h.end.min(span.end) - span.start))
        .collect()
}

/// Where the options of a line begin: at the first word between blanks that begins with a dash.
fn options_start(text: &str) -> usize {
    let mut at = 0;
    for word in text.split(' ') {
        if word.starts_with('-') {
            return at;
        }
        at += word.len() + 1;
    }
    text.len()
}

fn read_options(text: &str, at: usize) -> Result<Vec<Setting>, Refused> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let refused = |fault, span: Span| Refused { refusal: Refusal::Option(fault), span: span.shifted(at) };
    let words = shell::words(text).ok_or_else(|| refused(OptionFault::Quote, Span::new(0, text.len())))?;
    let mut settings = options::parse(words).map_err(|(fault, span)| refused(fault, span))?;
    for setting in &mut settings {
        setting.value_span = setting.value_span.shifted(at);
    }
    Ok(settings)
}

fn option_line(line: &Line<'_>, settings: &[Setting]) -> OptionLine {
    let settings = settings.iter().map(|setting| {
        (setting.option, mask::url(&setting.value, &hidden_in(&line.hidden, setting.value_span)))
    });
    OptionLine {
        at: line.place(line.whole()),
        text: line.written(),
        real: Secret::new(line.logical.text.clone()),
        settings: settings.collect(),
    }
}

fn undecodable(file: &str, bytes: &[u8], undecoded: Undecoded) -> Problem {
    let (kind, message, at) = match undecoded {
        Undecoded::Encoding => (
            ProblemKind::UnknownEncoding,
            "the file names an encoding in its first lines that is not known",
            None,
        ),
        Undecoded::Bytes(at) => (ProblemKind::Undecodable, "the file is not text in its encoding", at),
    };
    let before = at.and_then(|at| bytes.get(..at)).unwrap_or_default();
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
    let column = String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count() + 1;
    let at = Place { file: file.into(), line, column, end_column: column + 1 };
    Problem { at, kind, message: say!(file, ": ", message), text: Text::new() }
}

/// What pip would fetch: `(http|https|file):` in any case.
fn is_fetched(path: &str) -> bool {
    path.split_once(':').is_some_and(|(scheme, _)| {
        ["http", "https", "file"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

/// A path relative to the folder of the file that names it, without `.` and `..` where that changes nothing.
fn beside(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map(|(folder, _)| if folder.is_empty() { "/" } else { folder });
    match folder {
        _ if path.starts_with('/') => normal(path),
        Some("/") => normal(&format!("/{path}")),
        Some(folder) => normal(&format!("{folder}/{path}")),
        None => normal(path),
    }
}

fn absolute(path: &str, reader: &dyn Reader) -> String {
    let folder = reader.folder();
    if path.starts_with('/') || folder.is_empty() {
        normal(path)
    } else {
        normal(&format!("{folder}/{path}"))
    }
}

/// `os.path.normpath`.
fn normal(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}
