//! A small root file system that a test makes of a few lines: CPython as the official images lay it out, and packages.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::json;

/// The site-packages of [`SmallImage`].
pub const SITE: &str = "/usr/local/lib/python3.11/site-packages";

/// A root file system with its image configuration, in a temporary folder.
#[derive(Debug)]
pub struct SmallImage {
    folder: tempfile::TempDir,
}

impl Default for SmallImage {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::unwrap_used, reason = "a test support room: a disk that refuses ends the test")]
impl SmallImage {
    /// Python 3.11.7 and nothing installed.
    ///
    /// # Panics
    /// When the disk refuses, here as in every method.
    #[must_use]
    pub fn new() -> Self {
        let image = Self { folder: tempfile::tempdir().unwrap() };
        // The first bytes of a program, so that it is taken for one; nothing runs it.
        image.put("/usr/local/bin/python3.11", "\u{7f}ELF");
        symlink("python3.11", image.path("/usr/local/bin/python3")).unwrap();
        image.put("/usr/local/include/python3.11/patchlevel.h", "#define PY_VERSION \"3.11.7\"\n");
        image.put("/usr/local/lib/python3.11/os.py", "");
        image.put("/usr/local/lib/python3.11/site.py", "");
        image.put("/usr/local/lib/python3.11/lib-dynload/.keep", "");
        image.put(&format!("{SITE}/README.txt"), "");
        image.put("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
        let config = json!({"architecture": "amd64", "os": "linux", "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "API_TOKEN=hunter2"], "Cmd": ["python3"], "WorkingDir": "/srv"}});
        fs::write(image.config(), config.to_string()).unwrap();
        fs::create_dir_all(image.path("/srv")).unwrap();
        image
    }

    /// The same with a package.
    #[must_use]
    pub fn with(self, name: &str, version: &str) -> Self {
        self.with_metadata(name, version, "")
    }

    /// The same with a package that has more lines in its metadata.
    #[must_use]
    pub fn with_metadata(self, name: &str, version: &str, more: &str) -> Self {
        let folder = format!("{SITE}/{}-{version}.dist-info", name.replace('-', "_"));
        let head = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\n");
        self.put(&format!("{folder}/METADATA"), &head);
        self.put(&format!("{folder}/INSTALLER"), "pip\n");
        self
    }

    /// Writes a file of the image; executable by all, which does no file harm here.
    pub fn put(&self, path: &str, content: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Where a path of the image lies here.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// The root file system.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The image's configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.json")
    }

    /// The folder that holds both, for locks and reports beside them.
    #[must_use]
    pub fn beside(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a lock beside the image.
    pub fn lock(&self, name: &str, lines: &str) {
        fs::write(self.folder.path().join(name), lines).unwrap();
    }
}
