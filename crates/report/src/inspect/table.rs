//! What is in a target for people: target, interpreter, `sys.path`, distributions, what is not known.

use std::io::{self, Write};

use envdiff_model::{Distribution, Environment, Fact, Snapshot, Text, Told};

use super::Inspection;
use crate::columns::Columns;
use crate::escape::shown;
use crate::terminal::{count, paint, wrapped};
use crate::{Detail, View};

pub(super) fn write(inspection: &Inspection<'_>, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = inspection.snapshot;
    let environment = &snapshot.environment;
    head(snapshot, view, out)?;
    if let Some(told) = &environment.told {
        said(told, out)?;
    }
    if let Some(entries) = environment.sys_path.value() {
        title("sys.path", out)?;
        let mut table = Columns::whole();
        for (i, entry) in entries.iter().enumerate() {
            let there = if entry.exists { "" } else { " (not there)" };
            table.row([i.to_string(), entry.from.as_str().into(), shown(&entry.path) + there]);
        }
        print(table, out)?;
    }
    if !environment.distributions.is_empty() {
        title(&count(environment.distributions.len(), "distribution"), out)?;
        let mut table = Columns::fitting(view);
        table.row(["name", "version", "in", "by", ""]);
        for distribution in &environment.distributions {
            table.row(row(distribution));
        }
        print(table, out)?;
    }
    if !environment.conda.is_empty() {
        title(&format!("{} of conda", count(environment.conda.len(), "package")), out)?;
        let mut table = Columns::fitting(view);
        table.row(["name", "version", "build", "channel"]);
        for package in &environment.conda {
            table.row([&package.name, &package.version, &package.build, &package.channel].map(shown));
        }
        print(table, out)?;
    }
    if !environment.interpreters.is_empty() {
        title("interpreters that do not start", out)?;
        for other in &environment.interpreters {
            writeln!(out, "{} {}", shown(&other.executable), fact(&other.version))?;
        }
    }
    unknown(environment, view, out)
}

fn head(snapshot: &Snapshot, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let target = &snapshot.target;
    writeln!(out, "{}", paint(anstyle::Style::new().bold(), shown(&target.name)))?;
    let mut table = Columns::whole();
    if let Some(id) = &target.id {
        table.row(["id".into(), shown(id)]);
    }
    if let Some(platform) = &target.platform {
        table.row(["platform".into(), shown(platform)]);
    }
    table.row(["read by", target.gathered_by]);
    let environment = &snapshot.environment;
    table.row(["Python".into(), fact(&environment.python)]);
    match environment.interpreter.value() {
        Some(interpreter) => {
            table.row(["interpreter".into(), shown(&interpreter.executable)]);
            if interpreter.real != interpreter.executable {
                table.row(["which is".into(), shown(&interpreter.real)]);
            }
            if interpreter.prefix != interpreter.base_prefix {
                table.row(["environment".into(), shown(&interpreter.prefix)]);
            }
            for step in &interpreter.reached_by {
                table.row(["reached by".into(), shown(step)]);
            }
        }
        None => {
            let reason = environment.interpreter.reason().map(shown).unwrap_or_default();
            table.row(["interpreter".into(), format!("unknown: {reason}")]);
        }
    }
    if environment.sys_path.value().is_none() {
        let reason = environment.sys_path.reason().map(shown).unwrap_or_default();
        table.row(["sys.path".into(), format!("unknown: {reason}")]);
    }
    crate::stack::rows(environment, &mut table);
    print(table, out)?;
    if view.detail >= Detail::Verbose {
        for notice in &target.notices {
            writeln!(out, "{}", wrapped(&shown(notice), view.width, "  "))?;
        }
    }
    Ok(())
}

/// What the interpreter itself said, in short; all of it is in the JSON.
fn said(told: &Told, out: &mut dyn Write) -> io::Result<()> {
    title("said by the interpreter itself", out)?;
    let mut table = Columns::whole();
    if let Some(reason) = &told.failed {
        table.row(["nothing".into(), shown(reason)]);
        return print(table, out);
    }
    let counted = |fact: Fact<usize>, one: &str| match fact {
        Fact::Known { value, .. } => count(value, one),
        Fact::Unknown { reason } => format!("unknown: {}", shown(&reason)),
    };
    table.row(["Python".into(), fact(&told.python)]);
    table.row(["sys.path".into(), counted(told.sys_path.as_ref().map(Vec::len), "path")]);
    table.row(["importlib".into(), counted(told.distributions.as_ref().map(Vec::len), "distribution")]);
    table.row(["pip freeze".into(), counted(told.freeze.as_ref().map(Vec::len), "line")]);
    let torch = match &told.torch {
        Fact::Known { value: None, .. } => "none".into(),
        Fact::Unknown { reason } => format!("unknown: {}", shown(reason)),
        Fact::Known { value: Some(torch), .. } => {
            let mut parts = vec![shown(&torch.version)];
            for (name, version) in [("CUDA", &torch.cuda), ("ROCm", &torch.hip), ("NCCL", &torch.nccl)] {
                parts.extend(version.as_ref().map(|version| format!("{name} {}", shown(version))));
            }
            parts.extend(torch.cudnn.map(|number| format!("cuDNN {number}")));
            parts.push(if torch.available { "GPUs can be used" } else { "no GPU can be used" }.into());
            parts.join(", ")
        }
    };
    table.row(["torch".into(), torch]);
    for gpu in told.torch.value().into_iter().flatten().flat_map(|torch| &torch.gpus) {
        let word = |text: &Option<Text>| text.as_ref().map(shown).unwrap_or_default();
        table.row(["GPU".into(), format!("{} ({})", word(&gpu.name), word(&gpu.capability))]);
    }
    if let Some(Fact::Unknown { reason }) = &told.gpus {
        table.row(["GPUs".into(), format!("none given: {}", shown(reason))]);
    }
    print(table, out)
}

fn row(distribution: &Distribution) -> [String; 5] {
    let mut remarks: Vec<String> = Vec::new();
    if distribution.shadowed {
        remarks.push("shadowed".into());
    }
    if distribution.ambiguous {
        remarks.push("ambiguous".into());
    }
    if distribution.editable {
        remarks.push("editable".into());
    }
    if let Some(direct) = &distribution.direct_url {
        remarks.push(match direct {
            Fact::Known { value, .. } => shown(&value.url),
            Fact::Unknown { reason } => format!("direct_url.json: {}", shown(reason)),
        });
    }
    if let Some(error) = &distribution.error {
        remarks.push(shown(error));
    }
    let or_metadata = |text: &Option<Text>, none: &str| text.as_ref().map_or_else(|| none.to_owned(), shown);
    [
        match &distribution.name {
            Some(name) => shown(name),
            None => shown(&distribution.metadata),
        },
        or_metadata(&distribution.version, "?"),
        distribution.path_index.to_string(),
        or_metadata(&distribution.installer, ""),
        remarks.join(", "),
    ]
}

fn unknown(environment: &Environment, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if environment.unknown.is_empty() {
        return Ok(());
    }
    title("not known", out)?;
    for unknown in &environment.unknown {
        let line = format!("{}: {}", shown(&unknown.what), shown(&unknown.why));
        writeln!(out, "{}", wrapped(&line, view.width, "  "))?;
    }
    Ok(())
}

fn fact(fact: &Fact<Text>) -> String {
    match fact {
        Fact::Known { value, .. } => shown(value),
        Fact::Unknown { reason } => format!("unknown: {}", shown(reason)),
    }
}

fn title(title: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out)?;
    writeln!(out, "{}", paint(anstyle::Style::new().bold(), title))
}

fn print(table: Columns, out: &mut dyn Write) -> io::Result<()> {
    for line in table.lines() {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
