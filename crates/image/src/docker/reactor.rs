//! Asynchronous work goes in, its result comes out of a call that waits: the one thread on which all talk with the engine
//! runs, whatever the caller's thread does meanwhile. It also hears SIGINT and SIGTERM.

use std::future::Future;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

use crate::ImageError;

/// How long the end of the program waits for containers to be gone.
const SETTLE: Duration = Duration::from_secs(20);

/// The thread, and what it knows.
pub(crate) struct Reactor {
    handle: Handle,
    /// 0, or the signal that came.
    signal: watch::Receiver<i32>,
    busy: Arc<AtomicUsize>,
}

static REACTOR: OnceLock<Result<Reactor, String>> = OnceLock::new();
/// Sessions and calls under way. A signal while there are none ends the process, as it would without us.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// As long as one lives, a signal is a matter for the sessions, not the end of the process.
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        LIVE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The reactor of this process, started at the first call.
///
/// # Errors
/// [`ImageError::Engine`] when the system gives no thread.
pub(crate) fn reactor() -> Result<&'static Reactor, ImageError> {
    REACTOR
        .get_or_init(Reactor::start)
        .as_ref()
        .map_err(|why| ImageError::Engine { what: "be spoken to", why: why.clone() })
}

/// Waits until nothing that was started in an engine is left, at most twenty seconds. To be called once before the
/// process ends: dropped sources are cleared away in the background. Without it a container that was never started could
/// stay until the next run sweeps it.
pub fn settle() {
    let Some(Ok(reactor)) = REACTOR.get() else { return };
    let until = Instant::now() + SETTLE;
    while reactor.busy.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_micros(500));
    }
}

impl Reactor {
    fn start() -> Result<Self, String> {
        let (send, receive) = std::sync::mpsc::channel();
        let (signal_to, signal) = watch::channel(0);
        std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                let runtime = match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _gone = send.send(Err(error.to_string()));
                        return;
                    }
                };
                let _gone = send.send(Ok(runtime.handle().clone()));
                runtime.block_on(hear_signals(signal_to));
            })
            .map_err(|error| error.to_string())?;
        let handle = receive.recv().map_err(|error| error.to_string())??;
        Ok(Self { handle, signal, busy: Arc::new(AtomicUsize::new(0)) })
    }

    /// Runs `work` to its end and waits for it; a signal ends the wait, not the work's own cleaning up.
    ///
    /// # Errors
    /// Those of `work`; [`ImageError::Interrupted`].
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ImageError>> + Send + 'static,
    ) -> Result<T, ImageError> {
        let alive = Alive::new();
        let (send, receive) = std::sync::mpsc::sync_channel(1);
        let signal = self.signal.clone();
        self.handle.spawn(async move {
            let result = tokio::select! {
                result = work => result,
                signal = interrupted(signal) => Err(ImageError::Interrupted { signal }),
            };
            let _gone = send.send(result);
        });
        let result = receive.recv().unwrap_or_else(|_| {
            Err(ImageError::Engine {
                what: "be spoken to",
                why: "the thread that speaks to it ended".to_owned(),
            })
        });
        drop(alive);
        result
    }

    /// Runs `work` by itself; [`settle`] waits for it.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.busy.fetch_add(1, Ordering::SeqCst);
        let done = Done(Arc::clone(&self.busy), Alive::new());
        self.handle.spawn(async move {
            let _done = done;
            work.await;
        });
    }

    /// Told of a signal.
    pub(crate) fn signal(&self) -> watch::Receiver<i32> {
        self.signal.clone()
    }
}

/// Counts down even when the work panics.
struct Done(Arc<AtomicUsize>, #[allow(dead_code, reason = "held until the work is done")] Alive);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Comes back when a signal came, with its number.
pub(crate) async fn interrupted(mut signal: watch::Receiver<i32>) -> i32 {
    loop {
        let number = *signal.borrow_and_update();
        if number != 0 {
            return number;
        }
        if signal.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// The signal that has come, if one has.
pub(crate) fn signal_that_came() -> Option<i32> {
    Some(SIGNAL.load(Ordering::SeqCst)).filter(|number| *number != 0)
}

#[cfg(unix)]
async fn hear_signals(tell: watch::Sender<i32>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    loop {
        let number = tokio::select! {
            _ = int.recv() => 2,
            _ = term.recv() => 15,
        };
        came(number, &tell);
    }
}

#[cfg(not(unix))]
async fn hear_signals(tell: watch::Sender<i32>) {
    loop {
        if tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        came(2, &tell);
    }
}

fn came(number: i32, tell: &watch::Sender<i32>) {
    let first = SIGNAL.swap(number, Ordering::SeqCst) == 0;
    if !first || LIVE.load(Ordering::SeqCst) == 0 {
        // What the signal does to a process that does not hear it, as a shell tells it.
        std::process::exit(128 + number);
    }
    let _nobody = tell.send(number);
}
