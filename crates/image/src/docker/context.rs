//! Environment and the Docker CLI's files in, the engine that the CLI would speak to out.
//!
//! The order is the CLI's (28.2, `cli/command/cli.go`, `resolveContextName`): `DOCKER_HOST`, `DOCKER_CONTEXT`,
//! `currentContext` of its configuration, the default socket.

use std::env;
use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::ImageError;
use crate::limits::CLI_FILE;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
    /// A named pipe of Windows.
    Pipe(String),
}

impl Address {
    /// Whether the engine runs on this machine itself; behind a pipe of Windows it runs in a virtual one.
    pub(crate) const fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// As the CLI writes it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp(host) => format!("tcp://{host}"),
            Self::Pipe(path) => format!("npipe://{path}"),
        }
    }
}

/// What decides, taken from the process once so that tests can give their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) host: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) config_dir: Option<PathBuf>,
    /// `DOCKER_TLS_VERIFY` is set and not empty.
    pub(crate) tls: bool,
}

impl Settings {
    /// From the environment of this process; an empty variable counts as none, as for the CLI.
    pub(crate) fn of_process() -> Self {
        let var = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let config_dir =
            var("DOCKER_CONFIG").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".docker")));
        Self {
            host: var("DOCKER_HOST"),
            context: var("DOCKER_CONTEXT"),
            config_dir,
            tls: var("DOCKER_TLS_VERIFY").is_some(),
        }
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext", default)]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct MetaFile {
    #[serde(rename = "Endpoints", default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: Option<String>,
}

/// The engine that the Docker CLI would use.
///
/// # Errors
/// [`ImageError::BadContext`] for a context that is not there or cannot be read, and for an address of a kind that is not
/// built in.
pub(crate) fn find(settings: &Settings) -> Result<Address, ImageError> {
    if let Some(host) = &settings.host {
        return parse(host, settings.tls, || "DOCKER_HOST".to_owned());
    }
    let (name, named_by) = match &settings.context {
        Some(name) => (Some(name.clone()), "DOCKER_CONTEXT"),
        None => (current_context(settings)?, "the Docker CLI's configuration"),
    };
    match name {
        Some(name) if name != "default" => {
            let host = host_of_context(settings, &name, named_by)?;
            parse(&host, false, || format!("context {name:?} of {named_by}"))
        }
        _ => Ok(default_address()),
    }
}

#[cfg(not(windows))]
fn default_address() -> Address {
    Address::Unix(PathBuf::from("/var/run/docker.sock"))
}
#[cfg(windows)]
fn default_address() -> Address {
    Address::Pipe("//./pipe/docker_engine".to_owned())
}

fn read(path: &PathBuf) -> Result<Option<Vec<u8>>, ImageError> {
    let read = || {
        let mut content = Vec::new();
        fs::File::open(path)?.take(CLI_FILE + 1).read_to_end(&mut content)?;
        if content.len() as u64 > CLI_FILE {
            let why = format!("larger than {} MiB", CLI_FILE >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(content)
    };
    match read() {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => {
            Err(ImageError::BadContext { what: path.display().to_string(), why: error.to_string() })
        }
    }
}

fn current_context(settings: &Settings) -> Result<Option<String>, ImageError> {
    let Some(path) = settings.config_dir.as_ref().map(|dir| dir.join("config.json")) else { return Ok(None) };
    let Some(content) = read(&path)? else { return Ok(None) };
    let file: ConfigFile = serde_json::from_slice(&content).map_err(|error| ImageError::BadContext {
        what: path.display().to_string(),
        why: error.to_string(),
    })?;
    Ok(file.current_context.filter(|name| !name.is_empty()))
}

fn host_of_context(settings: &Settings, name: &str, named_by: &str) -> Result<String, ImageError> {
    let unknown =
        |why: String| ImageError::BadContext { what: format!("context {name:?} of {named_by}"), why };
    let Some(dir) = &settings.config_dir else {
        return Err(unknown("there is no home folder to look for it".to_owned()));
    };
    let contexts = dir.join("contexts").join("meta");
    let mut digest = String::with_capacity(64);
    for byte in Sha256::digest(name.as_bytes()) {
        digest.push_str(&format!("{byte:02x}"));
    }
    let path = contexts.join(digest).join("meta.json");
    let Some(content) = read(&path)? else {
        return Err(unknown(format!("it is not there ({}); see `docker context ls`", path.display())));
    };
    let meta: MetaFile = serde_json::from_slice(&content).map_err(|error| ImageError::BadContext {
        what: path.display().to_string(),
        why: error.to_string(),
    })?;
    meta.endpoints
        .docker
        .and_then(|endpoint| endpoint.host)
        .filter(|host| !host.is_empty())
        .ok_or_else(|| unknown("it names no engine".to_owned()))
}

fn parse(host: &str, tls: bool, what: impl Fn() -> String) -> Result<Address, ImageError> {
    let refuse =
        |why: &str| Err(ImageError::BadContext { what: format!("{} {host:?}", what()), why: why.to_owned() });
    let Some((scheme, rest)) = host.split_once("://") else {
        return refuse("not of the form unix://PATH or tcp://HOST:PORT");
    };
    match scheme {
        "unix" if rest.is_empty() => Ok(default_address()),
        "unix" => Ok(Address::Unix(PathBuf::from(rest))),
        "npipe" => Ok(Address::Pipe(rest.to_owned())),
        "tcp" | "http" if tls => refuse(NO_TLS),
        "tcp" | "http" => {
            let rest = rest.trim_end_matches('/');
            let host = if rest.is_empty() { "127.0.0.1" } else { rest };
            let has_port = host.rsplit_once(':').is_some_and(|(before, port)| {
                port.parse::<u16>().is_ok() && (!before.contains(':') || before.ends_with(']'))
            });
            Ok(Address::Tcp(if has_port { host.to_owned() } else { format!("{host}:2375") }))
        }
        "https" => refuse(NO_TLS),
        "ssh" => refuse(
            "engines behind ssh are not built in; forward the socket with \
             `ssh -nNT -L ~/docker.sock:/var/run/docker.sock HOST` and set DOCKER_HOST=unix://$HOME/docker.sock",
        ),
        _ => refuse("an unknown kind of address; unix:// and tcp:// are known"),
    }
}

const NO_TLS: &str = "TLS is not built in; forward the engine's socket with \
     `ssh -nNT -L ~/docker.sock:/var/run/docker.sock HOST` and set DOCKER_HOST=unix://$HOME/docker.sock";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::fs;
    use std::path::PathBuf;

    use super::{Address, Settings, find};

    #[test]
    fn only_a_socket_of_this_machine_is_local() {
        assert!(unix("/run/docker.sock").is_local());
        assert!(!Address::Tcp("10.0.0.2:2375".to_owned()).is_local());
        assert!(!Address::Pipe("//./pipe/docker_engine".to_owned()).is_local());
    }

    fn unix(path: &str) -> Address {
        Address::Unix(PathBuf::from(path))
    }

    #[test]
    fn the_order_is_host_context_configuration_default() {
        let dir = tempfile::tempdir().unwrap();
        // sha256("foo"), as `docker context create foo` names its folder.
        let meta =
            dir.path().join("contexts/meta/2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae");
        fs::create_dir_all(&meta).unwrap();
        fs::write(
            meta.join("meta.json"),
            r#"{"Name":"foo","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///foo.sock","SkipTLSVerify":false}}}"#,
        )
        .unwrap();
        let mut settings = Settings { config_dir: Some(dir.path().to_owned()), ..Settings::default() };
        assert_eq!(find(&settings).unwrap(), unix("/var/run/docker.sock"));
        fs::write(dir.path().join("config.json"), r#"{"auths":{},"currentContext":"foo"}"#).unwrap();
        assert_eq!(find(&settings).unwrap(), unix("/foo.sock"));
        settings.context = Some("default".to_owned());
        assert_eq!(find(&settings).unwrap(), unix("/var/run/docker.sock"));
        settings.context = Some("bar".to_owned());
        let said = find(&settings).unwrap_err().to_string();
        assert!(said.starts_with("context \"bar\" of DOCKER_CONTEXT: it is not there"), "{said}");
        settings.host = Some("unix:///host.sock".to_owned());
        assert_eq!(find(&settings).unwrap(), unix("/host.sock"));
        fs::write(dir.path().join("config.json"), "{").unwrap();
        assert_eq!(find(&settings).unwrap(), unix("/host.sock"));
        settings.host = None;
        settings.context = None;
        assert!(find(&settings).unwrap_err().to_string().contains("config.json"));
    }

    #[test]
    fn addresses_are_read_as_the_cli_reads_them() {
        let at = |host: &str, tls| {
            find(&Settings { host: Some(host.to_owned()), tls, ..Settings::default() })
                .map_err(|e| e.to_string())
        };
        let tcp = |host: &str| Ok(Address::Tcp(host.to_owned()));
        assert_eq!(at("tcp://10.0.0.1:2375", false), tcp("10.0.0.1:2375"));
        assert_eq!(at("tcp://10.0.0.1", false), tcp("10.0.0.1:2375"));
        assert_eq!(at("tcp://[::1]:4000/", false), tcp("[::1]:4000"));
        assert_eq!(at("tcp://[::1]", false), tcp("[::1]:2375"));
        assert_eq!(at("tcp://", false), tcp("127.0.0.1:2375"));
        assert!(at("tcp://10.0.0.1:2376", true).unwrap_err().contains("TLS is not built in"));
        assert!(at("ssh://user@host", false).unwrap_err().contains("ssh are not built in"));
        assert!(at("/var/run/docker.sock", false).unwrap_err().contains("not of the form"));
        assert!(at("fd://3", false).unwrap_err().contains("unknown kind"));
    }

    #[test]
    fn a_configuration_of_the_docker_cli_has_at_most_16_mib() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { config_dir: Some(dir.path().to_owned()), ..Settings::default() };
        let config = dir.path().join("config.json");
        let told = |len: u64| {
            let mut json = b"{}".to_vec();
            json.resize(usize::try_from(len).unwrap(), b' ');
            std::fs::write(&config, json).unwrap();
            super::find(&settings).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(told(super::CLI_FILE), Ok(()));
        assert_eq!(told(super::CLI_FILE + 1), Err(format!("{}: larger than 16 MiB", config.display())));
    }
}
