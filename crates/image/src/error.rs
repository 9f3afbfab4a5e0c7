//! Why a target could not be read: each variant is the message that the user reads, and names its input.

use std::path::PathBuf;

use envdiff_model::Text;

/// Everything that keeps a target from being audited (exit status 2), or ends it (130, 143).
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// SIGINT or SIGTERM while the engine was at work; what had been started is gone.
    #[error("interrupted")]
    Interrupted {
        /// The signal's number: 2 or 15.
        signal: i32,
    },
    /// Something on the disk is not there or refuses.
    #[error("cannot read {}: {error}", .path.display())]
    Disk {
        /// What was to be read.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// A path is there and is something else than its form says.
    #[error("{} is {found}, not {wanted}", .path.display())]
    OtherKind {
        /// The path.
        path: PathBuf,
        /// `a folder`, `a file`.
        found: &'static str,
        /// What the target's form asks for.
        wanted: &'static str,
    },
    /// Neither reading of a bare TARGET holds.
    #[error("{text:?} is no target: {path_reading}; {image_reading}")]
    NoTarget {
        /// What was given.
        text: String,
        /// Why it is no path.
        path_reading: String,
        /// Why it is no image name.
        image_reading: String,
    },
    /// A prefix with nothing behind it, or one that this version does not read.
    #[error("{text:?} is no target: {why}")]
    BadTarget {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// `--image-config`, or a bundle's `image.json`.
    #[error("{} is no image configuration: {why}", .path.display())]
    BadImageConfig {
        /// The file.
        path: PathBuf,
        /// The JSON reader's words.
        why: String,
    },
    /// A bundle's `placeholders.txt`.
    #[error("{} line {line} is not a path, a tab and a size", .path.display())]
    BadPlaceholder {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// A bundle's `ranges.txt`.
    #[error("{} line {line} is not a size, ranges, a pattern or nothing, and a path, with tabs between, for what ranges.bin holds", .path.display())]
    BadRanges {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The file is no archive of an image.
    #[error("{} is no image: {why}", .path.display())]
    NotAnImage {
        /// The file or folder.
        path: PathBuf,
        /// What is missing or wrong.
        why: String,
    },
    /// A tar, gzip or zstd stream that ends or breaks in the middle.
    #[error("{name} is damaged: {why}")]
    Damaged {
        /// The file, or the stream of the engine.
        name: String,
        /// What is wrong, and where.
        why: String,
    },
    /// Past a bound of the contract, section 7.
    #[error("{name} holds more than is read: {what}")]
    TooMuch {
        /// The file or stream.
        name: String,
        /// Which bound, and how much was met.
        what: String,
    },
    /// Several images in one archive or layout, and none was named.
    #[error("{} holds {} images: {names:?}; write one of them behind the path, {}", .path.display(), .names.len(), .example)]
    SeveralImages {
        /// The file or folder.
        path: PathBuf,
        /// Their names, or digests where they have none.
        names: Vec<Text>,
        /// `archive:FILE:NAME:TAG` with the first of them.
        example: String,
    },
    /// The image that was named is not in the archive or layout.
    #[error("{} holds no image {wanted:?}, but {names:?}", .path.display())]
    NoSuchImageIn {
        /// The file or folder.
        path: PathBuf,
        /// What was named.
        wanted: String,
        /// What is there.
        names: Vec<Text>,
    },
    /// No image for `--platform` in an archive or layout.
    #[error("{} holds no image for {wanted}, but for {names:?}", .path.display())]
    NoSuchPlatformIn {
        /// The file or folder.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What is there.
        names: Vec<Text>,
    },
    /// Layer folders that only the kernel can merge.
    #[error("the image cannot be read as layers: {reason}")]
    NotLayers {
        /// Why.
        reason: String,
    },
    /// A snapshot of another schema, or no snapshot.
    #[error("{} is no snapshot: {why}", .path.display())]
    NotASnapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// `--thin DIR` where something is already.
    #[error("{} is there already and is not an empty folder; a bundle is written to a new one", .path.display())]
    RecordExists {
        /// The folder.
        path: PathBuf,
    },
    /// A bundle could not be written.
    #[error("cannot write the bundle {}: {error}", .path.display())]
    Record {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// Nothing answers where the engine should be.
    #[error("no container engine answers at {address}: {why}")]
    NoEngine {
        /// The socket or host.
        address: String,
        /// The system's words, and what to do.
        why: String,
    },
    /// The socket is there and refuses us.
    #[error(
        "no permission on the engine's socket {address}; become a member of the group `docker`, or use sudo"
    )]
    NoPermission {
        /// The socket.
        address: String,
    },
    /// `DOCKER_HOST` or a context names an engine that cannot be spoken to, or the context is not there.
    #[error("{what}: {why}")]
    BadContext {
        /// Where it was named.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The engine has no such image.
    #[error("the engine at {address} has no image {name:?}{}", one_of(.nearest))]
    NoSuchImage {
        /// The socket or host.
        address: String,
        /// What was asked for.
        name: String,
        /// Names of that engine that look like it.
        nearest: Vec<String>,
    },
    /// The engine has no such container.
    #[error("the engine at {address} has no container {name:?}{}", one_of(.nearest))]
    NoSuchContainer {
        /// The socket or host.
        address: String,
        /// What was asked for.
        name: String,
        /// Names of that engine that look like it.
        nearest: Vec<String>,
    },
    /// The image is there for another platform.
    #[error(
        "image {name:?} is for {found}, not for {wanted}; pull it with `docker pull --platform {wanted} {name}`"
    )]
    WrongPlatform {
        /// The image.
        name: String,
        /// Its platform.
        found: String,
        /// `--platform`, or `linux`.
        wanted: String,
    },
    /// An engine whose API is older than 1.41 (Docker 20.10).
    #[error("the engine at {address} speaks API {version}; 1.41 (Docker 20.10) or newer is needed")]
    EngineTooOld {
        /// The socket or host.
        address: String,
        /// What it speaks.
        version: String,
    },
    /// The engine refused a request, or its answer makes no sense.
    #[error("the engine could not {what}: {why}")]
    Engine {
        /// What was asked of it, as a verb with its object.
        what: &'static str,
        /// Its words.
        why: String,
    },
    /// Nothing came for the whole time limit.
    #[error("the engine was silent for {seconds} s while it should {what}")]
    Silent {
        /// What was asked of it, as a verb with its object.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
}

fn one_of(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        [one] => format!("; there is {one}"),
        several => format!("; there are {}", several.join(", ")),
    }
}
