//! The walker's bytes for an architecture, as a tar for the engine or in a private folder that the engine can mount; and
//! such folders of killed runs in, none of them out.

use std::fs;
use std::io;
use std::path::PathBuf;

use bollard::models::{Mount, MountType};

use crate::docker::container::FOLDER;
use crate::docker::owner::Owner;

/// The program's name in its folder.
const WALKER: &str = "walker";

/// Our program for an architecture as Go names it.
pub(crate) fn program(architecture: &str) -> Option<&'static [u8]> {
    match architecture {
        "amd64" => Some(include_bytes!("../../programs/walker-x86_64")),
        "arm64" => Some(include_bytes!("../../programs/walker-aarch64")),
        _ => None,
    }
}

/// The program as the archive that the engine unpacks into a volume.
///
/// # Errors
/// None that can be thought of: it is written to memory.
pub(crate) fn archive(program: &[u8]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::with_capacity(program.len() + 2048));
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o555);
    header.set_mtime(0);
    builder.append_data(&mut header, "walker", program)?;
    builder.into_inner()
}

/// A folder of our own with the program in it; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Private {
    folder: tempfile::TempDir,
}

impl Private {
    /// Writes the program.
    ///
    /// # Errors
    /// The system's.
    #[cfg(unix)]
    pub(crate) fn new(program: &[u8], owner: &Owner) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::Builder::new().prefix(&owner.folder()).tempdir()?;
        let path = folder.path().join(WALKER);
        fs::write(&path, program)?;
        // Root in the container may be another user here (user namespaces): it must get in and run it, no more.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o555))?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        Ok(Self { folder })
    }

    #[cfg(not(unix))]
    pub(crate) fn new(_: &[u8], _: &Owner) -> io::Result<Self> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// The folder as a mount: read-only, and refused where the engine does not see it.
    pub(crate) fn mount(&self) -> Option<Mount> {
        let source: PathBuf = fs::canonicalize(self.folder.path()).ok()?;
        Some(Mount {
            target: Some(FOLDER.to_owned()),
            source: Some(source.to_str()?.to_owned()),
            typ: Some(MountType::BIND),
            read_only: Some(true),
            ..Mount::default()
        })
    }
}

/// Removes the folders of this user that killed runs of this machine left. Nothing is followed and nothing but the program is
/// taken out, so that a folder which only bears such a name stays as it is. What fails here fails silently: the next run tries
/// again.
#[cfg(unix)]
pub(crate) fn sweep(owner: &Owner) {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(folders) = fs::read_dir(std::env::temp_dir()) else { return };
    let user = rustix::process::geteuid().as_raw();
    for folder in folders.flatten() {
        // What is ours nobody else can put a link in place of.
        let is_ours = || folder.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == user);
        if folder.file_name().to_str().is_some_and(|name| owner.has_left(name)) && is_ours() {
            let _gone = fs::remove_file(folder.path().join(WALKER));
            let _gone = fs::remove_dir(folder.path());
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn sweep(_: &Owner) {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Read as _;

    use sha2::{Digest as _, Sha256};

    use super::{archive, program};

    #[test]
    fn the_programs_are_those_of_the_checksums() {
        let sums = include_str!("../../programs/SHA256SUMS");
        for (architecture, file) in [("amd64", "walker-x86_64"), ("arm64", "walker-aarch64")] {
            let digest: String = Sha256::digest(program(architecture).unwrap())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert!(sums.lines().any(|line| line == format!("{digest}  {file}")), "{file}");
        }
        assert!(program("riscv64").is_none());
    }

    /// What hostile files may make of it can then do no more than read.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn the_program_gives_up_all_calls_but_those_it_reads_by() {
        use std::process::{Command, Stdio};
        let folder = super::Private::new(program("amd64").unwrap(), &super::Owner::of_process()).unwrap();
        let mut child = Command::new(folder.folder.path().join(super::WALKER))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let status = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let locked = || ["Seccomp:\t2", "NoNewPrivs:\t1"].iter().all(|line| status().contains(line));
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !locked() {
            assert!(std::time::Instant::now() < until, "{}", status());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        drop(child.stdin.take());
        let mut said = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(said, b"EDW1");
    }

    #[test]
    fn the_archive_holds_one_executable() {
        let bytes = archive(b"program").unwrap();
        let mut tar = tar::Archive::new(&*bytes);
        let mut entries = tar.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("walker"));
        assert_eq!(entry.header().mode().unwrap(), 0o555);
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        assert_eq!(content, "program");
        assert!(entries.next().is_none());
    }
}
