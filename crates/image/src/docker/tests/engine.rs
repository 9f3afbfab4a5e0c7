//! The real engine: every way tells what the literal tells, nothing of the image's is run, nothing stays.

use std::fmt::Write as _;

use envdiff_files::{Answered, Ask, ImagePath, Likely, Reply, Source};

use super::{docker, engine, odd, silent};
use crate::docker::auto::Image;
use crate::docker::client::Engine;
use crate::docker::container::{FOLDER, Plan};
use crate::docker::reactor::{reactor, settle};
use crate::docker::walker::{WalkerSource, Way};
use crate::docker::{open_container_of, open_image_of};
use crate::{ImageError, OpenOptions, ReadBy};

const LIKELY: Likely = Likely {
    names: &["short", "long"],
    suffixes: &[".pth"],
    folders: &[],
    programs: &[],
    paths: &["etc/passwd"],
    limit: 4 << 20,
    ..Likely::NONE
};

/// Replies as text, without the layers that not every source knows.
fn told(asks: &[Ask], replies: Vec<Reply>) -> Vec<String> {
    assert_eq!(asks.len(), replies.len());
    asks.iter()
        .zip(replies)
        .map(|(ask, reply)| {
            let reply = match reply {
                Reply::Answered(answered) => Reply::Answered(Answered { layer: None, ..answered }),
                other => other,
            };
            let mut out = String::new();
            let _ = write!(out, "{ask:?} -> {reply:?}");
            // Contents are compared by their length and ends.
            if out.len() > 4000 {
                let cut = |at: usize| (at..out.len()).find(|at| out.is_char_boundary(*at)).unwrap_or(0);
                out = format!("{}...{}...{}", &out[..cut(1500)], out.len(), &out[cut(out.len() - 1500)..]);
            }
            out
        })
        .collect()
}

fn truth() -> Vec<String> {
    let asks = odd::questions();
    let replies = odd::literal().answer(&asks).unwrap();
    told(&asks, replies)
}

fn assert_true(way: &str, asks: &[Ask], replies: Vec<Reply>, truth: &[String]) {
    let have = told(asks, replies);
    let wrong: Vec<String> = have
        .iter()
        .zip(truth)
        .filter(|(have, truth)| have != truth)
        .map(|(have, truth)| format!("{way}: {have}\n   truth: {truth}\n"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), have.len(), wrong.concat());
}

fn image(engine: &Engine, name: &str) -> Image {
    let (asked, of) = (engine.clone(), name.to_owned());
    let inspected = reactor().unwrap().wait(async move { asked.image(&of).await }).unwrap();
    let json = inspected.json;
    Image::new(
        engine.clone(),
        name,
        json.id.as_ref(),
        &json.config,
        inspected.driver,
        None,
        &OpenOptions::default(),
    )
}

fn walker(engine: &Engine, name: &str, ways: &'static [Way]) -> WalkerSource {
    let plan: Plan = image(engine, name).plan().clone();
    WalkerSource::start(engine.clone(), plan, "amd64", ways, silent()).unwrap()
}

#[test]
fn the_walker_tells_the_truth_by_bind_and_by_volume() {
    let Some(engine) = engine() else { return };
    odd::load();
    let (asks, truth) = (odd::questions(), truth());
    for (way, ways) in [("bind", &[Way::Bind][..]), ("volume", &[Way::Volume])] {
        let mut walker = walker(&engine, odd::NAME, ways);
        assert_true(way, &asks, walker.answer(&asks).unwrap(), &truth);
        // One by one and backwards: what it remembers of the last question must not show.
        for (ask, truth) in asks.iter().zip(&truth).rev() {
            let replies = walker.answer(std::slice::from_ref(ask)).unwrap();
            assert_true(way, std::slice::from_ref(ask), replies, std::slice::from_ref(truth));
        }
    }
    settle();
}

#[test]
fn a_name_that_is_no_text_is_told_as_its_bytes() {
    let Some(engine) = engine() else { return };
    odd::load();
    let path = ImagePath::new(b"/names/not\xffutf8\n").unwrap();
    for read in [ReadBy::Walker, ReadBy::Export] {
        let options = OpenOptions { read, ..OpenOptions::default() };
        let mut files = open_image_of(engine.clone(), odd::NAME, &options, &silent()).unwrap();
        let replies = files
            .source
            .answer(&[Ask::Stat(path.clone()), Ask::List(ImagePath::new("/names").unwrap())])
            .unwrap();
        let told = format!("{replies:?}");
        assert!(told.contains("Stat(Stat { kind: File, size: 5 })"), "{told}");
        assert!(told.contains(&format!("{:?}", b"not\xffutf8\n")), "{told}");
    }
    settle();
}

#[test]
fn layers_export_and_a_container_tell_the_truth() {
    let Some(engine) = engine() else { return };
    odd::load();
    let (asks, truth) = (odd::questions(), truth());
    for read in [ReadBy::Layers, ReadBy::Export, ReadBy::Auto] {
        let options = OpenOptions { read, likely: Some(LIKELY), ..OpenOptions::default() };
        let files = open_image_of(engine.clone(), odd::NAME, &options, &silent());
        let mut files = match files {
            Err(ImageError::NotLayers { reason }) if read == ReadBy::Layers => {
                eprintln!("layers skipped: {reason}");
                continue;
            }
            files => files.unwrap(),
        };
        files.source.expect(&LIKELY);
        assert_true(&format!("{read:?}"), &asks, files.source.answer(&asks).unwrap(), &truth);
        files.told.complete(&mut files.target);
        let layers = files.target.layers.unwrap();
        assert_eq!(layers[1].instruction, Some(envdiff_model::Text::from("RUN make")));
    }
    let id = docker(&["create", odd::NAME]);
    for read in [ReadBy::Export, ReadBy::Auto] {
        let options = OpenOptions { read, ..OpenOptions::default() };
        let mut files = open_container_of(engine.clone(), &id, &options, &silent()).unwrap();
        files.source.expect(&LIKELY);
        let replies = files.source.answer(&asks).unwrap();
        assert_true(&format!("container {read:?}"), &asks, replies, &truth);
        assert_eq!(files.config.unwrap().entrypoint, [envdiff_model::Text::from("/bin/entry")]);
    }
    docker(&["rm", &id]);
    settle();
}

#[test]
fn below_a_volume_the_walker_is_blind_and_the_export_is_not() {
    let Some(engine) = engine() else { return };
    odd::load();
    let asks: Vec<Ask> = ["/data/inside", "/opt/into-data/inside", "/data/gone", "/opt/app/a.txt"]
        .iter()
        .filter_map(ImagePath::new)
        .map(|path| Ask::Read { path, limit: 99 })
        .collect();
    let options = |read| OpenOptions { read, ..OpenOptions::default() };
    let mut files =
        open_image_of(engine.clone(), odd::WITH_VOLUME, &options(ReadBy::Walker), &silent()).unwrap();
    let told = files.source.answer(&asks).unwrap();
    for reply in told.iter().take(3) {
        assert_eq!(format!("{reply:?}"), "Unreadable(BelowVolume(/data))");
    }
    assert!(matches!(told[3], Reply::Answered(_)));
    let mut files =
        open_image_of(engine.clone(), odd::WITH_VOLUME, &options(ReadBy::Export), &silent()).unwrap();
    let told = files.source.answer(&asks).unwrap();
    assert!(matches!(told[0], Reply::Answered(_)) && matches!(told[1], Reply::Answered(_)));
    assert!(matches!(told[2], Reply::Absent));
    // What `auto` does when there are no layer folders.
    let mut image = image(&engine, odd::WITH_VOLUME);
    image.forget_layers();
    let told = crate::Told::default();
    let mut source =
        crate::docker::auto::AutoSource::open(image, ReadBy::Auto, silent(), told.clone()).unwrap();
    assert_eq!(source.gathered_by(), "walker");
    let replies = source.answer(&asks).unwrap();
    assert!(matches!(replies[0], Reply::Answered(_)));
    assert_eq!(source.gathered_by(), "export");
    files.target.notices.clear();
    told.complete(&mut files.target);
    assert_eq!(files.target.gathered_by, "export");
    assert!(
        format!("{:?}", files.target.notices).contains("below the volume /data"),
        "{:?}",
        files.target.notices
    );
    settle();
}

/// Programs in the layer folders, whose every reading is watched: what is run is read first. (Opening tells nothing:
/// fuse-overlayfs opens whatever is looked at.)
#[cfg(target_os = "linux")]
#[test]
fn nothing_of_the_image_is_run() {
    use rustix::fs::inotify;
    let Some(engine) = engine() else { return };
    odd::load();
    // Everything that the configuration or a habit of engines would run is in the image, as a file of its own.
    let dockerfile = "FROM envdiff-test/odd:2\nCOPY marker /bin/sh\nCOPY marker /bin/entry\nCOPY marker /bin/health\n\
        COPY marker /sbin/init\nCOPY marker /walker\nENV PATH=/bin LD_PRELOAD=/bin/health\nWORKDIR /bin\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    let marker = folder.path().join("marker");
    std::fs::write(&marker, crate::docker::program::program("amd64").unwrap()).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&marker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let name = "envdiff-test/markers:1";
    let status = std::process::Command::new("docker")
        .args(["build", "--quiet", "--tag", name])
        .arg(folder.path())
        .env("DOCKER_BUILDKIT", "0")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let lower = docker(&[
        "image",
        "inspect",
        "--format",
        "{{index .GraphDriver.Data \"UpperDir\"}}:{{index .GraphDriver.Data \"LowerDir\"}}",
        name,
    ]);
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
    let mut watched = 0;
    for file in ["bin/sh", "bin/entry", "bin/health", "sbin/init", "walker"] {
        for layer in lower.split(':') {
            let path = std::path::Path::new(layer).join(file);
            watched += usize::from(inotify::add_watch(&watch, &path, inotify::WatchFlags::ACCESS).is_ok());
        }
    }
    if watched < 5 {
        eprintln!("skipped: the layer folders cannot be watched");
        return;
    }
    let read_of = || {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&watch, &mut buffer);
        std::iter::from_fn(|| reader.next().ok().map(|_| ())).count()
    };
    for read in [ReadBy::Walker, ReadBy::Export] {
        let options = OpenOptions { read, ..OpenOptions::default() };
        let mut files = open_image_of(engine.clone(), name, &options, &silent()).unwrap();
        let asks: Vec<Ask> = odd::questions();
        files.source.answer(&asks).unwrap();
        drop(files);
        settle();
        if read == ReadBy::Walker {
            assert_eq!(read_of(), 0, "{read:?}");
        }
    }
    // An export reads every file; that the watch sees a start is shown by starting.
    let _ = read_of();
    docker(&["run", "--rm", "--network", "none", name]);
    assert!(read_of() > 0, "the watch is blind");
    docker(&["rmi", name]);
}

#[test]
fn what_was_created_and_forgotten_is_swept() {
    let Some(engine) = engine() else { return };
    odd::load();
    // A process number that cannot be: the owner is dead.
    let mut labels: Vec<String> = Vec::new();
    for (name, value) in crate::docker::container::owner().labels() {
        let value = match name.as_str() {
            "envdiff.owner" => "4194305:1".to_owned(),
            "envdiff.run" => "0".to_owned(),
            _ => value,
        };
        labels.extend(["--label".to_owned(), format!("{name}={value}")]);
    }
    let mut arguments = vec!["create"];
    arguments.extend(labels.iter().map(String::as_str));
    arguments.push(odd::WITH_VOLUME);
    let id = docker(&arguments);
    let alive = docker(&["create", "--label", "envdiff.run=1", odd::NAME]);
    let mut source = walker(&engine, odd::NAME, &[Way::Volume]);
    source.answer(&[Ask::Stat(ImagePath::root())]).unwrap();
    drop(source);
    settle();
    let left = docker(&["ps", "-aq", "--no-trunc"]);
    assert!(!left.contains(&id), "the dead one's is gone");
    assert!(left.contains(&alive), "a stranger's stays for an hour");
    docker(&["rm", &alive]);
}

#[test]
fn a_refusal_is_told_by_the_first_answer_and_nothing_stays() {
    let Some(engine) = engine() else { return };
    odd::load();
    let mut plan = image(&engine, odd::NAME).plan().clone();
    plan.image = "sha256:0000000000000000000000000000000000000000000000000000000000000000".to_owned();
    let mut walker =
        WalkerSource::start(engine.clone(), plan, "amd64", &[Way::Bind, Way::Volume], silent()).unwrap();
    let said = walker.answer(&[Ask::Stat(ImagePath::root())]).unwrap_err().to_string();
    assert!(said.starts_with("the engine could not create a container: No such image"), "{said}");
    // A program of another architecture does not start; the engine says so.
    if cfg!(target_arch = "x86_64") && !std::path::Path::new("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists()
    {
        let plan = image(&engine, odd::NAME).plan().clone();
        let mut walker =
            WalkerSource::start(engine.clone(), plan, "arm64", &[Way::Volume], silent()).unwrap();
        let error = walker.answer(&[Ask::Stat(ImagePath::root())]).unwrap_err();
        assert!(matches!(error, ImageError::Engine { .. }), "{error}");
    }
    let missing = open_image_of(engine.clone(), "envdiff-test/od:1", &OpenOptions::default(), &silent());
    let said = missing.map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("has no image \"envdiff-test/od:1\"; there") && said.contains(odd::NAME), "{said}");
    settle();
    assert_eq!(
        docker(&["ps", "-aq", "--filter", &format!("name={}", crate::docker::container::owner().name(0))]),
        ""
    );
    assert!(FOLDER.starts_with('/'));
}

/// A second engine, of another storage driver, beside that of this machine: needs root and `dockerd`. What it shows is what
/// the tests above show, asked of it.
#[cfg(target_os = "linux")]
#[test]
fn an_engine_with_overlay2_tells_the_same() {
    if engine().is_none() || std::env::var_os("ENVDIFF_SECOND_ENGINE").is_some() {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can start a second engine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("empty.json"), "{}").unwrap();
    let host = format!("unix://{}", at("s"));
    let started = std::process::Command::new("dockerd")
        .args(["--config-file", &at("empty.json"), "--data-root", &at("data"), "--exec-root", &at("exec")])
        .args(["--pidfile", &at("pid"), "--host", &host, "--storage-driver", "overlay2", "--bridge", "none"])
        .arg("--iptables=false")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::fs::File::create(at("log")).unwrap())
        .spawn();
    let Ok(mut dockerd) = started else {
        eprintln!("skipped: no dockerd");
        return;
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !std::path::Path::new(&at("s")).exists()
        && dockerd.try_wait().unwrap().is_none()
        && std::time::Instant::now() < until
    {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let result = if std::path::Path::new(&at("s")).exists() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["docker::tests::engine", "--test-threads", "1"])
            .env("DOCKER_HOST", &host)
            .env("ENVDIFF_SECOND_ENGINE", "1")
            .output();
        Some(output.unwrap())
    } else {
        eprintln!("skipped: no engine with overlay2 starts here");
        None
    };
    // Only the one that was started here.
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_child(&dockerd),
        rustix::process::Signal::TERM,
    );
    dockerd.wait().unwrap();
    if let Some(output) = result {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("test result: ok"), "{said}");
    }
}
