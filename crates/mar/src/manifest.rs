//! `MAR-INF/MANIFEST.json` comes in; what the frontend (Gson, lenient) and the worker (Python's `json`, strict) take from it
//! comes out, with what stops either (TorchServe, Manifest.java, ModelArchive.java, service.py).

mod gson;
mod strict;

use envdiff_model::{Fault, Stage, Trouble, Weight, say};

use crate::Version;
use crate::container::{Contents, Kind};
use crate::ending::{Found, How, With as _, trouble};
use crate::limits::LARGEST_TEXT;
use crate::value::{At, Lines, Value};

pub use strict::{Decode, parse as python_json};

/// Where the manifest is looked for; exactly so, in capital letters.
pub const MANIFEST: &str = "MAR-INF/MANIFEST.json";

/// A text field as the frontend has it: numbers and booleans are their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The text.
    pub text: String,
    /// Where the value stands.
    pub at: At,
}

/// Which program runs the handler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// The interpreter that started the server.
    #[default]
    Python,
    /// Whatever `python3` is first on the server's PATH.
    Python3,
    /// Whatever `python2` is first on it (up to 0.7.0).
    Python2,
    /// The C++ worker (since 0.10.0).
    Lsp,
}

/// The manifest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Whether there is one.
    pub is_present: bool,
    /// Its text; empty where it is absent or unreadable.
    pub text: String,
    /// `model.modelName`
    pub model_name: Option<Field>,
    /// `model.modelVersion`
    pub model_version: Option<Field>,
    /// `model.handler`
    pub handler: Option<Field>,
    /// `model.requirementsFile`
    pub requirements_file: Option<Field>,
    /// `model.configFile`
    pub config_file: Option<Field>,
    /// `runtime`
    pub runtime: Runtime,
    /// The whole document as the worker sees it; `None` where it cannot read it.
    pub value: Option<Value>,
}

impl Manifest {
    /// A value of `model` as the worker sees it.
    #[must_use]
    pub fn model(&self, key: &str) -> Option<&Value> {
        self.value.as_ref()?.get("model")?.get(key)
    }

    /// The line of a place in it.
    #[must_use]
    pub fn line(&self, at: At) -> &str {
        Lines::of(&self.text).line(at.line)
    }
}

fn told(fault: Fault, weight: Weight, what: impl Into<envdiff_model::Text>) -> Trouble {
    trouble(fault, weight, Stage::Manifest, what)
}

/// Reads the manifest of an archive.
#[must_use]
pub fn read(contents: &Contents, version: Version) -> Found<Manifest> {
    let mut found = Found::clean(Manifest::default());
    if !contents.is_file(MANIFEST) {
        // What becomes of it at start hangs on the server's default handler: see `place`.
        found.end(How::RegisterOnly, missing(contents));
        return found;
    }
    found.facts.is_present = true;
    let bytes = match contents.read(MANIFEST, LARGEST_TEXT) {
        Ok(bytes) => bytes,
        Err(why) => {
            let what = say!("the manifest was not read: ", why.told());
            found.end(How::Unknown, told(Fault::ManifestInvalid, Weight::MayBreak, what));
            return found;
        }
    };
    found.facts.text = String::from_utf8_lossy(&bytes).into_owned();
    let text = found.facts.text.clone();
    let lines = Lines::of(&text);
    let is_read = frontend(&text, &lines, version, &mut found);
    if is_read {
        worker(&bytes, &lines, &mut found);
    }
    found
}

/// Where else it lies, if anywhere: that is the likeliest cause.
fn missing(contents: &Contents) -> Trouble {
    let files = contents.files();
    let elsewhere = files.iter().map(|(path, _)| path.as_str()).find(|path| {
        let path = path.replace('\\', "/").to_ascii_lowercase();
        path.ends_with("mar-inf/manifest.json") || path == "manifest.json"
    });
    let what = match elsewhere {
        Some(path) => say!("the manifest is looked for at `", MANIFEST, "` and lies at `", path, "`"),
        None => say!("there is no `", MANIFEST, "` in what the server unpacks"),
    };
    told(Fault::ManifestMissing, Weight::Breaks, what)
        .says("org.pytorch.serve.archive.model.InvalidModelException: Model name is not defined.")
}

const REFUSED: &str =
    "org.pytorch.serve.archive.model.InvalidModelException: Failed to parse signature.json.";

/// The frontend's reading; whether it goes on.
fn frontend(text: &str, lines: &Lines<'_>, version: Version, found: &mut Found<Manifest>) -> bool {
    let refuse = |found: &mut Found<Manifest>, from: usize, to: usize, why: &str| {
        let at = lines.at(from, to);
        let what = say!("the server refuses the manifest: ", why);
        let trouble = told(Fault::ManifestInvalid, Weight::Breaks, what).says(REFUSED).at(
            MANIFEST,
            at,
            lines.line(at.line),
        );
        found.end(How::Skip, trouble);
    };
    let document = match gson::parse(text) {
        Ok(document) => document,
        Err(gson::Error { at, what, is_bound: true }) => {
            let at = lines.at(at, at + 1);
            let trouble =
                told(Fault::ManifestInvalid, Weight::MayBreak, what).at(MANIFEST, at, lines.line(at.line));
            found.end(How::Unknown, trouble);
            return false;
        }
        Err(error) => {
            refuse(found, error.at, error.at + 1, error.what);
            return false;
        }
    };
    let null = |found: &mut Found<Manifest>, what: &str, method: &str| {
        let says = format!(
            "java.lang.NullPointerException: Cannot invoke \"org.pytorch.serve.archive.model.{method}\" because the return value of"
        );
        let trouble = told(Fault::ManifestInvalid, Weight::Breaks, what).says(says).at(
            MANIFEST,
            lines.at(0, 0),
            lines.line(1),
        );
        found.end(How::Stop, trouble);
    };
    let Some(document) = document.filter(|node| !matches!(node.data, gson::Data::Null)) else {
        null(found, "the manifest is empty or `null`", "Manifest.getModel()");
        return false;
    };
    let gson::Data::Object(pairs) = &document.data else {
        refuse(found, document.from, document.to, "an object is expected");
        return false;
    };
    let mut model = None;
    let mut runtime: Option<Option<(&str, &gson::Node)>> = None;
    for (key, node) in pairs {
        match (key.as_str(), &node.data) {
            ("model", gson::Data::Object(inner)) => model = Some(Some(inner)),
            ("model", gson::Data::Null) => model = Some(None),
            ("model", _) => {
                refuse(found, node.from, node.to, "`model` is no object");
                return false;
            }
            ("runtime", gson::Data::Null) => runtime = Some(None),
            ("runtime", gson::Data::Text(text)) => runtime = Some(Some((text.as_str(), node))),
            ("runtime", _) => {
                refuse(found, node.from, node.to, "`runtime` is no text");
                return false;
            }
            ("createdOn" | "description" | "archiverVersion", _) if node.text().is_err() => {
                refuse(found, node.from, node.to, "a text is expected here");
                return false;
            }
            _ => {}
        }
    }
    if let Some(pairs) = model.flatten() {
        for (key, node) in pairs {
            let known = match key.as_str() {
                "modelName" => &mut found.facts.model_name,
                "modelVersion" => &mut found.facts.model_version,
                "handler" => &mut found.facts.handler,
                "requirementsFile" => &mut found.facts.requirements_file,
                "configFile" => &mut found.facts.config_file,
                "description" | "envelope" => &mut None,
                _ => continue,
            };
            match node.text() {
                Ok(text) => *known = text.map(|text| Field { text, at: lines.at(node.from, node.to) }),
                Err(()) => {
                    refuse(found, node.from, node.to, "a text is expected here");
                    return false;
                }
            }
        }
    }
    if model == Some(None) {
        null(found, "`model` is `null` in the manifest", "Manifest$Model.getModelName()");
        return false;
    }
    let known = match runtime {
        None => Some(Runtime::Python),
        Some(None) => None,
        Some(Some((name, _))) => match name {
            "python" | "PYTHON" => Some(Runtime::Python),
            "python3" | "PYTHON3" => Some(Runtime::Python3),
            "python2" | "PYTHON2" if !version.since(0, 7, 1) => Some(Runtime::Python2),
            "LSP" if version.since(0, 10, 0) => Some(Runtime::Lsp),
            _ => None,
        },
    };
    let Some(known) = known else {
        let what = match runtime.flatten() {
            Some((name, _)) => {
                say!("`", name, "` is no runtime; `python`, `python3` and, since 0.10.0, `LSP` are")
            }
            None => say!("`runtime` is `null`"),
        };
        let mut told = told(Fault::RuntimeInvalid, Weight::Breaks, what).says(
            "org.pytorch.serve.archive.model.InvalidModelException: Runtime is not defined or invalid.",
        );
        if let Some((_, node)) = runtime.flatten() {
            let at = lines.at(node.from, node.to);
            told = told.at(MANIFEST, at, lines.line(at.line));
        }
        // The name is looked for first, and a register without one ends there with another text at the same stage.
        found.end(How::Skip, told);
        return false;
    };
    found.facts.runtime = known;
    true
}

/// The worker's reading of what the frontend let pass.
fn worker(bytes: &[u8], lines: &Lines<'_>, found: &mut Found<Manifest>) {
    match strict::parse(bytes) {
        Ok(value) => {
            found.facts.value = Some(value);
        }
        Err(Decode::Bound) => {
            let what = say!("the manifest is nested deeper than is read here");
            found.end(How::Unknown, told(Fault::ManifestInvalid, Weight::MayBreak, what));
        }
        Err(Decode::NotUtf8 { at }) => {
            let what = say!("the manifest is no UTF-8 at byte ", at, ", and the worker refuses it");
            found.end(
                How::Dead,
                told(Fault::ManifestLenient, Weight::Breaks, what).says("UnicodeDecodeError"),
            );
        }
        Err(Decode::Json { at, what: why, message }) => {
            let place = lines.at(at, at + 1);
            let what =
                say!("the server reads the manifest and the worker, whose JSON is strict, does not: ", why);
            let trouble = told(Fault::ManifestLenient, Weight::Breaks, what)
                .says(format!("json.decoder.JSONDecodeError: {message}"))
                .at(MANIFEST, place, lines.line(place.line));
            found.end(How::Dead, trouble);
        }
    }
}

/// Whether a file that the manifest names is where it is looked for.
#[must_use]
pub fn names_file(contents: &Contents, name: &str) -> bool {
    matches!(contents.kind(name), Some(Kind::File(_)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use envdiff_model::{Outcome, Stage};

    fn manifest(text: &str) -> Found<Manifest> {
        read(&Contents::of(&[(MANIFEST, text.as_bytes())]), Version::NEWEST)
    }

    #[test]
    fn what_the_frontend_takes() {
        for text in [
            r#"{"runtime": "python", "model": {"modelName": "m", "handler": "h.py"}}"#,
            "\u{feff}{\"model\": {\"modelName\": \"m\", \"handler\": \"h.py\"}}",
            "{// c\n'model' = {modelName: m; handler => 'h.py'} # end\n}",
            r#"{"model": {"modelName": "x", "modelName": "m", "handler": "h.py", "other": [1,,NaN]}}"#,
        ] {
            let facts = manifest(text).facts;
            assert_eq!(facts.model_name.unwrap().text, "m", "{text}");
            assert_eq!(facts.handler.unwrap().text, "h.py", "{text}");
        }
        let facts = manifest(r#"{"model": {"modelName": 5, "modelVersion": 1.0, "handler": true}}"#).facts;
        let texts = [facts.model_name, facts.model_version, facts.handler].map(|field| field.unwrap().text);
        assert_eq!(texts, ["5", "1.0", "true"]);
    }

    #[test]
    fn what_ends_the_load() {
        let skip = (Some((Outcome::Fails, Stage::Manifest)), Some((Outcome::Fails, Stage::Manifest)));
        let stop = (Some((Outcome::ServerFails, Stage::Server)), Some((Outcome::Fails, Stage::Manifest)));
        for (text, wanted) in [
            ("", stop),
            (" // nothing\n", stop),
            ("null", stop),
            (r#"{"model": null}"#, stop),
            (r#"{"model": {"modelName": "m",}}"#, skip),
            (r#"{"model": "m"}"#, skip),
            ("model: m", skip),
            ("[]", skip),
            (r#"{"model": {}} x"#, skip),
            (r#"{"model": {"handler": {}}}"#, skip),
            (r#"{"model": {}, "runtime": "Python"}"#, skip),
            (r#"{"model": {}, "runtime": "python2"}"#, skip),
            (r#"{"model": {}, "runtime": null}"#, skip),
            ("{'model': {}}", skip),
            ("{\"model\": {}} // c", skip),
            ("{\"model\": {} /* c */}", skip),
            (r#"{"runtime": "LSP", "model": {}}"#, (None, None)),
            (r#"{"model": {"x": NaN}, "model": {}}"#, (None, None)),
        ] {
            let found = manifest(text);
            assert_eq!((found.at_startup(), found.register()), wanted, "{text}");
        }
    }
}
