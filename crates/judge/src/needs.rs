//! What installed packages require of each other (`Requires-Dist`, with the image's markers and the extras asked for)
//! comes out of the installed set and the locks.

use std::collections::{HashMap, HashSet, VecDeque};

use envdiff_model::{Judged, Lock, Name, Text, Verdict};

use crate::installed::{Installed, Need, Wanted};
use crate::markers::{Holds, Surroundings};

/// One package that requires another.
#[derive(Debug)]
pub(crate) struct Edge<'a> {
    /// Index of the requiring distribution.
    pub(crate) from: usize,
    pub(crate) from_name: &'a Name,
    /// The extra of it that brings the requirement; `None` for what it always requires.
    pub(crate) extra: Option<&'a Name>,
    pub(crate) need: &'a Need,
    /// What is asked for.
    pub(crate) wanted: &'a Wanted,
    /// `Some` where it hangs on a marker that cannot be told.
    pub(crate) doubt: Option<Text>,
}

/// The most markers that are evaluated; a hostile set of extras asks for more.
const MOST_STEPS: usize = 2_000_000;

/// All requirements between installed packages that hold, or may hold, in the image.
#[derive(Debug, Default)]
pub(crate) struct Needs<'a> {
    pub(crate) edges: Vec<Edge<'a>>,
    /// Indices into `edges` by the name that is required.
    by_target: HashMap<&'a Name, Vec<usize>>,
    /// Indices into `edges` by the distribution that requires.
    by_source: HashMap<usize, Vec<usize>>,
    /// There were more than are followed; what is missing here may be required all the same.
    pub(crate) cut: bool,
    /// Lines that cannot be read, with the distribution that holds them.
    pub(crate) unreadable: Vec<(usize, &'a Need)>,
}

/// A package, and an extra of it or none.
type Node<'a> = (&'a Name, Option<&'a Name>);

impl<'a> Needs<'a> {
    /// Extras are followed: those that a lock asks for of what is there, and those that one installed package asks for
    /// of another.
    pub(crate) fn of(
        installed: &'a Installed<'_>,
        surroundings: &Surroundings<'_>,
        locks: &'a [Lock],
        judged: &[Judged],
    ) -> Self {
        let mut needs = Self::default();
        let mut queue: VecDeque<Node<'a>> = installed.by_name.keys().map(|name| (name, None)).collect();
        for judged in judged.iter().filter(|j| j.distribution.is_some() && j.verdict != Verdict::Invalid) {
            let requirement =
                locks.get(judged.lock).and_then(|lock| lock.requirements.get(judged.requirement));
            if let Some(requirement) = requirement.filter(|r| !r.constraint)
                && let Some(name) = &requirement.name
            {
                queue.extend(requirement.extras.iter().map(|extra| (name, Some(extra))));
            }
        }
        let mut steps = 0;
        let mut done: HashSet<Node<'a>> = HashSet::new();
        while let Some(node) = queue.pop_front() {
            if !done.insert(node) {
                continue;
            }
            steps += installed.first(node.0).map_or(0, |copy| copy.needs.len());
            if steps > MOST_STEPS {
                needs.cut = true;
                break;
            }
            needs.follow(installed, surroundings, node, &mut queue);
        }
        for (index, edge) in needs.edges.iter().enumerate() {
            needs.by_target.entry(&edge.wanted.name).or_default().push(index);
            needs.by_source.entry(edge.from).or_default().push(index);
        }
        needs
    }

    fn follow(
        &mut self,
        installed: &'a Installed<'_>,
        surroundings: &Surroundings<'_>,
        (from_name, extra): Node<'a>,
        queue: &mut VecDeque<Node<'a>>,
    ) {
        let Some(from) = installed.by_name.get(from_name).map(|holding| holding.first) else { return };
        let Some(copy) = installed.copy(from) else { return };
        for need in &copy.needs {
            let wanted = match &need.read {
                Ok(wanted) => wanted,
                Err(_) => {
                    if extra.is_none() {
                        self.unreadable.push((from, need));
                    }
                    continue;
                }
            };
            let doubt = match (&wanted.requirement.marker, extra) {
                // What is always required was followed without the extra.
                (None, Some(_)) => continue,
                (None, None) => None,
                (Some(marker), extra) => {
                    let always = need.holds.get_or_init(|| surroundings.holds(marker, ""));
                    let holds = match extra {
                        None => always.clone(),
                        Some(_) if *always != Holds::No => continue,
                        Some(extra) => surroundings.holds(marker, extra.as_str()),
                    };
                    match holds {
                        Holds::Yes => None,
                        Holds::No => continue,
                        Holds::Unknown(reason) => Some(reason),
                    }
                }
            };
            if doubt.is_none() {
                queue.extend(wanted.extras.iter().map(|extra| (&wanted.name, Some(extra))));
            }
            self.edges.push(Edge { from, from_name, extra, need, wanted, doubt });
        }
    }

    /// What a distribution requires, for certain or not.
    pub(crate) fn by(&self, distribution: usize) -> impl Iterator<Item = &Edge<'a>> {
        self.by_source.get(&distribution).into_iter().flatten().filter_map(|index| self.edges.get(*index))
    }

    /// Who requires a name, for certain or not.
    pub(crate) fn on(&self, name: &Name) -> impl Iterator<Item = &Edge<'a>> {
        self.by_target.get(name).into_iter().flatten().filter_map(|index| self.edges.get(*index))
    }

    /// Who requires a name for certain.
    pub(crate) fn of_name(&self, name: &Name) -> impl Iterator<Item = &Edge<'a>> {
        self.on(name).filter(|edge| edge.doubt.is_none())
    }
}
