//! A container in, its file system as the engine's export stream out, passed through once or twice and never stored.
//!
//! For an image a container is created and never started; what is asked of a container that is there already only reads it.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
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

/// Some chunks, in order.
type Portion = Result<VecDeque<Bytes>, ImageError>;
type Pass = mpsc::Sender<Portion>;

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
        let (send, chunks) = mpsc::channel(WAITING);
        let ended = || ImageError::Engine { what: "export the file system", why: "it gave up".to_owned() };
        passes.send(send).map_err(|_| ended())?;
        Ok(Box::new(Chunks { chunks, current: VecDeque::new(), over: false }) as Box<dyn Read>)
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
                    let _ = pass.send(Err(error)).await;
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
        while let Some(pass) = passes.recv().await {
            let mut stream = Box::pin(engine.export(&id));
            let (mut portion, mut gathered) = (VecDeque::new(), 0);
            loop {
                let chunk = stream.next().await;
                let is_over = !matches!(chunk, Some(Ok(_)));
                let error = match chunk {
                    Some(Ok(chunk)) => {
                        gathered += chunk.len();
                        portion.push_back(chunk);
                        None
                    }
                    Some(Err(error)) => Some(error),
                    None => None,
                };
                if !is_over && gathered < GATHERED {
                    continue;
                }
                gathered = 0;
                // A reader that has enough goes away.
                if pass.send(Ok(std::mem::take(&mut portion))).await.is_err() {
                    break;
                }
                if let Some(error) = error {
                    let _ = pass.send(Err(error)).await;
                }
                if is_over {
                    break;
                }
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

/// The chunks of one pass as a stream of bytes.
struct Chunks {
    chunks: mpsc::Receiver<Portion>,
    current: VecDeque<Bytes>,
    over: bool,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.front().is_none_or(Bytes::is_empty) && !self.over {
            if self.current.pop_front().is_some() {
                continue;
            }
            match self.chunks.blocking_recv() {
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
        let Some(chunk) = self.current.front_mut() else { return Ok(0) };
        let count = chunk.len().min(buffer.len());
        if let Some(to) = buffer.get_mut(..count) {
            chunk.copy_to_slice(to);
        }
        Ok(count)
    }
}
