//! The records below a prefix's `conda-meta` to the packages that conda installed there.

use envdiff_files::{ImagePath, Miss, Seen};
use envdiff_model::{CondaPackage, Text, Unknown, say};
use serde_json::Value;

use super::ask;
use crate::limits::CONDA_RECORD;

/// What a record says of its package; `None` for what is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// conda's name.
    pub name: Text,
    /// Its version.
    pub version: Text,
    /// The build string.
    pub build: Text,
    /// The channel as written; older records call it `schannel`.
    pub channel: Text,
}

/// Reads one `conda-meta/*.json`.
///
/// # Errors
/// A clause that says what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Record, Text> {
    #[derive(serde::Deserialize)]
    struct Raw {
        name: Option<Value>,
        version: Option<Value>,
        #[serde(default)]
        build: Option<Value>,
        #[serde(default)]
        channel: Option<Value>,
        #[serde(default)]
        schannel: Option<Value>,
    }
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| {
        Text::from(format!("not a record: line {} column {}", error.line(), error.column()))
    })?;
    let text = |value: Option<Value>| match value {
        Some(Value::String(text)) => Some(Text::from(text)),
        _ => None,
    };
    Ok(Record {
        name: text(raw.name).ok_or_else(|| Text::from("`name` is missing"))?,
        version: text(raw.version).ok_or_else(|| Text::from("`version` is missing"))?,
        build: text(raw.build).unwrap_or_default(),
        channel: text(raw.channel).or_else(|| text(raw.schannel)).unwrap_or_default(),
    })
}

/// The packages of the prefix, by name; and the records that could not be read.
pub(crate) fn packages(seen: &Seen, prefix: &ImagePath) -> Result<(Vec<CondaPackage>, Vec<Unknown>), Miss> {
    let mut unknown = Vec::new();
    let Some(folder) = prefix.join("conda-meta") else { return Ok((Vec::new(), unknown)) };
    let listing = match ask::list(seen, &folder)? {
        ask::Found::Is(listing) => listing,
        ask::Found::Absent => return Ok((Vec::new(), unknown)),
        ask::Found::Unreadable(reason) => {
            unknown.push(Unknown {
                what: Text::from("conda"),
                why: say!(folder.as_bytes(), " cannot be read: ", reason),
            });
            return Ok((Vec::new(), unknown));
        }
    };
    let records: Vec<ImagePath> = listing
        .entries
        .iter()
        .filter(|(name, _)| name.ends_with(b".json"))
        .filter_map(|(name, _)| folder.join(name))
        .collect();
    let read = seen.each(&records, |path| ask::parsed(seen, path, CONDA_RECORD, parse))?;
    let mut out = Vec::new();
    for (path, found) in records.iter().zip(read) {
        match found {
            ask::Found::Is(record) => match &*record {
                Ok(record) => out.push(CondaPackage {
                    name: record.name.clone(),
                    version: record.version.clone(),
                    build: record.build.clone(),
                    channel: record.channel.clone(),
                    record: Text::from(path.as_bytes()),
                }),
                Err(why) => unknown.push(Unknown { what: Text::from(path.as_bytes()), why: why.clone() }),
            },
            ask::Found::Absent => {}
            ask::Found::Unreadable(why) => {
                unknown.push(Unknown { what: Text::from(path.as_bytes()), why: say!("unreadable: ", why) });
            }
        }
    }
    out.sort_by(|a, b| (&a.name, &a.record).cmp(&(&b.name, &b.record)));
    Ok((out, unknown))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::parse;

    #[test]
    fn a_record_has_name_and_version() {
        let record = parse(br#"{"name": "pytorch", "version": "2.3.1", "build": "py3.9_cuda12.1", "channel": "c", "files": ["a"]}"#).unwrap();
        assert_eq!(record.version, "2.3.1");
        assert!(parse(br#"{"name": "x"}"#).is_err());
        assert!(parse(b"[]").is_err());
        assert!(parse(b"").is_err());
    }
}
