//! What lies under the packages comes in; the rows of the table that tell it come out: torch, CUDA, C library, machine.

use envdiff_model::{
    Environment, Fact, Gpu, Java, Libc, Library, Native, Text, Torch, TorchVariant, Torchserve,
};

use crate::columns::Columns;
use crate::escape::shown;

/// One row for each thing that is there or cannot be told; what is known not to be there has none, but for torch.
pub(crate) fn rows(environment: &Environment, table: &mut Columns) {
    let stack = &environment.stack;
    // Nothing was asked of what lies under Python where there is no Python.
    if environment.interpreter.value().is_none() {
        return;
    }
    match &stack.torch {
        Fact::Known { value: Some(found), .. } => torch(found, table),
        Fact::Known { value: None, .. } => table.row(["torch", "none"]),
        Fact::Unknown { reason } => table.row(["torch".into(), format!("unknown: {}", shown(reason))]),
    }
    if let Some(cuda) = stack.cuda.value() {
        let of_toolkit = |fact: &Fact<Text>| match fact {
            Fact::Known { value, .. } => shown(value),
            Fact::Unknown { reason } => format!("unknown: {}", shown(reason)),
        };
        if let Some(toolkit) = &cuda.toolkit {
            table.row(["CUDA of the image".into(), of_toolkit(toolkit)]);
        }
        if let Some(runtime) = &cuda.runtime {
            table.row(["CUDA runtime".into(), library(runtime)]);
        }
        for compat in &cuda.compat {
            table.row(["compat library".into(), shown(&compat.path)]);
        }
        for driver in &cuda.driver {
            table.row(["driver library".into(), shown(&driver.path)]);
        }
    }
    optional("cuDNN", &stack.cudnn, library, table);
    optional("NCCL", &stack.nccl, library, table);
    native(&stack.native, table);
    optional("TorchServe", &stack.torchserve, |serve: &Torchserve| shown(&serve.version), table);
    // Java matters to TorchServe alone.
    if matches!(&stack.torchserve, Fact::Known { value: Some(_), .. }) {
        match &stack.java {
            Fact::Known { value: None, .. } => table.row(["Java", "none"]),
            known => optional("Java", known, java, table),
        }
    }
    machine(environment, table);
}

fn torch(torch: &Torch, table: &mut Columns) {
    let built = match &torch.variant {
        Fact::Known { value: TorchVariant::Cpu, .. } => "for the CPU alone".to_owned(),
        Fact::Known { value: TorchVariant::Cuda(version), .. } => format!("for CUDA {}", shown(version)),
        Fact::Known { value: TorchVariant::Rocm(version), .. } => format!("for ROCm {}", shown(version)),
        Fact::Known { value: TorchVariant::Xpu(version), .. } => format!("for oneAPI {}", shown(version)),
        Fact::Unknown { reason } => format!("for what is unknown: {}", shown(reason)),
    };
    table.row(["torch".into(), format!("{}, {built}", shown(&torch.version))]);
    if let Fact::Known { value: TorchVariant::Cuda(_) | TorchVariant::Rocm(_), .. } = &torch.variant {
        let code = match &torch.architectures {
            Fact::Known { value, .. } => value.iter().map(shown).collect::<Vec<_>>().join(" "),
            Fact::Unknown { reason } => format!("unknown: {}", shown(reason)),
        };
        table.row(["code for".into(), code]);
    }
}

fn library(library: &Library) -> String {
    match &library.version {
        Some(version) => format!("{} ({})", shown(version), shown(&library.path)),
        None => shown(&library.path),
    }
}

fn java(java: &Java) -> String {
    match &java.version {
        Some(version) => format!("{} ({})", shown(version), shown(&java.program)),
        None => shown(&java.program),
    }
}

fn optional<T>(what: &str, fact: &Fact<Option<T>>, tell: impl Fn(&T) -> String, table: &mut Columns) {
    match fact {
        Fact::Known { value: Some(value), .. } => table.row([what.to_owned(), tell(value)]),
        Fact::Known { value: None, .. } => {}
        Fact::Unknown { reason } => table.row([what.to_owned(), format!("unknown: {}", shown(reason))]),
    }
}

fn native(native: &Fact<Native>, table: &mut Columns) {
    let Some(native) = native.value() else { return };
    let libc = match &native.libc {
        Fact::Known { value: Libc::Glibc(version), .. } => format!("glibc {}", shown(version)),
        Fact::Known { value: Libc::Musl(Some(version)), .. } => format!("musl {}", shown(version)),
        Fact::Known { value: Libc::Musl(None), .. } => "musl".to_owned(),
        Fact::Unknown { reason } => format!("unknown: {}", shown(reason)),
    };
    table.row(["C library".to_owned(), libc]);
    for module in &native.modules {
        let Some(file) = module.file.value() else { continue };
        for missing in &file.missing {
            let needs = format!("{} (needed by {})", shown(&missing.soname), shown(&missing.needed_by));
            table.row(["not there".to_owned(), needs]);
        }
    }
}

fn machine(environment: &Environment, table: &mut Columns) {
    for host in &environment.machine.hosts {
        let of = |what: &str| match &host.name {
            Some(name) => format!("{what} of {}", shown(name)),
            None => what.to_owned(),
        };
        match &host.driver {
            Fact::Known { value: Some(driver), .. } => table.row([of("driver"), shown(&driver.version)]),
            Fact::Known { value: None, .. } => table.row([of("driver"), "none".to_owned()]),
            Fact::Unknown { reason } => table.row([of("driver"), format!("unknown: {}", shown(reason))]),
        }
        match &host.gpus {
            Fact::Known { value, .. } if value.is_empty() => table.row([of("GPU"), "none".to_owned()]),
            Fact::Known { value, .. } => value.iter().for_each(|found| table.row([of("GPU"), gpu(found)])),
            Fact::Unknown { reason } => table.row([of("GPU"), format!("unknown: {}", shown(reason))]),
        }
    }
}

fn gpu(gpu: &Gpu) -> String {
    match (&gpu.name, &gpu.capability) {
        (Some(name), Some(capability)) => format!("{} ({})", shown(name), shown(capability)),
        (Some(name), None) => shown(name),
        (None, Some(capability)) => format!("compute capability {}", shown(capability)),
        (None, None) => "unknown".to_owned(),
    }
}
