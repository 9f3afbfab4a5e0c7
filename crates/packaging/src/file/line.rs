//! The requirement of one line comes in; what pip 26.3 makes of it comes out: a named requirement, a link whose name
//! only a build would tell, or the reason why pip stops.

use thiserror::Error;

use crate::cursor::{is_space, is_word, slice, strip};
use crate::link::{self, LinkFault};
use crate::{Fault, Link, Marker, OptionFault, ParseError, Requirement, Span, SpecifierSet};

/// Why no installer takes a line, as a clause without the line's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Its options.
    #[error("{0}")]
    Option(OptionFault),
    /// Its grammar.
    #[error("{0}")]
    Syntax(Fault),
    /// Its URL.
    #[error("{0}")]
    Link(LinkFault),
    /// `-e name`
    #[error("editable is a path to a project, a file URL or a VCS URL (git+https://...)")]
    Editable,
    /// `-e git+https://host/repository`
    #[error("the name of the project is not told: name @ URL")]
    EditableName,
    /// `-e` in a constraints file.
    #[error("a constraint cannot be editable")]
    ConstraintEditable,
    /// A link without a name in a constraints file.
    #[error("a constraint must have a name")]
    ConstraintName,
    /// `name[extra]` in a constraints file.
    #[error("a constraint cannot have extras")]
    ConstraintExtras,
    /// The name in the file name of a wheel.
    #[error("the file name of the wheel begins with a name that no project can have")]
    WheelName,
    /// A line longer than [`MOST_LINE`](super::MOST_LINE).
    #[error("the line is longer than 1 MiB")]
    TooLong,
}

/// A refusal with the range of the line that it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) span: Span,
}

/// A line that pip takes, or would take if the path were there.
#[derive(Debug, Clone, Default)]
pub(super) struct Parsed {
    /// As written; `None` where only a build would tell.
    pub(super) name: Option<String>,
    pub(super) specifiers: SpecifierSet,
    pub(super) specifiers_span: Option<Span>,
    /// As pip has them: those of a bare `name[EXTRA]` in lower case.
    pub(super) extras: Vec<String>,
    pub(super) marker: Option<Marker>,
    pub(super) marker_span: Option<Span>,
    pub(super) link: Option<Link>,
}

type Outcome = Result<Parsed, Refused>;

/// Reads a requirement that stands at byte `at` of its logical line; `hidden` are the line's parts that came from
/// variables, `is_folder` says what the machine here has.
pub(super) struct Reading<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) hidden: &'a [Span],
    pub(super) is_folder: &'a dyn Fn(&str) -> bool,
}

impl Reading<'_> {
    fn refuse(&self, refusal: Refusal, start: usize, end: usize) -> Refused {
        Refused { refusal, span: Span::new(self.at + start, self.at + end) }
    }

    fn whole(&self, refusal: Refusal) -> Refused {
        self.refuse(refusal, 0, self.text.len())
    }

    fn syntax(&self, error: &ParseError, shift: usize) -> Refused {
        self.refuse(Refusal::Syntax(error.fault), shift + error.span.start, shift + error.span.end)
    }

    /// The hidden parts of a range of the requirement, from the start of that range.
    fn hidden_in(&self, span: Span) -> Vec<Span> {
        let (start, end) = (self.at + span.start, self.at + span.end);
        let within = self.hidden.iter().filter(|h| h.start < end && h.end > start);
        within.map(|h| Span::new(h.start.max(start) - start, h.end.min(end) - start)).collect()
    }

    fn link(&self, url: &str, span: Span) -> Result<Link, Refused> {
        Link::parse(url, &self.hidden_in(span))
            .map_err(|fault| self.refuse(Refusal::Link(fault), span.start, span.end))
    }

    /// A requirement line without `-e` (`parse_req_from_line`).
    pub(super) fn line(&self) -> Outcome {
        let is_url = link::is_url(self.text).map_err(|fault| self.whole(Refusal::Link(fault)))?;
        let separator = if is_url { "; " } else { ";" };
        let (before, marker) = match self.text.split_once(separator) {
            Some((before, marker)) => (before, Some((marker, before.len() + separator.len()))),
            None => (self.text, None),
        };
        let mut parsed = Parsed::default();
        if let Some((marker, at)) = marker {
            let (marker, lead) = strip(marker);
            if !marker.is_empty() {
                parsed.marker = Some(Marker::parse(marker).map_err(|e| self.syntax(&e, at + lead))?);
                parsed.marker_span = Some(Span::new(at + lead, at + lead + marker.len()).shifted(self.at));
            }
        }
        let (name, lead) = strip(before);
        let span = Span::new(lead, lead + name.len());
        // What has been split off before counts as part of no URL, so this is asked again.
        if link::is_url(name).map_err(|fault| self.whole(Refusal::Link(fault)))? {
            return self.url(parsed, name, span);
        }
        let path = if name.contains('/') || name.starts_with(['.', '[']) {
            normal_path(name).into()
        } else {
            std::borrow::Cow::Borrowed(name)
        };
        let (path, extras) = self.strip_extras(&path, span)?;
        if link::is_archive(path) && !is_named(name) {
            return self.archive(parsed, path, name, extras, span);
        }
        if looks_like_path(name) && (self.is_folder)(strip_name(name)) {
            return Ok(Parsed { link: Some(self.path(name, span)), extras, ..parsed });
        }
        match Requirement::parse(name) {
            Ok(requirement) => self.named(parsed, requirement, extras, lead),
            Err(_) if is_path_of_another_machine(name) => {
                Ok(Parsed { link: Some(self.path(name, span)), extras, ..parsed })
            }
            Err(error) => Err(self.syntax(&error, lead)),
        }
    }

    fn named(&self, parsed: Parsed, requirement: Requirement, extras: Vec<String>, lead: usize) -> Outcome {
        let link = match &requirement.url {
            Some((url, span)) => Some(self.link(url, span.shifted(lead))?),
            None => None,
        };
        let written = sorted(requirement.extras.iter().map(|(extra, _)| extra.clone()).collect());
        let shift = |span: Span| span.shifted(self.at + lead);
        let (marker, marker_span) = match parsed.marker {
            Some(marker) => (Some(marker), parsed.marker_span),
            None => (requirement.marker, Some(shift(requirement.marker_span))),
        };
        Ok(Parsed {
            name: Some(requirement.name),
            specifiers_span: (!requirement.specifiers_span.is_empty())
                .then(|| shift(requirement.specifiers_span)),
            specifiers: requirement.specifiers,
            extras: if extras.is_empty() { written } else { extras },
            marker_span: if marker.is_some() { marker_span } else { None },
            marker,
            link,
        })
    }

    /// A bare URL: the name comes from the file name of a wheel or from `#egg=`.
    fn url(&self, parsed: Parsed, url: &str, span: Span) -> Outcome {
        let refuse = |fault| self.refuse(Refusal::Link(fault), span.start, span.end);
        let parts = link::split(url).map_err(refuse)?;
        if parts.scheme == "file" && url.contains("../") {
            link::egg(url).map_err(refuse)?;
            // pip resolves the path, and with that host and fragment are gone.
            let path = link::unquote(&parts.path);
            return if path.starts_with('/') {
                self.plain_url(parsed, &link::file_url(&normal_path(&path)), span)
            } else {
                self.archive(parsed, &normal_path(&path), &path, Vec::new(), span)
            };
        }
        self.plain_url(parsed, url, span)
    }

    fn plain_url(&self, parsed: Parsed, url: &str, span: Span) -> Outcome {
        let refuse = |fault| self.refuse(Refusal::Link(fault), span.start, span.end);
        let link = self.link(url, span)?;
        if let Some(wheel) = link::wheel(url).map_err(refuse)? {
            let pinned = format!("{}=={}", wheel.name.as_str(), wheel.version);
            let requirement = Requirement::parse(&pinned)
                .map_err(|_| self.refuse(Refusal::WheelName, span.start, span.end))?;
            let (name, specifiers) = (Some(requirement.name), requirement.specifiers);
            return Ok(Parsed { name, specifiers, link: Some(link), ..parsed });
        }
        let name = self.egg_name(url)?;
        Ok(Parsed { name, link: Some(link), ..parsed })
    }

    /// A path whose name is that of an archive; pip takes it even where the file is not there.
    fn archive(&self, parsed: Parsed, path: &str, name: &str, extras: Vec<String>, span: Span) -> Outcome {
        let link = Some(self.path(name, span));
        if names_host(name) {
            return Err(self.refuse(Refusal::Link(LinkFault::FileHost), span.start, span.end));
        }
        if link::extension(path) != ".whl" {
            return Ok(Parsed { link, extras, ..parsed });
        }
        let file = path.rsplit('/').next().unwrap_or("");
        let wheel = crate::WheelName::parse(file)
            .map_err(|_| self.refuse(Refusal::Link(LinkFault::Wheel), span.start, span.end))?;
        let requirement = Requirement::parse(&format!("{}=={}", wheel.name.as_str(), wheel.version))
            .map_err(|_| self.refuse(Refusal::WheelName, span.start, span.end))?;
        let link = link.map(|link| Link { wheel: Some(wheel), ..link });
        Ok(Parsed {
            name: Some(requirement.name),
            specifiers: requirement.specifiers,
            link,
            extras,
            ..parsed
        })
    }

    /// The path of a link, its extras cut.
    fn path(&self, name: &str, span: Span) -> Link {
        let path = strip_name(name);
        Link::path(path, &self.hidden_in(Span::new(span.start, span.start + path.len())))
    }

    /// The extras in brackets at the end of a path, in lower case (`strip_extras`).
    fn strip_extras<'p>(&self, path: &'p str, span: Span) -> Result<(&'p str, Vec<String>), Refused> {
        let Some(open) = extras_start(path) else { return Ok((path, Vec::new())) };
        let brackets = slice(path, open, path.len()).to_lowercase();
        let requirement = Requirement::parse(&format!("placeholder{brackets}")).map_err(|error| {
            // The brackets stand at the end of the name, where the path has kept them as they are.
            let start = span.end.saturating_sub(brackets.len());
            let at = (start + error.span.start.saturating_sub("placeholder".len())).min(span.end);
            self.refuse(Refusal::Syntax(error.fault), at, (at + error.span.len()).min(span.end))
        })?;
        let extras = sorted(requirement.extras.into_iter().map(|(extra, _)| extra).collect());
        Ok((slice(path, 0, open).trim_end_matches(is_space), extras))
    }

    /// What stands behind `-e` (`parse_req_from_editable`).
    pub(super) fn editable(&self) -> Outcome {
        if let Ok(requirement) = Requirement::parse(self.text)
            && let Some((url, span)) = requirement.url.clone()
        {
            let link = self.editable_link(&url, span)?;
            if let Some(marker) = &requirement.marker {
                // pip writes the marker out and reads it again; a text with a line end in it does not survive that.
                let span = requirement.marker_span;
                Marker::parse(&marker.to_string())
                    .map_err(|e| self.refuse(Refusal::Syntax(e.fault), span.start, span.end))?;
            }
            let parsed =
                self.named(Parsed::default(), Requirement { url: None, ..requirement }, Vec::new(), 0)?;
            return Ok(Parsed { link: Some(link), ..parsed });
        }
        let whole = Span::new(0, self.text.len());
        let (path, extras) = self.strip_extras(self.text, whole)?;
        if (self.is_folder)(path) {
            return Ok(Parsed { link: Some(self.path(self.text, whole)), extras, ..Parsed::default() });
        }
        if path.to_lowercase().starts_with("file:") {
            let link = self.editable_link(path, Span::new(0, path.len()))?;
            let name = self.egg_name(path)?;
            return Ok(Parsed { name, extras, link: Some(link), ..Parsed::default() });
        }
        let lower = self.text.to_lowercase();
        let system = ["bzr", "git", "hg", "svn"]
            .iter()
            .find(|vcs| lower.strip_prefix(**vcs).is_some_and(|rest| rest.starts_with(':')));
        let (url, added) = match system {
            Some(system) => (format!("{system}+{}", self.text), system.len() + 1),
            None => (self.text.to_owned(), 0),
        };
        let is_vcs = link::split(&url).map(|parts| link::is_vcs_scheme(&parts.scheme));
        match is_vcs {
            Ok(true) => {}
            Ok(false) if is_path_of_another_machine(self.text) => {
                return Ok(Parsed { link: Some(self.path(self.text, whole)), extras, ..Parsed::default() });
            }
            Ok(false) => return Err(self.whole(Refusal::Editable)),
            Err(fault) => return Err(self.whole(Refusal::Link(fault))),
        }
        let hidden: Vec<Span> = self.hidden_in(whole).into_iter().map(|h| h.shifted(added)).collect();
        let link = Link::parse(&url, &hidden).map_err(|fault| self.whole(Refusal::Link(fault)))?;
        let name = self.egg_name(&url)?;
        if name.is_none() {
            return Err(self.whole(Refusal::EditableName));
        }
        Ok(Parsed { name, link: Some(link), ..Parsed::default() })
    }

    /// The name that `#egg=` gives, which must be one of a requirement too.
    fn egg_name(&self, url: &str) -> Result<Option<String>, Refused> {
        let Some(egg) = link::egg(url).map_err(|fault| self.whole(Refusal::Link(fault)))? else {
            return Ok(None);
        };
        let requirement =
            Requirement::parse(egg).map_err(|error| self.whole(Refusal::Syntax(error.fault)))?;
        Ok(Some(requirement.name))
    }

    fn editable_link(&self, url: &str, span: Span) -> Result<Link, Refused> {
        let link = self.link(url, span)?;
        if matches!(link.kind, crate::LinkKind::Vcs) || url.starts_with("file:") {
            Ok(link)
        } else {
            Err(self.refuse(Refusal::Editable, span.start, span.end))
        }
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts.dedup();
    texts
}

/// The requirement as a path with the parts that `os.path.normpath` would leave; a relative one stays relative to a
/// folder of which only that it is one counts.
fn normal_path(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if !name.starts_with('/') {
        parts.push("folder");
    }
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Where brackets with something in them begin at the end of a text: `(.+)(\[[^\]]+\])$`.
fn extras_start(path: &str) -> Option<usize> {
    let inner = path.strip_suffix(']')?;
    let open = inner.rmatch_indices('[').find(|(at, _)| at + 1 < inner.len()).map(|(at, _)| at)?;
    (open > 0 && !slice(inner, open + 1, inner.len()).contains(']')).then_some(open)
}

/// A path as written, without the extras at its end.
fn strip_name(name: &str) -> &str {
    extras_start(name).map_or(name, |open| slice(name, 0, open).trim_end_matches(is_space))
}

/// Two slashes in front: as a file URL the first folder would be a host.
fn names_host(path: &str) -> bool {
    path.starts_with("//") && !path.starts_with("///")
}

fn looks_like_path(name: &str) -> bool {
    name.contains('/') || name.starts_with('.')
}

/// `name @ file.whl`: what stands before the first `@` is no path.
fn is_named(name: &str) -> bool {
    name.split_once('@').is_some_and(|(before, _)| !looks_like_path(before))
}

/// What pip takes for a path where it exists, seen from a machine where it need not: it begins with a dot, a slash or
/// the name of a folder, and holds nothing that no path would hold.
fn is_path_of_another_machine(text: &str) -> bool {
    let first_folder = text.find(|c: char| !is_word(c) && c != '.' && c != '-');
    let begins = text.starts_with(['.', '/'])
        || text.starts_with("file:")
        || first_folder.is_some_and(|at| at > 0 && slice(text, at, text.len()).starts_with('/'));
    let is_named_link = || {
        text.match_indices('@').any(|(at, _)| {
            slice(text, 0, at).ends_with(is_space) && slice(text, at + 1, text.len()).starts_with(is_space)
        })
    };
    begins
        && !names_host(text)
        && !text.replace("file://", "").contains("://")
        && !text.contains("==")
        && !is_named_link()
}
