//! `--driver` and `--gpu` as the user wrote them come in, the machine that they name comes out.

use envdiff_facts::gpus::{self, GPUS, INSTANCES};
use envdiff_facts::{Capability, DriverVersion};
use envdiff_model::{Driver, Evidence, Fact, Gpu, Host, Machine, Text};

use super::{MachineError, capability, of_table};

/// What says that there is none.
const NONE: &str = "none";
/// The most names that an error proposes.
const PROPOSED: usize = 4;
/// How much two names must have in common to be proposed for one another (Jaro-Winkler, 1 for the same).
const ALIKE: f64 = 0.85;

/// The machine of `--driver VERSION|none` and every `--gpu NAME|sm_XY|none`.
///
/// A GPU is named as `nvidia-smi` prints it, in a usual short form of that, by an instance type that has it (`g5.xlarge`) or
/// by its capability. Without a driver no GPU can be used, so `--driver none` alone says that there is none; what only one of
/// the two options tells is unknown of the other.
///
/// # Errors
/// A driver that is no version, a GPU that no table knows, `none` beside a GPU.
pub fn named(driver: Option<&str>, gpus: &[String]) -> Result<Machine, MachineError> {
    let told = |option: &str, value: &str| Evidence::new(option, value);
    let driver_fact = match driver {
        None => Fact::unknown("--gpu was given without --driver"),
        Some(NONE) => Fact::known(None, told("--driver", NONE)),
        Some(version) => Fact::known(Some(driver_named(version)?), told("--driver", version)),
    };
    let gpus_fact = match gpus {
        [] if driver == Some(NONE) => Fact::known(Vec::new(), told("--driver", NONE)),
        [] => Fact::unknown("--driver was given without --gpu"),
        [one] if one == NONE => Fact::known(Vec::new(), told("--gpu", NONE)),
        some => {
            let (mut found, mut evidence) = (Vec::new(), Vec::new());
            for name in some {
                if name == NONE {
                    return Err(MachineError::NoneAndSome);
                }
                let gpu = gpu_named(name)?;
                if !found.contains(&gpu) {
                    found.push(gpu);
                }
                evidence.push(told("--gpu", name));
            }
            Fact::seen(found, evidence)
        }
    };
    if driver.is_none() && gpus.is_empty() {
        return Ok(Machine::unknown("neither --driver nor --gpu was given"));
    }
    let host = Host { name: None, driver: driver_fact, gpus: gpus_fact };
    Ok(Machine { hosts: vec![host], reason: Text::new() })
}

fn driver_named(written: &str) -> Result<Driver, MachineError> {
    match DriverVersion::parse(written) {
        Some(_) => Ok(Driver { version: Text::from(written), cuda: None, wsl: false }),
        None if written.len() == 3 && written.bytes().all(|b| b.is_ascii_digit()) => {
            Err(MachineError::Branch(written.to_owned()))
        }
        None => Err(MachineError::NoDriver(written.to_owned())),
    }
}

fn gpu_named(written: &str) -> Result<Gpu, MachineError> {
    // A bare number could be a model as well (P100); a capability says what it is, or has its dot.
    if let Some(known) = Capability::parse(written)
        && written.contains(['_', '.'])
    {
        return Ok(Gpu { name: None, capability: Some(capability(known)) });
    }
    if let Some(row) = gpus::named(written) {
        return Ok(of_table(row));
    }
    if let Some(row) = gpus::instance(written) {
        return Ok(of_table(row.gpu));
    }
    let plain = plain(written);
    let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    let holds = |name: &str| {
        let of_name = self::plain(name);
        let of_name: Vec<&str> = of_name.split(' ').collect();
        !words.is_empty() && words.iter().all(|word| of_name.contains(word))
    };
    let several: Vec<&'static str> = GPUS.iter().map(|row| row.name).filter(|name| holds(name)).collect();
    if several.len() > 1 {
        return Err(MachineError::ManyGpus { name: written.to_owned(), names: several });
    }
    Err(MachineError::NoGpu { name: written.to_owned(), nearest: nearest(written, &plain) })
}

/// In lower case, with blanks for hyphens, without the names that stand on every board.
fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace(['-', '_'], " ");
    let words = name.split_whitespace().filter(|word| !matches!(*word, "nvidia" | "geforce" | "tesla"));
    words.collect::<Vec<_>>().join(" ")
}

fn nearest(written: &str, plain: &str) -> Vec<&'static str> {
    // Nothing as long as this is one letter away from a name.
    if written.len() > 100 {
        return Vec::new();
    }
    let names = GPUS.iter().map(|row| row.name).chain(INSTANCES.iter().map(|row| row.name));
    // The size of an instance is no part of its family's name (g5 of g5.xlarge), and a misspelt maker's name is still there.
    let family = plain.split('.').next().unwrap_or_default();
    let lower = written.to_ascii_lowercase();
    let mut found: Vec<(f64, &'static str)> = names
        .filter_map(|name| {
            let of_name = self::plain(name);
            let pairs = [(plain, &of_name), (family, &of_name), (&*lower, &name.to_ascii_lowercase())];
            let alike = pairs
                .iter()
                .map(|(a, b)| (strsim::jaro_winkler(a, b), strsim::levenshtein(a, b)))
                .filter(|(alike, letters)| *alike >= ALIKE || *letters <= 1)
                .map(|(alike, _)| alike)
                .max_by(f64::total_cmp)?;
            Some((alike, name))
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    found.dedup_by_key(|(_, name)| *name);
    found.into_iter().take(PROPOSED).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(names: &[&str]) -> Result<Machine, MachineError> {
        named(None, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    fn told(names: &[&str]) -> Vec<(String, String)> {
        let machine = gpus(names).unwrap();
        let text = |text: &Option<Text>| {
            text.as_ref().map_or_else(|| "-".to_owned(), |text| text.to_lossy().into_owned())
        };
        let gpus = machine.hosts[0].gpus.value().unwrap();
        gpus.iter().map(|gpu| (text(&gpu.name), text(&gpu.capability))).collect()
    }

    #[test]
    fn gpus_by_name_instance_and_capability() {
        for (written, name, capability) in [
            ("NVIDIA L4", "NVIDIA L4", "8.9"),
            ("l4", "NVIDIA L4", "8.9"),
            ("g5.xlarge", "NVIDIA A10G", "8.6"),
            ("Standard_NC8as_T4_v3", "Tesla T4", "7.5"),
            ("sm_86", "-", "8.6"),
            ("sm_120", "-", "12.0"),
            ("8.6", "-", "8.6"),
            ("compute_90", "-", "9.0"),
        ] {
            assert_eq!(told(&[written]), [(name.to_owned(), capability.to_owned())], "{written}");
        }
        assert_eq!(told(&["L4", "T4", "NVIDIA L4"]).len(), 2, "each kind once");
        assert_eq!(told(&["none"]), []);
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        let machine = named(Some("535.104.05"), &[]).unwrap();
        let driver = machine.hosts[0].driver.value().unwrap().as_ref().unwrap();
        assert_eq!(driver.version, Text::from("535.104.05"));
        assert!(machine.hosts[0].gpus.value().is_none());
        let machine = named(Some("none"), &[]).unwrap();
        assert_eq!(machine.hosts[0].driver.value(), Some(&None));
        assert_eq!(machine.hosts[0].gpus.value(), Some(&vec![]));
        assert!(gpus(&["L4"]).unwrap().hosts[0].driver.value().is_none());
        assert!(gpus(&[]).unwrap().hosts.is_empty());
    }

    #[test]
    fn what_is_not_known_is_an_error_with_the_nearest() {
        let error = |names: &[&str]| {
            let error = gpus(names).unwrap_err();
            format!("{error}; {}", error.help())
        };
        let short = error(&["L5"]);
        assert!(
            short.starts_with("no GPU and no instance type is known by the name `L5`; the nearest are"),
            "{short}"
        );
        assert!(short.contains("`NVIDIA L4`"), "{short}");
        assert!(error(&["g5x.xlarge"]).contains("`g5`"), "{}", error(&["g5x.xlarge"]));
        assert!(error(&["Teslla T4"]).contains("`Tesla T4`"), "{}", error(&["Teslla T4"]));
        let several = error(&["RTX 6000"]);
        assert!(several.starts_with("several GPUs are called `RTX 6000`; give one of"), "{several}");
        assert!(several.contains("`Quadro RTX 6000`") && several.contains("Ada"), "{several}");
        for name in ["sm_90a", "", "none ", &"x".repeat(5000), "é"] {
            assert!(matches!(gpus(&[name]), Err(MachineError::NoGpu { .. })), "{name}");
        }
        assert!(matches!(gpus(&["none", "L4"]), Err(MachineError::NoneAndSome)));
        assert!(matches!(gpus(&["none", "none"]), Err(MachineError::NoneAndSome)));
        for driver in ["535.x", "", "v535.104", "latest", "535.104.05.1"] {
            assert!(matches!(named(Some(driver), &[]), Err(MachineError::NoDriver(_))), "{driver}");
        }
        assert!(matches!(named(Some("535"), &[]), Err(MachineError::Branch(_))));
    }
}
