//! A container in, its file system as the engine's export stream out, passed through once or twice and never stored.
//!
//! For an image a container is created and never started; what is asked of a container that is there already only reads it.

use std::io::{self, Read};
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use crate::docker::client::Engine;
use crate::docker::container::{self, Plan};
use crate::docker::reactor::{interrupted, reactor, signal_that_came};
use crate::stream::{Begins, StreamSource};
use crate::{Events, ImageError, Told};

/// How much is gathered before the reader is woken, in bytes: a chunk of the engine's is 32 KiB or so, and to wake another thread
/// for each costs more than to read it.
const GATHERED: usize = 256 << 10;
/// Portions that wait between the engine and the reader.
const WAITING: usize = 4;

/// Bytes of the stream, at most [`GATHERED`]; no part of the connection's own buffers, which could then not be used again.
type Portion = Result<Vec<u8>, ImageError>;

/// One passing of the stream.
struct Pass {
    portions: mpsc::Sender<Portion>,
    /// Portions that were read, to be filled again.
    read: mpsc::UnboundedReceiver<Vec<u8>>,
}

/// What is exported.
pub(crate) enum What {
    /// An image: by a container made for it and removed with its volumes when the source is dropped.
    Image(Box<Plan>),
    /// A container of somebody else's, by its id.
    Container(String),
}

/// Begins at once to create the container.
///
/// # Errors
/// [`ImageError::Engine`] where the system gives no thread. What the engine refuses is told by the first answer.
pub(crate) fn open(
    engine: Engine,
    what: What,
    events: Arc<dyn Events>,
    told: Told,
) -> Result<StreamSource, ImageError> {
    let name = format!("the export of the engine at {}", engine.address.shown());
    let (passes, receive) = mpsc::unbounded_channel();
    reactor()?.spawn(serve(engine, what, receive));
    let begin: Begins = Box::new(move || {
        let (send, portions) = mpsc::channel(WAITING);
        let (give_back, read) = mpsc::unbounded_channel();
        let ended = || ImageError::Engine { what: "export the file system", why: "it gave up".to_owned() };
        passes.send(Pass { portions: send, read }).map_err(|_| ended())?;
        Ok(Box::new(Portions { portions, give_back, current: Vec::new(), at: 0, over: false })
            as Box<dyn Read>)
    });
    Ok(StreamSource::new(name, begin, events, told))
}

async fn serve(engine: Engine, what: What, mut passes: mpsc::UnboundedReceiver<Pass>) {
    let (id, ours) = match what {
        What::Container(id) => (id, false),
        // Not to be cancelled, so that its id is known.
        What::Image(plan) => match container::create(&engine, &plan, plan.to_export()).await {
            Ok(created) => (created.id, true),
            Err(error) => {
                if let Some(pass) = passes.recv().await {
                    let _ = pass.portions.send(Err(error)).await;
                }
                return;
            }
        },
    };
    let signal = async {
        match reactor() {
            Ok(reactor) => interrupted(reactor.signal()).await,
            Err(_) => std::future::pending().await,
        }
    };
    let work = async {
        container::sweep(&engine).await;
        while let Some(mut pass) = passes.recv().await {
            if let Err(error) = export(&engine, &id, &mut pass).await {
                let _ = pass.portions.send(Err(error)).await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = signal => {}
    }
    if ours {
        let _ = engine.remove(&id, true).await;
    }
}

/// Sends the stream, portion by portion; to its end, or until the reader goes away because it has enough.
async fn export(engine: &Engine, id: &str, pass: &mut Pass) -> Result<(), ImageError> {
    let mut stream = Box::pin(engine.export(id));
    let mut portion = Vec::with_capacity(GATHERED);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let mut left = chunk.as_ref();
        while !left.is_empty() {
            let (now, rest) = left.split_at(left.len().min(GATHERED - portion.len()));
            portion.extend_from_slice(now);
            left = rest;
            if portion.len() == GATHERED {
                if pass.portions.send(Ok(portion)).await.is_err() {
                    return Ok(());
                }
                portion = pass.read.try_recv().unwrap_or_else(|_| Vec::with_capacity(GATHERED));
                portion.clear();
            }
        }
    }
    let _ = pass.portions.send(Ok(portion)).await;
    Ok(())
}

/// The portions of one pass as a stream of bytes.
struct Portions {
    portions: mpsc::Receiver<Portion>,
    give_back: mpsc::UnboundedSender<Vec<u8>>,
    current: Vec<u8>,
    /// How much of the current one is read.
    at: usize,
    over: bool,
}

impl Read for Portions {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.current.len() && !self.over {
            let read = std::mem::take(&mut self.current);
            self.at = 0;
            if read.capacity() > 0 {
                // Nobody fills it again where all has come.
                let _ = self.give_back.send(read);
            }
            match self.portions.blocking_recv() {
                Some(Ok(portion)) => self.current = portion,
                Some(Err(error)) => {
                    self.over = true;
                    return Err(io::Error::other(error));
                }
                None => {
                    self.over = true;
                    if let Some(signal) = signal_that_came() {
                        return Err(io::Error::other(ImageError::Interrupted { signal }));
                    }
                }
            }
        }
        let rest = self.current.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}
