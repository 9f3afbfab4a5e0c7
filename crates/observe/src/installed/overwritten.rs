//! The distributions of an environment come in; files that several of them own with different content come out.
//!
//! RECORD is read only of those that are known to share files (`envdiff_facts::shared_files`): of all it would be the
//! larger part of the reading. Whose file lies there is told by its size alone; hashes of files are not computed here.

use std::collections::BTreeMap;
use std::sync::Arc;

use envdiff_facts::shared_files::{self, Set};
use envdiff_files::{ImagePath, Miss, Seen};
use envdiff_model::{Distribution, Environment, Evidence, Fact, MetadataKind, Name, Overwritten, Text, say};

use super::record::{self, Record};
use crate::limits::RECORD_FILE;
use crate::python::ask::{self, Found};

/// Derives them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, environment: &Environment) -> Result<Fact<Vec<Overwritten>>, Miss> {
    if let Some(reason) = environment.sys_path.reason() {
        return Ok(Fact::unknown(reason.clone()));
    }
    let sets = sets(&environment.distributions);
    let of_sets = seen.each(&sets, |owners| seen.each(owners, |owner| owned(seen, owner)))?;
    let mut collisions = Vec::new();
    let mut evidence = Vec::new();
    for (owners, records) in sets.iter().zip(&of_sets) {
        let mut readable = Vec::new();
        for (owner, record) in owners.iter().zip(records) {
            match record {
                Found::Is(record) if !record.cut => readable.push((*owner, Arc::clone(record))),
                Found::Is(_) => {
                    return Ok(Fact::unknown(say!(
                        owner.distribution.metadata,
                        "/RECORD has too many lines"
                    )));
                }
                // conda and Debian leave none, and then nothing can be compared.
                Found::Absent => {}
                Found::Unreadable(why) => {
                    let file = say!(owner.distribution.metadata, "/RECORD");
                    return Ok(Fact::unknown(say!(file, " cannot be read: ", why)));
                }
            }
        }
        let found = collide(&readable);
        if !found.is_empty() {
            evidence.extend(readable.iter().map(|(owner, record)| {
                let files = record.entries.len();
                Evidence::new(say!(owner.distribution.metadata, "/RECORD"), say!(files, " files"))
            }));
        }
        collisions.extend(found);
    }
    let told = seen.each(collisions, |collision| collision.told(seen))?;
    Ok(Fact::seen(told, evidence))
}

/// A distribution of a set.
#[derive(Clone, Copy)]
struct Owner<'a> {
    distribution: &'a Distribution,
    name: &'static str,
}

/// Distributions of one set and one folder, where there are several.
fn sets(distributions: &[Distribution]) -> Vec<Vec<Owner<'_>>> {
    let mut out: BTreeMap<(usize, &'static str), Vec<Owner<'_>>> = BTreeMap::new();
    for distribution in distributions.iter().filter(|d| d.kind == MetadataKind::DistInfo) {
        let Some(name) = distribution.name.as_ref().and_then(Text::as_str) else { continue };
        let Some((Set { package, .. }, name)) = shared_files::set_of(Name::new(name).as_str()) else {
            continue;
        };
        out.entry((distribution.path_index, package)).or_default().push(Owner { distribution, name });
    }
    out.into_values()
        .filter(|owners| {
            let first = owners.first().map(|owner| owner.name);
            owners.iter().any(|owner| Some(owner.name) != first)
        })
        .collect()
}

fn owned(seen: &Seen, owner: &Owner<'_>) -> Result<Found<Arc<Record>>, Miss> {
    let folder = ImagePath::new(owner.distribution.metadata.as_bytes());
    match folder.and_then(|folder| folder.join("RECORD")) {
        Some(file) => ask::parsed(seen, &file, RECORD_FILE, record::parse),
        None => Ok(Found::Absent),
    }
}

/// Files of the same owners.
struct Collision<'a> {
    location: &'a Text,
    /// The one that is told: the largest, for it is the code.
    path: Box<[u8]>,
    more: usize,
    /// Owner, size of the file that is told.
    owners: Vec<(&'static str, Option<u64>)>,
}

/// The owners of one path, with what each says of it.
type Claim<'a> = Vec<(&'static str, &'a record::Entry)>;

fn collide<'a>(records: &[(Owner<'a>, Arc<Record>)]) -> Vec<Collision<'a>> {
    let mut claims: BTreeMap<&[u8], Claim<'_>> = BTreeMap::new();
    let Some((first, _)) = records.first() else { return Vec::new() };
    for (owner, record) in records {
        for entry in record.entries.iter().filter(|e| !e.hash.is_empty() && matters(&e.path)) {
            claims.entry(&entry.path).or_default().push((owner.name, entry));
        }
    }
    let mut by_owners: BTreeMap<Vec<&'static str>, Vec<Claim<'_>>> = BTreeMap::new();
    for claim in claims.into_values() {
        let Some((_, one)) = claim.first() else { continue };
        if claim.iter().any(|(_, other)| other.hash != one.hash) {
            let mut owners: Vec<&'static str> = claim.iter().map(|(name, _)| *name).collect();
            owners.sort_unstable();
            owners.dedup();
            if owners.len() > 1 {
                by_owners.entry(owners).or_default().push(claim);
            }
        }
    }
    by_owners
        .into_values()
        .filter_map(|claims| {
            let more = claims.len() - 1;
            let size = |claim: &Claim<'_>| claim.iter().filter_map(|(_, e)| e.size).max();
            // The first of equal ones.
            let told = claims.iter().rev().max_by_key(|claim| size(claim))?;
            Some(Collision {
                location: &first.distribution.location,
                path: told.first()?.1.path.clone(),
                more,
                owners: told.iter().map(|(name, entry)| (*name, entry.size)).collect(),
            })
        })
        .collect()
}

/// Whether it is one that an import takes: no byte code, which is written anew, and no test.
pub(super) fn matters(path: &[u8]) -> bool {
    let mut parts = path.split(|b| *b == b'/');
    !path.ends_with(b".pyc")
        && !path.starts_with(b"..")
        && parts.all(|part| !matches!(part, b"__pycache__" | b"tests" | b"test"))
        && !path.split(|b| *b == b'/').any(|part| part.ends_with(b".dist-info"))
}

impl Collision<'_> {
    fn told(&self, seen: &Seen) -> Result<Overwritten, Miss> {
        let path = say!(self.location, "/", &*self.path);
        let there = match ImagePath::new(path.as_bytes()) {
            Some(file) => ask::stat(seen, &file)?,
            None => Found::Absent,
        };
        let kept = match there {
            Found::Is(stat) => {
                let mut of_size = self.owners.iter().filter(|(_, size)| *size == Some(stat.size));
                let sizes_told = self.owners.iter().all(|(_, size)| size.is_some());
                of_size
                    .next()
                    .filter(|_| sizes_told && of_size.next().is_none())
                    .map(|(name, _)| Text::from(*name))
            }
            Found::Absent | Found::Unreadable(_) => None,
        };
        let owners = self.owners.iter().map(|(name, _)| Text::from(*name)).collect();
        Ok(Overwritten { path, more: self.more, owners, kept })
    }
}
