//! An engine's address in; what it says of images and containers out, and what is made and removed there.
//!
//! Answers that describe things are read as raw JSON: bollard's models are closed (an unknown word in one field refuses the
//! whole answer), and an engine newer than the models must not end a run. What changes things goes through bollard.

use std::io;
use std::time::Duration;

use bollard::Docker;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::config::ImageJson;
use crate::docker::context::Address;
use crate::limits::{JSON_BYTES, SILENT_SECONDS};
use crate::{ImageError, nearest};

/// How long an engine may say nothing.
pub(crate) const SILENCE: Duration = Duration::from_secs(SILENT_SECONDS);
/// The oldest API that is spoken: Docker 20.10.
const OLDEST_API: (u32, u32) = (1, 41);

/// A connection to an engine; cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    pub(crate) address: Address,
    pub(crate) silence: Duration,
}

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The engine's clock in seconds since 1970, where it tells.
    pub(crate) date: Option<i64>,
    pub(crate) body: Vec<u8>,
}

/// What an image's inspection tells.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) json: ImageJson,
    pub(crate) driver: Option<Driver>,
}

/// A storage driver's own words about where something lies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Driver {
    pub(crate) name: String,
    pub(crate) upper: Option<String>,
    pub(crate) lower: Option<String>,
}

/// What a container's inspection tells.
#[derive(Debug)]
pub(crate) struct InspectedContainer {
    pub(crate) id: String,
    /// The id of its image.
    pub(crate) image: String,
    /// How its process is started.
    pub(crate) json: ImageJson,
    pub(crate) driver: Option<Driver>,
    /// Where it has something mounted.
    pub(crate) mounts: Vec<String>,
}

/// A container of ours, as the list tells it.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    #[serde(rename = "Id")]
    pub(crate) id: String,
    #[serde(rename = "Created", default)]
    pub(crate) created: i64,
    /// `created`, `running`.
    #[serde(rename = "State", default)]
    pub(crate) state: String,
    #[serde(rename = "Labels", default)]
    pub(crate) labels: std::collections::HashMap<String, String>,
}

impl Engine {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`ImageError::NoEngine`] when there is no such socket.
    pub(crate) fn new(address: Address, silence: Duration) -> Result<Self, ImageError> {
        let shown = address.shown();
        // bollard's own limit covers the time until an answer's head; ours cover every chunk.
        let seconds = silence.as_secs().max(1).saturating_mul(4);
        let version = bollard::API_DEFAULT_VERSION;
        let docker = match &address {
            #[cfg(unix)]
            Address::Unix(_) => Docker::connect_with_unix(&shown, seconds, version),
            #[cfg(windows)]
            Address::Pipe(_) => Docker::connect_with_named_pipe(&shown, seconds, version),
            Address::Tcp(_) => Docker::connect_with_http(&shown, seconds, version),
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(other_system(shown)),
            #[cfg(not(windows))]
            Address::Pipe(_) => return Err(other_system(shown)),
        };
        match docker {
            Ok(docker) => Ok(Self { docker, address, silence }),
            Err(bollard::errors::Error::SocketNotFoundError(_)) => Err(no_socket(&address)),
            Err(error) => Err(ImageError::NoEngine { address: shown, why: words(&error) }),
        }
    }

    /// Runs one step of a talk under the time limit.
    pub(crate) async fn within<T>(
        &self,
        what: &'static str,
        step: impl Future<Output = T>,
    ) -> Result<T, ImageError> {
        timeout(self.silence, step)
            .await
            .map_err(|_| ImageError::Silent { what, seconds: self.silence.as_secs() })
    }

    /// A request of bollard's, whose answer's head may take four times as long: creating and starting take the engine a
    /// while on a busy machine.
    pub(crate) async fn call<T>(
        &self,
        what: &'static str,
        request: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, ImageError> {
        let limit = self.silence.saturating_mul(4);
        match timeout(limit, request).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(ImageError::Engine { what, why: words(&error) }),
            Err(_) => Err(ImageError::Silent { what, seconds: limit.as_secs() }),
        }
    }

    /// Asks for JSON.
    ///
    /// # Errors
    /// [`ImageError::NoEngine`], [`ImageError::NoPermission`], [`ImageError::Silent`], [`ImageError::EngineTooOld`], and
    /// [`ImageError::Engine`] for an answer that is cut off or too large. A status that tells of a failure is no error here.
    pub(crate) async fn get(&self, what: &'static str, path: &str) -> Result<Answer, ImageError> {
        match &self.address {
            #[cfg(unix)]
            Address::Unix(socket) => {
                let io = self.within(what, tokio::net::UnixStream::connect(socket)).await?;
                let io = io.map_err(|error| self.cannot_connect(&error))?;
                self.exchange(what, io, "localhost", path).await
            }
            Address::Tcp(host) => {
                let io = self.within(what, tokio::net::TcpStream::connect(host.as_str())).await?;
                let io = io.map_err(|error| self.cannot_connect(&error))?;
                self.exchange(what, io, host, path).await
            }
            #[cfg(windows)]
            Address::Pipe(pipe) => {
                let name = pipe.replace('/', "\\");
                let io = tokio::net::windows::named_pipe::ClientOptions::new()
                    .open(name)
                    .map_err(|error| self.cannot_connect(&error))?;
                self.exchange(what, io, "localhost", path).await
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(other_system(self.address.shown())),
            #[cfg(not(windows))]
            Address::Pipe(_) => Err(other_system(self.address.shown())),
        }
    }

    fn cannot_connect(&self, error: &io::Error) -> ImageError {
        let address = self.address.shown();
        match error.kind() {
            io::ErrorKind::PermissionDenied => ImageError::NoPermission { address },
            io::ErrorKind::NotFound => no_socket(&self.address),
            _ => ImageError::NoEngine { address, why: format!("{error}; is it running?") },
        }
    }

    async fn exchange<S>(
        &self,
        what: &'static str,
        io: S,
        host: &str,
        path: &str,
    ) -> Result<Answer, ImageError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| ImageError::Engine { what, why: words(&error) };
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(failed)?;
        let connection = tokio::spawn(connection);
        let request = Request::get(path)
            .header("Host", host)
            .header("User-Agent", concat!("envdiff/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| ImageError::Engine { what, why: error.to_string() })?;
        let response = self.within(what, sender.send_request(request)).await?.map_err(failed)?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        if let Some(version) = header("Api-Version") {
            self.new_enough(version)?;
        }
        let date = header("Date").and_then(seconds_of_date);
        let mut incoming = response.into_body();
        let mut body = Vec::new();
        while let Some(frame) = self.within(what, incoming.frame()).await? {
            if let Ok(data) = frame.map_err(failed)?.into_data() {
                if (body.len() + data.len()) as u64 > JSON_BYTES {
                    return Err(ImageError::Engine {
                        what,
                        why: format!("it says more than {} MiB", JSON_BYTES >> 20),
                    });
                }
                body.extend_from_slice(&data);
            }
        }
        connection.abort();
        Ok(Answer { status, date, body })
    }

    fn new_enough(&self, version: &str) -> Result<(), ImageError> {
        let number = version.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        match number {
            Some(number) if number < OLDEST_API => {
                Err(ImageError::EngineTooOld { address: self.address.shown(), version: version.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// An image's configuration, layers with their instructions, and where it lies.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`] with the nearest names, and what [`Self::get`] says.
    pub(crate) async fn image(&self, name: &str) -> Result<Inspected, ImageError> {
        const WHAT: &str = "inspect the image";
        let path = format!("/images/{}", encoded(name));
        let inspection = format!("{path}/json");
        let history = format!("{path}/history");
        let (answer, history) =
            tokio::join!(self.get(WHAT, &inspection), self.get("tell the image's history", &history));
        let answer = answer?;
        match answer.status {
            200 => {}
            404 => {
                let names = self.image_names().await;
                // A name without a tag is compared with names without theirs.
                let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
                let shown = |tag: &'_ String| {
                    tag.strip_suffix(":latest").filter(|_| !has_tag).unwrap_or(tag).to_owned()
                };
                let names: Vec<String> = names.iter().map(shown).collect();
                let nearest = nearest(name, names.iter().map(String::as_str)).into_iter().map(str::to_owned);
                return Err(ImageError::NoSuchImage {
                    address: self.address.shown(),
                    name: name.to_owned(),
                    nearest: nearest.collect(),
                });
            }
            _ => return Err(refused(WHAT, &answer)),
        }
        let mut json = crate::read_image_json(&answer.body).map_err(|why| ImageError::Engine {
            what: WHAT,
            why: format!("its answer is no image: {why}"),
        })?;
        // Without a history the layers have no instructions; that is no reason to end.
        if let Ok(history) = history
            && history.status == 200
            && let Some(layers) = json.layers.take()
        {
            json.layers = Some(with_instructions(layers, &history.body));
        }
        Ok(Inspected { json, driver: driver(&answer.body) })
    }

    async fn image_names(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Image {
            #[serde(rename = "RepoTags", default)]
            tags: Option<Vec<String>>,
        }
        let Ok(answer) = self.get("list its images", "/images/json").await else { return Vec::new() };
        let images: Vec<Image> = serde_json::from_slice(&answer.body).unwrap_or_default();
        images
            .into_iter()
            .filter_map(|image| image.tags)
            .flatten()
            .filter(|tag| tag != "<none>:<none>")
            .collect()
    }

    /// A container's image and where its file system lies.
    ///
    /// # Errors
    /// [`ImageError::NoSuchContainer`] with the nearest names, and what [`Self::get`] says.
    pub(crate) async fn container(&self, name: &str) -> Result<InspectedContainer, ImageError> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(rename = "Id")]
            id: String,
            #[serde(rename = "Image", default)]
            image: String,
            #[serde(rename = "Mounts", default)]
            mounts: Option<Vec<RawMount>>,
        }
        #[derive(Deserialize)]
        struct RawMount {
            #[serde(rename = "Destination", default)]
            destination: String,
        }
        const WHAT: &str = "inspect the container";
        let answer = self.get(WHAT, &format!("/containers/{}/json", encoded(name))).await?;
        match answer.status {
            200 => {}
            404 => {
                let names = self.container_names().await;
                let nearest = nearest(name, names.iter().map(String::as_str)).into_iter().map(str::to_owned);
                return Err(ImageError::NoSuchContainer {
                    address: self.address.shown(),
                    name: name.to_owned(),
                    nearest: nearest.collect(),
                });
            }
            _ => return Err(refused(WHAT, &answer)),
        }
        let raw: Raw = serde_json::from_slice(&answer.body).map_err(|error| ImageError::Engine {
            what: WHAT,
            why: format!("its answer is no container: {error}"),
        })?;
        let json = crate::read_image_json(&answer.body).map_err(|why| ImageError::Engine {
            what: WHAT,
            why: format!("its answer is no container: {why}"),
        })?;
        Ok(InspectedContainer {
            json,
            id: raw.id,
            image: raw.image,
            driver: driver(&answer.body),
            mounts: raw.mounts.unwrap_or_default().into_iter().map(|mount| mount.destination).collect(),
        })
    }

    async fn container_names(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Container {
            #[serde(rename = "Names", default)]
            names: Option<Vec<String>>,
        }
        let Ok(answer) = self.get("list its containers", "/containers/json?all=1").await else {
            return Vec::new();
        };
        let containers: Vec<Container> = serde_json::from_slice(&answer.body).unwrap_or_default();
        let names = containers.into_iter().filter_map(|container| container.names).flatten();
        names.map(|name| name.trim_start_matches('/').to_owned()).collect()
    }

    /// Containers with a label of ours that were created and never started or that run, with the engine's clock.
    pub(crate) async fn left_over(&self, label: &str) -> Result<(Vec<Listed>, Option<i64>), ImageError> {
        const WHAT: &str = "list its containers";
        let filters = format!(r#"{{"status":["created","running"],"label":["{label}"]}}"#);
        let path = format!("/containers/json?all=1&filters={}", encoded(&filters));
        let answer = self.get(WHAT, &path).await?;
        if answer.status != 200 {
            return Err(refused(WHAT, &answer));
        }
        let listed = serde_json::from_slice(&answer.body)
            .map_err(|error| ImageError::Engine { what: WHAT, why: error.to_string() })?;
        Ok((listed, answer.date))
    }

    /// Removes a container with its anonymous volumes. That it is gone already, or just going, is no error.
    pub(crate) async fn remove(&self, container: &str, running_too: bool) -> Result<(), ImageError> {
        let options = bollard::query_parameters::RemoveContainerOptionsBuilder::default()
            .v(true)
            .force(running_too)
            .build();
        let request = self.docker.remove_container(container, Some(options));
        match timeout(self.silence.saturating_mul(4), request).await {
            Ok(
                Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. })
                | Ok(()),
            ) => Ok(()),
            Ok(Err(error)) => Err(ImageError::Engine { what: "remove our container", why: words(&error) }),
            Err(_) => {
                Err(ImageError::Silent { what: "remove our container", seconds: self.silence.as_secs() * 4 })
            }
        }
    }

    /// The file system of a container as a tar, chunk by chunk, each under the time limit.
    pub(crate) fn export(
        &self,
        container: &str,
    ) -> impl Stream<Item = Result<Bytes, ImageError>> + Send + use<> {
        const WHAT: &str = "export the file system";
        let engine = self.clone();
        let stream = Box::pin(self.docker.export_container(container));
        futures_util::stream::unfold(Some((engine, stream)), |state| async move {
            let (engine, mut stream) = state?;
            match engine.within(WHAT, stream.next()).await {
                Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some((engine, stream)))),
                Ok(Some(Err(error))) => {
                    Some((Err(ImageError::Engine { what: WHAT, why: words(&error) }), None))
                }
                Ok(None) => None,
                Err(silent) => Some((Err(silent), None)),
            }
        })
    }
}

fn no_socket(address: &Address) -> ImageError {
    ImageError::NoEngine {
        address: address.shown(),
        why: "there is no such socket; start Docker, or name another engine by DOCKER_HOST or `docker context use`"
            .to_owned(),
    }
}

fn other_system(address: String) -> ImageError {
    ImageError::NoEngine { address, why: "this system has no such sockets".to_owned() }
}

/// The engine's own message of an answer that tells of a failure.
fn refused(what: &'static str, answer: &Answer) -> ImageError {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let why = serde_json::from_slice::<Message>(&answer.body).map_or_else(|_| String::new(), |m| m.message);
    ImageError::Engine { what, why: format!("status {}: {}", answer.status, shortened(&why)) }
}

/// An error with its causes.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(bollard::errors::Error::DockerResponseServerError { message, .. }) =
        error.downcast_ref::<bollard::errors::Error>()
    {
        return shortened(message);
    }
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !out.contains(&more) {
            out.push_str(": ");
            out.push_str(&more);
        }
        cause = error.source();
    }
    shortened(&out)
}

/// Foreign words of an engine, on one line, at most 4,096 characters, without what a terminal would obey.
fn shortened(text: &str) -> String {
    let text = text.trim();
    text.chars().take(4096).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// What may stand in a path of the API; the rest as `%XX`. A slash stays: names of images have them.
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `GraphDriver` of an inspection, whatever else is odd in it.
fn driver(json: &[u8]) -> Option<Driver> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(rename = "GraphDriver", default)]
        driver: serde_json::Value,
    }
    let raw: Raw = serde_json::from_slice(json).ok()?;
    let word = |value: Option<&serde_json::Value>| value?.as_str().map(str::to_owned);
    let data = raw.driver.get("Data");
    Some(Driver {
        name: word(raw.driver.get("Name"))?,
        upper: word(data.and_then(|data| data.get("UpperDir"))),
        lower: word(data.and_then(|data| data.get("LowerDir"))),
    })
}

/// Pairs the layers with the history that the engine tells, the newest entry first. It does not say which entries made
/// a layer; one that has a size did, one of an instruction that only changes the configuration did not, and `WORKDIR` may
/// have.
fn with_instructions(layers: Vec<envdiff_model::Layer>, history: &[u8]) -> Vec<envdiff_model::Layer> {
    #[derive(Deserialize)]
    struct Entry {
        #[serde(rename = "CreatedBy", default)]
        created_by: Option<String>,
        #[serde(rename = "Size", default)]
        size: serde_json::Value,
    }
    let Ok(mut entries) = serde_json::from_slice::<Vec<Entry>>(history) else { return layers };
    entries.reverse();
    let made = |entry: &Entry, workdir: bool| {
        if entry.size.as_f64().is_some_and(|size| size > 0.0) {
            return true;
        }
        let instruction = crate::instruction(entry.created_by.as_deref().unwrap_or_default());
        let text = instruction.to_lossy();
        match text.split_ascii_whitespace().next().unwrap_or_default() {
            "RUN" | "COPY" | "ADD" => true,
            "WORKDIR" => workdir,
            _ => false,
        }
    };
    for workdir in [true, false] {
        let steps: Vec<Option<&str>> = entries
            .iter()
            .filter(|entry| made(entry, workdir))
            .map(|entry| entry.created_by.as_deref())
            .collect();
        if steps.len() == layers.len() {
            return crate::layers_of(layers.into_iter().map(|layer| layer.id), &steps);
        }
    }
    layers
}

/// Seconds since 1970 of an HTTP date, `Mon, 23 Nov 2026 20:20:23 GMT` (RFC 9110, section 5.6.7).
fn seconds_of_date(date: &str) -> Option<i64> {
    let mut parts = date.split_once(", ")?.1.split([' ', ':']);
    let number = |parts: &mut dyn Iterator<Item = &str>| parts.next()?.parse::<i64>().ok();
    let day = number(&mut parts)?;
    let month = parts.next()?;
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i64::try_from(names.iter().position(|name| *name == month)?).ok()?;
    let (year, hour, minute, second) =
        (number(&mut parts)?, number(&mut parts)?, number(&mut parts)?, number(&mut parts)?);
    // Years counted from March, so that the leap day is the last.
    let (y, m) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (306 * m + 5) / 10 + day
        - 1
        - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use envdiff_model::{Layer, Text};

    use super::{Driver, driver, encoded, seconds_of_date, with_instructions};

    #[test]
    fn dates_are_counted() {
        assert_eq!(seconds_of_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds_of_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds_of_date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        assert_eq!(seconds_of_date("yesterday"), None);
    }

    #[test]
    fn odd_drivers_are_passed_over() {
        assert_eq!(driver(b"{}"), None);
        assert_eq!(driver(br#"{"GraphDriver":null}"#), None);
        assert_eq!(
            driver(br#"{"GraphDriver":{"Name":"overlay2","Data":null}}"#),
            Some(Driver { name: "overlay2".to_owned(), upper: None, lower: None })
        );
        let full =
            br#"{"GraphDriver":{"Name":"overlay2","Data":{"UpperDir":"/a","LowerDir":"/b:/c","WorkDir":7}}}"#;
        assert_eq!(driver(full).unwrap().lower.as_deref(), Some("/b:/c"));
    }

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        assert_eq!(encoded("a/b:1@sha256:2"), "a/b:1@sha256:2");
        assert_eq!(encoded("a?b#c d%\r\nX"), "a%3Fb%23c%20d%25%0D%0AX");
    }

    #[test]
    fn instructions_are_given_where_the_history_fits() {
        let layers =
            || ["sha256:1", "sha256:2"].map(|id| Layer { id: Text::from(id), instruction: None }).to_vec();
        let classic = br##"[{"CreatedBy":"/bin/sh -c #(nop)  CMD [\"x\"]","Size":0},{"CreatedBy":"/bin/sh -c true","Size":0},
            {"CreatedBy":"/bin/sh -c #(nop) WORKDIR /srv","Size":0},{"CreatedBy":"/bin/sh -c #(nop) ADD file:1 in / ","Size":9}]"##;
        let told = with_instructions(layers(), classic);
        assert_eq!(told.first().unwrap().instruction, Some(Text::from("ADD file:1 in /")));
        assert_eq!(told.get(1).unwrap().instruction, Some(Text::from("RUN true")));
        assert!(with_instructions(layers(), b"[{}]").iter().all(|layer| layer.instruction.is_none()));
        assert!(with_instructions(layers(), b"x").iter().all(|layer| layer.instruction.is_none()));
    }
}
