//! The table of the two sides, training and serving; a row only where one of them tells something. Without a lock the one
//! side that there is, where it holds torch.

use std::io::{self, Write};

use envdiff_model::{Audit, Fact, Gpu, Library, Name, Text, TorchVariant, Training};

use super::paint;
use super::style::DIM;
use crate::View;
use crate::columns::Columns;
use crate::escape::shown;

/// What one side tells of a fact.
enum Side {
    /// Nothing: it is not a fact of that side.
    Nothing,
    /// A value.
    Known(String),
    /// It is not known.
    Unknown,
}

impl Side {
    fn of<T>(fact: Option<&Fact<T>>, show: impl Fn(&T) -> String) -> Self {
        match fact.map(Fact::value) {
            None => Self::Nothing,
            Some(None) => Self::Unknown,
            Some(Some(value)) => Self::Known(show(value)),
        }
    }

    fn cell(&self) -> String {
        match self {
            Self::Nothing => "-".into(),
            Self::Known(value) => value.clone(),
            Self::Unknown => "unknown".into(),
        }
    }

    const fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }
}

/// A row: what, training, serving, and what is to be said about the two.
struct Row {
    what: &'static str,
    training: Side,
    serving: Side,
    differs: bool,
}

impl Row {
    /// Two sides that are compared as `same` says.
    fn new(what: &'static str, training: Side, serving: Side, same: fn(&str, &str) -> bool) -> Self {
        let differs = match (&training, &serving) {
            (Side::Known(training), Side::Known(serving)) => !same(training, serving),
            _ => false,
        };
        Self { what, training, serving, differs }
    }

    fn remark(&self) -> &'static str {
        match (&self.training, &self.serving) {
            _ if self.differs => "differs",
            (Side::Known(_) | Side::Unknown, Side::Unknown) | (Side::Unknown, Side::Known(_)) => {
                "not determined"
            }
            _ => "",
        }
    }
}

pub(super) fn write(audit: &Audit, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(audit);
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::fitting(view);
    if audit.locks.is_empty() {
        columns.row(["", "serving"]);
        for row in rows {
            columns.row([row.what.to_owned(), row.serving.cell()]);
        }
    } else {
        columns.row(["", "training", "serving", ""]);
        for row in rows {
            columns.row([
                row.what.to_owned(),
                row.training.cell(),
                row.serving.cell(),
                row.remark().to_owned(),
            ]);
        }
    }
    writeln!(out)?;
    for (i, line) in columns.lines().into_iter().enumerate() {
        if i == 0 {
            writeln!(out, "{}", paint(DIM, line))?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// A row only where there is something to tell: what training was, or the torch that serves and what it meets.
fn rows(audit: &Audit) -> Vec<Row> {
    let (training, stack) = (&audit.training, &audit.environment.stack);
    let has_torch = training.torch.is_some() || matches!(stack.torch.value(), Some(Some(_)));
    let text = |fact: &Option<Fact<Text>>| Side::of(fact.as_ref(), shown);
    let mut rows = Vec::new();
    if training.python.is_some() || has_torch {
        let serving = Side::of(Some(&audit.environment.python), shown);
        rows.push(Row::new("Python", text(&training.python), serving, same));
    }
    if has_torch {
        rows.push(torch(audit));
        let mut libraries = vec![
            Row::new("CUDA", cuda(training), serving_cuda(audit), same_library),
            Row::new("cuDNN", text(&training.cudnn), library(&stack.cudnn), same_library),
            Row::new("NCCL", text(&training.nccl), library(&stack.nccl), same_library),
        ];
        libraries.retain(|row| row.training.is_known() || row.serving.is_known());
        rows.append(&mut libraries);
    }
    if training.numpy.is_some() || has_torch {
        let serving = distribution(audit, "numpy");
        if training.numpy.is_some() || serving.is_known() {
            let serving = if serving.is_known() { serving } else { not_there(audit, "numpy") };
            rows.push(Row::new("numpy", text(&training.numpy), serving, same));
        }
    }
    let machine = &audit.environment.machine;
    let driver = Side::of(Some(&machine.driver()), |driver| {
        driver.as_ref().map_or_else(|| "none".to_owned(), |driver| shown(&driver.version))
    });
    let gpus = Side::of(Some(&machine.gpus()), |gpus| self::gpus(gpus));
    for (what, training, serving) in [("driver", &training.driver, driver), ("GPU", &training.gpu, gpus)] {
        if training.is_some() || serving.is_known() {
            rows.push(Row::new(what, text(training), serving, same));
        }
    }
    rows
}

/// torch with what it was built for, which its version may not tell: `2.1.2 (cu121)`.
fn torch(audit: &Audit) -> Row {
    let (training, stack) = (&audit.training, &audit.environment.stack);
    let variant = |fact: Option<&Fact<TorchVariant>>| fact.and_then(Fact::value).cloned();
    let wanted = variant(training.variant.as_ref());
    let found = match stack.torch.value() {
        Some(Some(torch)) => Some(torch),
        _ => None,
    };
    let built = variant(found.map(|torch| &torch.variant));
    let with = |version: &Text, variant: Option<&TorchVariant>| {
        let version = shown(version);
        match variant.and_then(label).filter(|_| !version.contains('+')) {
            Some(label) => format!("{version} ({label})"),
            None => version,
        }
    };
    let version = |text: &str| text.split(" (").next().unwrap_or_default().to_owned();
    let serving = match found {
        Some(torch) => Side::Known(with(&torch.version, built.as_ref())),
        None => match distribution(audit, "torch") {
            Side::Nothing => not_there(audit, "torch"),
            told => told,
        },
    };
    let training = Side::of(training.torch.as_ref(), |version| with(version, wanted.as_ref()));
    let differs = match (&training, &serving) {
        (Side::Known(a), Side::Known(b)) => {
            !same(&version(a), &version(b))
                || matches!((label_of(wanted.as_ref()), label_of(built.as_ref())), (Some(a), Some(b)) if a != b)
        }
        _ => false,
    };
    Row { what: "torch", training, serving, differs }
}

/// A build's kind, and its version where torch's labels tell that.
fn label(variant: &TorchVariant) -> Option<String> {
    Some(match variant {
        TorchVariant::Cpu => "cpu".to_owned(),
        TorchVariant::Cuda(version) => format!("cu{}", shown(version).split('.').take(2).collect::<String>()),
        TorchVariant::Rocm(version) => {
            format!("rocm{}", shown(version).split('.').take(2).collect::<Vec<_>>().join("."))
        }
        TorchVariant::Xpu(_) => "xpu".to_owned(),
    })
}

fn label_of(variant: Option<&TorchVariant>) -> Option<String> {
    variant.and_then(label)
}

/// The CUDA of training: `none` where its torch was built without.
fn cuda(training: &Training) -> Side {
    match (&training.cuda, training.variant.as_ref().and_then(Fact::value)) {
        (Some(fact), _) => Side::of(Some(fact), shown),
        (None, Some(_)) => Side::Known("none".into()),
        (None, None) => Side::Nothing,
    }
}

/// The CUDA that the torch of the image was built with.
fn serving_cuda(audit: &Audit) -> Side {
    match audit.environment.stack.torch.value() {
        Some(Some(torch)) => Side::of(Some(&torch.variant), |variant| match variant {
            TorchVariant::Cuda(version) => shown(version),
            _ => "none".into(),
        }),
        Some(None) => Side::Known("none".into()),
        None => Side::Unknown,
    }
}

/// A library that torch loads; there, and of an unknown version, is not known.
fn library(fact: &Fact<Option<Library>>) -> Side {
    match fact.value() {
        Some(Some(library)) => library.version.as_ref().map_or(Side::Unknown, |v| Side::Known(shown(v))),
        Some(None) => Side::Known("none".into()),
        None => Side::Unknown,
    }
}

/// The most GPUs that are named.
const GPUS_SHOWN: usize = 2;

fn gpus(gpus: &[Gpu]) -> String {
    let names: Vec<String> = gpus
        .iter()
        .map(|gpu| match (&gpu.name, &gpu.capability) {
            (Some(name), Some(capability)) => format!("{} ({})", shown(name), shown(capability)),
            (Some(name), None) => shown(name),
            (None, Some(capability)) => format!("capability {}", shown(capability)),
            (None, None) => "of an unknown kind".into(),
        })
        .collect();
    match names.len() {
        0 => "none".into(),
        n if n > GPUS_SHOWN => {
            let named: Vec<String> = names.into_iter().take(GPUS_SHOWN).collect();
            format!("{} and {} more", named.join(", "), n - GPUS_SHOWN)
        }
        _ => names.join(", "),
    }
}

/// The version of a distribution that is imported; nothing where none of this name is there.
fn distribution(audit: &Audit, wanted: &str) -> Side {
    let named = |name: &Text| name.as_str().is_some_and(|name| Name::new(name).as_str() == wanted);
    let found =
        audit.environment.distributions.iter().find(|d| !d.shadowed && d.name.as_ref().is_some_and(named));
    match found.map(|d| d.version.as_ref()) {
        Some(Some(version)) => Side::Known(shown(version)),
        Some(None) => Side::Unknown,
        None => Side::Nothing,
    }
}

/// That there is none, where that is known.
fn not_there(audit: &Audit, name: &str) -> Side {
    match (distribution(audit, name), audit.environment.sys_path.value()) {
        (Side::Nothing, Some(_)) => Side::Known("not installed".into()),
        _ => Side::Unknown,
    }
}

/// Whether two versions of a library are one as far as both tell: `9.1.0` and `9.1.0.70`.
fn same_library(training: &str, serving: &str) -> bool {
    training.split('.').zip(serving.split('.')).all(|(a, b)| a == b)
}

/// Whether what training tells holds for serving: `3.10` for `3.10.13`, `2.1.2` for `2.1.2+cu121`.
fn same(training: &str, serving: &str) -> bool {
    match serving.strip_prefix(training) {
        Some("") => true,
        Some(rest) => (rest.starts_with('.') && training.split('.').count() < 3) || rest.starts_with('+'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn what_training_tells_may_be_shorter() {
        for (training, serving, expected) in [
            ("3.10", "3.10.13", true),
            ("3.1", "3.10.13", false),
            ("3.10.13", "3.10.13", true),
            ("3.10.1", "3.10.13", false),
            ("2.1.2", "2.1.2+cu121", true),
            ("2.1.2+cu121", "2.1.2", false),
            ("2.1.2", "2.1.2.1", false),
        ] {
            assert_eq!(same(training, serving), expected, "{training} {serving}");
        }
    }
}
