//! An image in, its file system as our own program in a container tells it out.
//!
//! The container lives in a task of the reactor; the source that is asked speaks with it over a channel. However the talk
//! ends, the task removes the container: when the source is dropped (also by a panic), when a signal comes, when the
//! connection breaks.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc as blocking};
use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::models::Mount;
use bollard::query_parameters::{AttachContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use bytes::Bytes;
use envdiff_files::{
    Answer, Answered, Ask, Bytes as FileBytes, ElfQuestion, ElfReading, ImagePath, Kind, Likely, ReadAt,
    Reason, Reply, Source, Stat, TreeEntry, zip_view,
};
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::answer::HASHING;
use crate::docker::client::Engine;
use crate::docker::container::{self, Created, FOLDER, Plan};
use crate::docker::digests::{Digests, HASHED_AHEAD};
use crate::docker::program::{self, Private};
use crate::docker::reactor::{interrupted, reactor, signal_that_came};
use crate::docker::wire::{self, Broken, Decoder, Question, Told};
use crate::limits::IMAGE_ENTRIES;
use crate::rounds::{Open, in_rounds};
use crate::{Events, ImageError};

/// A zip is read in windows of this size: its directory's entries lie side by side.
const WINDOW: u64 = 64 << 10;

/// How long the program may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(1);

/// How the program comes into the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The engine mounts a folder of ours: half the time, where it is on this machine.
    Bind,
    /// The engine unpacks it into a volume.
    Volume,
}

/// What came at once of a batch's answers, or why none will come any more.
type Portion = Result<Vec<Told>, ImageError>;

struct Batch {
    questions: Vec<Question>,
    /// How many of them have been answered.
    answered: usize,
    reply: blocking::Sender<Portion>,
}

/// The answers of a batch, one for each question in their order, as they come: while some are looked at, our program reads on.
struct Coming {
    /// `None` where nobody hears a question any more.
    portions: Option<blocking::Receiver<Portion>>,
    portion: std::vec::IntoIter<Told>,
}

impl Coming {
    /// Waits for the next; there must be a question without one.
    fn next(&mut self) -> Result<Told, ImageError> {
        loop {
            if let Some(told) = self.portion.next() {
                return Ok(told);
            }
            let portion = self.portions.as_ref().and_then(|portions| portions.recv().ok());
            let portion = portion.unwrap_or_else(|| {
                Err(signal_that_came().map_or_else(ended, |signal| ImageError::Interrupted { signal }))
            });
            self.portion = portion?.into_iter();
        }
    }

    /// All of `count` that are still to come.
    fn all(mut self, count: usize) -> Result<Vec<Told>, ImageError> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// Answers questions through our program in a container of its own.
pub(crate) struct WalkerSource {
    /// `None` once it is being dropped.
    batches: Option<mpsc::UnboundedSender<Batch>>,
    events: Arc<dyn Events>,
}

impl WalkerSource {
    /// Begins at once to create and start the container, and does not wait for it: that it cannot be started is told by the
    /// first answer.
    ///
    /// # Errors
    /// [`ImageError::Engine`] where the system gives no thread, or there is no program for the architecture.
    pub(crate) fn start(
        engine: Engine,
        plan: Plan,
        architecture: &str,
        ways: &'static [Way],
        events: Arc<dyn Events>,
    ) -> Result<Self, ImageError> {
        let program = program::program(architecture).ok_or_else(|| ImageError::Engine {
            what: "run our program",
            why: format!("there is none for the architecture {architecture:?}"),
        })?;
        let (batches, receive) = mpsc::unbounded_channel();
        let task = Session {
            engine,
            plan,
            program,
            batches: receive,
            queue: VecDeque::new(),
            decoder: Decoder::default(),
        };
        reactor()?.spawn(task.run(ways));
        Ok(Self { batches: Some(batches), events })
    }

    /// One round trip.
    fn ask(&self, questions: Vec<Question>) -> Result<Vec<Told>, ImageError> {
        let count = questions.len();
        self.send(questions).all(count)
    }

    /// Asks and does not wait; batches are answered one after the other.
    fn send(&self, questions: Vec<Question>) -> Coming {
        let portion = Vec::new().into_iter();
        if questions.is_empty() {
            return Coming { portions: None, portion };
        }
        let (reply, portions) = blocking::channel();
        let sent = self
            .batches
            .as_ref()
            .and_then(|batches| batches.send(Batch { questions, answered: 0, reply }).ok());
        Coming { portions: sent.map(|()| portions), portion }
    }

    /// Files whole, in parts that are hashed here and dropped: while one batch is hashed the next is on its way.
    fn hash(&self, files: &[(&ImagePath, u64)]) -> Result<Vec<Reply>, ImageError> {
        let mut all = Digests::new(files);
        let mut on_the_way = VecDeque::new();
        loop {
            while on_the_way.len() < HASHED_AHEAD {
                let Some((questions, whose)) = all.next_batch() else { break };
                on_the_way.push_back((self.send(questions), whose));
            }
            let Some((mut told, whose)) = on_the_way.pop_front() else { break };
            for whose in whose {
                all.take(whose, told.next()?);
            }
            self.events.step(HASHING, all.begun());
        }
        Ok(all.replies())
    }

    fn reply(&self, ask: &Ask, told: Told) -> Result<Reply, ImageError> {
        let (kind, real, size, body) = match told {
            Told::Absent => return Ok(Reply::Absent),
            Told::Unreadable(reason) => return Ok(Reply::Unreadable(reason)),
            Told::Found { kind, real, size, body } => (kind, real, size, body),
        };
        let answer = match ask {
            Ask::Stat(_) => Answer::Stat(Stat { kind, size: if kind == Kind::File { size } else { 0 } }),
            Ask::Link(_) => Answer::Link(body.into_boxed_slice()),
            Ask::List(_) => Answer::Listing(wire::listing(&real, &body).map_err(broken)?),
            Ask::Head(_) | Ask::Read { .. } | Ask::Range { .. } => {
                Answer::Bytes(FileBytes { content: Arc::from(body), size })
            }
            Ask::Tree { depth, suffixes, .. } => match self.tree(&real, *depth, suffixes, &body)? {
                Ok(entries) => Answer::Tree(Arc::new(entries)),
                Err(reason) => return Ok(Reply::Unreadable(reason)),
            },
            Ask::Zip(_) if kind != Kind::File => return Ok(Reply::Unreadable(Reason::NotAFile)),
            Ask::Zip(_) => match self.zip(&real, size)? {
                Ok(answer) => answer,
                Err(reason) => return Ok(Reply::Unreadable(reason)),
            },
            Ask::Elf(_) | Ask::Scan { .. } | Ask::Digest { .. } => {
                return Err(broken("a question that is answered in rounds"));
            }
        };
        Ok(Reply::Answered(Answered { answer, real, layer: None }))
    }

    /// Level by level, each a round trip.
    fn tree(
        &self,
        top: &ImagePath,
        depth: u32,
        suffixes: &[&'static str],
        first: &[u8],
    ) -> Result<Result<Vec<TreeEntry>, Reason>, ImageError> {
        let cut = if *top == ImagePath::root() { 1 } else { top.as_bytes().len() + 1 };
        if depth == 0 {
            return Ok(Ok(Vec::new()));
        }
        let mut entries = wire::level(top, cut, suffixes, first).map_err(broken)?;
        let mut out = Vec::new();
        let mut level = 1;
        loop {
            let mut questions = Vec::new();
            for (entry, path) in entries.drain(..) {
                if entry.kind == Kind::Folder && level < depth {
                    questions.push(Question::Level(path, suffixes.to_vec()));
                }
                out.push(entry);
            }
            if out.len() > IMAGE_ENTRIES {
                return Ok(Err(Reason::TooMany { limit: IMAGE_ENTRIES as u64 }));
            }
            if questions.is_empty() {
                out.sort_unstable();
                return Ok(Ok(out));
            }
            self.events.step("reading folders", out.len() as u64);
            for told in self.ask(questions)? {
                match told {
                    Told::Found { real, body, .. } => {
                        entries.extend(wire::level(&real, cut, suffixes, &body).map_err(broken)?);
                    }
                    // It was there a moment ago: a folder whose path has become too long to be asked for.
                    Told::Absent => {}
                    Told::Unreadable(reason) => return Ok(Err(reason)),
                }
            }
            level += 1;
        }
    }

    fn zip(&self, real: &ImagePath, size: u64) -> Result<Result<Answer, Reason>, ImageError> {
        let mut file = Remote { walker: self, real, size, window_at: 0, window: Vec::new(), failed: None };
        let view = zip_view(&mut file);
        match (file.failed, view) {
            (Some(error), _) => Err(error),
            (None, Ok(view)) => Ok(Ok(Answer::Zip(Arc::new(view)))),
            (None, Err(error)) => Ok(Err(error.into())),
        }
    }
}

impl WalkerSource {
    /// Round by round, all files in each.
    fn read_on(&self, open: &mut [Open]) -> Result<(), ImageError> {
        in_rounds(open, |parts| {
            let questions = parts.iter().map(|part| match part.only {
                Some(pattern) => Question::Find(part.real.clone(), part.at, part.len, pattern),
                None => Question::Range(part.real.clone(), part.at, part.len),
            });
            let told = self.ask(questions.collect())?;
            let told = parts.iter().zip(told).map(|(part, told)| match told {
                Told::Found { body, .. } if part.only.is_some() => {
                    wire::found(part.at, part.len, &body).map(Ok).map_err(broken)
                }
                Told::Found { body, .. } => Ok(Ok(body)),
                Told::Unreadable(reason) => Ok(Err(reason)),
                Told::Absent => Ok(Err(Reason::System("the file is gone".into()))),
            });
            told.collect()
        })
    }
}

impl Source for WalkerSource {
    type Error = ImageError;

    fn expect(&mut self, _: &Likely) {}

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        let mut told = self.send(asks.iter().filter_map(question).collect());
        let mut replies = Vec::with_capacity(asks.len());
        let mut open = Vec::new();
        let mut places = Vec::new();
        let files: Vec<(&ImagePath, u64)> = asks
            .iter()
            .filter_map(|ask| match ask {
                Ask::Digest { path, limit } => Some((path, *limit)),
                _ => None,
            })
            .collect();
        let mut digests = self.hash(&files)?.into_iter();
        for ask in asks {
            let told = if let Ask::Digest { .. } = ask {
                replies.extend(digests.next());
                continue;
            } else {
                told.next()?
            };
            let reply = match (ElfQuestion::of(ask), told) {
                (Some(question), Told::Found { real, size, body, .. }) => {
                    let parts = wire::parts(&body).map_err(broken)?;
                    let reading = ElfReading::new(question, size);
                    open.push(Open::new(real, reading).ahead(&parts.read, parts.searched));
                    places.push(replies.len());
                    // Until the rounds are over.
                    Reply::Absent
                }
                (Some(_), Told::Absent) => Reply::Absent,
                (Some(_), Told::Unreadable(reason)) => Reply::Unreadable(reason),
                (None, told) => self.reply(ask, told)?,
            };
            replies.push(reply);
        }
        self.read_on(&mut open)?;
        for (file, place) in open.into_iter().zip(places) {
            let reply = match file.answer {
                Some(Ok(answer)) => Reply::Answered(Answered { answer, real: file.real, layer: None }),
                Some(Err(reason)) => Reply::Unreadable(reason),
                None => return Err(broken("an ELF file that was not read to its end")),
            };
            if let Some(there) = replies.get_mut(place) {
                *there = reply;
            }
        }
        Ok(replies)
    }
}

impl Drop for WalkerSource {
    fn drop(&mut self) {
        // The task hears it and removes the container.
        self.batches = None;
    }
}

/// What the program is asked at first; files are hashed in rounds of their own.
fn question(ask: &Ask) -> Option<Question> {
    let path = ask.path().clone();
    if let Some(question) = ElfQuestion::of(ask) {
        return Some(Question::Elf(path, question));
    }
    Some(match ask {
        Ask::Digest { .. } | Ask::Elf(_) | Ask::Scan { .. } => return None,
        Ask::Stat(_) | Ask::Zip(_) => Question::Stat(path),
        Ask::Link(_) => Question::Link(path),
        Ask::List(_) => Question::List(path),
        Ask::Head(_) => Question::Head(path),
        Ask::Read { limit, .. } => Question::Read(path, *limit),
        Ask::Range { at, len, .. } => Question::Range(path, *at, *len),
        Ask::Tree { suffixes, .. } => Question::Level(path, suffixes.clone()),
    })
}

fn ended() -> ImageError {
    ImageError::Engine { what: "go on", why: "the container that reads the image has ended".to_owned() }
}

fn broken(why: Broken) -> ImageError {
    ImageError::Engine { what: "answer from the container", why: why.to_owned() }
}

/// A file in the container behind positioned reads.
struct Remote<'a> {
    walker: &'a WalkerSource,
    real: &'a ImagePath,
    size: u64,
    window_at: u64,
    window: Vec<u8>,
    /// What ends the conversation, as [`ReadAt`] cannot tell it.
    failed: Option<ImageError>,
}

impl Remote<'_> {
    fn fetch(&mut self, at: u64, len: u64) -> Result<Vec<u8>, Reason> {
        match self.walker.ask(vec![Question::Range(self.real.clone(), at, len)]) {
            Ok(told) => match told.into_iter().next() {
                Some(Told::Found { body, .. }) => Ok(body),
                Some(Told::Unreadable(reason)) => Err(reason),
                _ => Err(Reason::System("the file is gone".into())),
            },
            Err(error) => {
                self.failed = Some(error);
                Err(Reason::System("the engine failed".into()))
            }
        }
    }
}

impl ReadAt for Remote<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, Reason> {
        let len = (buffer.len() as u64).min(self.size.saturating_sub(at));
        let end = at.saturating_add(len);
        if at < self.window_at || end > self.window_at + self.window.len() as u64 {
            self.window = self.fetch(at, len.max(WINDOW).min(self.size.saturating_sub(at)))?;
            self.window_at = at;
        }
        let from = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        let rest = self.window.get(from..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

/// The container and the talk with it; runs on the reactor.
struct Session {
    engine: Engine,
    plan: Plan,
    program: &'static [u8],
    batches: mpsc::UnboundedReceiver<Batch>,
    /// Sent and not answered yet.
    queue: VecDeque<Batch>,
    decoder: Decoder,
}

/// Why a talk ended.
enum End {
    /// Nobody asks any more.
    Asked,
    /// The program never spoke: another way may do.
    NeverSpoke(ImageError),
    Failed(ImageError),
}

impl Session {
    async fn run(mut self, ways: &'static [Way]) {
        let mut end = End::Asked;
        for way in ways {
            end = self.go(*way).await;
            if !matches!(end, End::NeverSpoke(ImageError::Engine { .. })) {
                break;
            }
            self.decoder = Decoder::default();
        }
        // Told only now that the container is gone; where nobody waits, whoever asks next is told.
        if let End::NeverSpoke(error) | End::Failed(error) = end {
            let batch = match self.queue.pop_front() {
                Some(batch) => Some(batch),
                None => self.batches.recv().await,
            };
            if let Some(batch) = batch {
                let _ = batch.reply.send(Err(error));
            }
        }
    }

    async fn go(&mut self, way: Way) -> End {
        // The folder must be there until the program runs, and no longer.
        let (folder, mount) = match way {
            Way::Volume => (None, container::empty(FOLDER)),
            Way::Bind => {
                match Private::new(self.program, container::owner())
                    .ok()
                    .and_then(|folder| Some((folder.mount()?, folder)))
                {
                    Some((mount, folder)) => (Some(folder), mount),
                    None => return End::NeverSpoke(no_folder()),
                }
            }
        };
        let created = match self.create(mount).await {
            Ok(created) => created,
            Err(error) => return End::NeverSpoke(error),
        };
        let engine = self.engine.clone();
        let end = tokio::select! {
            end = self.talk(&created, way, folder) => end,
            signal = signal() => End::Failed(ImageError::Interrupted { signal }),
        };
        // Removing by force is sure; that the container also goes by itself is for when we are killed.
        match (engine.remove(&created.id, true).await, end) {
            (Err(error), End::Asked) => End::Failed(error),
            (_, end) => end,
        }
    }

    async fn create(&self, mount: Mount) -> Result<Created, ImageError> {
        container::create(&self.engine, &self.plan, self.plan.to_ask(mount)).await
    }

    async fn talk(&mut self, created: &Created, way: Way, folder: Option<Private>) -> End {
        let engine = self.engine.clone();
        let attach = engine.call(
            "attach to our container",
            engine.docker.attach_container(
                &created.id,
                Some(AttachContainerOptionsBuilder::default().stream(true).stdin(true).stdout(true).build()),
            ),
        );
        let attached = match way {
            Way::Bind => attach.await,
            Way::Volume => tokio::try_join!(attach, self.upload(created)).map(|(attached, ())| attached),
        };
        let AttachContainerResults { mut output, mut input } = match attached {
            Ok(attached) => attached,
            Err(error) => return End::NeverSpoke(error),
        };
        // What is already asked goes ahead of the start; a second way asks again what the first did not answer.
        while let Ok(batch) = self.batches.try_recv() {
            self.queue.push_back(batch);
        }
        let mut unsent: Vec<u8> = Vec::new();
        for batch in &self.queue {
            batch.encode(&mut unsent);
        }
        let mut unsent = Bytes::from(unsent);
        let start = engine.call("start our container", engine.docker.start_container(&created.id, None));
        let mut start = std::pin::pin!(start);
        let (mut started, mut spoke) = (false, false);
        let mut folder = folder;
        let mut sweep = std::pin::pin!(container::sweep(&engine));
        let mut swept = false;
        loop {
            let waits_for_us = self.queue.is_empty() && spoke;
            tokio::select! {
                biased;
                written = input.write(&unsent), if !unsent.is_empty() => match written {
                    Ok(count) if count > 0 => drop(unsent.split_to(count)),
                    // The program has ended; what it wrote last, or the start, tells why.
                    _ => unsent = Bytes::new(),
                },
                chunk = chunk(&engine, &mut output, waits_for_us || !started) => match chunk {
                    Ok(Some(bytes)) => {
                        self.decoder.push(&bytes);
                        match self.decoder.greeted() {
                            Ok(true) => {
                                spoke = true;
                                folder = None;
                            }
                            Ok(false) => {}
                            Err(why) => return End::Failed(broken(why)),
                        }
                        if let Err(why) = self.hand_out() {
                            return End::Failed(broken(why));
                        }
                    }
                    Ok(None) if spoke => return End::Failed(ended()),
                    // Attached to what never ran: the start's own words are better.
                    Ok(None) => {
                        return End::NeverSpoke(match started {
                            true => ended(),
                            false => start.await.err().unwrap_or_else(ended),
                        });
                    }
                    Err(error) => return End::Failed(error),
                },
                result = &mut start, if !started => match result {
                    Ok(()) => started = true,
                    Err(error) if spoke => return End::Failed(error),
                    Err(error) => return End::NeverSpoke(error),
                },
                batch = self.batches.recv() => match batch {
                    Some(batch) => {
                        let mut more = unsent.to_vec();
                        batch.encode(&mut more);
                        unsent = Bytes::from(more);
                        self.queue.push_back(batch);
                    }
                    None => {
                        drop(folder);
                        let _ = input.shutdown().await;
                        if !swept {
                            sweep.await;
                        }
                        // The program ends at the end of its input, and the engine then removes the container: that is
                        // sooner done than to kill it. Removing by force, which follows, is for the case that it does not.
                        let _ = timeout(FAREWELL, async { while output.next().await.is_some() {} }).await;
                        return End::Asked;
                    }
                },
                () = &mut sweep, if started && !swept => swept = true,
            }
        }
    }

    /// Takes what has come for the oldest batches.
    fn hand_out(&mut self) -> Result<(), Broken> {
        while let Some(batch) = self.queue.front_mut() {
            let mut told = Vec::new();
            while let Some(question) = batch.questions.get(batch.answered) {
                let Some(reply) = self.decoder.next(question)? else { break };
                told.push(reply);
                batch.answered += 1;
            }
            if !told.is_empty() {
                let _ = batch.reply.send(Ok(told));
            }
            if batch.answered < batch.questions.len() {
                return Ok(());
            }
            self.queue.pop_front();
            self.decoder.begin();
        }
        Ok(())
    }

    async fn upload(&self, created: &Created) -> Result<(), ImageError> {
        const WHAT: &str = "take our program";
        let archive = program::archive(self.program)
            .map_err(|error| ImageError::Engine { what: WHAT, why: error.to_string() })?;
        let options = UploadToContainerOptionsBuilder::default().path(FOLDER).build();
        let body = bollard::body_full(Bytes::from(archive));
        self.engine.call(WHAT, self.engine.docker.upload_to_container(&created.id, Some(options), body)).await
    }
}

/// The next bytes of the program; under the time limit while they are owed to us.
async fn chunk(
    engine: &Engine,
    output: &mut (impl futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin),
    may_be_silent: bool,
) -> Result<Option<Bytes>, ImageError> {
    const WHAT: &str = "answer from the container";
    let next = if may_be_silent { output.next().await } else { engine.within(WHAT, output.next()).await? };
    match next {
        None => Ok(None),
        Some(Ok(LogOutput::StdOut { message })) => Ok(Some(message)),
        Some(Ok(_)) => Err(broken("what came is not our program's output")),
        Some(Err(error)) => Err(ImageError::Engine { what: WHAT, why: crate::docker::client::words(&error) }),
    }
}

impl Batch {
    fn encode(&self, out: &mut Vec<u8>) {
        for question in &self.questions {
            question.encode(out);
        }
    }
}

fn no_folder() -> ImageError {
    ImageError::Engine { what: "mount our program", why: "no private folder could be made".to_owned() }
}

async fn signal() -> i32 {
    match reactor() {
        Ok(reactor) => interrupted(reactor.signal()).await,
        Err(_) => std::future::pending().await,
    }
}
