//! What is reached in a lock's graph comes in, edge by edge; how surely each package and extra of it is reached comes out.

use std::collections::{HashMap, VecDeque};

use envdiff_model::{Name, Selection, Text};

use crate::environment::Holds;

/// How surely something is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reached {
    Surely,
    /// The reason is a clause.
    Perhaps(Text),
}

impl Reached {
    /// What an edge from here reaches, where its marker says this.
    pub(crate) fn along(&self, marker: Holds) -> Option<Self> {
        match (marker, self) {
            (Holds::No, _) => None,
            (Holds::Yes, from) => Some(from.clone()),
            (Holds::Unknown(_), Self::Perhaps(why)) => Some(Self::Perhaps(why.clone())),
            (Holds::Unknown(why), Self::Surely) => Some(Self::Perhaps(why)),
        }
    }
}

/// A package, by its index, and of it an extra or what it always needs.
pub(crate) type Node = (usize, Option<Name>);

/// What a walk has reached and what it has still to go on from.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    reached: HashMap<Node, Reached>,
    queue: VecDeque<Node>,
}

impl Reach {
    /// Reaches a package or an extra of it; again only where that is surer than before.
    pub(crate) fn reach(&mut self, at: Node, reached: Reached) {
        match self.reached.get(&at) {
            Some(Reached::Surely) => return,
            Some(Reached::Perhaps(_)) if reached != Reached::Surely => return,
            _ => {}
        }
        self.reached.insert(at.clone(), reached);
        self.queue.push_back(at);
    }

    /// Reaches a package with extras of it.
    pub(crate) fn reach_with(&mut self, package: usize, extras: &[Name], reached: &Reached) {
        self.reach((package, None), reached.clone());
        for extra in extras {
            self.reach((package, Some(extra.clone())), reached.clone());
        }
    }

    /// What to go on from, and how surely it was reached.
    pub(crate) fn next(&mut self) -> Option<(Node, Reached)> {
        let at = self.queue.pop_front()?;
        let reached = self.reached.get(&at)?.clone();
        Some((at, reached))
    }

    /// Extras that were reached, each with its package.
    pub(crate) fn extras(&self) -> impl Iterator<Item = (usize, &Name)> {
        self.reached.keys().filter_map(|(package, extra)| Some((*package, extra.as_ref()?)))
    }

    /// What that makes of a package; `otherwise` says why nothing reached it.
    pub(crate) fn selection(&self, package: usize, otherwise: &str) -> Selection {
        match self.reached.get(&(package, None)) {
            Some(Reached::Surely) => Selection::Selected,
            Some(Reached::Perhaps(why)) => Selection::Undetermined { reason: why.clone() },
            None => Selection::NotSelected { reason: otherwise.into() },
        }
    }
}

/// What nothing reaches.
pub(crate) const UNREACHED: &str =
    "nothing that is installed in this environment, with these groups and extras, needs it";
