//! All that the checks may look at comes in; their findings come out in order, with allowances marked.

use std::cmp::Reverse;

use envdiff_model::{
    About, Distribution, Environment, Evidence, Finding, ImageConfig, Interpreter, Judged, Load, Lock, Place,
    Requirement, Severity, Target, Text, Training, Verdict, say,
};

use crate::installed::{Copy, Installed};
use crate::needs::Needs;
use crate::policy::Policy;
use crate::registry::Check;

/// Index of a lock and of a requirement in it.
type Position = Option<(usize, usize)>;

/// What a check says before it stands in its place: id, level and allowance are added by [`Case::hear`].
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    /// `None` for the check's own level.
    pub(crate) severity: Option<Severity>,
    pub(crate) subject: Text,
    pub(crate) message: Text,
    /// Index of the lock and of the requirement in it that it speaks about.
    pub(crate) position: Position,
    /// Where it stands, of what is no requirement's.
    pub(crate) place: Option<Place>,
    pub(crate) label: Text,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) why: Text,
    pub(crate) fix: Text,
}

impl Spoken {
    /// A finding about `subject`; the message is one sentence without a full stop.
    pub(crate) fn new(subject: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self {
            severity: None,
            subject: subject.into(),
            message: message.into(),
            position: None,
            place: None,
            label: Text::new(),
            evidence: Vec::new(),
            why: Text::new(),
            fix: Text::new(),
        }
    }
    pub(crate) const fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
    pub(crate) const fn about(mut self, judged: &Judged) -> Self {
        self.position = Some((judged.lock, judged.requirement));
        self
    }
    /// The place, of what is no requirement's.
    pub(crate) fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }
    pub(crate) fn label(mut self, label: impl Into<Text>) -> Self {
        self.label = label.into();
        self
    }
    pub(crate) fn seen(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }
    pub(crate) fn why(mut self, why: impl Into<Text>) -> Self {
        self.why = why.into();
        self
    }
    pub(crate) fn fix(mut self, fix: impl Into<Text>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// One image, its locks and its archives, with all that is derived of them.
pub(crate) struct Case<'a> {
    pub(crate) about: About,
    pub(crate) target: &'a Target,
    pub(crate) environment: &'a Environment,
    /// The image's configuration, where there is one.
    pub(crate) config: Option<&'a ImageConfig>,
    pub(crate) locks: &'a [Lock],
    pub(crate) loads: &'a [Load],
    pub(crate) training: &'a Training,
    pub(crate) judged: &'a [Judged],
    pub(crate) installed: &'a Installed<'a>,
    pub(crate) needs: &'a Needs<'a>,
    pub(crate) policy: &'a Policy,
}

impl<'a> Case<'a> {
    /// Every requirement of this verdict with what it was judged by.
    pub(crate) fn of(&self, verdict: Verdict) -> impl Iterator<Item = Subject<'a>> {
        self.judged
            .iter()
            .filter(move |judged| judged.verdict == verdict)
            .filter_map(|judged| self.subject(judged))
    }

    pub(crate) fn subject(&self, judged: &'a Judged) -> Option<Subject<'a>> {
        let lock = self.locks.get(judged.lock)?;
        let requirement = lock.requirements.get(judged.requirement)?;
        let copy = judged.distribution.and_then(|at| self.installed.copy(at));
        Some(Subject { judged, lock, requirement, copy })
    }

    /// The interpreter as a command in a fix.
    pub(crate) fn interpreter(&self) -> Option<&'a Interpreter> {
        self.environment.interpreter.value()
    }

    /// Lets every check speak. Errors come first, then warnings, then notes; within a level what has a place in the
    /// locks in that order, then the rest by subject; equal ones in the order of the registry.
    pub(crate) fn hear(&self, checks: impl Iterator<Item = &'static Check>) -> Vec<Finding> {
        let mut all: Vec<(Position, Box<Finding>)> = Vec::new();
        for check in checks {
            for spoken in (check.listen)(self) {
                let allowance = self.policy.allowance(check.id, &spoken.subject);
                let finding = Finding {
                    check: check.id,
                    severity: spoken.severity.unwrap_or(check.severity),
                    at: spoken.place.or_else(|| {
                        let (lock, requirement) = spoken.position?;
                        Some(self.locks.get(lock)?.requirements.get(requirement)?.at.clone())
                    }),
                    accepted: allowance.map(|ignore| ignore.written().into()),
                    subject: spoken.subject,
                    message: spoken.message,
                    label: spoken.label,
                    evidence: spoken.evidence,
                    why: spoken.why,
                    fix: spoken.fix,
                };
                all.push((spoken.position, Box::new(finding)));
            }
        }
        all.sort_by(|(a_at, a), (b_at, b)| {
            let key = |at: &Position| at.unwrap_or((usize::MAX, usize::MAX));
            (Reverse(a.severity), key(a_at), &a.subject).cmp(&(Reverse(b.severity), key(b_at), &b.subject))
        });
        all.into_iter().map(|(_, finding)| *finding).collect()
    }
}

/// A requirement with its verdict, its lock and the copy that was compared.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) judged: &'a Judged,
    pub(crate) lock: &'a Lock,
    pub(crate) requirement: &'a Requirement,
    pub(crate) copy: Option<&'a Copy<'a>>,
}

impl Subject<'_> {
    /// The normalised name, or the line where none is known: what `--ignore CHECK=SUBJECT` takes.
    pub(crate) fn name(&self) -> Text {
        match &self.requirement.name {
            Some(name) => name.as_str().into(),
            None => self.requirement.text.clone(),
        }
    }
}

/// Where a copy stands and what it says.
pub(crate) fn seen(distribution: &Distribution) -> Evidence {
    let detail = match (&distribution.version, &distribution.error) {
        (Some(version), _) => say!("Version: ", version),
        (None, Some(error)) => error.clone(),
        (None, None) => "no version".into(),
    };
    Evidence::new(distribution.metadata.clone(), detail)
}
