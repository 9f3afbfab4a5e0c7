//! Manifest, file name and server come in; name, version and handler of the model come out, and which archives stand in each
//! other's way (TorchServe, ModelServer.java, ModelManager.java, Model.java).

use envdiff_model::{Fault, Stage, Weight, say};

use crate::ending::{Found, How, With as _, trouble};
use crate::manifest::{MANIFEST, Manifest};
use crate::server::Server;

/// Under what a model is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The name at start; a manifest without one gives way to the file's name.
    pub name: String,
    /// Whether the manifest gives it.
    pub is_named: bool,
    /// The version.
    pub version: String,
    /// The handler, of the manifest or the server's default; `None` where there is none.
    pub handler: Option<String>,
}

/// The name that the server makes of a file's name at start.
#[must_use]
pub fn default_name(file: &str) -> String {
    let last = file.rsplit('/').next().unwrap_or(file);
    let is_cut = last.contains(".mar") || last.contains(".model");
    let stem = if is_cut { last.rsplit_once('.').map_or(last, |(stem, _)| stem) } else { last };
    stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// Name, version and handler of an archive.
#[must_use]
pub fn read(file: &str, manifest: &Manifest, server: &Server) -> Found<Place> {
    let named = manifest.model_name.as_ref().filter(|field| !field.text.is_empty());
    let handler = manifest.handler.as_ref().map(|field| field.text.clone()).filter(|text| !text.is_empty());
    let place = Place {
        name: named.map_or_else(|| default_name(file), |field| field.text.clone()),
        is_named: named.is_some(),
        version: manifest.model_version.as_ref().map_or_else(|| "1.0".to_owned(), |field| field.text.clone()),
        handler: handler.or_else(|| server.default_handler.clone()),
    };
    let mut found = Found::clean(place);
    if named.is_none() && manifest.is_present {
        let what = say!(
            "the manifest has no `modelName`: at start the model is called `",
            found.facts.name,
            "` after its file, and registering it without `model_name` is refused"
        );
        let told = trouble(Fault::ModelNameMissing, Weight::Breaks, Stage::Manifest, what)
            .says("org.pytorch.serve.archive.model.InvalidModelException: Model name is not defined.");
        found.end(How::RegisterOnly, told);
    }
    if let Some(field) = named
        && !field.text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    {
        let what =
            say!("the model's name `", field.text, "` holds characters that cannot be addressed over REST");
        let told = trouble(Fault::ModelNameMissing, Weight::Remark, Stage::Manifest, what);
        found.notice(told.at(MANIFEST, field.at, manifest.line(field.at)));
    }
    if found.facts.handler.is_none() {
        let (fault, what) = if manifest.is_present {
            let what = "no handler is named, neither by the manifest nor by `default_service_handler`: the worker takes the model's folder for one";
            (Fault::HandlerMissing, what)
        } else {
            let what = "without a manifest no handler is named: the worker takes the model's folder for one";
            (Fault::ManifestMissing, what)
        };
        let told = trouble(fault, Weight::Breaks, Stage::Import, what)
            .says("ModuleNotFoundError: No module named '<model_dir name>'");
        found.end(How::Dead, told);
    }
    found
}

/// Which of several archives, in the order of loading, has name and version of one before it. `is_ordered` is false where
/// that order is the folder's and not known (`load_models=ALL`).
#[must_use]
pub fn duplicates(archives: &[(&str, &Place)], is_ordered: bool) -> Vec<(usize, Found<()>)> {
    let mut out = Vec::new();
    for (at, (file, place)) in archives.iter().enumerate() {
        let same = |other: &&(&str, &Place)| other.1.name == place.name && other.1.version == place.version;
        let before = archives.iter().take(at).find(same);
        let after = archives.iter().skip(at + 1).find(same);
        let Some((other, _)) = before.or(after.filter(|_| !is_ordered)) else { continue };
        let what = say!(
            "`",
            *file,
            "` and `",
            *other,
            "` have one name and version: `",
            place.name,
            "` ",
            place.version
        );
        let weight = if is_ordered { Weight::Breaks } else { Weight::MayBreak };
        let says = format!(
            "org.pytorch.serve.http.ConflictStatusException: Model version {} is already registered for model {}",
            place.version, place.name
        );
        let told = trouble(Fault::ArchiveDuplicate, weight, Stage::Archive, what).says(says);
        let mut found = Found::clean(());
        found.end(if is_ordered { How::Taken } else { How::Unknown }, told);
        out.push((at, found));
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use envdiff_model::Outcome;

    #[test]
    fn names_made_of_files() {
        for (file, name) in [
            ("My-Model.v2.mar", "My_Model_v2"),
            ("x.tar.gz", "x_tar_gz"),
            ("sub/a.mar", "a"),
            ("lost+found", "lost_found"),
            ("a.model", "a"),
        ] {
            assert_eq!(default_name(file), name);
        }
    }

    #[test]
    fn the_later_one_of_two_is_refused() {
        let place =
            |name: &str| Place { name: name.to_owned(), version: "1.0".to_owned(), ..Place::default() };
        let (a, b, c) = (place("a"), place("b"), place("a"));
        let told = duplicates(&[("a.mar", &a), ("b.mar", &b), ("c.mar", &c)], true);
        assert_eq!(told.len(), 1);
        let (at, found) = told.first().unwrap();
        assert_eq!(*at, 2);
        assert_eq!(found.at_startup(), Some((Outcome::ServerFails, Stage::Server)));
        assert_eq!(found.register(), Some((Outcome::Fails, Stage::Archive)));
        assert_eq!(duplicates(&[("a.mar", &a), ("c.mar", &c)], false).len(), 2);
    }
}
