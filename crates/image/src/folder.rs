//! `dir:`: a folder of this machine in, opened files out: a root file system, a virtual environment or prefix of this
//! machine, or a bundle.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use envdiff_files::{Ask, ImagePath, Likely, Reply, Source};
use envdiff_model::{ImageConfig, Target, TargetKind, Text, say};

use crate::answer::Answers;
use crate::bundle::{Bundle, IMAGE_JSON, ROOTFS};
use crate::config::{self, ImageJson};
use crate::disk::{Disk, Marks, bytes_of};
use crate::limits::JSON_BYTES;
use crate::merge::Layers;
use crate::{Begin, Events, Files, ImageError, OpenOptions};

/// A source over what lies on this disk.
pub(crate) struct OnDisk<L: Layers> {
    answers: Answers<L>,
}

impl<L: Layers> OnDisk<L> {
    pub(crate) fn new(layers: L) -> Self {
        Self { answers: Answers::new(layers) }
    }

    fn watched(self, events: &Arc<dyn Events>) -> Self {
        Self { answers: self.answers.watched(events) }
    }
}

impl<L: Layers> Source for OnDisk<L> {
    type Error = ImageError;

    fn expect(&mut self, _: &Likely) {}

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        Ok(self.answers.answer(asks))
    }
}

/// Opens `dir:DIR`.
///
/// A folder with `rootfs/` and `image.json` is a bundle. One with `pyvenv.cfg` or `conda-meta` is an environment of this
/// machine: its root is `/` and its interpreter the environment's, unless an image configuration says that the folder is
/// itself a root, or it lies in a bundle's `rootfs/`. Any other folder is a root file system.
///
/// # Errors
/// When the folder, its configuration or its placeholders cannot be read, or it is an OCI image layout.
pub(crate) fn open(dir: &Path, options: &OpenOptions, events: &Arc<dyn Events>) -> Result<Files, ImageError> {
    let meta = std::fs::metadata(dir).map_err(|error| ImageError::Disk { path: dir.to_owned(), error })?;
    if !meta.is_dir() {
        return Err(ImageError::OtherKind { path: dir.to_owned(), found: "a file", wanted: "a folder" });
    }
    let given = options.image_config.as_deref().map(read_json).transpose()?;
    let has = |name: &str| dir.join(name).symlink_metadata().is_ok();
    if has(IMAGE_JSON) && dir.join(ROOTFS).is_dir() {
        return bundle(dir, dir, given, Begin::Configuration, options, events);
    }
    if given.is_none() && has("oci-layout") && has("index.json") {
        return Err(ImageError::OtherKind {
            path: dir.to_owned(),
            found: "an OCI image layout (oci:DIR)",
            wanted: "a root file system",
        });
    }
    if given.is_none() && (has("pyvenv.cfg") || has("conda-meta")) {
        return environment(dir, options, events);
    }
    let begin = if given.is_some() { Begin::Configuration } else { Begin::Unknown };
    let disk = Disk::open([dir], Marks::None).map_err(cannot_open)?;
    files(dir, given, begin, Box::new(OnDisk::new(disk).watched(events)), options)
}

fn cannot_open((path, error): (&Path, std::io::Error)) -> ImageError {
    ImageError::Disk { path: path.to_owned(), error }
}

fn environment(dir: &Path, options: &OpenOptions, events: &Arc<dyn Events>) -> Result<Files, ImageError> {
    let absolute =
        std::path::absolute(dir).map_err(|error| ImageError::Disk { path: dir.to_owned(), error })?;
    let bin = absolute.join("bin");
    // Which name is there; that it leads nowhere is for the observer to say.
    let mut names = vec!["python".to_owned(), "python3".to_owned()];
    if let Ok(entries) = std::fs::read_dir(&bin) {
        let mut more: Vec<String> =
            entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
        more.retain(|name| {
            let version = name.strip_prefix("python3.");
            version.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
        });
        more.sort();
        names.extend(more);
    }
    let name = names.iter().find(|name| bin.join(name).symlink_metadata().is_ok());
    let python = bin.join(name.map_or("python", String::as_str));
    for root in absolute.ancestors().skip(1) {
        let Some(above) = root.parent() else { continue };
        if root.file_name().is_some_and(|n| n == ROOTFS) && above.join(IMAGE_JSON).is_file() {
            let inside = python.strip_prefix(root).map_or(python.as_path(), |inside| inside);
            let begin = Begin::Interpreter(image_path(&Path::new("/").join(inside), dir)?);
            return bundle(dir, above, None, begin, options, events);
        }
    }
    let begin = Begin::Interpreter(image_path(&python, dir)?);
    let root = Path::new("/");
    let disk = Disk::open([root], Marks::None).map_err(cannot_open)?;
    let files = files(dir, None, begin, Box::new(OnDisk::new(disk).watched(events)), options)?;
    // It runs on this machine, with the interpreter and the driver that are here.
    Ok(Files { local: true, ..files })
}

fn image_path(path: &Path, dir: &Path) -> Result<ImagePath, ImageError> {
    ImagePath::new(bytes_of(path)).ok_or_else(|| ImageError::Disk {
        path: dir.to_owned(),
        error: std::io::Error::other("path longer than 4096 bytes"),
    })
}

fn bundle(
    dir: &Path,
    bundle: &Path,
    given: Option<ImageJson>,
    begin: Begin,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let source = Box::new(OnDisk::new(Bundle::open(bundle)?).watched(events));
    let path = bundle.join(IMAGE_JSON);
    let json = match given {
        Some(json) => Some(json),
        None => config::read_of_bundle(&read_file(&path, JSON_BYTES)?)
            .map_err(|why| ImageError::BadImageConfig { path, why })?,
    };
    // A bundle made of a folder that had no configuration has none either.
    let Some(json) = json else {
        let begin = if begin == Begin::Configuration { Begin::Unknown } else { begin };
        return files(dir, None, begin, source, options);
    };
    match &json.interpreter {
        Some(interpreter) if begin == Begin::Configuration => {
            let begin = Begin::Interpreter(image_path(
                Path::new(std::ffi::OsStr::from_bytes(interpreter.as_bytes())),
                dir,
            )?);
            files(dir, None, begin, source, options)
        }
        _ => files(dir, Some(json), begin, source, options),
    }
}

fn files(
    dir: &Path,
    json: Option<ImageJson>,
    begin: Begin,
    source: Box<dyn Source<Error = ImageError>>,
    options: &OpenOptions,
) -> Result<Files, ImageError> {
    let platform = json.as_ref().and_then(ImageJson::platform);
    let mut notices = Vec::new();
    if let (Some(wanted), Some(json)) = (&options.platform, &json)
        && !is_platform(&json.config, wanted)
    {
        return Err(ImageError::NoSuchPlatformIn {
            path: dir.to_owned(),
            wanted: wanted.clone(),
            names: vec![platform.unwrap_or_default()],
        });
    }
    if let (Some(wanted), None) = (&options.platform, &json) {
        notices.push(say!(
            "a folder has no platform of its own; ",
            wanted,
            " was not compared with anything"
        ));
    }
    let target = Target {
        kind: TargetKind::Dir,
        name: Text::from(bytes_of(dir)),
        id: json.as_ref().and_then(|json| json.id.clone()),
        platform,
        gathered_by: "dir",
        layers: None,
        notices,
    };
    Ok(Files {
        target,
        config: json.map(|json| json.config),
        local: false,
        begin,
        source,
        told: crate::Told::default(),
        runnable: None,
    })
}

/// Whether a configuration's platform is the wanted `os/arch[/variant]`; what it does not tell does not differ. `arm64`
/// without a variant is `v8`.
pub(crate) fn is_platform(config: &ImageConfig, wanted: &str) -> bool {
    let mut parts = wanted.split('/').map(|part| part.to_ascii_lowercase());
    let same = |have: &Option<Text>, want: Option<String>| match (have, want) {
        (Some(have), Some(want)) => have.to_lossy().eq_ignore_ascii_case(&want),
        _ => true,
    };
    let (os, architecture, variant) = (parts.next(), parts.next(), parts.next());
    same(&config.os, os) && same(&config.architecture, architecture) && same(&config.variant, variant)
}

/// Reads an image configuration from a file.
pub(crate) fn read_json(path: &Path) -> Result<ImageJson, ImageError> {
    let json = read_file(path, JSON_BYTES)?;
    config::read(&json).map_err(|why| ImageError::BadImageConfig { path: path.to_owned(), why })
}

/// Reads a file that the user named, at most `limit` bytes. A pipe is read too: `--image-config <(docker image inspect …)`.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, ImageError> {
    use std::io::Read as _;
    let disk = |error| ImageError::Disk { path: path.to_owned(), error };
    let too_much = || ImageError::TooMuch {
        name: PathBuf::from(path).display().to_string(),
        what: format!("more than {} MiB", limit >> 20),
    };
    let file = std::fs::File::open(path).map_err(disk)?;
    // What tells its size need not be read to know; a pipe tells none.
    if file.metadata().map_err(disk)?.len() > limit {
        return Err(too_much());
    }
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(disk)?;
    if content.len() as u64 > limit { Err(too_much()) } else { Ok(content) }
}
