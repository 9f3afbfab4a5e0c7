//! This process and machine in, the labels of what we make in an engine and the names of folders beside it out; and such
//! labels or names in, whether their owner is dead.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Every container of ours has it: a random number of the run.
pub(crate) const RUN: &str = "envdiff.run";
const MACHINE: &str = "envdiff.machine";
const BOOT: &str = "envdiff.boot";
const OWNER: &str = "envdiff.owner";
/// Folders of ours begin with it.
const FOLDER: &str = "envdiff-";

/// How old what a stranger created must be before it is taken for forgotten, in seconds.
const STRANGER: i64 = 3600;

/// Who makes containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    run: String,
    /// A hash of the machine's id and of the process namespace: process numbers mean something only in there.
    machine: Option<String>,
    boot: Option<String>,
    /// Process number and the time it started at, in the system's ticks.
    process: Option<String>,
}

impl Owner {
    /// This process.
    pub(crate) fn of_process() -> Self {
        let proc = Path::new("/proc");
        Self { run: random(), ..Self::at(proc, std::process::id()) }
    }

    fn at(proc: &Path, pid: u32) -> Self {
        let text = |path: &Path| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let id = text(Path::new("/etc/machine-id")).or_else(|| text(Path::new("/var/lib/dbus/machine-id")));
        let namespace = fs::read_link(proc.join("self/ns/pid")).ok();
        let machine = id.zip(namespace).map(|(id, namespace)| {
            let digest = Sha256::new()
                .chain_update(b"envdiff\0")
                .chain_update(id.as_bytes())
                .chain_update([0])
                .chain_update(namespace.as_os_str().as_encoded_bytes())
                .finalize();
            digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
        });
        Self {
            run: String::new(),
            machine,
            boot: text(&proc.join("sys/kernel/random/boot_id")),
            process: started(proc, pid).map(|start| format!("{pid}:{start}")),
        }
    }

    /// A name that no other run gives.
    pub(crate) fn name(&self, number: usize) -> String {
        format!("envdiff-{}-{number}", self.run)
    }

    /// The labels of what this process makes.
    pub(crate) fn labels(&self) -> HashMap<String, String> {
        let known = [(MACHINE, &self.machine), (BOOT, &self.boot), (OWNER, &self.process)];
        let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        known.chain([(RUN.to_owned(), self.run.clone())]).collect()
    }

    /// How the name of a folder of ours begins: it tells its owner as labels do. Of a process that cannot be told, a name that
    /// nobody sweeps.
    pub(crate) fn folder(&self) -> String {
        match (&self.machine, &self.boot, &self.process) {
            (Some(machine), Some(boot), Some(process)) => {
                let process = process.replace(':', "-");
                format!("{FOLDER}{machine}-{}-{process}-", boot.replace('-', ""))
            }
            _ => FOLDER.to_owned(),
        }
    }

    /// Whether the folder of this name belonged to a dead process of this machine.
    pub(crate) fn has_left(&self, name: &str) -> bool {
        self.has_left_at(Path::new("/proc"), name)
    }

    fn has_left_at(&self, proc: &Path, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(FOLDER) else { return false };
        let [machine, boot, pid, start, _] = *rest.split('-').collect::<Vec<_>>() else { return false };
        if self.machine.as_deref() != Some(machine) {
            return false;
        }
        match (&self.boot, pid.parse()) {
            (Some(own), Ok(pid)) => {
                own.replace('-', "") != boot || started(proc, pid).is_none_or(|now| now != start)
            }
            _ => false,
        }
    }

    /// Whether what carries these labels, created at `created` when the engine's clock now says `now`, has lost its owner:
    /// one of this machine that is dead, or a stranger after an hour.
    pub(crate) fn is_forgotten(
        &self,
        labels: &HashMap<String, String>,
        created: i64,
        now: Option<i64>,
    ) -> bool {
        self.is_forgotten_at(Path::new("/proc"), labels, created, now)
    }

    fn is_forgotten_at(
        &self,
        proc: &Path,
        labels: &HashMap<String, String>,
        created: i64,
        now: Option<i64>,
    ) -> bool {
        let label = |name: &str| labels.get(name).map(String::as_str);
        if label(RUN) == Some(&self.run) {
            return false;
        }
        let ours = self.machine.is_some() && label(MACHINE) == self.machine.as_deref();
        if ours && let (Some(boot), Some(theirs), Some(process)) = (&self.boot, label(BOOT), label(OWNER)) {
            if theirs != boot {
                return true;
            }
            if let Some((pid, start)) = process.split_once(':')
                && let Ok(pid) = pid.parse()
            {
                return started(proc, pid).is_none_or(|now| now != start);
            }
        }
        now.is_some_and(|now| created > 0 && now - created > STRANGER)
    }
}

/// When a process started, in ticks since boot (`proc(5)`, `stat`, field 22): a number that is given again has another.
fn started(proc: &Path, pid: u32) -> Option<String> {
    let stat = fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
    // The name, the second field, is in brackets and may hold anything.
    let behind = stat.rsplit_once(')')?.1;
    // A zombie does nothing any more.
    if behind.split_ascii_whitespace().next() == Some("Z") {
        return None;
    }
    behind.split_ascii_whitespace().nth(19).map(str::to_owned)
}

fn random() -> String {
    // Each state is seeded by the system's own randomness.
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}", number() ^ number().rotate_left(32))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::fs;

    use super::{BOOT, MACHINE, OWNER, Owner};

    #[test]
    fn only_the_dead_of_this_machine_and_old_strangers_are_forgotten() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, state) in [(7, 'S'), (8, 'Z')] {
            fs::create_dir(proc.path().join(pid.to_string())).unwrap();
            let stat = format!("{pid} (a) b) {state} 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 1\n");
            fs::write(proc.path().join(pid.to_string()).join("stat"), stat).unwrap();
        }
        let owner = Owner {
            run: "1".to_owned(),
            machine: Some("m".to_owned()),
            boot: Some("b".to_owned()),
            process: Some("7:4711".to_owned()),
        };
        let labels = |machine: &str, boot: &str, process: &str| {
            [(MACHINE, machine), (BOOT, boot), (OWNER, process), (super::RUN, "2")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        };
        let forgotten =
            |labels, age: i64| owner.is_forgotten_at(proc.path(), &labels, 10_000, Some(10_000 + age));
        assert!(!forgotten(labels("m", "b", "7:4711"), 100_000), "it lives");
        assert!(forgotten(labels("m", "b", "7:4712"), 0), "its number was given again");
        assert!(forgotten(labels("m", "b", "8:4711"), 0), "a zombie");
        assert!(forgotten(labels("m", "b", "9:4711"), 0), "it is gone");
        assert!(forgotten(labels("m", "c", "7:4711"), 0), "of another boot");
        assert!(!forgotten(labels("n", "b", "9:4711"), 3600), "a stranger");
        assert!(forgotten(labels("n", "b", "9:4711"), 3601), "an old stranger");
        assert!(!forgotten(labels("m", "b", "what"), 10), "one that cannot be told");
        assert!(!forgotten(owner.labels(), 100_000), "our own");
    }

    #[test]
    fn a_folder_of_the_dead_is_known_by_its_name() {
        let proc = tempfile::tempdir().unwrap();
        fs::create_dir(proc.path().join("7")).unwrap();
        let stat = "7 (a) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 1\n";
        fs::write(proc.path().join("7/stat"), stat).unwrap();
        let owner = |machine: &str, boot: &str, process: &str| Owner {
            run: "1".to_owned(),
            machine: Some(machine.to_owned()),
            boot: Some(boot.to_owned()),
            process: Some(process.to_owned()),
        };
        let us = owner("m", "b-1", "9:1");
        let left = |owner: Owner| us.has_left_at(proc.path(), &(owner.folder() + "Xyz123"));
        assert!(!left(owner("m", "b-1", "7:4711")), "it lives");
        assert!(left(owner("m", "b-1", "7:4712")), "its number was given again");
        assert!(left(owner("m", "b-1", "8:4711")), "it is gone");
        assert!(left(owner("m", "b-2", "7:4711")), "of another boot");
        assert!(!left(owner("n", "b-1", "8:4711")), "of another machine");
        for name in ["envdiff-Xyz123", "envdiff-m-b1-8-4711", "envdiff-m-b1-x-4711-Xyz123", "other"] {
            assert!(!us.has_left_at(proc.path(), name), "{name}");
        }
    }

    #[test]
    fn this_process_is_known_on_linux() {
        let owner = Owner::of_process();
        if cfg!(target_os = "linux") {
            assert!(owner.process.is_some());
        }
        assert!(!Owner { run: "other".to_owned(), ..owner.clone() }.is_forgotten(&owner.labels(), 0, None));
    }
}
