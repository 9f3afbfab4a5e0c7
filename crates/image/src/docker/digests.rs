//! Files to be hashed in, batches of questions for parts of them out; what is told of the parts in, in that order, and a reply
//! for each file out. Of what was told nothing is kept.

use envdiff_files::{Answer, Answered, Digest, Hashing, ImagePath, Kind, Reason, Reply};

use crate::docker::wire::{Question, Told};

/// How much one question asks for, in bytes.
const PART: u64 = 1 << 20;
/// How much one batch asks for, in bytes, and so what of files is held for it.
const BATCH: u64 = 8 << 20;
/// The most questions of a batch: answers have names and sizes too.
const QUESTIONS: usize = 2_048;
/// How many batches are on their way at once.
pub(crate) const HASHED_AHEAD: usize = 2;

/// Files that are hashed part by part.
pub(crate) struct Digests<'a> {
    files: Vec<File<'a>>,
    /// The next part: of which file, from where.
    next: (usize, u64),
}

struct File<'a> {
    path: &'a ImagePath,
    limit: u64,
    hashing: Hashing,
    reply: Option<Reply>,
}

impl<'a> Digests<'a> {
    /// Paths, each with the most that is read.
    pub(crate) fn new(files: &[(&'a ImagePath, u64)]) -> Self {
        let file = |(path, limit): &(&'a ImagePath, u64)| File {
            path,
            limit: *limit,
            hashing: Hashing::default(),
            reply: None,
        };
        Self { files: files.iter().map(file).collect(), next: (0, 0) }
    }

    /// How many files were begun.
    pub(crate) const fn begun(&self) -> u64 {
        self.next.0 as u64
    }

    /// The next questions, with the index of the file of each; `None` when all was asked. A file's size is not known before it is
    /// told, so more may be asked of it than there is.
    pub(crate) fn next_batch(&mut self) -> Option<(Vec<Question>, Vec<usize>)> {
        let (mut questions, mut whose, mut bytes) = (Vec::new(), Vec::new(), 0);
        while let Some(file) = self.files.get(self.next.0) {
            let (index, at) = self.next;
            if file.reply.is_some() {
                self.next = (index + 1, 0);
                continue;
            }
            if bytes >= BATCH || questions.len() >= QUESTIONS {
                break;
            }
            let len = PART.min(file.limit - at);
            questions.push(Question::Range(file.path.clone(), at, len));
            whose.push(index);
            bytes += len;
            self.next = if at + len < file.limit { (index, at + len) } else { (index + 1, 0) };
        }
        (!questions.is_empty()).then_some((questions, whose))
    }

    /// Takes what was told of the next part of a file.
    pub(crate) fn take(&mut self, index: usize, told: Told) {
        let Some(file) = self.files.get_mut(index).filter(|file| file.reply.is_none()) else { return };
        let changed = || Reply::Unreadable(Reason::System("it changed while it was read".into()));
        let (kind, real, size, body) = match told {
            Told::Found { kind, real, size, body } => (kind, real, size, body),
            Told::Unreadable(reason) => {
                file.reply = Some(Reply::Unreadable(reason));
                return;
            }
            Told::Absent => {
                file.reply = Some(if file.hashing.taken() == 0 { Reply::Absent } else { changed() });
                return;
            }
        };
        let answered =
            |digest| Some(Reply::Answered(Answered { answer: Answer::Digest(digest), real, layer: None }));
        if kind != Kind::File {
            file.reply = Some(Reply::Unreadable(Reason::NotAFile));
        } else if size > file.limit {
            file.reply = answered(Digest { size, sha256: None });
        } else if body.is_empty() && file.hashing.taken() < size {
            file.reply = Some(changed());
        } else {
            file.hashing.take(&body);
            if file.hashing.taken() == size {
                file.reply = answered(std::mem::take(&mut file.hashing).done());
            } else if file.hashing.taken() > size {
                file.reply = Some(changed());
            }
        }
    }

    /// One reply for each file.
    pub(crate) fn replies(self) -> Vec<Reply> {
        let open = || Reply::Unreadable(Reason::System("it was not read to its end".into()));
        self.files.into_iter().map(|file| file.reply.unwrap_or_else(open)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
    use envdiff_files::{Answer, Answered, Ask, ImagePath, Kind, Literal, Reason, Reply, Source as _};

    use super::{BATCH, Digests, PART, QUESTIONS};
    use crate::docker::wire::{Question, Told};

    /// What the program tells of a part of a file of a literal.
    fn told(files: &mut Literal, question: &Question) -> Told {
        let Question::Range(path, at, len) = question else { panic!("{question:?}") };
        let ask = Ask::Range { path: path.clone(), at: *at, len: *len };
        match files.answer(&[ask]).unwrap().pop().unwrap() {
            Reply::Answered(Answered { answer: Answer::Bytes(bytes), real, .. }) => {
                Told::Found { kind: Kind::File, real, size: bytes.size, body: bytes.content.to_vec() }
            }
            Reply::Unreadable(reason) => Told::Unreadable(reason),
            _ => Told::Absent,
        }
    }

    #[test]
    fn files_of_every_size_are_told_as_they_are() {
        let part = usize::try_from(PART).unwrap();
        let sizes = [0, 1, part - 1, part, part + 1, 3 * part, 20 * part];
        let mut files = Literal::new().folder("/folder").unreadable("/closed", Reason::Denied);
        let mut asks = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            let content: Vec<u8> = (0..*size).map(|at| (at * 7 + index) as u8).collect();
            files = files.file(&format!("/{index}"), content);
            let path = ImagePath::new(format!("/{index}")).unwrap();
            for limit in [*size as u64, *size as u64 + 1, (*size as u64).saturating_sub(1), 1 << 50] {
                asks.push(Ask::Digest { path: path.clone(), limit });
            }
        }
        for path in ["/folder", "/closed", "/gone"] {
            asks.push(Ask::Digest { path: ImagePath::new(path).unwrap(), limit: 1 << 50 });
        }
        let pairs: Vec<(&ImagePath, u64)> = asks
            .iter()
            .map(|ask| match ask {
                Ask::Digest { path, limit } => (path, *limit),
                _ => panic!(),
            })
            .collect();
        let mut all = Digests::new(&pairs);
        while let Some((questions, whose)) = all.next_batch() {
            let asked: u64 =
                questions.iter().map(|q| if let Question::Range(_, _, len) = q { *len } else { 0 }).sum();
            assert!(asked < BATCH + PART && questions.len() <= QUESTIONS);
            for (question, whose) in questions.iter().zip(whose) {
                let told = told(&mut files, question);
                all.take(whose, told);
            }
        }
        let have: Vec<String> = all.replies().iter().map(|reply| format!("{reply:?}")).collect();
        let want: Vec<String> =
            files.answer(&asks).unwrap().iter().map(|reply| format!("{reply:?}")).collect();
        assert_eq!(have, want);
    }

    #[test]
    fn a_file_that_changes_under_way_is_told_so() {
        let path = ImagePath::new("/x").unwrap();
        let part = usize::try_from(PART).unwrap();
        let found = |size: u64, len: usize| Told::Found {
            kind: Kind::File,
            real: path.clone(),
            size,
            body: vec![0; len],
        };
        for second in [Told::Absent, found(9, 9), found(2 * PART, 0)] {
            let mut all = Digests::new(&[(&path, 2 * PART)]);
            let (questions, whose) = all.next_batch().unwrap();
            assert_eq!((questions.len(), whose), (2, vec![0, 0]));
            all.take(0, found(2 * PART, part));
            all.take(0, second);
            let told = format!("{:?}", all.replies());
            assert!(told.contains("changed while it was read"), "{told}");
        }
    }
}
