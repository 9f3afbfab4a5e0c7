//! A mock engine: silence, odd words, broken frames, all told in one line and never waited for too long.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use envdiff_files::{Ask, ImagePath, Source as _};
use envdiff_model::ImageConfig;

use super::silent;
use crate::docker::client::Engine;
use crate::docker::container::Plan;
use crate::docker::context::Address;
use crate::docker::exec::{Exec, Gpus, Heard, Runnable, listen};
use crate::docker::open_image_of;
use crate::docker::reactor::settle;
use crate::docker::walker::{WalkerSource, Way};
use crate::limits::{EXEC_NOISE, EXEC_OUTPUT};
use crate::{ImageError, OpenOptions};

const SILENCE: Duration = Duration::from_millis(400);

/// An engine that answers as a function says: bytes, and whether the connection then stays open.
struct Mock {
    folder: tempfile::TempDir,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Mock {
    fn new(answer: impl Fn(&str) -> (Vec<u8>, bool) + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, hears) = (Arc::clone(&answer), Arc::clone(&hears));
                std::thread::spawn(move || serve(stream, &*answer, &hears));
            }
        });
        Self { folder, heard }
    }

    fn engine(&self) -> Engine {
        Engine::new(Address::Unix(self.folder.path().join("s")), SILENCE).unwrap()
    }

    fn heard(&self, what: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|line| line.starts_with(what))
    }
}

fn serve(mut stream: UnixStream, answer: &dyn Fn(&str) -> (Vec<u8>, bool), hears: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        request.push(byte[0]);
    }
    let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    hears.lock().unwrap().push(line.clone());
    let (bytes, stays) = answer(&line);
    let _ = stream.write_all(&bytes);
    if stays {
        // Until the other side goes.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
}

fn json(status: u16, body: &str) -> (Vec<u8>, bool) {
    let head = format!("HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n");
    (format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes(), false)
}

fn open(mock: &Mock) -> Result<crate::Files, ImageError> {
    open_image_of(mock.engine(), "serve:1", &OpenOptions::default(), &silent())
}

fn said(mock: &Mock) -> String {
    open(mock).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_silent_engine_is_given_up() {
    let begin = Instant::now();
    let mock = Mock::new(|_| (Vec::new(), true));
    assert!(said(&mock).contains("was silent for 0 s while it should inspect the image"), "{}", said(&mock));
    let half = Mock::new(|_| (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{\"Id\":".to_vec(), true));
    assert!(matches!(open(&half), Err(ImageError::Silent { .. })));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn what_cannot_be_an_answer_is_said() {
    let cut = Mock::new(|_| (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{\"Id\":".to_vec(), false));
    assert!(said(&cut).starts_with("the engine could not inspect the image: "), "{}", said(&cut));
    let gibberish = Mock::new(|_| (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), false));
    assert!(said(&gibberish).starts_with("the engine could not inspect the image: "), "{}", said(&gibberish));
    let old = Mock::new(|_| {
        (b"HTTP/1.1 200 OK\r\nApi-Version: 1.40\r\nContent-Length: 2\r\n\r\n{}".to_vec(), false)
    });
    assert!(said(&old).contains("speaks API 1.40; 1.41 (Docker 20.10) or newer is needed"), "{}", said(&old));
    let broken = Mock::new(|_| json(500, r#"{"message":"disk \u001b[31mfull"}"#));
    assert_eq!(said(&broken), "the engine could not inspect the image: status 500: disk  [31mfull");
    let list = Mock::new(|_| json(200, "[]"));
    assert!(said(&list).contains("its answer is no image"), "{}", said(&list));
    let missing = Mock::new(|line| match line.contains("/images/json") {
        true => json(200, r#"[{"RepoTags":["serve:2","debian:12"]},{"RepoTags":null},{}]"#),
        false => json(404, r#"{"message":"No such image"}"#),
    });
    assert!(said(&missing).ends_with("has no image \"serve:1\"; there is serve:2"), "{}", said(&missing));
    let nobody = Engine::new(Address::Unix("/nowhere/docker.sock".into()), SILENCE)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        nobody.starts_with("no container engine answers at unix:///nowhere/docker.sock: there is no such"),
        "{nobody}"
    );
    let windows = Mock::new(|_| json(200, r#"{"Os":"windows","Architecture":"amd64","Config":{}}"#));
    assert!(
        said(&windows).starts_with("image \"serve:1\" is for windows/amd64, not for linux"),
        "{}",
        said(&windows)
    );
}

#[test]
fn odd_fields_do_not_end_a_run() {
    let odd = Mock::new(|line| match line.contains("/history") {
        true => json(200, r#"{"not":"a list"}"#),
        false => json(
            200,
            r#"{"Id":"sha256:1","Os":"linux","Architecture":"riscv64","Size":1.5,"Created":7,"GraphDriver":{"Name":"new"},
            "Config":{"Entrypoint":"/x","Env":null,"New":{"a":1}},"RootFS":{"Type":"new","Layers":["sha256:2"]}}"#,
        ),
    });
    let files = open(&odd).unwrap();
    assert_eq!(files.config.unwrap().entrypoint, [envdiff_model::Text::from("/x")]);
    assert_eq!(files.target.layers.unwrap().len(), 1);
    drop(files.source);
    settle();
}

fn heard(mock: &Mock, gpus: Option<Gpus>) -> Heard {
    let plan = Plan::new("sha256:1".to_owned(), &ImageConfig::default(), None);
    let exec = Exec { command: vec!["/python".to_owned()], gpus, ..Exec::default() };
    let heard = listen(Runnable::new(mock.engine(), plan), exec, Duration::from_secs(2), &silent()).unwrap();
    settle();
    assert!(mock.heard("DELETE /containers/c1?"), "it is removed");
    heard
}

/// A frame of stderr.
fn noise(payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}

#[test]
fn an_interpreter_is_heard_within_bounds() {
    let all =
        heard(&with_output([framed(b"answer"), noise(b"a\nlast\n\n"), framed(b"s")].concat(), false), None);
    assert_eq!((&*all.output, all.ended, all.last_words.as_deref()), (&b"answers"[..], None, Some("last")));

    let endless = heard(&with_output(framed(b"answer"), true), None);
    assert_eq!(endless.output, b"answer");
    assert_eq!(endless.ended.as_deref(), Some("it did not come to its end within 2 s"));

    let chunk = vec![b'x'; 1 << 20];
    let four: Vec<u8> = framed(&chunk).repeat(EXEC_OUTPUT >> 20);
    assert_eq!(heard(&with_output(four.clone(), false), None).ended, None);
    let more = heard(&with_output([four, framed(b"x")].concat(), true), None);
    assert_eq!((more.output.len(), more.ended.as_deref()), (EXEC_OUTPUT, Some("it said more than 4 MiB")));

    let loud: Vec<u8> = noise(&chunk).repeat(EXEC_NOISE >> 20);
    assert_eq!(heard(&with_output(loud.clone(), false), None).ended, None);
    let louder = heard(&with_output([loud, noise(b"x")].concat(), true), None);
    assert_eq!(louder.ended.as_deref(), Some("it printed more than 64 MiB of messages"));
}

#[test]
fn an_engine_without_gpus_starts_the_interpreter_without_them() {
    let starts = Arc::new(Mutex::new(0));
    let count = Arc::clone(&starts);
    let refusing = Mock::new(move |line| {
        if line.contains("/attach") {
            let head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
            return ([&head[..], &framed(b"answer")].concat(), *count.lock().unwrap() == 0);
        }
        if line.contains("/start") {
            let mut count = count.lock().unwrap();
            *count += 1;
            if *count == 1 {
                return json(
                    500,
                    r#"{"message":"could not select device driver \"\" with capabilities: [[gpu]]"}"#,
                );
            }
        }
        match line.contains("/create") {
            true => json(201, r#"{"Id":"c1","Warnings":null}"#),
            false if line.contains("/containers/json") => json(200, "[]"),
            false => (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(), false),
        }
    });
    let said = heard(&refusing, Some(Gpus::All));
    assert_eq!((&*said.output, said.ended), (&b"answer"[..], None));
    let why = said.without_gpus.unwrap();
    assert!(why.contains("could not select device driver"), "{why}");
}

/// What the walker's output is, framed as the engine frames it.
fn framed(payload: &[u8]) -> Vec<u8> {
    [&[1, 0, 0, 0][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}

fn with_output(output: Vec<u8>, stays: bool) -> Mock {
    Mock::new(move |line| {
        if line.contains("/attach") {
            let head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
            return ([&head[..], &output].concat(), stays);
        }
        if line.contains("/create") {
            return json(201, r#"{"Id":"c1","Warnings":null}"#);
        }
        if line.contains("/containers/json") {
            return json(200, "[]");
        }
        match line.starts_with("PUT") {
            true => json(200, ""),
            false => (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(), false),
        }
    })
}

fn asked(mock: &Mock) -> String {
    let plan = Plan::new("sha256:1".to_owned(), &ImageConfig::default(), None);
    let mut walker = WalkerSource::start(mock.engine(), plan, "amd64", &[Way::Volume], silent()).unwrap();
    let result = walker.answer(&[Ask::Stat(ImagePath::root())]);
    drop(walker);
    settle();
    assert!(mock.heard("DELETE /containers/c1?"), "it is removed");
    match result {
        Ok(replies) => format!("{replies:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn frames_are_checked_and_the_container_is_removed_whatever_comes() {
    let good = [&b"EDW1"[..], &[0, 1, 1, 0], &[0; 12], b"/", &[0; 4]].concat();
    assert!(asked(&with_output(framed(&good), true)).contains("Stat(Stat { kind: Folder, size: 0 })"));
    for (output, wanted) in [
        (framed(b"bash: command not found"), "it is not our program that answers"),
        (framed(&[b"EDW1", &[9_u8; 16][..]].concat()), "an unknown status"),
        (framed(&[&good[..20], &[0xF0; 8]].concat()), "a path that is none"),
        ([&[2, 0, 0, 0, 0, 0, 0, 3][..], b"err"].concat(), "what came is not our program's output"),
        (b"plain words".to_vec(), "what came is not our program's output"),
    ] {
        let said = asked(&with_output(output, true));
        assert!(said.contains(wanted), "{said} / {wanted}");
    }
    let said = asked(&with_output(framed(b"EDW1"), false));
    assert!(said.contains("has ended") || said.contains("answer"), "{said}");
    let begin = Instant::now();
    let said = asked(&with_output(framed(b"EDW1"), true));
    assert!(said.contains("was silent"), "{said}");
    assert!(begin.elapsed() < Duration::from_secs(10));
}
