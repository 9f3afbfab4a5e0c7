//! An image in, what its own interpreter printed when it was asked out (`--exec`): the one place where code of an image runs.
//!
//! It runs in a container of its own, locked up as the walker's is, and for as long as the questions need. The image's working
//! folder, user, environment and volumes stay as they are, for they decide what Python finds. What the container could write
//! is its `/dev/shm` and its own copies of the image's volumes, and goes with it. The program that is given ends when its
//! stdin does, so the container also goes when we are killed; one that does not is swept by the next run.

use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, DeviceRequest};
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::docker::client::Engine;
use crate::docker::container::{self, Created, Plan};
use crate::docker::reactor::{interrupted, reactor, signal_that_came};
use crate::limits::{EXEC_NOISE, EXEC_OUTPUT, EXEC_SECONDS};
use crate::{Events, Files, ImageError};

/// How much of the end of its stderr is kept, in bytes.
const LAST_WORDS: usize = 2 << 10;

/// What is to be started in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exec {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The working folder, where it is not the image's.
    pub workdir: Option<String>,
    /// The user, where it is not the image's.
    pub user: Option<String>,
    /// Variables beside the image's; `None` takes one away.
    pub variables: Vec<(String, Option<String>)>,
    /// GPUs that the engine is asked for.
    pub gpus: Option<Gpus>,
}

/// `--exec-gpus`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gpus {
    /// All of them.
    All,
    /// So many.
    Count(u32),
    /// These: indices or UUIDs.
    Ids(Vec<String>),
}

/// What was heard of a program in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Its stdout, at most [`EXEC_OUTPUT`] bytes.
    pub output: Vec<u8>,
    /// Why it was not heard to its end, a clause: the engine could not start it, it took too long, it printed too much.
    pub ended: Option<String>,
    /// The last line of its stderr.
    pub last_words: Option<String>,
    /// Why it got no GPUs though some were asked for: the engine's words.
    pub without_gpus: Option<String>,
}

/// An image that programs can be started in.
#[derive(Clone)]
pub(crate) struct Runnable {
    engine: Engine,
    plan: Plan,
}

impl Runnable {
    pub(crate) const fn new(engine: Engine, plan: Plan) -> Self {
        Self { engine, plan }
    }
}

impl Files {
    /// Starts a program in a container of this image, and hears it to its end. `None` where the target is no image of an
    /// engine.
    ///
    /// # Errors
    /// [`ImageError::Interrupted`], and [`ImageError::Engine`] where the system gives no thread. What else goes wrong is told
    /// in [`Heard::ended`]; in any case the container is gone.
    pub fn exec(&self, exec: Exec, events: &Arc<dyn Events>) -> Result<Option<Heard>, ImageError> {
        let Some(runnable) = &self.runnable else { return Ok(None) };
        listen(runnable.clone(), exec, Duration::from_secs(EXEC_SECONDS), events).map(Some)
    }
}

/// Runs it for at most `limit`, and waits.
pub(crate) fn listen(
    Runnable { engine, plan }: Runnable,
    exec: Exec,
    limit: Duration,
    events: &Arc<dyn Events>,
) -> Result<Heard, ImageError> {
    let (send, receive) = oneshot::channel();
    let session = Session { engine, plan, exec, limit, events: Arc::clone(events) };
    reactor()?.spawn(async move {
        let _ = send.send(session.run().await);
    });
    receive.blocking_recv().unwrap_or_else(|_| match signal_that_came() {
        Some(signal) => Err(ImageError::Interrupted { signal }),
        None => Err(ImageError::Engine { what: "run the interpreter", why: "it was given up".to_owned() }),
    })
}

struct Session {
    engine: Engine,
    plan: Plan,
    exec: Exec,
    limit: Duration,
    events: Arc<dyn Events>,
}

impl Session {
    async fn run(self) -> Result<Heard, ImageError> {
        let heard = match (self.once(self.exec.gpus.as_ref()).await, &self.exec.gpus) {
            // It may be the GPUs that the engine has not; what else it is, the second try tells too.
            (Err(ImageError::Engine { why, .. }), Some(_)) => {
                self.once(None).await.map(|heard| Heard { without_gpus: Some(why), ..heard })
            }
            (heard, _) => heard,
        };
        match heard {
            Err(interrupted @ ImageError::Interrupted { .. }) => Err(interrupted),
            Err(error) => Ok(Heard { ended: Some(error.to_string()), ..Heard::default() }),
            Ok(heard) => Ok(heard),
        }
    }

    async fn once(&self, gpus: Option<&Gpus>) -> Result<Heard, ImageError> {
        // Not to be cancelled, so that its id is known.
        let created = container::create(&self.engine, &self.plan, self.plan.to_run(&self.exec, gpus)).await?;
        let signal = async {
            match reactor() {
                Ok(reactor) => interrupted(reactor.signal()).await,
                Err(_) => std::future::pending().await,
            }
        };
        let heard = tokio::select! {
            heard = self.hear(&created) => heard,
            signal = signal => Err(ImageError::Interrupted { signal }),
        };
        let removed = self.engine.remove(&created.id, true).await;
        let heard = heard?;
        removed.map(|()| heard)
    }

    async fn hear(&self, created: &Created) -> Result<Heard, ImageError> {
        let engine = &self.engine;
        let options = AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        let attach = engine.docker.attach_container(&created.id, Some(options));
        // Its stdin stays open as long as this is held.
        let mut attached = engine.call("attach to our container", attach).await?;
        let start = engine.call("start the interpreter", engine.docker.start_container(&created.id, None));
        let (mut start, mut started) = (std::pin::pin!(start), false);
        let (mut sweep, mut swept) = (std::pin::pin!(container::sweep(engine)), false);
        let mut over = std::pin::pin!(sleep(self.limit));
        let mut ticks = interval(Duration::from_millis(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Heard::default();
        let (mut noise, mut tail) = (0_usize, Vec::new());
        loop {
            tokio::select! {
                biased;
                chunk = attached.output.next() => match chunk {
                    Some(Ok(LogOutput::StdErr { message })) => {
                        noise = noise.saturating_add(message.len());
                        tail.extend_from_slice(&message);
                        tail.drain(..tail.len().saturating_sub(LAST_WORDS));
                        if noise > EXEC_NOISE {
                            heard.ended = Some(format!("it printed more than {} MiB of messages", EXEC_NOISE >> 20));
                            break;
                        }
                    }
                    Some(Ok(chunk)) => {
                        let room = EXEC_OUTPUT.saturating_sub(heard.output.len());
                        let bytes = chunk.into_bytes();
                        heard.output.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
                        if bytes.len() > room {
                            heard.ended = Some(format!("it said more than {} MiB", EXEC_OUTPUT >> 20));
                            break;
                        }
                    }
                    Some(Err(error)) => {
                        heard.ended = Some(crate::docker::client::words(&error));
                        break;
                    }
                    // Attached to what never ran: the start's own words are better.
                    None => {
                        if !started {
                            start.await?;
                        }
                        break;
                    }
                },
                result = &mut start, if !started => {
                    result?;
                    started = true;
                }
                () = &mut over => {
                    heard.ended = Some(format!("it did not come to its end within {} s", self.limit.as_secs()));
                    break;
                }
                _ = ticks.tick() => {
                    self.events.step("listening to the image's interpreter", heard.output.len() as u64);
                }
                () = &mut sweep, if started && !swept => swept = true,
            }
        }
        let lines = String::from_utf8_lossy(&tail).into_owned();
        heard.last_words = lines.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned);
        if started && !swept {
            sweep.await;
        }
        Ok(heard)
    }
}

impl Plan {
    /// A container that a program of the image runs in.
    fn to_run(&self, exec: &Exec, gpus: Option<&Gpus>) -> ContainerCreateBody {
        let mut body = self.locked_up();
        let mut command = exec.command.iter().cloned();
        body.entrypoint = Some(command.by_ref().take(1).collect());
        body.cmd = Some(command.collect());
        body.user.clone_from(&exec.user);
        body.working_dir.clone_from(&exec.workdir);
        body.labels.get_or_insert_default().insert(container::EXEC.to_owned(), String::new());
        body.open_stdin = Some(true);
        body.stdin_once = Some(true);
        body.attach_stdin = Some(true);
        body.attach_stdout = Some(true);
        body.attach_stderr = Some(true);
        let mut env: Vec<String> = Vec::new();
        for (name, value) in &exec.variables {
            // An engine takes away what is named without a value.
            env.push(value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")));
        }
        // The rest is read-only, and much that is imported wants a temporary file.
        env.push("TMPDIR=/dev/shm".to_owned());
        if let Some(host) = &mut body.host_config {
            host.auto_remove = Some(true);
            // Libraries start a thread for every processor, and more than one of them does.
            host.pids_limit = Some(8192);
            if let Some(gpus) = gpus {
                host.runtime = None;
                host.device_requests = Some(vec![request(gpus)]);
            }
        }
        if gpus.is_none() {
            env.push("NVIDIA_VISIBLE_DEVICES=void".to_owned());
            env.push("NVIDIA_DISABLE_REQUIRE=1".to_owned());
        }
        body.env = Some(env);
        body
    }
}

/// What `docker run --gpus` asks for.
fn request(gpus: &Gpus) -> DeviceRequest {
    let (count, device_ids) = match gpus {
        Gpus::All => (Some(-1), None),
        Gpus::Count(count) => (Some(i64::from(*count)), None),
        Gpus::Ids(ids) => (None, Some(ids.clone())),
    };
    DeviceRequest {
        count,
        device_ids,
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use envdiff_model::{ImageConfig, Text};

    use super::{Exec, Gpus};
    use crate::docker::container::Plan;

    #[test]
    fn what_decides_the_packages_is_the_images_own() {
        let config = ImageConfig { volumes: vec![Text::from("/data")], ..ImageConfig::default() };
        let plan = Plan::new("sha256:1".to_owned(), &config, None);
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let exec = Exec { command: words(&["/bin/python", "-I", "-c", "x"]), ..Exec::default() };
        let body = plan.to_run(&exec, None);
        assert_eq!((body.user, body.working_dir), (None, None));
        assert_eq!(body.entrypoint, Some(words(&["/bin/python"])));
        assert_eq!(body.cmd, Some(words(&["-I", "-c", "x"])));
        assert!(body.env.unwrap().contains(&"NVIDIA_VISIBLE_DEVICES=void".to_owned()));
        let host = body.host_config.unwrap();
        assert_eq!((host.mounts, host.readonly_rootfs), (None, Some(true)));
        assert_eq!((host.network_mode.as_deref(), host.device_requests), (Some("none"), None));
        assert_eq!(host.security_opt, Some(words(&["no-new-privileges"])));
        assert_eq!(host.cap_drop, Some(words(&["ALL"])));

        let variables = vec![("A".to_owned(), Some("1".to_owned())), ("B".to_owned(), None)];
        let exec = Exec { variables, workdir: Some("/srv".to_owned()), ..exec };
        let body = plan.to_run(&exec, Some(&Gpus::Ids(words(&["0", "GPU-1"]))));
        assert_eq!(body.env, Some(words(&["A=1", "B", "TMPDIR=/dev/shm"])));
        assert_eq!(body.working_dir.as_deref(), Some("/srv"));
        let host = body.host_config.unwrap();
        assert_eq!(host.runtime, None, "the engine's own decides");
        let request = host.device_requests.unwrap().remove(0);
        assert_eq!((request.count, request.device_ids), (None, Some(words(&["0", "GPU-1"]))));
    }
}
