//! The tables under `data/` come in; a file of static Rust tables for each comes out, or the file and row that is
//! wrong.
#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

#[path = "build/tables.rs"]
mod tables;

use std::path::PathBuf;

/// Printed by cargo as it stands: the text of a fault, not its `Debug` form.
struct Fault(String);

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn main() -> Result<(), Fault> {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/versions.rs");
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| Fault("no OUT_DIR".into()))?;
    for (name, generate) in tables::TABLES {
        let from = PathBuf::from("data").join(format!("{name}.toml"));
        println!("cargo::rerun-if-changed={}", from.display());
        let text = std::fs::read_to_string(&from).map_err(|e| Fault(format!("{}: {e}", from.display())))?;
        let code = generate(&text).map_err(|fault| Fault(format!("{}: {fault}", from.display())))?;
        let to = out.join(format!("{name}.rs"));
        std::fs::write(&to, code).map_err(|e| Fault(format!("{}: {e}", to.display())))?;
    }
    Ok(())
}
