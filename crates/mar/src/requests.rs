//! What a handler needs of the machine only when requests come comes in, with its world; the troubles that this will make come out.
//! None of them keeps the model from loading.

use envdiff_files::Miss;
use envdiff_model::{Evidence, Fault, PathSource, Spot, Stage, Text, Trouble, Weight, say};

use crate::ending::trouble;
use crate::follow::placed;
use crate::handler::later::{Later, Need};
use crate::handler::world::World;
use crate::model_config::ModelConfig;

/// The troubles of these calls, in their order.
///
/// # Errors
/// [`Miss::Pending`] while the image must be asked.
pub(crate) fn troubles(
    world: &World<'_>,
    later: &[Later],
    config: &ModelConfig,
) -> Result<Vec<Trouble>, Miss> {
    let mut out = Vec::new();
    if later.iter().any(|call| call.need == Need::Compiler)
        && !is_set_up_by_code(world)
        && let Some(lack) = lack(world)?
    {
        for call in later.iter().filter(|call| call.need == Need::Compiler) {
            let mut found = trouble(Fault::CompilerMissing, Weight::MayBreak, Stage::Ready, "");
            let who = if call.is_of_server && by_config(&mut found, config) {
                "`pt2` of model-config.yaml has the model compiled"
            } else {
                put(&mut found, world, call);
                "torch.compile compiles"
            };
            found.what = say!(who, " with inductor, which needs ", lack.needs, ", and ", lack.has_not);
            found.message = lack.message.into();
            found.evidence.clone_from(&lack.evidence);
            found.fix = lack.fix.clone();
            out.push(found);
        }
    }
    for call in later.iter().filter(|call| call.need == Need::SharedMemory) {
        let mut found = trouble(
            Fault::SharedMemory,
            Weight::Remark,
            Stage::Ready,
            say!(
                &*call.call,
                if call.call.contains("shared_memory") {
                    " takes its memory from"
                } else {
                    " has processes hand each other tensors through"
                },
                " /dev/shm, of which a container of Docker has 64 MB where nothing else is said"
            ),
        );
        put(&mut found, world, call);
        out.push(found);
    }
    Ok(out)
}

fn put(found: &mut Trouble, world: &World<'_>, call: &Later) {
    if let Some(at) = &call.at {
        let (spot, line) = placed(world, at);
        found.at = Some(spot);
        found.line = line;
    }
}

/// Where model-config.yaml asks TorchServe's base handler to compile.
fn by_config(found: &mut Trouble, config: &ModelConfig) -> bool {
    let Some((key, _)) =
        config.value.as_ref().and_then(|value| value.as_map()).and_then(|map| map.pair("pt2"))
    else {
        return false;
    };
    let Some(file) = &config.file else { return false };
    found.at = Some(Spot {
        file: file.as_str().into(),
        line: key.at.line,
        column: key.at.column,
        end_column: key.at.end_column,
    });
    found.line = config.line(key.at).into();
    true
}

/// Whether the archive's own code names a compiler, or lets torch go on without one.
fn is_set_up_by_code(world: &World<'_>) -> bool {
    const WORDS: &[&[u8]] = &[
        b"suppress_errors",
        b"SUPPRESS_ERRORS",
        b"TORCHDYNAMO_DISABLE",
        b"TORCH_COMPILE_DISABLE",
        b"INSTALL_GXX",
        b"cpp.cxx",
        b"\"CC\"",
        b"'CC'",
        b"\"CXX\"",
        b"'CXX'",
        b"set_default_backend",
    ];
    world.contents.files().iter().filter(|(path, _)| path.ends_with(".py")).any(|(path, _)| {
        match world.contents.read(path, 4 << 20) {
            Ok(text) => WORDS.iter().any(|word| memchr::memmem::find(&text, word).is_some()),
            // What cannot be read may set it up.
            Err(_) => true,
        }
    })
}

/// What an image lacks to compile what inductor generates.
struct Lack {
    needs: &'static str,
    has_not: Text,
    message: &'static str,
    evidence: Vec<Evidence>,
    fix: Text,
}

/// Variables that name a compiler or its headers, or switch off what would need them.
const LIFT: &[&str] = &[
    "CC",
    "CXX",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "TORCHDYNAMO_DISABLE",
    "TORCHDYNAMO_SUPPRESS_ERRORS",
    "TORCH_COMPILE_DISABLE",
    "TORCH_INDUCTOR_INSTALL_GXX",
];

/// `None` where the image lacks nothing, or that cannot be seen.
fn lack(world: &World<'_>) -> Result<Option<Lack>, Miss> {
    let Some(image) = world.image else { return Ok(None) };
    let Some(config) = image.config else { return Ok(None) };
    let Some(path) = config.var("PATH").filter(|path| !path.is_empty()) else { return Ok(None) };
    if LIFT.iter().any(|name| config.var(name).is_some()) {
        return Ok(None);
    }
    // All is asked in one batch.
    let folders: Vec<_> = path
        .as_str()
        .unwrap_or("")
        .split(':')
        .filter(|folder| folder.starts_with('/'))
        .map(|folder| world.list(folder))
        .collect();
    let header = header(world);
    let header_is_there = match &header {
        Some((folder, rest)) => is_there(world, folder, rest),
        None => Ok(None),
    };
    let folders = folders.into_iter().collect::<Result<Vec<_>, Miss>>()?;
    let header_is_there = header_is_there?;
    let Some(folders) = folders.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    let has = |program: &str| folders.iter().flatten().any(|(name, _)| name == program);
    // Of a root that holds only what somebody asked for, nothing is told by what is not there.
    if !has("ls") || !has("env") {
        return Ok(None);
    }
    let cpu = world.gpu == Some(false);
    let has_gxx = has("g++");
    let has_any = ["g++", "gcc", "clang", "cc", "c++", "clang++"].into_iter().any(has);
    let seen_path = Evidence::new("image configuration", say!("PATH=", path));
    // torch/_inductor/config.py and codecache.py (cpp_builder.py since 2.5): on the CPU `CXX`, else g++. triton/runtime/build.py: on a
    // GPU `CC`, else gcc or clang.
    if (cpu && !has_gxx) || !has_any {
        return Ok(Some(if cpu {
            Lack {
                needs: "g++ on the CPU",
                has_not: "the image has none on PATH".into(),
                message: "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')",
                evidence: vec![seen_path],
                fix: "install g++ in the image, name another compiler with CXX, or compile with a backend that generates no \
                      code (`cudagraphs`, `aot_eager`, `eager`)"
                    .into(),
            }
        } else {
            Lack {
                needs: "a compiler: gcc or clang on a GPU, g++ on the CPU",
                has_not: "the image has none on PATH".into(),
                message: "RuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
                evidence: vec![seen_path],
                fix: "install gcc and g++ in the image, or name other compilers with CC and CXX".into(),
            }
        }));
    }
    let Some((prefix, rest)) = header.filter(|_| header_is_there == Some(false)) else { return Ok(None) };
    Ok(Some(Lack {
        needs: "a compiler and Python's headers",
        has_not: say!("the image has no ", prefix.as_str(), "/", rest.join("/").as_str()),
        message: "fatal error: Python.h: No such file or directory",
        evidence: Vec::new(),
        fix: "install Python's headers in the image (`python3-dev` of Debian and Ubuntu)".into(),
    }))
}

/// Where the interpreter that serves has its headers: beside its standard library (`sysconfig`, posix_prefix); the prefix, and the
/// names below it.
fn header(world: &World<'_>) -> Option<(String, [String; 3])> {
    let entries = world.image?.environment.sys_path.value()?;
    let library = entries
        .iter()
        .filter(|entry| entry.from == PathSource::Stdlib && entry.exists)
        .filter_map(|entry| entry.path.as_str())
        .find(|path| !path.ends_with("/lib-dynload"))?;
    let (above, version) = library.rsplit_once('/')?;
    let (prefix, _) = above.rsplit_once('/')?;
    Some((prefix.to_owned(), ["include".to_owned(), version.to_owned(), "Python.h".to_owned()]))
}

/// Whether a file lies there, by the listings that lead to it: a folder that lists something else lacks it, one that cannot be listed
/// tells nothing.
fn is_there(world: &World<'_>, folder: &str, rest: &[String]) -> Result<Option<bool>, Miss> {
    let mut at = folder.to_owned();
    for (depth, name) in rest.iter().enumerate() {
        let Some(entries) = world.list(&at)? else { return Ok(None) };
        if depth == 0 && entries.is_empty() {
            return Ok(None);
        }
        if !entries.iter().any(|(entry, _)| entry == name) {
            return Ok(Some(false));
        }
        at = format!("{at}/{name}");
    }
    Ok(Some(true))
}
