//! A tar of a whole file system that comes by as a stream in, answers out: its names are indexed, what is likely to be
//! asked for is kept as it passes, and what was not foreseen costs one more pass.

use std::io::Read;
use std::sync::Arc;

use envdiff_files::{Ask, Likely, Reply, Source};

use crate::answer::{Answers, HASHING};
use crate::tar::{Flow, Keeper, Store, TarLayers, Tree, Walk, Want, gather, grow, purposes};
use crate::{Events, ImageError, Told};

/// Begins a stream, from its first byte each time.
pub(crate) type Begins = Box<dyn FnMut() -> Result<Box<dyn Read>, ImageError>>;

/// Answers from a stream of one file system, such as an engine's export.
pub(crate) struct StreamSource {
    begin: Begins,
    /// What the stream is called in messages.
    name: String,
    likely: Option<Likely>,
    passes: usize,
    answers: Answers<TarLayers>,
    events: Arc<dyn Events>,
    told: Told,
}

impl StreamSource {
    pub(crate) fn new(name: String, begin: Begins, events: Arc<dyn Events>, told: Told) -> Self {
        let answers = Answers::new(TarLayers::new(false));
        Self { begin, name, likely: None, passes: 0, answers, events, told }
    }

    /// What is asked already is kept as well as what is likely: the program that the image starts is of no usual name.
    fn first_pass(&mut self, asks: &[Ask]) -> Result<(), ImageError> {
        let mut asked: Vec<Vec<&[u8]>> = asks
            .iter()
            .filter(|ask| matches!(ask, Ask::Head(_) | Ask::Read { .. } | Ask::Range { .. }))
            .map(|ask| ask.path().components().collect())
            .collect();
        asked.sort_unstable();
        let layers = &mut self.answers.view.layers;
        let root = layers.forest.plant();
        layers.trees.push(Tree { root, store: Store::Kept });
        let mut walk = Walk::new(Flow::new((self.begin)()?));
        let mut keeper = Keeper::new(self.likely.as_ref(), &asked, &mut layers.kept);
        let events = &self.events;
        let mut progress = |entries| events.step("reading the export", entries);
        grow(&mut layers.forest, root, &mut walk, &mut keeper, &mut progress)
            .and_then(|()| walk.must_have_ended())
            .map_err(|error| error.of(&self.name))?;
        self.passes = 1;
        Ok(())
    }

    /// One for what was not foreseen, and one to hash files.
    fn another_pass(&mut self) -> Result<(), ImageError> {
        self.passes += 1;
        let layers = &mut self.answers.view.layers;
        let Some(wanted) = layers.take_wanted().pop() else { return Ok(()) };
        let is_to_hash = wanted.values().any(|want| want.digest);
        layers.can_hash &= !is_to_hash;
        layers.can_pass_again &= wanted.values().all(Want::is_digest_alone);
        for purpose in purposes(std::slice::from_ref(&wanted), "export") {
            self.told.notice(purpose);
        }
        let mut walk = Walk::new(Flow::new((self.begin)()?));
        let events = &self.events;
        let what = if is_to_hash { HASHING } else { "reading the export again" };
        events.step(what, 0);
        gather(&mut walk, &wanted, &mut |done| events.step(what, done), &mut |path, kept| {
            layers.keep(0, path, kept);
        })
        .map_err(|error| error.of(&self.name))
    }
}

impl Source for StreamSource {
    type Error = ImageError;

    fn expect(&mut self, likely: &Likely) {
        self.likely = Some(*likely);
    }

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        if self.passes == 0 {
            self.first_pass(asks)?;
        }
        let replies = self.answers.answer(asks);
        if self.answers.view.layers.wanted.iter().all(|wanted| wanted.is_empty()) {
            return Ok(replies);
        }
        self.another_pass()?;
        Ok(self.answers.answer(asks))
    }
}

/// What a stream of these bytes answers, whatever they are; for fuzzing.
///
/// # Errors
/// Why it is no tar, as the user reads it.
pub fn answer_bytes(tar: &Arc<[u8]>, likely: &Likely, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
    struct Quiet;
    impl Events for Quiet {
        fn step(&self, _: &'static str, _: u64) {}
    }
    let tar = Arc::clone(tar);
    let begin = Box::new(move || Ok(Box::new(std::io::Cursor::new(Arc::clone(&tar))) as Box<dyn Read>));
    let mut source = StreamSource::new("the tar".to_owned(), begin, Arc::new(Quiet), Told::default());
    source.expect(likely);
    source.answer(asks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use envdiff_files::{Ask, ImagePath, Likely, Reply, Source as _};

    use super::StreamSource;
    use crate::{Events, Told};

    struct Quiet;
    impl Events for Quiet {
        fn step(&self, _: &'static str, _: u64) {}
    }

    /// A stream of two files of unusual names, and how often it was begun.
    fn stream() -> (StreamSource, Arc<AtomicUsize>) {
        let mut tar = tar::Builder::new(Vec::new());
        for path in ["srv/app.py", "srv/more.py"] {
            let mut header = tar::Header::new_ustar();
            header.set_size(4);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, &b"text"[..]).unwrap();
        }
        let tar: Arc<[u8]> = tar.into_inner().unwrap().into();
        let passes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&passes);
        let begin = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(std::io::Cursor::new(Arc::clone(&tar))) as Box<dyn std::io::Read>)
        });
        let mut source = StreamSource::new("a stream".to_owned(), begin, Arc::new(Quiet), Told::default());
        let limit = 1 << 20;
        let (names, suffixes, folders, programs, paths): (&[_], &[_], &[_], &[_], &[_]) =
            (&[], &[], &[], &[], &[]);
        source.expect(&Likely { names, suffixes, folders, programs, paths, elf: &[], scans: &[], limit });
        (source, passes)
    }

    #[test]
    fn what_is_asked_first_needs_no_second_pass() {
        let read = |path: &str| Ask::Read { path: ImagePath::new(path).unwrap(), limit: 9 };
        let (mut source, passes) = stream();
        let replies = source.answer(&[read("/srv/app.py"), read("/gone")]).unwrap();
        assert!(matches!(replies.first(), Some(Reply::Answered(_))));
        assert!(matches!(replies.last(), Some(Reply::Absent)));
        assert_eq!(passes.load(Ordering::SeqCst), 1);
        let replies = source.answer(&[read("/srv/more.py")]).unwrap();
        assert!(matches!(replies.first(), Some(Reply::Answered(_))));
        assert_eq!(passes.load(Ordering::SeqCst), 2);
    }
}
