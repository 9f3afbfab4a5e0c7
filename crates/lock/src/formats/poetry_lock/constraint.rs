//! A version constraint as Poetry writes it comes in; the alternatives of PEP 440 specifiers that it stands for come out.
//!
//! The rules are those of poetry-core: `^` holds the leftmost number that is not zero, `~` the minor one, a bare version is that
//! version, `||` separates alternatives, which no one specifier set of PEP 440 can say.

use envdiff_packaging::{SpecifierSet, Version};

/// A constraint: any of these sets; the empty set holds every version.
#[derive(Debug, Clone)]
pub(crate) struct Constraint(Vec<SpecifierSet>);

impl Constraint {
    /// Reads a constraint; `None` where it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let alternatives = text.split('|').map(str::trim).filter(|part| !part.is_empty());
        let sets: Vec<SpecifierSet> = alternatives.map(set).collect::<Option<_>>()?;
        Some(Self(if sets.is_empty() { vec![SpecifierSet::default()] } else { sets }))
    }

    /// Every version.
    pub(crate) fn any() -> Self {
        Self(vec![SpecifierSet::default()])
    }

    pub(crate) fn holds(&self, version: &str) -> bool {
        self.0.iter().any(|set| set.contains(version))
    }

    pub(crate) fn alternatives(&self) -> &[SpecifierSet] {
        &self.0
    }
}

/// What is joined by commas or blanks.
fn set(text: &str) -> Option<SpecifierSet> {
    let mut out = Vec::new();
    let is_gap = |c: char| c == ',' || c.is_whitespace();
    let mut rest = text.trim_start_matches(is_gap);
    while !rest.is_empty() {
        let operator_end =
            rest.find(|c: char| !matches!(c, '<' | '>' | '=' | '!' | '~' | '^')).unwrap_or(rest.len());
        let (operator, behind) = rest.split_at_checked(operator_end)?;
        let behind = behind.trim_start();
        let end = behind.find(is_gap).unwrap_or(behind.len());
        let (version, behind) = behind.split_at_checked(end)?;
        one(operator, version, &mut out)?;
        rest = behind.trim_start_matches(is_gap);
    }
    SpecifierSet::parse(&out.join(",")).ok()
}

fn one(operator: &str, version: &str, out: &mut Vec<String>) -> Option<()> {
    if version == "*" && matches!(operator, "" | "==" | "=" | ">=" | "^" | "~") {
        return Some(());
    }
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    match operator {
        "^" | "~" => {
            Version::parse(version).ok()?;
            let release = release(version)?;
            let bumped = if operator == "^" { caret(&release) } else { tilde(&release) };
            out.push(format!(">={version}"));
            out.push(format!("<{bumped}"));
        }
        "" | "=" | "==" => {
            // `1.*.*` is `1.*`.
            let short = version.trim_end_matches(".*");
            out.push(if short.len() < version.len() {
                format!("=={short}.*")
            } else {
                format!("=={version}")
            });
        }
        "!=" | ">=" | "<=" | ">" | "<" | "~=" | "===" => out.push(format!("{operator}{version}")),
        _ => return None,
    }
    Some(())
}

fn release(version: &str) -> Option<Vec<u64>> {
    Version::parse(version).ok()?.release().map(envdiff_packaging::Number::short).collect()
}

fn written(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

fn caret(release: &[u64]) -> String {
    let at = release.iter().position(|number| *number != 0).unwrap_or(release.len().saturating_sub(1));
    let mut out: Vec<u64> = release.iter().take(at + 1).copied().collect();
    if let Some(last) = out.last_mut() {
        *last = last.saturating_add(1);
    }
    written(&out)
}

fn tilde(release: &[u64]) -> String {
    let mut out: Vec<u64> = release.iter().take(2).copied().collect();
    if let Some(last) = out.last_mut() {
        *last = last.saturating_add(1);
    }
    written(&out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::Constraint;

    #[test]
    fn what_poetry_core_makes_of_them() {
        for (text, written) in [
            ("^1.2.3", ">=1.2.3,<2"),
            ("^0.2.3", ">=0.2.3,<0.3"),
            ("^0.0.3", ">=0.0.3,<0.0.4"),
            ("^0.0", ">=0.0,<0.1"),
            ("^0", ">=0,<1"),
            ("~1.2.3", ">=1.2.3,<1.3"),
            ("~1.2", ">=1.2,<1.3"),
            ("~1", ">=1,<2"),
            ("1.2.3", "==1.2.3"),
            ("1.*", "==1.*"),
            (">=1.0 <2.0", ">=1.0,<2.0"),
            (">= 1.0, != 1.5", ">=1.0,!=1.5"),
            ("*", ""),
        ] {
            let read = Constraint::parse(text).unwrap();
            let sets: Vec<String> = read.alternatives().iter().map(|set| set.written()).collect();
            assert_eq!(sets, [written], "{text}");
        }
        let either = Constraint::parse("^1.0 || ^3.0").unwrap();
        assert!(either.holds("1.4") && either.holds("3.1") && !either.holds("2.0"));
        for text in ["^x", "=>1", "latest", "^1.*"] {
            assert!(Constraint::parse(text).is_none(), "{text}");
        }
    }
}
