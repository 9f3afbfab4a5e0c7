//! The bytes of `direct_url.json` to its fields (PEP 610, and the `hashes` of its later revision).

use envdiff_model::{DirectUrl, Origin, Text};
use serde_json::Value;

/// Reads `direct_url.json`.
///
/// # Errors
/// A clause that says what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<DirectUrl, Text> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Text::from(format!("not JSON: line {} column {}", error.line(), error.column())))?;
    let Value::Object(top) = value else { return Err(Text::from("not a JSON object")) };
    let text = |map: &serde_json::Map<String, Value>, key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Text::from(text))),
        Some(_) => Err(Text::from(format!("`{key}` is not a string"))),
    };
    let url = text(&top, "url")?.ok_or_else(|| Text::from("`url` is missing"))?;
    let subdirectory = text(&top, "subdirectory")?;
    let mut origins = Vec::new();
    for (key, value) in &top {
        if !matches!(key.as_str(), "vcs_info" | "archive_info" | "dir_info") {
            continue;
        }
        let Value::Object(info) = value else {
            return Err(Text::from(format!("`{key}` is not an object")));
        };
        origins.push(match key.as_str() {
            "vcs_info" => Origin::Vcs {
                vcs: text(info, "vcs")?.ok_or_else(|| Text::from("`vcs_info.vcs` is missing"))?,
                requested_revision: text(info, "requested_revision")?,
                commit_id: text(info, "commit_id")?
                    .ok_or_else(|| Text::from("`vcs_info.commit_id` is missing"))?,
            },
            "archive_info" => Origin::Archive { hashes: hashes(info)? },
            _ => Origin::Directory {
                editable: match info.get("editable") {
                    None | Some(Value::Null) => false,
                    Some(Value::Bool(editable)) => *editable,
                    Some(_) => return Err(Text::from("`dir_info.editable` is not a boolean")),
                },
            },
        });
    }
    let origin = match origins.len() {
        1 => origins.pop(),
        0 => return Err(Text::from("none of `vcs_info`, `archive_info` and `dir_info` is in it")),
        _ => return Err(Text::from("more than one of `vcs_info`, `archive_info` and `dir_info` is in it")),
    };
    origin
        .map(|origin| DirectUrl { url, subdirectory, origin })
        .ok_or_else(|| Text::from("without an origin"))
}

/// `hashes`, and the older `hash` (`sha256=…`) where the former does not name its algorithm.
fn hashes(info: &serde_json::Map<String, Value>) -> Result<Vec<(Text, Text)>, Text> {
    let mut out: Vec<(Text, Text)> = Vec::new();
    match info.get("hashes") {
        None | Some(Value::Null) => {}
        Some(Value::Object(all)) => {
            for (algorithm, digest) in all {
                let Value::String(digest) = digest else {
                    return Err(Text::from("a hash in `archive_info.hashes` is not a string"));
                };
                out.push((Text::from(algorithm), Text::from(digest)));
            }
        }
        Some(_) => return Err(Text::from("`archive_info.hashes` is not an object")),
    }
    match info.get("hash") {
        None | Some(Value::Null) => {}
        Some(Value::String(hash)) => match hash.split_once('=') {
            Some((algorithm, digest)) => {
                if !out.iter().any(|(known, _)| *known == *algorithm) {
                    out.push((Text::from(algorithm), Text::from(digest)));
                }
            }
            None => return Err(Text::from("`archive_info.hash` is not of the form algorithm=digest")),
        },
        Some(_) => return Err(Text::from("`archive_info.hash` is not a string")),
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::parse;
    use envdiff_model::{Origin, Text};

    #[test]
    fn the_three_origins_are_read() {
        let git = parse(br#"{"url": "https://e/x.git", "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "ab"}, "subdirectory": "p"}"#).unwrap();
        assert_eq!(git.subdirectory, Some(Text::from("p")));
        assert!(matches!(git.origin, Origin::Vcs { requested_revision: Some(_), .. }));
        let file = parse(
            br#"{"url": "file:///x.whl", "archive_info": {"hash": "sha256=ab", "hashes": {"sha256": "ab"}}}"#,
        )
        .unwrap();
        assert_eq!(file.origin, Origin::Archive { hashes: vec![(Text::from("sha256"), Text::from("ab"))] });
        let dir = parse(br#"{"url": "file:///x", "dir_info": {"editable": true}}"#).unwrap();
        assert_eq!(dir.origin, Origin::Directory { editable: true });
    }

    #[test]
    fn what_is_malformed_says_why() {
        for (bytes, word) in [
            (&b"{not json"[..], "not JSON"),
            (b"[]", "not a JSON object"),
            (br#"{"url": 1, "dir_info": {}}"#, "`url` is not a string"),
            (br#"{"dir_info": {}}"#, "`url` is missing"),
            (br#"{"url": "x"}"#, "none of"),
            (br#"{"url": "x", "dir_info": {}, "archive_info": {}}"#, "more than one"),
            (br#"{"url": "x", "vcs_info": {"vcs": "git"}}"#, "commit_id"),
        ] {
            assert!(parse(bytes).unwrap_err().as_str().unwrap().contains(word), "{word}");
        }
    }
}
