//! Functions that look at files and read them: `os`, `os.path`, `pathlib`, `json`, `yaml`, `zipfile`, `shutil`.

use std::rc::Rc;

use envdiff_model::Fault;

use super::{Args, builtin, paths};
use crate::handler::run::{Run, Stop};
use crate::handler::state::Origin;
use crate::handler::value::{Id, OpenFile, Raised, Str, Value};
use crate::handler::world::{MODEL_DIR, There, shown_path};
use crate::value::{Data, Value as Json};

type Done<T> = Result<T, Stop>;

/// The most bytes that are taken of a text file.
const TEXT: u64 = 16 << 20;

impl Run<'_> {
    /// Keeps that the load reads a file.
    pub(crate) fn note_read(&mut self, what: &'static str, full: &str) {
        // What TorchServe's own code reads of itself is no part of the archive.
        if self.world.in_archive(full).is_none()
            && self.frames.last().is_none_or(|frame| frame.file.starts_with('/'))
        {
            return;
        }
        let entry = (what, Rc::from(shown_path(full)));
        if !self.reads.contains(&entry) && self.reads.len() < 200 {
            self.reads.push(entry);
        }
    }
}

/// Calls a function of these modules; `None` where the name is of another.
pub(crate) fn call(run: &mut Run<'_>, name: &str, given: &Args<'_>) -> Done<Option<Value>> {
    let first = given.args.first();
    let path = first.and_then(Value::path).map(str::to_owned);
    let truth = |value: Option<bool>| Some(value.map_or(Value::Unknown, Value::Bool));
    Ok(match name {
        "os.path.join" => {
            let mut parts = Vec::new();
            for arg in given.args {
                match arg.path() {
                    Some(part) => parts.push(part.to_owned()),
                    None => {
                        if let Value::None
                        | Value::Int(_)
                        | Value::Bool(_)
                        | Value::Float(_)
                        | Value::List(_)
                        | Value::Dict(_) = arg
                        {
                            let kind = arg.type_name().unwrap_or("object");
                            let text = if parts.is_empty() {
                                format!("expected str, bytes or os.PathLike object, not {kind}")
                            } else {
                                format!(
                                    "join() argument must be str, bytes, or os.PathLike object, not '{kind}'"
                                )
                            };
                            return run.raise("TypeError", text, run.fault_here());
                        }
                        return Ok(Some(Value::Unknown));
                    }
                }
            }
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            Some(Value::str(paths::join(&parts)))
        }
        "os.path.exists" | "os.path.isfile" | "os.path.isdir" | "os.path.lexists" => match (&path, first) {
            (Some(path), _) => {
                let there = run.there(&paths::absolute(path))?;
                truth(match (there, name) {
                    (There::Unknown, _) => None,
                    (There::Absent, _) => Some(false),
                    (There::File(_), "os.path.isdir") | (There::Folder, "os.path.isfile") => Some(false),
                    _ => Some(true),
                })
            }
            (None, Some(Value::None)) if name != "os.path.isdir" => {
                return run.raise(
                    "TypeError",
                    "stat: path should be string, bytes, os.PathLike or integer, not NoneType",
                    run.fault_here(),
                );
            }
            _ => Some(Value::Unknown),
        },
        "os.path.basename" => Some(path.map_or(Value::Unknown, |path| Value::str(paths::split(&path).1))),
        "os.path.dirname" => Some(path.map_or(Value::Unknown, |path| Value::str(paths::split(&path).0))),
        "os.path.split" => Some(path.map_or(Value::Unknown, |path| {
            let (head, tail) = paths::split(&path);
            Value::Tuple(vec![Value::str(head), Value::str(tail)].into())
        })),
        "os.path.splitext" => Some(path.map_or(Value::Unknown, |path| {
            let (head, tail) = paths::split_suffix(&path);
            Value::Tuple(vec![Value::str(head), Value::str(tail)].into())
        })),
        "os.path.abspath" | "os.path.realpath" => {
            Some(path.map_or(Value::Unknown, |path| Value::str(paths::absolute(&path))))
        }
        "os.path.normpath" => Some(path.map_or(Value::Unknown, |path| Value::str(paths::normal(&path)))),
        "os.path.expanduser" | "os.path.expandvars" | "os.fspath" | "os.fsdecode" => Some(match path {
            Some(path) if !path.contains('~') && !path.contains('$') => Value::str(path),
            _ => Value::Unknown,
        }),
        "os.path.isabs" => Some(path.map_or(Value::Unknown, |path| Value::Bool(path.starts_with('/')))),
        "os.path.getsize" | "os.stat" | "os.path.getmtime" => {
            if let Some(path) = path {
                let full = paths::absolute(&path);
                if run.there(&full)? == There::Absent {
                    return Err(Stop::Raise(Box::new(builtin::missing(run, &path, &full))));
                }
            }
            Some(Value::Unknown)
        }
        "os.getcwd" => Some(Value::str(MODEL_DIR)),
        "os.chdir" => {
            run.files_are_lost();
            run.cannot_see("the working folder is changed");
            Some(Value::None)
        }
        "os.listdir" | "os.scandir" | "glob.glob" | "glob.iglob" | "os.walk" => {
            Some(listing(run, name, path.as_deref())?)
        }
        "os.makedirs" | "os.mkdir" => {
            if let Some(path) = path {
                let may_exist = name == "os.makedirs"
                    && given.get(2, "exist_ok").is_some_and(|value| run.truth(value) != Some(false));
                make_folder(run, &path, may_exist)?;
            }
            Some(Value::None)
        }
        "os.remove" | "os.unlink" | "os.rename" | "os.replace" | "shutil.rmtree" | "shutil.copy"
        | "shutil.copyfile" | "shutil.copy2" | "shutil.move" | "shutil.copytree" => {
            let target = given.args.get(1).and_then(Value::path).map(paths::absolute);
            if let Some(path) = &path
                && given.args.len() + given.named.len() < 3
            {
                let full = paths::absolute(path);
                if run.there(&full)? == There::Absent {
                    return Err(Stop::Raise(Box::new(builtin::missing(run, path, &full))));
                }
            }
            if let Some(target) = target {
                run.state.filled.insert(target.clone());
                run.state.written.insert(target);
            }
            Some(Value::Unknown)
        }
        "shutil.unpack_archive" => {
            let target = given
                .get(1, "extract_dir")
                .and_then(Value::path)
                .map_or_else(|| MODEL_DIR.to_owned(), paths::absolute);
            if let Some(path) = path {
                builtin::must_be_there(run, &path, &paths::absolute(&path))?;
            }
            run.state.filled.insert(target);
            Some(Value::None)
        }
        "pathlib.Path" | "pathlib.PosixPath" | "pathlib.PurePath" => {
            let mut parts = Vec::new();
            for arg in given.args {
                match arg.path() {
                    Some(part) => parts.push(part),
                    None => {
                        if let Value::None = arg {
                            return run.raise(
                                "TypeError",
                                "expected str, bytes or os.PathLike object, not NoneType",
                                run.fault_here(),
                            );
                        }
                        return Ok(Some(Value::Unknown));
                    }
                }
            }
            let joined = if parts.is_empty() { ".".to_owned() } else { paths::join(&parts) };
            let joined = if joined.len() > 1 { joined.trim_end_matches('/').to_owned() } else { joined };
            Some(Value::Path(Rc::from(joined)))
        }
        "gzip.open" | "bz2.open" | "lzma.open" => {
            let reads = given.get(1, "mode").and_then(Value::text).is_none_or(|mode| mode.starts_with('r'));
            if let (Some(path), true) = (path, reads) {
                let full = paths::absolute(&path);
                builtin::must_be_there(run, &path, &full)?;
                run.note_read("opens", &full);
            }
            Some(Value::Unknown)
        }
        "importlib.metadata.version" | "importlib.metadata.distribution" => {
            let distribution = first.and_then(Value::text).map(str::to_owned);
            Some(match distribution {
                Some(asked)
                    if run.world.image.is_some_and(|image| image.environment.sys_path.value().is_some())
                        && !run.world.contents.files().iter().any(|(file, _)| file.contains("-info/")) =>
                {
                    let normal = envdiff_model::Name::new(&asked);
                    match crate::handler::names::version_of(run, normal.as_str()) {
                        Some(version) if name.ends_with("version") => Value::str(version),
                        Some(_) => Value::Unknown,
                        None => {
                            let mut raised = run.error(
                                "importlib.metadata.PackageNotFoundError",
                                format!("No package metadata was found for {asked}"),
                                run.fault_here(),
                            );
                            raised.bases = vec![Rc::from("ModuleNotFoundError")];
                            raised.what =
                                Some(Rc::from(format!("the image has no distribution of the name {asked}")));
                            return Err(Stop::Raise(Box::new(raised)));
                        }
                    }
                }
                _ => Value::Unknown,
            })
        }
        "io.open" | "codecs.open" => Some(builtin::open(run, given)?),
        // A hook makes something else of it.
        "json.load" if given.named.iter().any(|(key, _)| &**key != "fp") => Some(Value::Unknown),
        "json.load" | "simplejson.load" | "ujson.load" | "orjson.load" => Some(match first {
            Some(Value::File(file)) => {
                let file = Rc::clone(file);
                load_json(run, &file)?
            }
            _ => Value::Unknown,
        }),
        "yaml.safe_load" | "yaml.load" | "yaml.full_load" => Some(match first.cloned() {
            Some(source) => load_yaml(run, &source)?,
            None => Value::Unknown,
        }),
        "zipfile.ZipFile" | "tarfile.open" => {
            if let Some(path) = path {
                let mode = given.get(1, "mode").and_then(Value::text).unwrap_or("r").to_owned();
                let full = paths::absolute(&path);
                if mode.starts_with('r') {
                    builtin::must_be_there(run, &path, &full)?;
                    run.note_read("opens", &full);
                }
                Some(super::make(run, "zipfile.ZipFile", vec![Value::str(full)], Vec::new()))
            } else {
                Some(super::make(run, "zipfile.ZipFile", Vec::new(), Vec::new()))
            }
        }
        "zipfile.is_zipfile" => Some(Value::Unknown),
        "tempfile.mkdtemp" | "tempfile.mkstemp" | "tempfile.gettempdir" => Some(Value::Unknown),
        "csv.reader" | "csv.DictReader" => Some(Value::Unknown),
        "pandas.read_csv"
        | "pandas.read_json"
        | "pandas.read_parquet"
        | "cv2.imread"
        | "PIL.Image.open"
        | "numpy.loadtxt"
        | "numpy.genfromtxt"
        | "pandas.read_pickle"
        | "toml.load" => {
            if let Some(path) = path
                && !path.contains("://")
            {
                let full = paths::absolute(&path);
                if name == "cv2.imread" {
                    return Ok(Some(Value::Unknown));
                }
                builtin::must_be_there(run, &path, &full)?;
                run.note_read("opens", &full);
            }
            Some(Value::Unknown)
        }
        _ => None,
    })
}

fn listing(run: &mut Run<'_>, name: &str, path: Option<&str>) -> Done<Value> {
    if matches!(name, "glob.glob" | "glob.iglob")
        && let Some((folder, pattern)) = path.and_then(|path| path.rsplit_once('/').or(Some((".", path))))
        && !folder.contains(['*', '?', '['])
    {
        let found = files_like(run, &paths::absolute(folder), pattern, false)?;
        return Ok(match found {
            Some(found) if folder.starts_with('/') => {
                // Unlike pathlib, glob leaves hidden files out.
                let shown = found.into_iter().filter(|path| !path.contains("/.")).map(Value::str).collect();
                run.state.new_list(shown)
            }
            _ => run.state.open_list(),
        });
    }
    if name != "os.listdir" {
        return Ok(run.state.open_list());
    }
    let full = paths::absolute(path.unwrap_or("."));
    let found = run.world.list(&full).map_err(Stop::Miss)?;
    let changed =
        run.state.written.iter().chain(run.state.filled.iter()).any(|other| other.starts_with(&full));
    match found {
        Some(entries) if !changed && run.world.in_archive(&full).is_some() => {
            if entries.is_empty() && run.there(&full)? == There::Absent {
                return Err(Stop::Raise(Box::new(builtin::missing(run, path.unwrap_or("."), &full))));
            }
            // The order is the file system's.
            let items = entries.into_iter().map(|(name, _)| Value::str(name)).collect();
            Ok(run.state.new_list(items))
        }
        _ => Ok(run.state.open_list()),
    }
}

/// The paths in a folder of the archive whose names fit a pattern of `*` and `?`; `None` where they cannot be told.
fn files_like(run: &mut Run<'_>, folder: &str, pattern: &str, deep: bool) -> Done<Option<Vec<String>>> {
    let changed =
        run.state.written.iter().chain(run.state.filled.iter()).any(|other| other.starts_with(folder));
    let Some(inside) = run.world.in_archive(folder) else { return Ok(None) };
    if changed || pattern.contains(['[', '/']) || pattern.contains("**") {
        return Ok(None);
    }
    let mut out = Vec::new();
    if deep {
        let below = if inside.is_empty() { String::new() } else { format!("{inside}/") };
        for (file, _) in run.world.contents.files() {
            run.step()?;
            let Some(rest) = file.strip_prefix(&below) else { continue };
            if fits(pattern, rest.rsplit('/').next().unwrap_or(rest)) {
                out.push(format!("{folder}/{rest}"));
            }
        }
        return Ok(Some(out));
    }
    let Some(entries) = run.world.list(folder).map_err(Stop::Miss)? else { return Ok(None) };
    for (name, _) in entries {
        run.step()?;
        if fits(pattern, &name) {
            out.push(format!("{folder}/{name}"));
        }
    }
    Ok(Some(out))
}

/// Whether a name fits a pattern of `*` and `?`.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name, mut star) = (0, 0, None);
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(c) if *c == '?' || name.get(in_name) == Some(c) => {
                at += 1;
                in_name += 1;
            }
            _ => match star {
                Some((star_at, from)) => {
                    at = star_at + 1;
                    in_name = from + 1;
                    star = Some((star_at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}

/// `os.mkdir`, `os.makedirs`, `Path.mkdir`.
fn make_folder(run: &mut Run<'_>, path: &str, may_exist: bool) -> Done<()> {
    let full = paths::absolute(path);
    // What lies in the image may come from a mount, and what is written once is there at the next try.
    if !may_exist && run.world.in_archive(&full).is_some() {
        let there = run.there(&full)?;
        if matches!(there, There::File(_) | There::Folder) && !run.is_written(&full) {
            return run.raise(
                "FileExistsError",
                format!("[Errno 17] File exists: '{path}'"),
                run.fault_here(),
            );
        }
    }
    run.state.written.insert(format!("{full}/"));
    Ok(())
}

/// `yaml.safe_load(source)`: what it is where it is read without fault; what PyYAML refuses is left open.
fn load_yaml(run: &mut Run<'_>, source: &Value) -> Done<Value> {
    let text = match source {
        Value::Str(text) => text.to_string(),
        Value::File(file) => match content(run, &file.path, false)? {
            Value::Str(text) => text.to_string(),
            _ => return Ok(Value::Unknown),
        },
        _ => return Ok(Value::Unknown),
    };
    Ok(match crate::yaml::parse(&text) {
        Ok(Some(value)) => to_value(run, &value, Origin::Own),
        Ok(None) => Value::None,
        Err(_) => Value::Unknown,
    })
}

/// `json.load(file)`.
fn load_json(run: &mut Run<'_>, file: &OpenFile) -> Done<Value> {
    if run.is_written(&file.path) {
        return Ok(Value::Unknown);
    }
    match run.world.bytes(&file.path, TEXT).map_err(Stop::Miss)? {
        Some(bytes) => json_value(run, &bytes, Some(&file.path)),
        None => Ok(Value::Unknown),
    }
}

/// JSON as Python reads it, or the error that it raises.
pub(crate) fn json_value(run: &mut Run<'_>, bytes: &[u8], path: Option<&str>) -> Done<Value> {
    match crate::manifest::python_json(bytes) {
        Ok(json) => Ok(to_value(run, &json, Origin::Own)),
        Err(decode) => {
            let is_labels = path.is_some_and(|path| path.ends_with("/index_to_name.json"));
            let fault = if is_labels { Fault::Labels } else { run.fault_here() };
            let (class, message) = match decode {
                crate::manifest::Decode::NotUtf8 { at } => (
                    "UnicodeDecodeError",
                    format!("'utf-8' codec can't decode byte in position {at}: invalid start byte"),
                ),
                crate::manifest::Decode::Json { message, .. } => ("json.decoder.JSONDecodeError", message),
                crate::manifest::Decode::Bound => return Ok(Value::Unknown),
            };
            let mut raised = run.error(class, message, fault);
            if let Some(path) = path {
                raised.what = Some(Rc::from(format!("{} is no JSON that Python reads", shown_path(path))));
            }
            Err(Stop::Raise(Box::new(raised)))
        }
    }
}

/// A value of a manifest, a configuration or a JSON file, as Python has it.
pub(crate) fn to_value(run: &mut Run<'_>, json: &Json, origin: Origin) -> Value {
    match &json.data {
        Data::None => Value::None,
        Data::Bool(value) => Value::Bool(*value),
        Data::Int(value) => Value::Int(*value),
        Data::Float(value) => Value::Float(*value),
        Data::Str(text) => Value::str(text),
        Data::List(items) => {
            let items = items.iter().map(|item| to_value(run, item, origin)).collect();
            run.state.new_list(items)
        }
        Data::Map(map) => {
            let mut pairs = Vec::with_capacity(map.pairs.len());
            for (key, value) in &map.pairs {
                let key = to_value(run, key, origin);
                let value = to_value(run, value, origin);
                pairs.push((key, value));
            }
            run.state.new_dict(pairs, origin)
        }
        Data::BigInt(_) | Data::Other(..) => Value::Unknown,
    }
}

/// A method of a `Path`.
pub(crate) fn path_method(run: &mut Run<'_>, path: &Str, name: &str, given: &Args<'_>) -> Done<Value> {
    let full = paths::absolute(path);
    Ok(match name {
        "exists" | "is_file" | "is_dir" => match (run.there(&full)?, name) {
            (There::Unknown, _) => Value::Unknown,
            (There::Absent, _) => Value::Bool(false),
            (There::File(_), "is_dir") | (There::Folder, "is_file") => Value::Bool(false),
            _ => Value::Bool(true),
        },
        "joinpath" => {
            let mut parts = vec![path.to_string()];
            for arg in given.args {
                match arg.path() {
                    Some(part) => parts.push(part.to_owned()),
                    None => return Ok(Value::Unknown),
                }
            }
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            Value::Path(Rc::from(paths::join(&parts)))
        }
        "resolve" | "absolute" => Value::Path(Rc::from(full)),
        "as_posix" | "__str__" | "__fspath__" => Value::Str(path.clone()),
        "open" => {
            let mut args = vec![Value::Str(path.clone())];
            args.extend(given.args.iter().cloned());
            return builtin::open(run, &Args { args: &args, named: given.named });
        }
        "read_text" | "read_bytes" => {
            builtin::must_be_there(run, path, &full)?;
            run.note_read("opens", &full);
            content(run, &full, name == "read_bytes")?
        }
        "with_suffix" => match given.args.first().and_then(Value::text) {
            Some(suffix) => Value::Path(Rc::from(format!("{}{suffix}", paths::split_suffix(path).0))),
            None => Value::Unknown,
        },
        "with_name" => match given.args.first().and_then(Value::text) {
            Some(name) => {
                let (head, _) = paths::split(path);
                Value::Path(Rc::from(paths::join(&[head.as_str(), name])))
            }
            None => Value::Unknown,
        },
        "mkdir" => {
            let may_exist = given.get(2, "exist_ok").is_some_and(|value| run.truth(value) != Some(false));
            make_folder(run, path, may_exist)?;
            Value::None
        }
        "write_text" | "write_bytes" | "touch" => {
            run.state.written.insert(full);
            Value::None
        }
        "iterdir" => match files_like(run, &full, "*", false)? {
            Some(found) => {
                run.state.new_list(found.into_iter().map(|path| Value::Path(Rc::from(path))).collect())
            }
            None => run.state.open_list(),
        },
        "glob" | "rglob" => {
            let pattern = given.args.first().and_then(Value::text).map(str::to_owned);
            match pattern {
                Some(pattern) => match files_like(run, &full, &pattern, name == "rglob")? {
                    Some(found) => run
                        .state
                        .new_list(found.into_iter().map(|path| Value::Path(Rc::from(path))).collect()),
                    None => run.state.open_list(),
                },
                None => run.state.open_list(),
            }
        }
        _ => Value::Unknown,
    })
}

fn content(run: &mut Run<'_>, full: &str, is_binary: bool) -> Done<Value> {
    if run.is_written(full) {
        return Ok(Value::Unknown);
    }
    let Some(bytes) = run.world.bytes(full, 1 << 20).map_err(Stop::Miss)? else { return Ok(Value::Unknown) };
    if is_binary {
        return Ok(Value::Bytes(Rc::from(bytes)));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Value::str(text),
        Err(_) => Value::Unknown,
    })
}

/// A method of an open file.
pub(crate) fn file_method(run: &mut Run<'_>, file: &OpenFile, name: &str, given: &Args<'_>) -> Done<Value> {
    Ok(match name {
        "read" if given.args.is_empty() && file.reads => content(run, &file.path, file.is_binary)?,
        "readlines" if file.reads && !file.is_binary => match content(run, &file.path, false)? {
            Value::Str(text) => {
                let lines: Vec<Value> = text.split_inclusive('\n').map(Value::str).collect();
                run.state.new_list(lines)
            }
            _ => run.state.open_list(),
        },
        "close" | "flush" | "write" | "seek" | "__exit__" => Value::None,
        _ => Value::Unknown,
    })
}

/// A method of an archive that was opened; `None` where the object is another.
pub(crate) fn made_method(
    run: &mut Run<'_>,
    id: Id,
    of: &str,
    name: &str,
    given: &Args<'_>,
) -> Done<Option<Value>> {
    match of {
        "zipfile.ZipFile" => {
            if matches!(name, "extractall" | "extract") {
                let at = usize::from(name == "extract");
                let target = match given.get(at, "path") {
                    Some(value) => match value.path() {
                        Some(path) => paths::absolute(path),
                        None => MODEL_DIR.to_owned(),
                    },
                    None => MODEL_DIR.to_owned(),
                };
                let path = run.state.made(id).and_then(|made| made.args.first().cloned());
                let known = match path.as_ref().and_then(Value::text) {
                    Some(path) if run.world.in_archive(path).is_some() => {
                        run.world.zip(path).map_err(Stop::Miss)?
                    }
                    _ => None,
                };
                match known {
                    Some(contents) if name == "extractall" => {
                        for (file, _) in contents.files() {
                            run.state.written.insert(format!("{target}/{file}"));
                            let mut folder = file.as_str();
                            while let Some((above, _)) = folder.rsplit_once('/') {
                                run.state.written.insert(format!("{target}/{above}/"));
                                folder = above;
                            }
                        }
                    }
                    _ => {}
                }
                run.state.filled.insert(target);
                return Ok(Some(Value::None));
            }
            Ok(Some(Value::Unknown))
        }
        _ => Ok(None),
    }
}

/// A folder that `from_pretrained` reads holds a configuration.
pub(crate) fn check_pretrained(run: &mut Run<'_>, name: &str, full: &str) -> Done<()> {
    run.note_read("opens", full);
    if run.there(full)? != There::Folder || run.is_written(full) {
        return Ok(());
    }
    let last_class = name.rsplit('.').nth(1).unwrap_or(name);
    let is_tokenizer = last_class.contains("Tokenizer")
        || last_class.contains("Processor")
        || last_class.contains("Extractor");
    if !name.starts_with("transformers.") || is_tokenizer {
        run.cannot_see(format!("what {name} needs of the files in {}", shown(full)));
        return Ok(());
    }
    if run.there(&format!("{full}/config.json"))? == There::Absent {
        let mut raised: Raised = run.error(
            "OSError",
            format!("{full} does not appear to have a file named config.json."),
            Fault::FileMissing,
        );
        raised.what = Some(Rc::from(format!(
            "{last_class}.from_pretrained reads config.json, and {} has none",
            shown(full)
        )));
        raised.fix = Some(Rc::from("pack what save_pretrained wrote with --extra-files"));
        return Err(Stop::Raise(Box::new(raised)));
    }
    let weights = [
        "model.safetensors",
        "pytorch_model.bin",
        "model.safetensors.index.json",
        "pytorch_model.bin.index.json",
    ];
    let mut found = !last_class.contains("Model") && !last_class.starts_with("AutoModel");
    for file in weights {
        found |= run.there(&format!("{full}/{file}"))? != There::Absent;
    }
    if found {
        run.cannot_see(format!("whether {last_class} takes the weights in {}", shown(full)));
    } else {
        let mut raised = run.error(
            "OSError",
            format!("Error no file named pytorch_model.bin, model.safetensors, tf_model.h5, model.ckpt.index or flax_model.msgpack found in directory {full}."),
            Fault::FileMissing,
        );
        raised.what = Some(Rc::from(format!(
            "{last_class}.from_pretrained reads weights, and {} has none",
            shown(full)
        )));
        run.note_perhaps(raised);
    }
    Ok(())
}

fn shown(full: &str) -> String {
    let path = shown_path(full);
    if path.is_empty() { "the archive's folder".to_owned() } else { path }
}
