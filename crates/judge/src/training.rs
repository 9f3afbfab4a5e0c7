//! Locks come in; what they tell of the training environment comes out.

use envdiff_model::{Evidence, Fact, Lock, RequirementKind, Text, Training, say};
use envdiff_packaging::{Operator, SpecifierSet, Wanted};

/// The first lock that tells counts, for each fact.
pub(crate) fn of(locks: &[Lock]) -> Training {
    Training {
        python: locks.iter().find_map(|lock| lock.python.clone()),
        torch: locks.iter().find_map(torch),
    }
}

/// The version of torch that a lock pins.
fn torch(lock: &Lock) -> Option<Fact<Text>> {
    lock.requirements
        .iter()
        .filter(|r| r.name.as_ref().is_some_and(|name| name.as_str() == "torch"))
        .find_map(|r| {
            let pinned = pin(&r.specifier).or_else(|| match &r.kind {
                RequirementKind::Named { file_version } => file_version.clone(),
                _ => None,
            })?;
            let evidence = Evidence::new(r.at.file.clone(), say!("line ", r.at.line, ": ", r.text));
            Some(Fact::known(Text::from(pinned), evidence))
        })
}

/// The one version that a specifier allows (`==2.1.2`, `===2.1.2`); `None` for a range.
pub(crate) fn pin(specifier: &str) -> Option<String> {
    let set = SpecifierSet::parse(specifier).ok()?;
    set.specifiers().iter().find_map(|s| match (s.operator(), s.wanted()) {
        (Operator::Equal, Wanted::Version(version)) => Some(version.to_string()),
        (Operator::Identical, Wanted::Text(text)) => Some(text.to_string()),
        _ => None,
    })
}
