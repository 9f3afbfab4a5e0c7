//! The process that starts Python comes in; the Java that TorchServe would start in it comes out.
//!
//! The rule is that of `ts/model_server.py` (TorchServe 0.4.2 … 0.12.0): `$JAVA_HOME/bin/java` where `JAVA_HOME` is set and
//! not empty, and no other then; else `java` by PATH, as `subprocess.Popen` finds it.

use envdiff_files::{Ask, ImagePath, Miss, Seen};
use envdiff_model::{Evidence, Fact, Java, Text, say};

use crate::limits::{PATH_FOLDERS, RELEASE_FILE};
use crate::python::ask::{self, Found};
use crate::python::process::Process;

/// Derives it; a known `None` where no Java would be found.
///
/// # Errors
/// [`Miss::Pending`] while questions are open; never another.
pub(crate) fn derive(seen: &Seen, process: Option<&Process>) -> Result<Fact<Option<Java>>, Miss> {
    let Some(process) = process else {
        return Ok(Fact::unknown("no image configuration was given, so JAVA_HOME and PATH are not known"));
    };
    let programs = match process.vars.raw(b"JAVA_HOME") {
        Some(None) => return Ok(Fact::unknown("a start script sets JAVA_HOME to what cannot be told")),
        Some(Some(home)) if !home.is_empty() => {
            let cwd = process.cwd.clone().unwrap_or_else(ImagePath::root);
            match cwd.join(home.as_bytes()).and_then(|home| home.join("bin/java")) {
                Some(program) => vec![program],
                None => return Ok(Fact::unknown("JAVA_HOME is too long a path")),
            }
        }
        Some(Some(_)) | None => match process.path_folders() {
            Some(folders) => folders.iter().filter_map(|folder| folder.join("java")).collect(),
            None => {
                return Ok(Fact::unknown(say!(
                    "PATH is not clear, or has more than ",
                    PATH_FOLDERS,
                    " folders"
                )));
            }
        },
    };
    let are_files = seen.each(&programs, |program| ask::is_file(seen, program))?;
    for (program, is_file) in programs.iter().zip(are_files) {
        match is_file {
            Found::Is(true) => return found(seen, program),
            Found::Is(false) | Found::Absent => {}
            Found::Unreadable(why) => {
                return Ok(Fact::unknown(say!(program.as_bytes(), " cannot be read: ", why)));
            }
        }
    }
    let looked = programs.iter().map(|program| Evidence::new(program.as_bytes(), "is not there"));
    Ok(Fact::seen(None, looked.collect()))
}

/// The version stands in the `release` file of its home, two folders above the program that links lead to; for a JRE
/// inside a JDK 8 (`jre/bin/java`) one further up.
fn found(seen: &Seen, program: &ImagePath) -> Result<Fact<Option<Java>>, Miss> {
    let known = |version: Option<Text>, evidence: Evidence| {
        Fact::known(Some(Java { version, program: Text::from(program.as_bytes()) }), evidence)
    };
    let Found::Is(real) = ask::real(seen, program)? else {
        return Ok(known(None, Evidence::new(program.as_bytes(), "")));
    };
    let home = real.parent().and_then(|bin| bin.parent());
    let above = home.as_ref().filter(|home| home.file_name() == b"jre").and_then(ImagePath::parent);
    let files: Vec<ImagePath> =
        home.iter().chain(&above).filter_map(|folder| folder.join("release")).collect();
    let read = seen.each(&files, |file| ask::parsed(seen, file, RELEASE_FILE, version))?;
    for (file, read) in files.iter().zip(read) {
        if let Found::Is(read) = read
            && let Some(version) = &*read
        {
            let question = Ask::Read { path: file.clone(), limit: RELEASE_FILE };
            let evidence = ask::evidence(seen, &question, say!("JAVA_VERSION=", version));
            return Ok(known(Some(version.clone()), evidence));
        }
    }
    Ok(known(None, Evidence::new(real.as_bytes(), "no `release` file tells its version")))
}

/// `JAVA_VERSION="17.0.9"` of a `release` file (JEP 223 and before).
#[must_use]
pub(crate) fn version(bytes: &[u8]) -> Option<Text> {
    let line = bytes.split(|b| *b == b'\n').find_map(|line| line.strip_prefix(b"JAVA_VERSION="))?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let version = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
    (!version.is_empty() && version.iter().all(is_plain)).then(|| Text::from(version))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use envdiff_files::{Budget, Literal, Reason, Seen, converse};
    use envdiff_model::{Fact, ImageConfig, Java, Text};

    use crate::limits::RELEASE_FILE;
    use crate::{Inputs, environment};

    fn java(literal: Literal, env: &[(&str, &str)]) -> Fact<Option<Java>> {
        let env = env.iter().map(|(name, value)| (Text::from(*name), Text::from(*value))).collect();
        let config = ImageConfig { env, cmd: vec!["server".into()], ..ImageConfig::default() };
        let inputs = Inputs { config: Some(&config), interpreter: None };
        let (mut seen, mut budget) = (Seen::new(), Budget::default());
        converse(&mut { literal }, &mut seen, &mut budget, |seen| environment(seen, &inputs))
            .unwrap()
            .stack
            .java
    }

    fn told(literal: Literal, env: &[(&str, &str)]) -> String {
        match java(literal, env) {
            Fact::Known { value: Some(java), .. } => {
                let version = java.version.map_or("?".into(), |version| version.to_lossy().into_owned());
                format!("{} {version}", java.program.to_lossy())
            }
            Fact::Known { value: None, .. } => "none".to_owned(),
            Fact::Unknown { reason } => format!("unknown: {}", reason.to_lossy()),
        }
    }

    fn debian() -> Literal {
        let home = "/usr/lib/jvm/java-17-openjdk-amd64";
        Literal::new()
            .file(&format!("{home}/bin/java"), "")
            .file(&format!("{home}/release"), "IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.9\"\n")
            .link("/etc/alternatives/java", &format!("{home}/bin/java"))
            .link("/usr/bin/java", "/etc/alternatives/java")
    }

    #[test]
    fn java_home_wins_and_alone() {
        assert_eq!(told(debian(), &[]), "/usr/bin/java 17.0.9");
        assert_eq!(told(debian(), &[("JAVA_HOME", "")]), "/usr/bin/java 17.0.9");
        assert_eq!(told(debian(), &[("JAVA_HOME", "/opt/none")]), "none");
        assert_eq!(told(debian(), &[("PATH", "/opt/bin")]), "none");
        let old = debian()
            .file("/opt/jdk8/bin/java", "")
            .file("/opt/jdk8/release", "JAVA_VERSION=\"1.8.0_392\"\r\n")
            .file("/opt/jdk8/jre/bin/java", "");
        assert_eq!(told(old.clone(), &[("JAVA_HOME", "/opt/jdk8")]), "/opt/jdk8/bin/java 1.8.0_392");
        assert_eq!(told(old, &[("JAVA_HOME", "/opt/jdk8/jre")]), "/opt/jdk8/jre/bin/java 1.8.0_392");
    }

    #[test]
    fn what_cannot_be_told_is_not_none() {
        let bare = Literal::new().file("/usr/bin/java", "");
        assert_eq!(told(bare.clone(), &[]), "/usr/bin/java ?");
        let denied = Literal::new().file("/j/bin/java", "").unreadable("/j/release", Reason::Denied);
        assert_eq!(told(denied, &[("JAVA_HOME", "/j")]), "/j/bin/java ?");
        let circle = bare.link("/usr/local/bin/java", "java");
        assert_eq!(told(circle, &[]), "/usr/bin/java ?");
        let large =
            "JAVA_VERSION=\"17.0.9\"\n".to_owned() + &" ".repeat(usize::try_from(RELEASE_FILE).unwrap());
        let home = Literal::new().file("/j/bin/java", "").file("/j/release", large);
        assert_eq!(told(home, &[("JAVA_HOME", "/j")]), "/j/bin/java ?");
    }
}
