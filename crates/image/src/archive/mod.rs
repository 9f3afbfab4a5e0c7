//! `archive:` and `oci:`: what `docker save`, `podman save`, `skopeo copy` and BuildKit write in, opened files out.
//!
//! An uncompressed file is read by its headers alone and its bodies stay where they are. What is compressed passes by once;
//! what was not foreseen costs another pass over the layers that hold it.

mod blobs;
mod manifest;
mod select;
mod unpack;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use envdiff_files::{Ask, Likely, Reply, Source};
use envdiff_model::{Target, TargetKind, Text};

use crate::answer::{Answers, HASHING};
use crate::disk::bytes_of;
use crate::limits::PASSES;
use crate::tar::{Flow, Store, TarError, TarKind, TarLayers, Walk, Wanted, Window, gather, purposes};
use crate::{Begin, Events, Files, ImageError, OpenOptions, Told};

pub(crate) use blobs::open_regular;
use blobs::{Blobs, Body, Layer};
use unpack::{Packed, unpack};

/// Opens `archive:FILE[:NAME:TAG]`.
///
/// # Errors
/// What keeps the file from being read as an image; see [`ImageError`].
pub(crate) fn open_file(
    path: &Path,
    image: Option<&str>,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let disk = |error| ImageError::Disk { path: path.to_owned(), error };
    let no_image = |why: &str| ImageError::NotAnImage { path: path.to_owned(), why: why.to_owned() };
    let meta = std::fs::metadata(path).map_err(disk)?;
    if meta.is_dir() {
        let wanted = "a file; a layout is written oci:DIR, a root file system dir:DIR";
        return Err(ImageError::OtherKind { path: path.to_owned(), found: "a folder", wanted });
    }
    let mut layers = TarLayers::new(true);
    let mut progress = |entries| events.step("reading the archive", entries);
    let likely = options.likely.as_ref();
    let mut again = Again::Layers;
    let blobs = if meta.is_file() {
        let (file, len) = blobs::open_regular(path).map_err(disk)?;
        let mut start = [0; 512];
        let mut window = Window::new(Rc::new(file.try_clone().map_err(disk)?), 0, len);
        let count = crate::tar::Input::fill(&mut window, &mut start).map_err(disk)?;
        let start = start.get(..count).unwrap_or_default();
        match Packed::by_magic(start) {
            _ if start.is_empty() => return Err(no_image("it is empty")),
            Packed::No if crate::tar::is_tar(start) => blobs::of_file(path, file, len)?,
            Packed::No if start.trim_ascii_start().starts_with(b"{") => {
                return Err(no_image("it is JSON; a snapshot is written snapshot:FILE"));
            }
            Packed::No => return Err(no_image("it is neither a tar nor a tar packed with gzip or zstd")),
            Packed::Unread(what) => {
                return Err(no_image(&format!("it is packed with {what}, not with gzip or zstd")));
            }
            packed => {
                let file = Rc::new(file);
                let stream = unpack(packed, Window::new(Rc::clone(&file), 0, len));
                again = Again::Whole { file, len, packed };
                blobs::of_stream(path, stream, &mut layers, likely, &mut progress)?
            }
        }
    } else {
        // A pipe: `<(docker save …)`. It passes once and for all.
        layers.can_pass_again = false;
        layers.can_hash = false;
        let mut file = File::open(path).map_err(disk)?;
        let mut start = Vec::new();
        file.by_ref().take(8).read_to_end(&mut start).map_err(disk)?;
        let packed = Packed::by_magic(&start);
        let stream = unpack(packed, std::io::Cursor::new(start).chain(file));
        blobs::of_stream(path, stream, &mut layers, likely, &mut progress)?
    };
    let name = match image {
        Some(image) => [bytes_of(path), b":", image.as_bytes()].concat(),
        None => bytes_of(path).to_vec(),
    };
    let chosen = select::choose(&blobs, "archive", image, options.platform.as_deref())?;
    files(TargetKind::Archive, name, &blobs, chosen, layers, again, options, events)
}

/// Opens `oci:DIR[:TAG]`.
///
/// # Errors
/// What keeps the folder from being read as an OCI image layout; see [`ImageError`].
pub(crate) fn open_layout(
    dir: &Path,
    tag: Option<&str>,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let meta = std::fs::metadata(dir).map_err(|error| ImageError::Disk { path: dir.to_owned(), error })?;
    if !meta.is_dir() {
        let wanted = "a folder; a file is written archive:FILE";
        return Err(ImageError::OtherKind { path: dir.to_owned(), found: "a file", wanted });
    }
    let blobs = Blobs::InFolder(dir.to_owned());
    let chosen = select::choose(&blobs, "oci", tag, options.platform.as_deref())?;
    let name = match tag {
        Some(tag) => [bytes_of(dir), b":", tag.as_bytes()].concat(),
        None => bytes_of(dir).to_vec(),
    };
    files(TargetKind::Oci, name, &blobs, chosen, TarLayers::new(true), Again::Layers, options, events)
}

#[allow(clippy::too_many_arguments, reason = "what an opened target is made of, called in two places")]
fn files(
    kind: TargetKind,
    name: Vec<u8>,
    blobs: &Blobs,
    chosen: select::Chosen,
    layers: TarLayers,
    again: Again,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let path = blobs.path();
    let mut found = Vec::new();
    for (layer, size) in chosen.layers {
        let shown = format!("{} in {}", layer.escape_debug(), path.display());
        let Some(blob) = blobs.layer(&layer)? else {
            let why = format!("its layer {:?} is missing, or no tar", layer);
            return Err(ImageError::NotAnImage { path: path.to_owned(), why });
        };
        if let (Layer::Part { len, .. }, Some(size)) = (&blob, size)
            && *len != size
        {
            return Err(ImageError::Damaged { name: shown, why: format!("it has {len} bytes, not {size}") });
        }
        found.push((shown, blob));
    }
    let target = Target {
        kind,
        name: Text::from(name),
        id: Some(Text::from(chosen.id)),
        platform: chosen.json.platform(),
        gathered_by: "archive",
        layers: chosen.json.layers,
        notices: Vec::new(),
    };
    let told = Told::default();
    let source = ArchiveSource {
        path: path.display().to_string(),
        outer: blobs.outer(),
        layers: found,
        likely: options.likely,
        answers: Answers::new(layers).watched(events),
        passes: 0,
        again,
        events: Arc::clone(events),
        told: told.clone(),
    };
    Ok(Files {
        target,
        config: Some(chosen.json.config),
        begin: Begin::Configuration,
        source: Box::new(source),
        local: false,
        told,
        runnable: None,
    })
}

/// What another pass goes over.
enum Again {
    /// The layers that hold what is wanted.
    Layers,
    /// The whole archive.
    Whole { file: Rc<File>, len: u64, packed: Packed },
}

/// Answers from an image's layers in an archive or layout.
struct ArchiveSource {
    path: String,
    /// In which entry of a streamed archive a tree was.
    outer: Vec<(Vec<u8>, u32)>,
    /// With their names in messages, from the lowest.
    layers: Vec<(String, Layer)>,
    likely: Option<Likely>,
    answers: Answers<TarLayers>,
    passes: usize,
    again: Again,
    events: Arc<dyn Events>,
    told: Told,
}

impl ArchiveSource {
    fn index(&mut self) -> Result<(), ImageError> {
        let mut progress = |entries| self.events.step("reading the layers", entries);
        let layers = &mut self.answers.view.layers;
        let mut trees = Vec::new();
        for (name, layer) in &self.layers {
            // One blob may be several layers, the empty one above all.
            let same = self.layers.iter().take(trees.len()).position(|(other, _)| other == name);
            let tree = match same.and_then(|at| trees.get(at).cloned()) {
                Some(tree) => tree,
                None => blobs::index(name, layer, layers, self.likely.as_ref(), &mut progress)?,
            };
            trees.push(tree);
        }
        trees.reverse();
        layers.trees = trees;
        self.passes = 1;
        Ok(())
    }

    fn pass_again(&mut self) -> Result<(), ImageError> {
        self.passes += 1;
        let layers = &mut self.answers.view.layers;
        layers.can_pass_again = self.passes < PASSES;
        layers.can_hash = layers.can_pass_again;
        let wanted = layers.take_wanted();
        for purpose in purposes(&wanted, "archive") {
            self.told.notice(purpose);
        }
        let is_to_hash = wanted.iter().flat_map(Wanted::values).any(|want| want.digest);
        let what = if is_to_hash { HASHING } else { "reading the archive again" };
        let events = &self.events;
        events.step(what, 0);
        let mut progress = |done| events.step(what, done);
        match &self.again {
            Again::Layers => {
                for (at, wanted) in wanted.into_iter().enumerate().filter(|(_, wanted)| !wanted.is_empty()) {
                    let from_below = self.layers.len().saturating_sub(at + 1);
                    let Some((name, Layer::Part { file, at: from, len })) = self.layers.get(from_below)
                    else {
                        continue;
                    };
                    let broken = |error: TarError| error.of(name);
                    let packed = blobs::packing(file, *from, *len).map_err(|e| broken(e.into()))?;
                    let stream = unpack(packed, Window::new(Rc::clone(file), *from, *len));
                    let mut found = |path: &[u8], kept| layers.keep(at, path, kept);
                    gather(&mut Walk::new(Flow::new(stream)), &wanted, &mut progress, &mut found)
                        .map_err(broken)?;
                }
            }
            Again::Whole { file, len, packed } => {
                let stream = unpack(*packed, Window::new(Rc::clone(file), 0, *len));
                gather_whole(stream, &self.outer, wanted, layers, &mut progress)
                    .map_err(|error| error.of(&self.path))?;
            }
        }
        Ok(())
    }
}

/// Gathers what is wanted of each layer from the stream of a whole archive.
fn gather_whole(
    stream: impl Read,
    outer: &[(Vec<u8>, u32)],
    mut wanted: Vec<Wanted>,
    layers: &mut TarLayers,
    progress: &mut dyn FnMut(u64),
) -> Result<(), TarError> {
    let mut walk = Walk::new(Flow::new(stream));
    while walk.next()? {
        if walk.header.kind != TarKind::File {
            continue;
        }
        let name = walk.header.path.strip_prefix(b"./").unwrap_or(&walk.header.path);
        let root = outer.iter().find(|(outer, _)| outer == name).map(|(_, root)| *root);
        let Some(at) = layers.trees.iter().position(|tree| Some(tree.root) == root) else { continue };
        let Some(wanted) = wanted.get_mut(at).map(std::mem::take).filter(|w| !w.is_empty()) else { continue };
        let Body::Tar { start, packed } = Body::read(&mut walk)? else { continue };
        let stream = unpack(packed, start.chain(walk.body()));
        let mut found = |path: &[u8], kept| layers.keep(at, path, kept);
        gather(&mut Walk::new(Flow::new(stream)), &wanted, progress, &mut found)?;
    }
    Ok(())
}

impl Source for ArchiveSource {
    type Error = ImageError;

    fn expect(&mut self, likely: &Likely) {
        self.likely = Some(*likely);
    }

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        if self.passes == 0 {
            self.index()?;
        }
        loop {
            let replies = self.answers.answer(asks);
            if self.answers.view.layers.wanted.iter().all(|wanted| wanted.is_empty())
                || !self.answers.view.layers.can_pass_again
            {
                return Ok(replies);
            }
            self.pass_again()?;
        }
    }
}

/// Opens an archive from its bytes and indexes the image in it; for fuzzing.
///
/// # Errors
/// Why it is no image, as the user reads it.
pub fn read_bytes(bytes: &[u8], likely: &Likely) -> Result<usize, ImageError> {
    let mut layers = TarLayers::new(true);
    let path = Path::new("the archive");
    let stream = unpack(Packed::by_magic(bytes), bytes);
    let blobs = blobs::of_stream(path, stream, &mut layers, Some(likely), &mut |_| ())?;
    let chosen = select::choose(&blobs, "archive", None, None)?;
    let mut entries = 0;
    for (name, _) in &chosen.layers {
        if let Some(Layer::Passed(tree)) = blobs.layer(name)? {
            debug_assert!(matches!(tree.store, Store::Kept));
            entries += 1;
        }
    }
    Ok(entries)
}

/// The plain stream of packed bytes, within the bounds of every archive; for tests.
#[cfg(test)]
pub(crate) fn unpacked(bytes: &[u8]) -> Box<dyn Read + '_> {
    unpack(Packed::by_magic(bytes), bytes)
}
