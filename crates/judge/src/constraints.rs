//! Verdicts over constraints come in; those over packages that the lock never asks for come out as ones that do not apply: pip
//! applies a constraint to what it is told to install and to what that needs, and to nothing else.

use std::collections::{HashMap, HashSet, VecDeque};

use envdiff_model::{Judged, Lock, Name, Selection, Verdict, say};

use crate::installed::Installed;
use crate::needs::Needs;

/// Takes back what was said against a constraint where the lock asks for no such package; where that cannot be told, neither can
/// whether the constraint is broken.
pub(crate) fn settle(locks: &[Lock], installed: &Installed<'_>, needs: &Needs<'_>, judged: &mut [Judged]) {
    let mut asked: HashMap<usize, Asked> = HashMap::new();
    for at in 0..judged.len() {
        let Some(one) = judged.get(at) else { continue };
        let against = matches!(one.verdict, Verdict::VersionMismatch | Verdict::SourceMismatch);
        let lock = one.lock;
        let requirement = locks.get(lock).and_then(|lock| lock.requirements.get(one.requirement));
        let Some(requirement) = requirement.filter(|r| r.constraint && against) else { continue };
        let Some(name) = &requirement.name else { continue };
        let of_lock = asked.entry(lock).or_insert_with(|| Asked::of(lock, locks, installed, needs, judged));
        let (verdict, reason) = match (of_lock.surely.contains(name), of_lock.is_open(name)) {
            (true, _) => continue,
            (false, true) => (
                Verdict::Unverifiable,
                "a constraint, and whether the lock asks for the package is not known",
            ),
            (false, false) => (Verdict::NotApplicable, "a constraint on what the lock does not ask for"),
        };
        if let Some(one) = judged.get_mut(at) {
            one.verdict = verdict;
            one.reason = Some(say!(reason));
            one.change = None;
            one.direction = None;
        }
    }
}

/// What a lock asks for: its own requirements and what the installed copies of these require, all the way.
struct Asked {
    surely: HashSet<Name>,
    perhaps: HashSet<Name>,
    /// Something is asked for of which it is not known what it requires.
    has_unknown: bool,
}

impl Asked {
    fn of(
        at: usize,
        locks: &[Lock],
        installed: &Installed<'_>,
        needs: &Needs<'_>,
        judged: &[Judged],
    ) -> Self {
        let mut out = Self { surely: HashSet::new(), perhaps: HashSet::new(), has_unknown: needs.cut };
        let Some(lock) = locks.get(at) else { return out };
        // What could not be read may ask for anything.
        out.has_unknown |= lock.problems.iter().any(|problem| !problem.refused);
        let (mut sure, mut doubtful) = (VecDeque::new(), VecDeque::new());
        for one in judged.iter().filter(|one| one.lock == at) {
            let Some(requirement) = lock.requirements.get(one.requirement) else { continue };
            if requirement.constraint || matches!(one.verdict, Verdict::NotApplicable | Verdict::Invalid) {
                continue;
            }
            match &requirement.name {
                None => out.has_unknown = true,
                Some(name) if is_sure(&requirement.selection, one.verdict) => sure.push_back(name.clone()),
                Some(name) => doubtful.push_back(name.clone()),
            }
        }
        out.follow(sure, true, installed, needs);
        out.follow(doubtful, false, installed, needs);
        // What is reached through a marker that cannot be told is not reached for certain.
        let more: VecDeque<Name> = out
            .surely
            .iter()
            .filter_map(|name| installed.by_name.get(name))
            .flat_map(|holding| needs.by(holding.first))
            .filter(|edge| edge.doubt.is_some())
            .map(|edge| edge.wanted.name.clone())
            .collect();
        out.follow(more, false, installed, needs);
        out
    }

    fn follow(
        &mut self,
        mut next: VecDeque<Name>,
        surely: bool,
        installed: &Installed<'_>,
        needs: &Needs<'_>,
    ) {
        while let Some(name) = next.pop_front() {
            let is_new = if surely {
                self.surely.insert(name.clone())
            } else {
                !self.surely.contains(&name) && self.perhaps.insert(name.clone())
            };
            if !is_new {
                continue;
            }
            let Some(holding) = installed.by_name.get(&name) else {
                self.has_unknown = true;
                continue;
            };
            self.has_unknown |= needs.unreadable.iter().any(|(of, _)| *of == holding.first);
            let edges = needs.by(holding.first).filter(|edge| !surely || edge.doubt.is_none());
            next.extend(edges.map(|edge| edge.wanted.name.clone()));
        }
    }

    fn is_open(&self, name: &Name) -> bool {
        self.has_unknown || self.perhaps.contains(name)
    }
}

/// Whether a requirement counts here for certain: what only may be meant is judged as unverifiable.
fn is_sure(selection: &Selection, verdict: Verdict) -> bool {
    match selection {
        Selection::Undetermined { .. } => false,
        Selection::Selected => true,
        Selection::ByMarker | Selection::NotSelected { .. } => verdict != Verdict::Unverifiable,
    }
}
