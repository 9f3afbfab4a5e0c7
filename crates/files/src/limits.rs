//! What is asked and answered, within bounds: the numbers that [`crate::zip_view`] keeps, and the tests of all that this
//! crate keeps. The table of bounds has them from `envdiff-image`, for this crate knows no nouns.

/// The largest central directory of a zip that is read, in bytes (contract, section 7).
pub const ZIP_DIRECTORY: u64 = 256 << 20;
/// The largest metadata file in a zip that is read, packed and plain, in bytes (contract, section 7).
pub const ZIP_MEMBER: u64 = 4 << 20;
/// What all metadata files of one zip may hold together, in bytes.
pub const ZIP_MEMBERS: u64 = 64 << 20;
/// The most entries of a zip: those of an image (contract, section 7).
pub const ZIP_ENTRIES: u64 = 2_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::convert::Infallible;
    use std::sync::Arc;

    use crate::zip::{Bounds, within};
    use crate::{
        Answer, Answered, Ask, Budget, Bytes, Converse, ImagePath, Kind, Likely, Listing, Literal, MAX_HOPS,
        MAX_PATH, MAX_ROUNDS, Miss, ReadAt, Reason, Reply, Resolved, Seen, Source, ZipError, converse,
        optional, resolve, zip_view,
    };

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn answer(source: &mut Literal, ask: Ask) -> Reply {
        source.answer(&[ask]).unwrap().pop().unwrap()
    }

    #[test]
    fn a_path_has_at_most_4096_bytes() {
        let most = format!("/{}", "p".repeat(MAX_PATH - 1));
        assert!(ImagePath::new(&most).is_some());
        assert!(ImagePath::new(format!("{most}p")).is_none());
        // What a link makes longer is there and cannot be told.
        let deep = format!("/{}", "d".repeat(254)).repeat(16);
        let fits = "f".repeat(MAX_PATH - deep.len() - 1);
        let mut files = Literal::new().file(&format!("{deep}/{fits}"), "1").link("/l", &deep);
        let found = resolve(&mut files, &path(&format!("/l/{fits}")), true);
        assert!(matches!(found, Ok(Resolved::Found(_, Kind::File))), "{found:?}");
        let reply = answer(&mut files, Ask::Stat(path(&format!("/l/{fits}f"))));
        assert!(matches!(reply, Reply::Unreadable(Reason::PathTooLong)), "{reply:?}");
        assert_eq!(Reason::PathTooLong.to_string(), format!("path longer than {MAX_PATH} bytes"));
    }

    #[test]
    fn a_path_leads_over_40_links() {
        let mut files = Literal::new().file("/l0", "1");
        for hop in 1..=MAX_HOPS + 1 {
            files = files.link(&format!("/l{hop}"), &format!("l{}", hop - 1));
        }
        let inside = answer(&mut files, Ask::Stat(path(&format!("/l{MAX_HOPS}"))));
        assert!(matches!(inside, Reply::Answered(_)), "{inside:?}");
        let beyond = answer(&mut files, Ask::Stat(path(&format!("/l{}", MAX_HOPS + 1))));
        assert!(matches!(beyond, Reply::Unreadable(Reason::Loop)), "{beyond:?}");
    }

    #[test]
    fn a_conversation_has_64_rounds() {
        // A question that hangs on the answer before it, over and over.
        let observe = |seen: &Seen, count: usize| -> Result<(), Miss> {
            for at in 0..count {
                optional(seen.stat(&path(&format!("/{at}"))))?;
            }
            Ok(())
        };
        let talk = |count| {
            let mut budget = Budget::default();
            converse(&mut Literal::new(), &mut Seen::new(), &mut budget, |seen| observe(seen, count))
        };
        assert!(talk(MAX_ROUNDS).is_ok());
        assert!(matches!(talk(MAX_ROUNDS + 1), Err(Converse::TooManyRounds)));
    }

    /// Folders whose listing takes a quarter of the budget, and `/last` with one entry; nothing is copied.
    struct Crowded(Arc<Listing>);
    impl Source for Crowded {
        type Error = Infallible;
        fn expect(&mut self, _: &Likely) {}
        fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Infallible> {
            let replies = asks.iter().map(|ask| {
                let listing = if ask.path().file_name() == b"last" {
                    Arc::new(Listing { entries: vec![(Box::from(&b"x"[..]), Kind::File)] })
                } else {
                    Arc::clone(&self.0)
                };
                let answer = Answer::Listing(listing);
                Reply::Answered(Answered { answer, real: ask.path().clone(), layer: None })
            });
            Ok(replies.collect())
        }
    }

    #[test]
    fn a_target_keeps_256_mib_of_names() {
        let quarter = usize::try_from(Budget::MAX_NAMES / 4).unwrap();
        let name: Box<[u8]> = vec![b'n'; quarter - 24].into();
        let listing = Arc::new(Listing { entries: vec![(name, Kind::File)] });
        let list = |folders: &[&str]| {
            let paths: Vec<ImagePath> = folders.iter().map(|folder| path(folder)).collect();
            let observe = |seen: &Seen| {
                let told = |path| match seen.list(path) {
                    Err(Miss::Unreadable(reason)) => Ok(Err(reason)),
                    other => other.map(|_| Ok(())),
                };
                seen.each(&paths, told)
            };
            let mut source = Crowded(Arc::clone(&listing));
            converse(&mut source, &mut Seen::new(), &mut Budget::default(), observe).unwrap()
        };
        assert!(list(&["/1", "/2", "/3", "/4"]).iter().all(Result::is_ok));
        assert_eq!(list(&["/1", "/2", "/3", "/4", "/last"]).pop().unwrap().unwrap_err(), Reason::Budget);
    }

    /// Files of a quarter of the budget, and `/last` of one byte; nothing is copied.
    struct Large(Arc<[u8]>);
    impl Source for Large {
        type Error = Infallible;
        fn expect(&mut self, _: &Likely) {}
        fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, Infallible> {
            let replies = asks.iter().map(|ask| {
                let content = if ask.path().file_name() == b"last" {
                    Arc::from(&b"1"[..])
                } else {
                    Arc::clone(&self.0)
                };
                let size = content.len() as u64;
                let answer = Answer::Bytes(Bytes { content, size });
                Reply::Answered(Answered { answer, real: ask.path().clone(), layer: None })
            });
            Ok(replies.collect())
        }
    }

    #[test]
    fn a_target_keeps_256_mib_of_files() {
        let quarter = usize::try_from(Budget::MAX_BYTES / 4).unwrap();
        let mut source = Large(Arc::from(vec![0; quarter]));
        let read = |names: &[&str]| {
            let mut source = Large(Arc::clone(&source.0));
            let paths: Vec<ImagePath> = names.iter().map(|name| path(name)).collect();
            let (mut seen, mut budget) = (Seen::new(), Budget::default());
            let observe = |seen: &Seen| {
                let told = |path| match seen.parsed(path, u64::MAX, <[u8]>::len) {
                    Err(Miss::Unreadable(reason)) => Ok(Err(reason)),
                    other => other.map(Ok),
                };
                seen.each(&paths, told)
            };
            converse(&mut source, &mut seen, &mut budget, observe).unwrap()
        };
        assert!(read(&["/1", "/2", "/3", "/4"]).iter().all(Result::is_ok));
        let told = read(&["/1", "/2", "/3", "/4", "/last"]);
        assert_eq!(told.last().unwrap().as_ref().unwrap_err(), &Reason::Budget);
        assert_eq!(
            Reason::Budget.to_string(),
            format!("more than {} MiB were read already", Budget::MAX_BYTES >> 20)
        );
        source.expect(&Likely {
            names: &[],
            suffixes: &[],
            folders: &[],
            programs: &[],
            paths: &[],
            elf: &[],
            scans: &[],
            limit: 0,
        });
    }

    #[test]
    fn a_head_ends_within_1_mib() {
        let most = usize::try_from(Ask::HEAD_LIMIT).unwrap();
        let lines = |len: usize| "a".repeat(len - 2) + "\n\n";
        let mut files = Literal::new()
            .file("/inside", lines(most) + "body")
            .file("/beyond", lines(most + 1) + "body")
            .file("/all", "a".repeat(most))
            .file("/longer", "a".repeat(most + 1));
        for name in ["/inside", "/all"] {
            let reply = answer(&mut files, Ask::Head(path(name)));
            assert!(matches!(reply, Reply::Answered(_)), "{name}: {reply:?}");
        }
        for name in ["/beyond", "/longer"] {
            let reply = answer(&mut files, Ask::Head(path(name)));
            let Reply::Unreadable(reason) = reply else { panic!("{name}: {reply:?}") };
            assert_eq!(reason.to_string(), "larger than 1048576 bytes");
        }
    }

    /// Names and sizes of stored entries that all have their content at the archive's beginning.
    fn directory(entries: &[(String, u32)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, size) in entries {
            out.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            out.extend_from_slice(&[size.to_le_bytes(), size.to_le_bytes()].concat());
            out.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            out.extend_from_slice(&[0; 16]);
            out.extend_from_slice(name.as_bytes());
        }
        out
    }

    fn end(entries: u64, len: u64, at: u64) -> Vec<u8> {
        let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
        let count = u16::try_from(entries).unwrap_or(u16::MAX).to_le_bytes();
        out.extend_from_slice(&[count, count].concat());
        out.extend_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
        out.extend_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out
    }

    /// A zip of stored entries over one body of `body` bytes.
    fn zip(entries: &[(String, u32)], body: u64) -> Vec<u8> {
        let mut out = b"PK\x03\x04".to_vec();
        out.resize(30 + usize::try_from(body).unwrap(), 0);
        let central = directory(entries);
        let at = out.len() as u64;
        out.extend_from_slice(&central);
        out.extend_from_slice(&end(entries.len() as u64, central.len() as u64, at));
        out
    }

    #[test]
    fn a_metadata_file_in_a_zip_has_at_most_4_mib() {
        let most = u32::try_from(super::ZIP_MEMBER).unwrap();
        let name = |at: u32| format!("a{at}.dist-info/METADATA");
        let seen =
            zip_view(&mut &*zip(&[(name(1), most), (name(2), most + 1)], super::ZIP_MEMBER + 1)).unwrap();
        assert_eq!(seen.member(name(1).as_bytes()).unwrap().len() as u64, super::ZIP_MEMBER);
        // Named and without content: whoever asks for it knows that it is there.
        assert!(seen.names.iter().any(|n| **n == *name(2).as_bytes()));
        assert!(seen.member(name(2).as_bytes()).is_none());
    }

    #[test]
    fn the_metadata_files_of_a_zip_have_at_most_64_mib() {
        let most = u32::try_from(super::ZIP_MEMBER).unwrap();
        let count = u32::try_from(super::ZIP_MEMBERS / super::ZIP_MEMBER).unwrap();
        let mut entries: Vec<(String, u32)> =
            (0..count).map(|at| (format!("a{at}.dist-info/METADATA"), most)).collect();
        let seen = zip_view(&mut &*zip(&entries, super::ZIP_MEMBER)).unwrap();
        assert_eq!(seen.members.len(), entries.len());
        entries.push(("b.dist-info/METADATA".to_owned(), 1));
        let told = zip_view(&mut &*zip(&entries, super::ZIP_MEMBER)).unwrap_err();
        assert_eq!(told, ZipError::TooLarge("metadata"));
    }

    /// The bound is a parameter here: 2,000,000 entries take seconds to sort without optimisation.
    #[test]
    fn a_zip_has_at_most_2000000_entries() {
        let entries: Vec<(String, u32)> = (0..4).map(|at| (format!("{at}"), 0)).collect();
        let ours = Bounds::default();
        assert_eq!(ours.entries, super::ZIP_ENTRIES);
        let file = zip(&entries, 0);
        assert_eq!(within(&mut &*file, &Bounds { entries: 4, ..ours }).unwrap().names.len(), 4);
        let told = within(&mut &*file, &Bounds { entries: 3, ..ours }).unwrap_err();
        assert_eq!(told, ZipError::TooLarge("entries"));
        assert_eq!(told.to_string(), "zip file with more in it than is read (entries)");
    }

    /// A zip that is nothing but a directory of `len` bytes, made as it is read: entries with the longest comments.
    struct Directory {
        len: u64,
    }
    impl Directory {
        const STEP: u64 = 46 + 2 + 0xFFFF;
        fn count(&self) -> u64 {
            self.len.div_ceil(Self::STEP)
        }
    }
    impl ReadAt for Directory {
        fn size(&self) -> u64 {
            self.len + 22
        }
        fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
            let mut put = |from: u64, bytes: &[u8]| {
                for (byte, place) in bytes.iter().zip(from..) {
                    let offset = place.checked_sub(at).and_then(|offset| usize::try_from(offset).ok());
                    if let Some(to) = offset.and_then(|offset| buffer.get_mut(offset)) {
                        *to = *byte;
                    }
                }
            };
            for number in 0..self.count() {
                let begin = number * Self::STEP;
                let mut entry = directory(&[(String::new(), 0)]);
                entry[28] = 2;
                entry.extend_from_slice(&u16::try_from(number).unwrap().to_le_bytes());
                // The last one ends where the directory does.
                let comment = (self.len - begin).min(Self::STEP) - 48;
                entry[32..34].copy_from_slice(&u16::try_from(comment).unwrap().to_le_bytes());
                put(begin, &entry);
            }
            put(self.len, &end(self.count(), self.len, 0));
            Ok(buffer.len())
        }
    }

    #[test]
    fn the_directory_of_a_zip_has_at_most_256_mib() {
        let most = super::ZIP_DIRECTORY;
        let mut inside = Directory { len: most };
        assert_eq!(zip_view(&mut inside).unwrap().names.len() as u64, inside.count());
        let told = zip_view(&mut Directory { len: most + 1 }).unwrap_err();
        assert_eq!(told, ZipError::TooLarge("central directory"));
    }
}
