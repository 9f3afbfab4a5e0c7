//! A folder of this machine as a file system that answers questions, for tests over extracted images.

use std::collections::HashMap;
use std::convert::Infallible;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use envdiff_files::{
    Answer, Answered, Ask, Bytes, ImagePath, Kind, Likely, Listing, Node, Nodes, Reason, Reply, Resolved,
    Source, Stat, elf_answer, head, resolve, zip_view,
};

/// A root file system below a folder.
pub struct Host {
    root: PathBuf,
    nodes: HashMap<ImagePath, Option<Node>>,
    /// Time spent in answering.
    pub spent: std::time::Duration,
}

impl Host {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), nodes: HashMap::new(), spent: std::time::Duration::ZERO }
    }

    fn host(&self, path: &ImagePath) -> PathBuf {
        let relative = path.as_bytes().strip_prefix(b"/").unwrap_or_default();
        self.root.join(std::ffi::OsStr::from_bytes(relative))
    }

    fn reply(&mut self, ask: &Ask) -> Result<Option<(Answer, ImagePath)>, Reason> {
        let Resolved::Found(real, kind) = resolve(self, ask.path(), !matches!(ask, Ask::Link(_)))? else {
            return Ok(None);
        };
        let host = self.host(&real);
        let system = |error: std::io::Error| Reason::System(error.to_string().into());
        let file = || {
            if kind != Kind::File {
                return Err(Reason::NotAFile);
            }
            std::fs::read(&host).map_err(system)
        };
        let size = std::fs::symlink_metadata(&host).map_err(system)?.len();
        let answer = match ask {
            Ask::Stat(_) => Answer::Stat(Stat { kind, size: if kind == Kind::File { size } else { 0 } }),
            Ask::Link(_) => match std::fs::read_link(&host) {
                Ok(text) => Answer::Link(Box::from(text.as_os_str().as_bytes())),
                Err(_) => return Err(Reason::NotALink),
            },
            Ask::List(_) => {
                if kind != Kind::Folder {
                    return Err(Reason::NotAFolder);
                }
                let mut entries: Vec<(Box<[u8]>, Kind)> = std::fs::read_dir(&host)
                    .map_err(system)?
                    .map(|entry| {
                        let entry = entry.unwrap();
                        (Box::from(entry.file_name().as_bytes()), kind_of(entry.file_type().unwrap()))
                    })
                    .collect();
                entries.sort();
                Answer::Listing(Arc::new(Listing { entries }))
            }
            Ask::Head(_) => Answer::Bytes(Bytes { size, content: head(&file()?, Ask::HEAD_LIMIT)? }),
            Ask::Read { limit, .. } => {
                if kind == Kind::File && size > *limit {
                    return Err(Reason::TooLarge { limit: *limit });
                }
                Answer::Bytes(Bytes { size, content: Arc::from(file()?) })
            }
            Ask::Range { at, len, .. } => {
                use std::os::unix::fs::FileExt;
                if kind != Kind::File {
                    return Err(Reason::NotAFile);
                }
                let mut content = vec![0; usize::try_from((*len).min(size.saturating_sub(*at))).unwrap()];
                std::fs::File::open(&host)
                    .map_err(system)?
                    .read_exact_at(&mut content, *at)
                    .map_err(system)?;
                Answer::Bytes(Bytes { size, content: Arc::from(content) })
            }
            Ask::Zip(_) => Answer::Zip(Arc::new(zip_view(&mut &*file()?)?)),
            Ask::Elf(_) | Ask::Scan { .. } => elf_answer(ask, &mut &*file()?)?,
            Ask::Tree { .. } => panic!("no observer asks for a tree"),
            Ask::Digest { .. } => panic!("nothing is hashed without --verify"),
        };
        Ok(Some((answer, real)))
    }
}

fn kind_of(kind: std::fs::FileType) -> Kind {
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Folder
    } else if kind.is_symlink() {
        Kind::Link
    } else {
        Kind::Other
    }
}

impl Nodes for Host {
    fn node(&mut self, real: &ImagePath) -> Result<Option<Node>, Reason> {
        if let Some(node) = self.nodes.get(real) {
            return Ok(node.clone());
        }
        let host = self.host(real);
        let node = std::fs::symlink_metadata(&host).ok().map(|meta| match kind_of(meta.file_type()) {
            Kind::Link => Node::Link(Box::from(std::fs::read_link(&host).unwrap().as_os_str().as_bytes())),
            other => Node::Is(other),
        });
        self.nodes.insert(real.clone(), node.clone());
        Ok(node)
    }
}

impl Source for Host {
    type Error = Infallible;

    fn expect(&mut self, _: &Likely) {}

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Infallible> {
        let began = std::time::Instant::now();
        let replies = asks
            .iter()
            .map(|ask| match self.reply(ask) {
                Ok(Some((answer, real))) => Reply::Answered(Answered { answer, real, layer: None }),
                Ok(None) => Reply::Absent,
                Err(reason) => Reply::Unreadable(reason),
            })
            .collect();
        self.spent += began.elapsed();
        Ok(replies)
    }
}
