//! Our program alone, on this machine and without an engine: of whole and of damaged ELF files it tells true parts, and of whole
//! ones all that the loader's tables are read by, so that no file costs a round trip of its own.

#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use envdiff_files::{
    Answer, Ask, ElfQuestion, ElfReading, ImagePath, Literal, Pattern, Reason, Reply, Source as _,
};

use crate::docker::program::program;
use crate::docker::wire::{Decoder, Question, Told, parts};
use crate::made::{Endianness, Made};
use crate::rounds::{Open, in_rounds};

const SCAN: ElfQuestion = ElfQuestion::Scan {
    section: ".rodata",
    pattern: Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 99 },
};

struct Walker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    decoder: Decoder,
}

impl Walker {
    fn start(folder: &Path) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let architecture = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
        let file = folder.join("walker");
        std::fs::write(&file, program(architecture).unwrap()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o555)).unwrap();
        let mut child = loop {
            match Command::new(&file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
                // A child that another test has just forked still holds what was open here, until it is its own program.
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                child => break child.expect("our program"),
            }
        };
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output, decoder: Decoder::default() }
    }

    fn ask(&mut self, question: &Question) -> Told {
        let mut bytes = Vec::new();
        question.encode(&mut bytes);
        self.input.write_all(&bytes).unwrap();
        loop {
            if let Some(told) = self.decoder.next(question).unwrap() {
                self.decoder.begin();
                return told;
            }
            let mut buffer = [0; 1 << 16];
            let count = self.output.read(&mut buffer).unwrap();
            assert!(count > 0, "our program ended: {:?}", self.child.wait());
            self.decoder.push(&buffer[..count]);
        }
    }

    /// What was told of a file that holds `content`, and how many further rounds an answer takes.
    fn elf(&mut self, path: &ImagePath, content: &[u8], question: ElfQuestion) -> (String, usize) {
        let Told::Found { real, size, body, .. } = self.ask(&Question::Elf(path.clone(), question)) else {
            panic!("{path:?} is not told")
        };
        assert_eq!(size, content.len() as u64);
        let parts = parts(&body).unwrap();
        for (at, bytes) in &parts.read {
            let at = usize::try_from(*at).unwrap();
            assert_eq!(content.get(at..at + bytes.len()), Some(*bytes), "{path:?} at {at}");
        }
        let reading = ElfReading::new(question, size);
        let mut open = [Open::new(real, reading).ahead(&parts.read, parts.searched)];
        let mut rounds = 0;
        in_rounds(&mut open, |wanted| {
            rounds += 1;
            let part = |at: u64, len: u64| content[at as usize..(at + len) as usize].to_vec();
            Ok::<_, std::convert::Infallible>(
                wanted.iter().map(|wanted| Ok(part(wanted.at, wanted.len))).collect(),
            )
        })
        .unwrap();
        let [Open { answer, .. }] = open;
        let reply = match answer.expect("an answer") {
            Ok(answer) => reply_of(answer, path),
            Err(reason) => Reply::Unreadable(reason),
        };
        (format!("{:?}", [reply]), rounds)
    }
}

impl Drop for Walker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reply_of(answer: Answer, path: &ImagePath) -> Reply {
    Reply::Answered(envdiff_files::Answered { answer, real: path.clone(), layer: None })
}

/// What the literal tells of the same bytes.
fn truth(path: &ImagePath, content: &[u8], question: ElfQuestion) -> String {
    let text = std::str::from_utf8(path.as_bytes()).unwrap();
    let ask = match question {
        ElfQuestion::View => Ask::Elf(path.clone()),
        ElfQuestion::Scan { section, pattern } => Ask::Scan { path: path.clone(), section, pattern },
    };
    let mut literal = Literal::new().file(text, content);
    format!("{:?}", literal.answer(&[ask]).unwrap())
}

/// A folder that lies below no mount of its own, for there our program sees nothing; and its path.
fn folder(walker: &mut Option<Walker>) -> Option<(tempfile::TempDir, ImagePath)> {
    let places = [std::env::temp_dir(), "/var/tmp".into(), std::env::current_dir().unwrap()];
    for place in places {
        let folder = tempfile::tempdir_in(place).unwrap();
        let real = std::fs::canonicalize(folder.path()).unwrap();
        let path = ImagePath::new(real.to_str().unwrap()).unwrap();
        let mut started = Walker::start(folder.path());
        match started.ask(&Question::Stat(path.clone())) {
            Told::Unreadable(Reason::BelowVolume(_)) => {}
            told => {
                assert!(matches!(told, Told::Found { .. }), "{told:?}");
                *walker = Some(started);
                return Some((folder, path));
            }
        }
    }
    eprintln!("skipped: every folder here lies below a mount of its own");
    None
}

fn files() -> Vec<(&'static str, Vec<u8>, bool)> {
    let versions: Vec<(&'static str, bool)> = (0..200)
        .map(|number| (&*Box::leak(format!("SOME_VERSION_{number}").into_boxed_str()), false))
        .collect();
    let long: &'static str = Box::leak("$ORIGIN/../../nvidia/cublas/lib:".repeat(24).into_boxed_str());
    let far = Made { filler: 300_000, strings_last: true, ..Made::library() };
    let many = Made { needs: vec![("libc.so.6", versions)], ..Made::library() };
    let path = Made { texts: vec![(crate::made::elf::DT_RUNPATH, long)], ..Made::library() };
    let program = Made { interpreter: Some("/lib64/ld-linux-x86-64.so.2"), ..Made::library() };
    let old = Made { is_64: false, order: Endianness::Big, ..Made::library() };
    vec![
        ("library", Made::library().bytes(), true),
        ("far", far.bytes(), true),
        ("many", many.bytes(), true),
        ("path", path.bytes(), true),
        ("program", program.bytes(), true),
        ("bare", Made { needs: Vec::new(), definitions: Vec::new(), ..Made::library() }.bytes(), true),
        // Read in rounds.
        ("old", old.bytes(), false),
        ("text", b"INPUT(libmade.so.1)\n".to_vec(), true),
        ("short", Made::library().bytes()[..40].to_vec(), true),
        ("empty", Vec::new(), true),
    ]
}

#[test]
fn what_a_loader_reads_of_an_elf_file_comes_at_once() {
    let mut walker = None;
    let Some((folder, path)) = folder(&mut walker) else { return };
    let mut walker = walker.unwrap();
    for (name, content, at_once) in files() {
        std::fs::write(folder.path().join(name), &content).unwrap();
        let path = path.join(name).unwrap();
        let (view, rounds) = walker.elf(&path, &content, ElfQuestion::View);
        assert_eq!(view, truth(&path, &content, ElfQuestion::View), "{name}");
        assert_eq!(rounds == 0, at_once, "{name}: {rounds} rounds for what a loader reads");
        let (scan, rounds) = walker.elf(&path, &content, SCAN);
        assert_eq!(scan, truth(&path, &content, SCAN), "{name}");
        assert_eq!(rounds == 0, at_once, "{name}: {rounds} rounds for a search");
    }
}

/// A generator of Knuth's (MMIX), so that it is the same each time: a number below another.
fn random() -> impl FnMut(usize) -> usize {
    let mut state = 1_u64;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    }
}

#[test]
fn a_section_is_searched_at_once_and_all_is_found() {
    // What is searched at once, and by how much less or more than it the sections are long.
    const WINDOW: usize = 128 << 10;
    let mut walker = None;
    let Some((folder, path)) = folder(&mut walker) else { return };
    let mut walker = walker.unwrap();
    let mut random = random();
    let patterns = [
        Pattern { prefix: b"s", body: b"m_", max_len: 4 },
        Pattern { prefix: b"sm", body: b"_0123456789", max_len: 5 },
        Pattern { prefix: b"sm_", body: Pattern::ARCHITECTURES, max_len: 1_024 },
        Pattern { prefix: b"ssmssm_", body: b"sm_ ", max_len: 30 },
    ];
    for turn in 0..64 {
        let len = [random(40), 1_100 + random(40), WINDOW - 20 + random(40), 2 * WINDOW + random(2 * WINDOW)]
            [turn % 4];
        // Here and there letters of the patterns, in parts little else.
        let mut rodata = vec![0; len];
        for _ in 0..len / 100 + 1 {
            let (at, count, dense) = (random(len.max(1)), random(60), random(3));
            for byte in rodata.iter_mut().skip(at).take(count) {
                *byte = [b's', b'm', b'_', b's', b'9', b' ', 0][random([3, 6, 7][dense])];
            }
        }
        let content = Made { rodata, filler: 3_000 + random(9), ..Made::library() }.bytes();
        let name = format!("{turn}.so");
        std::fs::write(folder.path().join(&name), &content).unwrap();
        let path = path.join(&name).unwrap();
        for pattern in patterns {
            let question = ElfQuestion::Scan { section: ".rodata", pattern };
            let (told, rounds) = walker.elf(&path, &content, question);
            assert_eq!(told, truth(&path, &content, question), "turn {turn}, {pattern}");
            assert!(rounds == 0 || len < 1_100, "turn {turn}, {pattern}: {rounds} rounds");
        }
    }
}

#[test]
fn damaged_elf_files_are_told_as_they_are() {
    let mut walker = None;
    let Some((folder, path)) = folder(&mut walker) else { return };
    let mut walker = walker.unwrap();
    let mut random = random();
    let whole: Vec<Vec<u8>> = files().into_iter().map(|(_, content, _)| content).collect();
    for turn in 0..1_500 {
        let mut content = whole[random(6)].clone();
        for _ in 0..=random(4) {
            // Mostly where the tables are: at the beginning and at the end.
            let at = match random(3) {
                0 => random(600.min(content.len())),
                1 => content.len() - 1 - random(1_500.min(content.len())),
                _ => random(content.len()),
            };
            let damage = [0, 0xFF, 0x7F, 0x80, 1, content[at].wrapping_add(1)][random(6)];
            let len = [1, 1, 2, 8][random(4)];
            content.iter_mut().skip(at).take(len).for_each(|byte| *byte = damage);
        }
        if random(4) == 0 {
            content.truncate(random(content.len()));
        }
        // Another name each time: what is open stays open.
        let name = format!("{turn}.so");
        std::fs::write(folder.path().join(&name), &content).unwrap();
        let path = path.join(&name).unwrap();
        for question in [ElfQuestion::View, SCAN] {
            let (told, _) = walker.elf(&path, &content, question);
            assert_eq!(told, truth(&path, &content, question), "turn {turn}");
        }
        std::fs::remove_file(folder.path().join(&name)).unwrap();
    }
}
