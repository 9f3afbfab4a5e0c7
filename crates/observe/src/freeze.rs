//! An environment to the lines that `pip freeze` prints for it.
//!
//! Rules: pip's `operations/freeze.py` and its three ways of looking at what is installed: `pkg_resources` (any pip on
//! Python up to 3.10), `importlib.metadata` with names and versions from METADATA (pip up to 24.1.2), and with names and
//! versions from the folder's name (24.2 and later; measured with 24.2 and 25.3).

use std::collections::{BTreeMap, HashSet};

use envdiff_files::{ImagePath, Kind, Miss, Seen};
use envdiff_model::{DirectUrl, Distribution, Environment, Fact, Name, Origin, PathSource, Text, say};
use envdiff_packaging::Version;

/// The most that is read of a file below `.git`, in bytes.
const GIT_FILE: u64 = 4 << 20;

/// A working copy that an editable install lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The project's folder.
    pub location: Text,
    /// What version control tells of it; `None` where there is none.
    pub git: Option<Git>,
}

/// What pip asks git for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Git {
    /// Whether a `git` program is there to answer; without one pip writes the folder alone.
    pub has_program: bool,
    /// URL of `origin`, else of the first remote.
    pub remote: Option<Text>,
    /// The commit that is checked out.
    pub commit: Option<Text>,
    /// The project's folder below the top of the working copy.
    pub subdirectory: Option<Text>,
}

/// Which pip is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pip {
    /// Python up to 3.10.
    PkgResources,
    /// Python from 3.11 on, pip up to 24.1.2.
    FromMetadata,
    /// Python from 3.11 on, pip 24.2 and later.
    FromFolder,
}

impl Pip {
    /// The environment's own pip; where it has none, a present one.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        if minor(environment) < 11 {
            return Self::PkgResources;
        }
        let own = environment
            .distributions
            .iter()
            .find(|d| !d.shadowed && d.name.as_ref().is_some_and(|n| *n == "pip"))
            .and_then(|d| Version::parse(d.version.as_ref()?.as_str()?.trim()).ok());
        match (own, Version::parse("24.2")) {
            (Some(own), Ok(changed)) if own < changed => Self::FromMetadata,
            _ => Self::FromFolder,
        }
    }
}

/// The minor number of a Python 3; 99 where it is not known.
fn minor(environment: &Environment) -> u32 {
    let version = environment.python.value().and_then(|v| v.as_str());
    version.and_then(|v| v.split('.').nth(1)?.parse().ok()).unwrap_or(99)
}

/// What `pip freeze` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Its lines; where pip itself falls, those it would print without what it falls over.
    pub lines: Vec<Text>,
    /// Over what pip ends with a traceback.
    pub falls: Option<Text>,
    /// Names of which two copies lie in one folder: the line may be the other copy's, or missing.
    pub either: Vec<Name>,
    /// Which pip was followed.
    pub pip: Pip,
}

/// Where editable installs lie, and what git tells of them.
///
/// # Errors
/// [`Miss::Pending`] while questions are open.
pub fn checkouts(seen: &Seen, environment: &Environment) -> Result<Vec<Checkout>, Miss> {
    let mut locations: Vec<Text> = Vec::new();
    for distribution in environment.distributions.iter().filter(|d| d.editable) {
        if let Some(location) = project_location(distribution)
            && !locations.contains(&location)
        {
            locations.push(location);
        }
    }
    let program = locations.first().map(|_| {
        let folders = ["/usr/bin", "/usr/local/bin", "/bin", "/opt/conda/bin"];
        seen.each(folders.iter().filter_map(|f| ImagePath::new(f)?.join("git")), |path| {
            match seen.stat(&path) {
                Err(Miss::Pending) => Err(Miss::Pending),
                Ok(stat) => Ok(stat.kind == Kind::File),
                Err(_) => Ok(false),
            }
        })
    });
    let found = seen.each(&locations, |location| git_of(seen, location));
    let has_program = match program {
        Some(program) => program?.contains(&true),
        None => false,
    };
    Ok(locations
        .iter()
        .zip(found?)
        .map(|(location, git)| Checkout {
            location: location.clone(),
            git: git.map(|mut git| {
                git.has_program = has_program;
                git
            }),
        })
        .collect())
}

fn git_of(seen: &Seen, location: &Text) -> Result<Option<Git>, Miss> {
    let Some(project) = ImagePath::new(location.as_bytes()) else { return Ok(None) };
    let mut above = vec![project.clone()];
    while let Some(folder) = above.last().and_then(ImagePath::parent) {
        if above.len() >= 32 {
            break;
        }
        above.push(folder);
    }
    let marks = seen.each(&above, |folder| {
        let Some(mark) = folder.join(".git") else { return Ok(None) };
        match seen.stat(&mark) {
            Err(Miss::Pending) => Err(Miss::Pending),
            Ok(stat) => Ok(Some((mark, stat.kind))),
            Err(_) => Ok(None),
        }
    })?;
    let Some((top, (mark, kind))) = above.iter().zip(marks).find_map(|(top, mark)| Some((top, mark?))) else {
        return Ok(None);
    };
    // A submodule's or worktree's `.git` is a file that names the folder.
    let folder = if kind == Kind::Folder {
        Some(mark)
    } else {
        match text(seen, &mark)? {
            Some(named) => {
                named.as_bytes().strip_prefix(b"gitdir: ").and_then(|to| top.join(to.trim_ascii()))
            }
            None => None,
        }
    };
    let Some(folder) = folder else { return Ok(None) };
    let at = |name: &str| folder.join(name);
    let head = at("HEAD").map(|p| text(seen, &p)).transpose();
    let config = at("config").map(|p| text(seen, &p)).transpose();
    let packed = at("packed-refs").map(|p| text(seen, &p)).transpose();
    let (head, config, packed) = (head?.flatten(), config?.flatten(), packed?.flatten());
    let commit = match head.as_ref().map(|h| h.as_bytes().trim_ascii()) {
        Some(head) => match head.strip_prefix(b"ref: ") {
            Some(name) => {
                let loose = match folder.join(name) {
                    Some(path) => text(seen, &path)?,
                    None => None,
                };
                loose
                    .map(|l| Text::from(l.as_bytes().trim_ascii()))
                    .or_else(|| packed_ref(packed.as_ref()?, name))
            }
            None => Some(Text::from(head)),
        },
        None => None,
    };
    let subdirectory =
        location.as_bytes().strip_prefix(top.as_bytes()).map(|rest| rest.strip_prefix(b"/").unwrap_or(rest));
    Ok(Some(Git {
        has_program: false,
        remote: config.as_ref().and_then(remote),
        commit,
        subdirectory: subdirectory.filter(|s| !s.is_empty()).map(Text::from),
    }))
}

fn text(seen: &Seen, path: &ImagePath) -> Result<Option<Text>, Miss> {
    match seen.parsed(path, GIT_FILE, |bytes| Text::from(bytes)) {
        Ok(text) => Ok(Some((*text).clone())),
        Err(Miss::Pending) => Err(Miss::Pending),
        Err(_) => Ok(None),
    }
}

/// The commit of a reference in `packed-refs`.
fn packed_ref(packed: &Text, name: &[u8]) -> Option<Text> {
    packed.as_bytes().split(|b| *b == b'\n').find_map(|line| {
        let at = line.iter().position(|b| *b == b' ')?;
        (line.get(at + 1..) == Some(name)).then(|| Text::from(line.get(..at).unwrap_or_default()))
    })
}

/// The URL of `origin`, else of the first remote, in a git configuration.
fn remote(config: &Text) -> Option<Text> {
    let mut section: Option<Vec<u8>> = None;
    let mut first = None;
    for line in config.as_bytes().split(|b| *b == b'\n').map(<[u8]>::trim_ascii) {
        if line.starts_with(b"[") {
            let inner = line.strip_prefix(b"[remote \"").and_then(|l| l.strip_suffix(b"\"]"));
            section = inner.map(<[u8]>::to_vec);
        } else if let Some(section) = &section
            && let Some(value) =
                line.strip_prefix(b"url").map(<[u8]>::trim_ascii).and_then(|l| l.strip_prefix(b"="))
        {
            let url = Text::from(value.trim_ascii());
            if section == b"origin" {
                return Some(url);
            }
            first = first.or(Some(url));
        }
    }
    first
}

/// The folder of an editable install: what `direct_url.json` names, else where its egg-info lies.
fn project_location(distribution: &Distribution) -> Option<Text> {
    match distribution.direct_url.as_ref().and_then(Fact::value) {
        Some(DirectUrl { url, origin: Origin::Directory { editable: true }, .. }) => {
            let path = url.as_bytes().strip_prefix(b"file://")?;
            Some(unquoted(path))
        }
        _ => distribution.editable.then(|| distribution.location.clone()),
    }
}

/// Percent escapes resolved.
pub(crate) fn unquoted(bytes: &[u8]) -> Text {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, more)) = rest.split_first() {
        let escaped = if *first == b'%' { more.get(..2) } else { None };
        match escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = more;
            }
        }
    }
    Text::from(out)
}

/// Percent escapes for what `urllib.parse.quote(text, "/")` escapes.
fn quoted(text: &Text) -> Text {
    let mut out = Vec::new();
    for byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'~' | b'/') {
            out.push(*byte);
        } else {
            out.extend(format!("%{byte:02X}").into_bytes());
        }
    }
    Text::from(out)
}

/// Derives the lines by the environment's own pip.
#[must_use]
pub fn freeze(environment: &Environment, checkouts: &[Checkout]) -> Freeze {
    freeze_by(environment, checkouts, Pip::of(environment))
}

/// Derives the lines by a given kind of pip.
#[must_use]
pub fn freeze_by(environment: &Environment, checkouts: &[Checkout], pip: Pip) -> Freeze {
    let mut out = Freeze { lines: Vec::new(), falls: None, either: Vec::new(), pip };
    let entries = environment.sys_path.value().map(Vec::as_slice).unwrap_or_default();
    let mut found: HashSet<Name> = HashSet::new();
    let mut installed: BTreeMap<Name, (Text, Vec<Text>)> = BTreeMap::new();
    for distribution in &environment.distributions {
        // `python -m pip` takes the working folder off the path again.
        let from = entries.get(distribution.path_index).map(|e| e.from);
        if from == Some(PathSource::Cwd) || distribution.location.as_bytes().ends_with(b".whl") {
            continue;
        }
        let told = match identity(distribution, pip) {
            Identity::Passed => continue,
            Identity::Falls(why) => {
                out.falls = out.falls.or(Some(why));
                continue;
            }
            Identity::Told(told) => told,
        };
        if distribution.ambiguous {
            let name = Name::new(&told.key.to_lossy());
            if !out.either.contains(&name) {
                out.either.push(name);
            }
        }
        if !found.insert(Name::new(&told.key.to_lossy())) {
            continue;
        }
        if !is_valid_name(&told.canonical) {
            continue;
        }
        let Some(version) = told.version else {
            out.falls = out.falls.or_else(|| Some(say!(distribution.metadata, " has no version")));
            continue;
        };
        let lines = lines_of(distribution, checkouts, &told.name, &version);
        installed.insert(Name::new(&told.name.to_lossy()), (told.name, lines));
    }
    let mut rows: Vec<(String, Name, Vec<Text>)> = installed
        .into_iter()
        .map(|(name, (written, lines))| (written.to_lossy().to_lowercase(), name, lines))
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    let builds_hidden = minor(environment) < 12;
    for (_, name, lines) in rows {
        let hidden = match name.as_str() {
            "pip" => true,
            "setuptools" | "wheel" | "distribute" => builds_hidden,
            _ => false,
        };
        if !hidden {
            out.lines.extend(lines);
        }
    }
    out
}

/// What a pip takes a distribution for.
enum Identity {
    /// pip passes over it.
    Passed,
    /// pip ends over it.
    Falls(Text),
    Told(Told),
}

struct Told {
    /// By what copies are told apart.
    key: Text,
    /// What must be a valid project name.
    canonical: Text,
    /// As it is written.
    name: Text,
    version: Option<Text>,
}

fn identity(distribution: &Distribution, pip: Pip) -> Identity {
    let base = distribution.metadata.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
    let egg = base.eq_ignore_ascii_case(b"egg-info");
    let folder = if egg {
        distribution.location.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default()
    } else {
        base
    };
    let (stem, suffix) =
        folder.iter().rposition(|b| *b == b'.').map_or((folder, &b""[..]), |at| folder.split_at(at));
    let mut parts = stem.splitn(2, |b| *b == b'-');
    let from_folder = parts.next().unwrap_or_default();
    let rest = parts.next();
    // Metadata that is there and cannot be read ends pip; what is not there does not.
    let unreadable = distribution
        .error
        .as_ref()
        .filter(|_| distribution.name.is_none() && distribution.version.is_none())
        .and_then(|why| {
            let word = why.as_str()?;
            (word.contains("not UTF-8") || word.contains("cannot be read"))
                .then(|| say!(distribution.metadata, ": ", word))
        });
    match pip {
        Pip::FromMetadata => {
            if let Some(why) = unreadable {
                return Identity::Falls(why);
            }
            let Some(name) = distribution.name.clone() else { return Identity::Passed };
            let canonical = if rest.is_some() && (suffix == b".dist-info" || suffix == b".egg-info") {
                Text::from(from_folder)
            } else {
                name.clone()
            };
            Identity::Told(Told { key: name.clone(), canonical, name, version: distribution.version.clone() })
        }
        Pip::FromFolder => {
            let told = match suffix {
                b".dist-info" if rest.is_some() => Some((from_folder, rest)),
                b".egg-info" => Some((from_folder, None)),
                _ => None,
            };
            let key = match (told, &distribution.name) {
                (Some((name, _)), _) => Text::from(name),
                (None, Some(name)) => name.clone(),
                (None, None) => match unreadable {
                    Some(why) => return Identity::Falls(why),
                    None => return Identity::Passed,
                },
            };
            if let Some(why) = unreadable {
                return Identity::Falls(why);
            }
            let name =
                distribution.name.clone().unwrap_or_else(|| Text::from(Name::new(&key.to_lossy()).as_str()));
            let version = told
                .and_then(|(_, version)| version)
                .map(Text::from)
                .or_else(|| distribution.version.clone());
            Identity::Told(Told { canonical: key.clone(), key, name, version })
        }
        Pip::PkgResources => {
            let name = safe_name(from_folder);
            // `NAME-VERSION-pyX.Y-PLATFORM`; without a version in the name it is the metadata's.
            let version = rest.and_then(|r| r.split(|b| *b == b'-').next()).map(Text::from);
            let version = version.or_else(|| distribution.version.clone());
            Identity::Told(Told { key: name.clone(), canonical: name.clone(), name, version })
        }
    }
}

/// setuptools' `safe_name`: runs of other characters than letters, digits and dots become `-`.
fn safe_name(name: &[u8]) -> Text {
    let mut out = Vec::new();
    for byte in name {
        if byte.is_ascii_alphanumeric() || *byte == b'.' {
            out.push(*byte);
        } else if out.last() != Some(&b'-') {
            out.push(b'-');
        }
    }
    Text::from(out)
}

/// pip's `_VALID_NAME`.
fn is_valid_name(name: &Text) -> bool {
    let bytes = name.as_bytes();
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn lines_of(distribution: &Distribution, checkouts: &[Checkout], name: &Text, version: &Text) -> Vec<Text> {
    let plain = match version.as_str().map(Version::parse) {
        Some(Ok(version)) => say!(name, "==", version.to_string()),
        _ => say!(name, "===", version),
    };
    if distribution.editable
        && let Some(location) = project_location(distribution)
    {
        let git = checkouts.iter().find(|c| c.location == location).and_then(|c| c.git.as_ref());
        return match git {
            Some(git) if git.has_program => editable_git(git, name, &plain, &location),
            Some(git) if git.subdirectory.is_none() => vec![say!("-e ", location)],
            _ => {
                vec![say!("# Editable install with no version control (", plain, ")"), say!("-e ", location)]
            }
        };
    }
    match distribution.direct_url.as_ref().and_then(Fact::value) {
        Some(direct) => vec![reference(name, direct)],
        None => vec![plain],
    }
}

fn editable_git(git: &Git, name: &Text, plain: &Text, location: &Text) -> Vec<Text> {
    let Some(remote) = &git.remote else {
        return vec![say!("# Editable Git install with no remote (", plain, ")"), say!("-e ", plain)];
    };
    let Some(url) = git_url(remote) else {
        return vec![
            say!("# Editable Git install (", plain, ") with either a deleted local remote or invalid URI:"),
            say!("# '", remote, "'"),
            say!("-e ", plain),
        ];
    };
    let Some(commit) = &git.commit else {
        return vec![Text::from("## !! Could not determine repository location"), say!("-e ", location)];
    };
    let egg =
        Text::from(name.as_bytes().iter().map(|b| if *b == b'-' { b'_' } else { *b }).collect::<Vec<u8>>());
    let mut line = say!("-e git+", url, "@", quoted(commit), "#egg=", egg);
    if let Some(subdirectory) = &git.subdirectory {
        line.push(&say!("&subdirectory=", quoted(subdirectory)));
    }
    vec![line]
}

/// A remote as pip writes it: a URL as it is, a path as `file://`, `host:path` as `ssh://`.
fn git_url(remote: &Text) -> Option<Text> {
    let text = remote.as_str()?;
    if let Some((scheme, _)) = text.split_once("://")
        && !scheme.is_empty()
        && scheme.chars().all(|c| c.is_alphanumeric() || c == '_')
    {
        return Some(remote.clone());
    }
    if text.starts_with('/') {
        return Some(say!("file://", quoted(remote)));
    }
    let (host, path) = text.split_once(':')?;
    let path_ok = path.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_') && !path.contains(':');
    (path_ok && !host.contains('/') && !host.is_empty()).then(|| say!("ssh://", host, "/", path))
}

/// `name @ url`, as pip writes what `direct_url.json` tells.
fn reference(name: &Text, direct: &DirectUrl) -> Text {
    let mut fragments: Vec<Text> = Vec::new();
    let mut out = match &direct.origin {
        Origin::Vcs { vcs, commit_id, .. } => say!(name, " @ ", vcs, "+", direct.url, "@", commit_id),
        Origin::Archive { hashes } => {
            fragments.extend(hashes.first().map(|(algorithm, digest)| say!(algorithm, "=", digest)));
            say!(name, " @ ", direct.url)
        }
        Origin::Directory { .. } => say!(name, " @ ", direct.url),
    };
    fragments.extend(direct.subdirectory.as_ref().map(|s| say!("subdirectory=", s)));
    if !fragments.is_empty() {
        out.push(&say!("#", Text::join(&fragments, "&")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{git_url, quoted, remote, safe_name, unquoted};
    use envdiff_model::Text;

    #[test]
    fn remotes_become_urls() {
        let of = |text: &str| git_url(&Text::from(text)).map(|t| t.to_lossy().into_owned());
        assert_eq!(of("https://e/x.git").as_deref(), Some("https://e/x.git"));
        assert_eq!(of("git@host:org/x.git").as_deref(), Some("ssh://git@host/org/x.git"));
        assert_eq!(of("/srv/git/a b").as_deref(), Some("file:///srv/git/a%20b"));
        assert_eq!(of("x"), None);
        let config = Text::from(
            "[core]\n\tbare = false\n[remote \"up\"]\n\turl = a\n[remote \"origin\"]\n\turl = b\n\tfetch = x\n",
        );
        assert_eq!(remote(&config), Some(Text::from("b")));
    }

    #[test]
    fn names_and_paths_are_escaped() {
        assert_eq!(safe_name(b"charset_normalizer"), "charset-normalizer");
        assert_eq!(safe_name(b"Zipped.Egg"), "Zipped.Egg");
        assert_eq!(unquoted(b"/a%20b%zz"), "/a b%zz");
        assert_eq!(quoted(&Text::from("/a b+")), "/a%20b%2B");
    }
}
