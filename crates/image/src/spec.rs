//! A TARGET as the user writes it, to what it means (contract, section 1).

use std::path::{Path, PathBuf};

use crate::ImageError;
use crate::nearest::nearest;
use crate::reference::is_reference;

/// What a TARGET names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// `name[:tag][@digest]`, an id, or `docker:…`.
    Docker(String),
    /// `container:NAME`
    Container(String),
    /// `archive:FILE[:NAME:TAG]` or a path with an archive's suffix.
    Archive {
        /// The file.
        file: PathBuf,
        /// Which image in it.
        image: Option<String>,
    },
    /// `oci:DIR[:TAG]` or a folder with `oci-layout` in it.
    Oci {
        /// The folder.
        dir: PathBuf,
        /// Which image in it.
        tag: Option<String>,
    },
    /// `dir:DIR` or any other folder.
    Dir(PathBuf),
    /// `snapshot:FILE`
    Snapshot(PathBuf),
}

/// What lies at a path of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// Nothing.
    Nothing,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A folder with `oci-layout` in it.
    OciLayout,
}

/// What a TARGET is read against; tests replace it.
pub trait Surroundings {
    /// What lies at a path, links followed.
    fn looks(&self, path: &Path) -> PathKind;
    /// The names in a folder, for a suggestion; empty where it cannot be read.
    fn names(&self, folder: &Path) -> Vec<String>;
    /// The user's home, for `~/`.
    fn home(&self) -> Option<PathBuf>;
}

/// This machine's disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Here;

impl Surroundings for Here {
    fn looks(&self, path: &Path) -> PathKind {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() && path.join("oci-layout").is_file() => PathKind::OciLayout,
            Ok(meta) if meta.is_dir() => PathKind::Folder,
            Ok(_) => PathKind::File,
            // What is there and refuses is told by the reader, with the system's words.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => PathKind::File,
            Err(_) => PathKind::Nothing,
        }
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries.take(10_000).flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }
}

/// What makes a bare TARGET an archive.
const ARCHIVE_SUFFIXES: [&str; 4] = [".tar", ".tar.gz", ".tgz", ".tar.zst"];

impl TargetSpec {
    /// Reads a TARGET. With a prefix nothing is looked up but where a file's path ends and an image's name begins; a bare
    /// one is a path or an image name by its shape alone, so that a folder that appears does not change what a command
    /// means.
    ///
    /// # Errors
    /// [`ImageError::NoTarget`] for a bare path that is not there, with both readings and the nearest names;
    /// [`ImageError::BadTarget`] for a prefix without a name and for `registry:`, which this version does not read.
    pub fn parse(text: &str, around: &impl Surroundings) -> Result<Self, ImageError> {
        let bad = |why: String| ImageError::BadTarget { text: text.to_owned(), why };
        if text.is_empty() {
            return Err(bad("it is empty".to_owned()));
        }
        let prefixes = ["docker", "container", "archive", "oci", "dir", "snapshot", "registry"];
        let prefixed = text.split_once(':').filter(|(prefix, _)| prefixes.contains(prefix));
        let Some((prefix, rest)) = prefixed else { return Self::bare(text, around) };
        if rest.is_empty() {
            return Err(bad(format!("a name or path stands behind {prefix}:")));
        }
        match prefix {
            "docker" if is_reference(rest) => Ok(Self::Docker(rest.to_owned())),
            "docker" => Err(bad("what stands behind docker: is no image reference".to_owned())),
            "container" => Ok(Self::Container(rest.to_owned())),
            "archive" => {
                let (file, image) = split_path(rest, around, |kind| kind == PathKind::File);
                Ok(Self::Archive { file, image })
            }
            "oci" => {
                let folder = |kind| matches!(kind, PathKind::Folder | PathKind::OciLayout);
                let (dir, tag) = split_path(rest, around, folder);
                Ok(Self::Oci { dir, tag })
            }
            "dir" => Ok(Self::Dir(expand(rest, around))),
            "snapshot" => Ok(Self::Snapshot(expand(rest, around))),
            _ => Err(bad(format!(
                "this version does not read from a registry; pull the image and write docker:{rest} (an image that is \
                 itself called registry is docker:{text})"
            ))),
        }
    }

    fn bare(text: &str, around: &impl Surroundings) -> Result<Self, ImageError> {
        let by_shape = matches!(text, "." | ".." | "~")
            || ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start))
            || text.contains('\\')
            || text.ends_with('/')
            || ARCHIVE_SUFFIXES.iter().any(|suffix| text.ends_with(suffix));
        let reference = is_reference(text);
        if !by_shape && reference {
            return Ok(Self::Docker(text.to_owned()));
        }
        let path = expand(text, around);
        match around.looks(&path) {
            PathKind::File => return Ok(Self::Archive { file: path, image: None }),
            PathKind::Folder => return Ok(Self::Dir(path)),
            PathKind::OciLayout => return Ok(Self::Oci { dir: path, tag: None }),
            PathKind::Nothing => {}
        }
        // `./images.tar:app:1` and `./layout:1.0`, where the part before the colon is there.
        match split_path(text, around, |kind| matches!(kind, PathKind::File | PathKind::OciLayout)) {
            (file, Some(image)) if around.looks(&file) == PathKind::File => {
                return Ok(Self::Archive { file, image: Some(image) });
            }
            (dir, Some(tag)) => return Ok(Self::Oci { dir, tag: Some(tag) }),
            (_, None) => {}
        }
        let image_reading = if reference {
            format!("an image of this name is written docker:{text}")
        } else {
            "and it is no image reference (lower-case name, optional :tag and @digest)".to_owned()
        };
        Err(ImageError::NoTarget {
            text: text.to_owned(),
            path_reading: format!("as a path it is not there{}", did_you_mean(&path, around)),
            image_reading,
        })
    }

    /// The name as the user gave it, without the kind's prefix.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        let with = |path: &Path, more: &Option<String>| {
            let mut name = path.as_os_str().as_encoded_bytes().to_vec();
            if let Some(more) = more {
                name.push(b':');
                name.extend_from_slice(more.as_bytes());
            }
            name
        };
        match self {
            Self::Docker(name) | Self::Container(name) => name.as_bytes().to_vec(),
            Self::Archive { file, image } => with(file, image),
            Self::Oci { dir, tag } => with(dir, tag),
            Self::Dir(path) | Self::Snapshot(path) => with(path, &None),
        }
    }
}

/// ` (nearest: …)` with the names beside a path that look most like it; empty when there are none.
pub(crate) fn did_you_mean(path: &Path, around: &impl Surroundings) -> String {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return String::new() };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = around.names(folder);
    let near = nearest(name, names.iter().map(String::as_str));
    if near.is_empty() { String::new() } else { format!(" (nearest: {})", near.join(", ")) }
}

fn expand(text: &str, around: &impl Surroundings) -> PathBuf {
    if text == "~" {
        return around.home().unwrap_or_else(|| PathBuf::from(text));
    }
    match text.strip_prefix("~/").zip(around.home()) {
        Some((rest, home)) => home.join(rest),
        None => PathBuf::from(text),
    }
}

/// The longest part before a colon that is there, and what stands behind it; the whole where none is.
fn split_path(
    text: &str,
    around: &impl Surroundings,
    fits: impl Fn(PathKind) -> bool,
) -> (PathBuf, Option<String>) {
    let whole = expand(text, around);
    if around.looks(&whole) != PathKind::Nothing {
        return (whole, None);
    }
    for (at, _) in text.rmatch_indices(':') {
        let (Some(before), Some(behind)) = (text.get(..at), text.get(at + 1..)) else { continue };
        let path = expand(before, around);
        if !before.is_empty() && !behind.is_empty() && fits(around.looks(&path)) {
            return (path, Some(behind.to_owned()));
        }
    }
    (whole, None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::path::{Path, PathBuf};

    use super::{PathKind, Surroundings, TargetSpec};

    struct Fake;
    impl Surroundings for Fake {
        fn looks(&self, path: &Path) -> PathKind {
            match path.to_str().unwrap() {
                "a.tar" | "./a.tar" | "/x/odd:name.tar" | "x.tgz" | "./file" | "C:\\a.tar" => PathKind::File,
                "." | ".." | "./folder" | "folder/" | "Folder" | "/home/me/env" => PathKind::Folder,
                "./layout" | "layout" => PathKind::OciLayout,
                _ => PathKind::Nothing,
            }
        }
        fn names(&self, _: &Path) -> Vec<String> {
            vec!["rootfs".into(), "image.tar".into()]
        }
        fn home(&self) -> Option<PathBuf> {
            Some("/home/me".into())
        }
    }

    fn parse(text: &str) -> TargetSpec {
        TargetSpec::parse(text, &Fake).unwrap()
    }
    fn archive(file: &str, image: Option<&str>) -> TargetSpec {
        TargetSpec::Archive { file: file.into(), image: image.map(str::to_owned) }
    }

    #[test]
    fn bare_targets_go_by_their_shape() {
        for name in ["serve", "serve:1.4", "folder", "layout", "a/b", "298745822ba0", "host:5000/a:1"] {
            assert_eq!(parse(name), TargetSpec::Docker(name.into()), "{name}");
        }
        for dir in [".", "..", "./folder", "folder/", "Folder"] {
            assert_eq!(parse(dir), TargetSpec::Dir(dir.into()), "{dir}");
        }
        assert_eq!(parse("~/env"), TargetSpec::Dir("/home/me/env".into()));
        for file in ["a.tar", "x.tgz", "./file", "C:\\a.tar"] {
            assert_eq!(parse(file), archive(file, None), "{file}");
        }
        assert_eq!(parse("./layout"), TargetSpec::Oci { dir: "./layout".into(), tag: None });
        assert_eq!(parse("./a.tar:app:1"), archive("./a.tar", Some("app:1")));
    }

    #[test]
    fn a_prefix_decides() {
        assert_eq!(parse("docker:inspect"), TargetSpec::Docker("inspect".into()));
        assert_eq!(parse("docker:a.tar"), TargetSpec::Docker("a.tar".into()));
        assert_eq!(parse("container:web"), TargetSpec::Container("web".into()));
        assert_eq!(parse("dir:serve"), TargetSpec::Dir("serve".into()));
        assert_eq!(parse("snapshot:s.json"), TargetSpec::Snapshot("s.json".into()));
        assert_eq!(parse("archive:a.tar"), archive("a.tar", None));
        assert_eq!(parse("archive:a.tar:app:1.0"), archive("a.tar", Some("app:1.0")));
        assert_eq!(parse("archive:/x/odd:name.tar"), archive("/x/odd:name.tar", None));
        assert_eq!(parse("archive:/x/odd:name.tar:app"), archive("/x/odd:name.tar", Some("app")));
        assert_eq!(parse("archive:gone.tar:app:1"), archive("gone.tar:app:1", None));
        assert_eq!(
            parse("oci:layout:1.0"),
            TargetSpec::Oci { dir: "layout".into(), tag: Some("1.0".into()) }
        );
        assert_eq!(parse("oci:layout"), TargetSpec::Oci { dir: "layout".into(), tag: None });
    }

    #[test]
    fn what_is_neither_says_both_readings() {
        let said = |text: &str| TargetSpec::parse(text, &Fake).unwrap_err().to_string();
        assert_eq!(
            said("./rootf"),
            "\"./rootf\" is no target: as a path it is not there (nearest: rootfs); and it is no image reference \
             (lower-case name, optional :tag and @digest)"
        );
        assert_eq!(
            said("imge.tar"),
            "\"imge.tar\" is no target: as a path it is not there (nearest: image.tar); an image of this name is written \
             docker:imge.tar"
        );
        assert!(said("Serve:1").contains("no image reference"));
        assert!(said("docker:").contains("behind docker:"));
        assert!(said("docker:A B").contains("no image reference"));
        assert!(said("registry:host/a:1").contains("docker:host/a:1"));
        assert!(said("").contains("empty"));
    }
}
