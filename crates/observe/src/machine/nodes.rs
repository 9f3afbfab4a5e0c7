//! What `kubectl get nodes -o json` prints comes in; each node with its driver and its GPU comes out, as the labels of
//! NVIDIA's GPU feature discovery tell them.
//!
//! The labels are those of k8s-device-plugin 0.20 (`internal/lm/nvml.go`, `internal/lm/resource.go`): names in which blanks
//! are hyphens, `-MIG-1g.5gb` for a slice and `-SHARED` for a GPU that several pods share; the older names of the driver's
//! labels stand beside the newer ones. Of a node with GPUs of several kinds they tell one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use envdiff_facts::{Capability, CudaVersion, DriverVersion, gpus};
use envdiff_model::{Driver, Evidence, Fact, Gpu, Host, Machine, Text, say};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{MachineError, capability, of_table};
use crate::limits::NODES_FILE;

/// Where evidence of a label stands.
const OPTION: &str = "--node";

/// Why a text is no list of nodes; a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    /// No JSON, or JSON of another shape.
    #[error("it is no JSON of nodes: {0}")]
    Shape(String),
    /// Another kind of object.
    #[error("it holds {0}, no Node")]
    OtherKind(String),
    /// An empty list.
    #[error("there is no node in it")]
    Empty,
    /// Past its bound.
    #[error("larger than {} MiB", NODES_FILE >> 20)]
    TooLarge,
}

/// A list of nodes, or one: a list of the API (`NodeList`) leaves the kind of its items out.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    items: Option<Vec<Written>>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    capacity: Option<BTreeMap<String, Quantity>>,
}

/// An amount of a resource; a whole number of GPUs is written as a string, and some tools write it as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Quantity {
    Text(String),
    Number(u64),
    Other(IgnoredAny),
}

impl Quantity {
    fn is_some(&self) -> bool {
        match self {
            Self::Text(text) => !matches!(text.trim(), "" | "0"),
            Self::Number(number) => *number != 0,
            Self::Other(IgnoredAny) => false,
        }
    }
}

/// The machine of a file that `kubectl get nodes -o json` wrote.
///
/// # Errors
/// [`MachineError::Node`] for a file that cannot be read or holds something else.
pub fn node_file(path: &Path) -> Result<Machine, MachineError> {
    let wrong = |why: String| MachineError::Node { path: path.to_owned(), why };
    let mut json = Vec::new();
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    file.take(NODES_FILE + 1).read_to_end(&mut json).map_err(|error| wrong(error.to_string()))?;
    nodes(&json).map_err(|error| wrong(error.to_string()))
}

/// The machine that nodes are: every one is a host of it.
///
/// A node without labels of a GPU has none, unless it offers `nvidia.com/gpu` all the same: then which one it is comes from
/// the cloud's own label (`cloud.google.com/gke-accelerator`, `node.kubernetes.io/instance-type`), or is unknown.
///
/// # Errors
/// [`NodesError`] for what is no such JSON.
pub fn nodes(json: &[u8]) -> Result<Machine, NodesError> {
    if json.len() as u64 > NODES_FILE {
        return Err(NodesError::TooLarge);
    }
    let written: Written =
        serde_json::from_slice(json).map_err(|error| NodesError::Shape(error.to_string()))?;
    let whole = written.kind.as_deref().unwrap_or("");
    let hosts: Vec<Host> = match (&written.items, whole) {
        (Some(items), "List" | "NodeList") => {
            let is_node = |item: &&Written| match &item.kind {
                Some(kind) => kind == "Node",
                None => whole == "NodeList",
            };
            if let Some(other) = items.iter().find(|item| !is_node(item))
                && !items.iter().any(|item| is_node(&item))
            {
                return Err(NodesError::OtherKind(named_kind(other)));
            }
            items.iter().filter(is_node).map(host).collect()
        }
        (None, "Node") => vec![host(&written)],
        _ => return Err(NodesError::OtherKind(named_kind(&written))),
    };
    if hosts.is_empty() {
        return Err(NodesError::Empty);
    }
    Ok(Machine { hosts, reason: Text::new() })
}

fn named_kind(written: &Written) -> String {
    match &written.kind {
        // Whatever stands there, a sentence is no place for more of it.
        Some(kind) => format!("an object of kind {:?}", kind.chars().take(40).collect::<String>()),
        None => "an object without `kind`".to_owned(),
    }
}

/// The labels of one node.
struct Labels<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
}

impl Labels<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The first of these that is there, with its name.
    fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, &str)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    fn seen(&self, name: &str) -> Evidence {
        let value = self.labels.get(name).map_or("", String::as_str);
        Evidence::new(OPTION, say!(self.name, ": ", name, "=", value))
    }
}

fn host(node: &Written) -> Host {
    let none = BTreeMap::new();
    let name = node.metadata.name.as_deref().unwrap_or("");
    let labels = Labels { name, labels: node.metadata.labels.as_ref().unwrap_or(&none) };
    let offers = |resource: &str| resource == "nvidia.com/gpu" || resource.starts_with("nvidia.com/mig-");
    let has_gpu = node.status.capacity.as_ref().is_some_and(|capacity| {
        capacity.iter().any(|(resource, quantity)| offers(resource) && quantity.is_some())
    });
    let is_labelled = labels.labels.keys().any(|label| {
        label.starts_with("nvidia.com/gpu.product")
            || label.starts_with("nvidia.com/gpu.compute.")
            || label.starts_with("nvidia.com/cuda.driver")
    });
    let is_present = labels.get("nvidia.com/gpu.present") == Some("true")
        || labels.get("cloud.google.com/gke-accelerator").is_some();
    let (driver, gpus) = if is_labelled || has_gpu || is_present {
        (driver(&labels), gpus_of(&labels))
    } else {
        let nothing = Evidence::new(OPTION, say!(name, ": no label and no resource of an NVIDIA GPU"));
        (Fact::known(None, nothing.clone()), Fact::known(Vec::new(), nothing))
    };
    Host { name: (!name.is_empty()).then(|| Text::from(name)), driver, gpus }
}

fn driver(labels: &Labels<'_>) -> Fact<Option<Driver>> {
    let full = "nvidia.com/cuda.driver-version.full";
    let newer = ["major", "minor", "revision"].map(|part| format!("nvidia.com/cuda.driver-version.{part}"));
    let older = ["major", "minor", "rev"].map(|part| format!("nvidia.com/cuda.driver.{part}"));
    let parts = |names: &[String; 3]| -> Option<(String, Vec<Evidence>)> {
        let [major, minor, rev] = names;
        let mut version = format!("{}.{}", labels.get(major)?, labels.get(minor)?);
        let mut evidence = vec![labels.seen(major), labels.seen(minor)];
        if let Some(third) = labels.get(rev) {
            version.push('.');
            version.push_str(third);
            evidence.push(labels.seen(rev));
        }
        Some((version, evidence))
    };
    let found = labels.get(full).map(|version| (version.to_owned(), vec![labels.seen(full)]));
    let Some((version, evidence)) = found.or_else(|| parts(&newer)).or_else(|| parts(&older)) else {
        return Fact::unknown(
            "no label tells it; NVIDIA's GPU feature discovery writes nvidia.com/cuda.driver-version.full",
        );
    };
    // Jetson's labels say "unknown".
    if DriverVersion::parse(&version).is_none() {
        return Fact::unknown(say!("its label says ", version, ", which is no version"));
    }
    Fact::seen(Some(Driver { version: Text::from(version), cuda: cuda(labels), wsl: false }), evidence)
}

/// The CUDA that the driver says to support: what the labels call the runtime's version.
fn cuda(labels: &Labels<'_>) -> Option<Text> {
    let of = |prefix: &str| {
        let major = labels.get(&format!("{prefix}.major"))?;
        let minor = labels.get(&format!("{prefix}.minor"))?;
        CudaVersion::parse(&format!("{major}.{minor}"))
    };
    let version = of("nvidia.com/cuda.runtime-version").or_else(|| of("nvidia.com/cuda.runtime"))?;
    Some(Text::from(version.to_string()))
}

fn gpus_of(labels: &Labels<'_>) -> Fact<Vec<Gpu>> {
    let product = labels.get("nvidia.com/gpu.product");
    let (major, minor) = ("nvidia.com/gpu.compute.major", "nvidia.com/gpu.compute.minor");
    let told = labels.get(major).zip(labels.get(minor));
    let told = told.and_then(|(major, minor)| Capability::parse(&format!("{major}.{minor}")));
    let row = product.and_then(gpus::named);
    let mut evidence = Vec::new();
    if product.is_some() {
        evidence.push(labels.seen("nvidia.com/gpu.product"));
    }
    if told.is_some() {
        evidence.extend([labels.seen(major), labels.seen(minor)]);
    }
    if product.is_some() || told.is_some() {
        // Where no more than blanks are hyphens, the name is told as nvidia-smi prints it.
        let printed = row.map(|row| row.name).filter(|name| Some(name.replace(' ', "-").as_str()) == product);
        let name = printed.or(product).map(Text::from);
        let capability = told.or(row.map(|row| row.capability)).map(capability);
        return Fact::seen(vec![Gpu { name, capability }], evidence);
    }
    let of_cloud = ["cloud.google.com/gke-accelerator", "node.kubernetes.io/instance-type"];
    if let Some((label, row)) = of_cloud.iter().find_map(|label| {
        let value = labels.first(&[label])?.1;
        Some((*label, gpus::instance(value).map(|row| row.gpu).or_else(|| gpus::named(value))?))
    }) {
        return Fact::known(vec![of_table(row)], labels.seen(label));
    }
    Fact::unknown("no label tells which; NVIDIA's GPU feature discovery writes nvidia.com/gpu.product")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, labels: &[(&str, &str)], capacity: &str) -> String {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name:?}: {value:?}")).collect();
        format!(
            r#"{{"apiVersion": "v1", "kind": "Node", "metadata": {{"name": {name:?}, "labels": {{{}}}}},
               "status": {{"capacity": {{"cpu": "8", "memory": "1Gi"{capacity}}}}}}}"#,
            labels.join(", ")
        )
    }

    fn list(items: &[String]) -> Machine {
        nodes(format!(r#"{{"apiVersion": "v1", "kind": "List", "items": [{}]}}"#, items.join(",")).as_bytes())
            .unwrap()
    }

    /// `driver cuda | name capability`, or the reasons.
    fn told(host: &Host) -> String {
        let text = |text: Option<&Text>| text.map_or_else(|| "-".to_owned(), |t| t.to_lossy().into_owned());
        let driver = match &host.driver {
            Fact::Known { value: None, .. } => "none".to_owned(),
            Fact::Known { value: Some(driver), .. } => {
                format!("{} {}", driver.version.to_lossy(), text(driver.cuda.as_ref()))
            }
            Fact::Unknown { reason } => reason.to_lossy().into_owned(),
        };
        let gpus = match &host.gpus {
            Fact::Known { value, .. } => value
                .iter()
                .map(|gpu| format!("{} {}", text(gpu.name.as_ref()), text(gpu.capability.as_ref())))
                .collect::<Vec<_>>()
                .join(", "),
            Fact::Unknown { reason } => reason.to_lossy().into_owned(),
        };
        format!("{driver} | {gpus}")
    }

    #[test]
    fn labels_of_gpu_feature_discovery() {
        let newer = &[
            ("nvidia.com/cuda.driver-version.full", "550.107.02"),
            ("nvidia.com/cuda.driver.major", "550"),
            ("nvidia.com/cuda.runtime-version.major", "12"),
            ("nvidia.com/cuda.runtime-version.minor", "4"),
            ("nvidia.com/gpu.product", "Tesla-T4"),
            ("nvidia.com/gpu.compute.major", "7"),
            ("nvidia.com/gpu.compute.minor", "5"),
        ];
        let older = &[
            ("nvidia.com/cuda.driver.major", "455"),
            ("nvidia.com/cuda.driver.minor", "06"),
            ("nvidia.com/cuda.driver.rev", ""),
            ("nvidia.com/cuda.runtime.major", "11"),
            ("nvidia.com/cuda.runtime.minor", "1"),
            ("nvidia.com/gpu.product", "A100-SXM4-40GB"),
            ("nvidia.com/gpu.compute.major", "8"),
            ("nvidia.com/gpu.compute.minor", "0"),
        ];
        let slice = &[
            ("nvidia.com/cuda.driver.major", "535"),
            ("nvidia.com/cuda.driver.minor", "104"),
            ("nvidia.com/cuda.driver.rev", "05"),
            ("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"),
        ];
        let shared = &[("nvidia.com/gpu.product", "NVIDIA-A10G-SHARED")];
        let new_board = &[
            ("nvidia.com/gpu.product", "NVIDIA-X9000"),
            ("nvidia.com/gpu.compute.major", "13"),
            ("nvidia.com/gpu.compute.minor", "0"),
        ];
        let jetson = &[
            ("nvidia.com/cuda.driver-version.full", "unknown.unknown.unknown"),
            ("nvidia.com/gpu.compute.major", "8"),
            ("nvidia.com/gpu.compute.minor", "7"),
        ];
        let no_driver =
            "no label tells it; NVIDIA's GPU feature discovery writes nvidia.com/cuda.driver-version.full";
        for (labels, wanted) in [
            (&newer[..], "550.107.02 12.4 | Tesla T4 7.5".to_owned()),
            (older, "455.06 11.1 | A100-SXM4-40GB 8.0".to_owned()),
            (slice, "535.104.05 - | NVIDIA-A100-SXM4-80GB-MIG-1g.10gb 8.0".to_owned()),
            (shared, format!("{no_driver} | NVIDIA-A10G-SHARED 8.6")),
            (new_board, format!("{no_driver} | NVIDIA-X9000 13.0")),
            (jetson, "its label says unknown.unknown.unknown, which is no version | - 8.7".to_owned()),
        ] {
            assert_eq!(told(&list(&[node("a", labels, "")]).hosts[0]), wanted);
        }
        let machine = list(&[node("gpu-1", newer, "")]);
        assert_eq!(machine.hosts[0].name, Some(Text::from("gpu-1")));
        let evidence = machine.hosts[0].driver.evidence();
        assert_eq!(
            evidence[0],
            Evidence::new("--node", "gpu-1: nvidia.com/cuda.driver-version.full=550.107.02")
        );
    }

    #[test]
    fn nodes_without_those_labels() {
        let gpu = r#", "nvidia.com/gpu": "1""#;
        let no_driver =
            "no label tells it; NVIDIA's GPU feature discovery writes nvidia.com/cuda.driver-version.full";
        let no_gpu = "no label tells which; NVIDIA's GPU feature discovery writes nvidia.com/gpu.product";
        for (labels, capacity, wanted) in [
            (&[][..], "", "none | ".to_owned()),
            (&[("node.kubernetes.io/instance-type", "g5.xlarge")], "", "none | ".to_owned()),
            (&[], r#", "nvidia.com/gpu": "0""#, "none | ".to_owned()),
            (&[], r#", "amd.com/gpu": "8""#, "none | ".to_owned()),
            (&[], gpu, format!("{no_driver} | {no_gpu}")),
            (&[], r#", "nvidia.com/mig-1g.5gb": 7"#, format!("{no_driver} | {no_gpu}")),
            (&[("nvidia.com/gpu.present", "true")], "", format!("{no_driver} | {no_gpu}")),
            (
                &[("node.kubernetes.io/instance-type", "g5.xlarge")],
                gpu,
                format!("{no_driver} | NVIDIA A10G 8.6"),
            ),
            (
                &[("cloud.google.com/gke-accelerator", "nvidia-tesla-t4")],
                "",
                format!("{no_driver} | Tesla T4 7.5"),
            ),
            (
                &[("cloud.google.com/gke-accelerator", "nvidia-l4")],
                gpu,
                format!("{no_driver} | NVIDIA L4 8.9"),
            ),
        ] {
            assert_eq!(told(&list(&[node("a", labels, capacity)]).hosts[0]), wanted, "{labels:?} {capacity}");
        }
    }

    #[test]
    fn one_node_and_lists_of_both_kinds() {
        assert_eq!(nodes(node("a", &[], "").as_bytes()).unwrap().hosts.len(), 1);
        let of_api =
            r#"{"kind": "NodeList", "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}"#;
        assert_eq!(nodes(of_api.as_bytes()).unwrap().hosts.len(), 2);
        let mixed = format!(r#"{{"kind": "List", "items": [{{"kind": "Pod"}}, {}]}}"#, node("a", &[], ""));
        assert_eq!(nodes(mixed.as_bytes()).unwrap().hosts.len(), 1);
    }

    #[test]
    fn what_is_no_list_of_nodes_is_told() {
        for (json, why) in [
            ("apiVersion: v1\nkind: List\n", "it is no JSON of nodes: expected value at line 1 column 1"),
            ("", "it is no JSON of nodes: EOF while parsing a value at line 1 column 0"),
            ("[]", "it holds an object without `kind`, no Node"),
            ("{}", "it holds an object without `kind`, no Node"),
            (r#"{"kind": "Pod"}"#, "it holds an object of kind \"Pod\", no Node"),
            (
                r#"{"kind": "List", "items": [{"kind": "Pod"}]}"#,
                "it holds an object of kind \"Pod\", no Node",
            ),
            (
                r#"{"kind": "List", "items": [{"metadata": {}}]}"#,
                "it holds an object without `kind`, no Node",
            ),
            (r#"{"kind": "List", "items": []}"#, "there is no node in it"),
        ] {
            assert_eq!(nodes(json.as_bytes()).unwrap_err().to_string(), why, "{json}");
        }
        let error = node_file(Path::new("/nowhere/nodes.json")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read /nowhere/nodes.json: No such file or directory (os error 2)"
        );
    }
}
