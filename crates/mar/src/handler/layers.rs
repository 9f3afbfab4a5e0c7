//! A model that a handler builds comes in; the names and sizes of its parameters come out, as `state_dict()` would list them.
//! Sizes follow the constructors' documentation of `torch.nn` (torch 1.13 to 2.6).

use std::rc::Rc;

use super::run::Run;
use super::value::{Id, Str, Value};
use crate::weights::fits::{Expected, Model};

/// How deep modules lie within each other.
const DEPTH: usize = 60;
/// The most parameters that are listed.
const MOST: usize = 100_000;

/// Whether a value is an instance of a class derived from `torch.nn.Module`.
pub(crate) fn is_module(run: &Run<'_>, value: &Value) -> bool {
    let Value::Instance(id) = value else { return false };
    let Some(instance) = run.state.instance(*id) else { return false };
    run.mro(instance.class).iter().any(|base| matches!(base, Value::Foreign(name) if name.starts_with("torch.nn.") || name.contains("LightningModule")))
}

/// The container of layers that a class is derived from: `torch.nn.Sequential`.
pub(crate) fn container_base(run: &Run<'_>, class: Id) -> Option<Str> {
    run.mro(class).iter().find_map(|base| match base {
        Value::Foreign(name) if name.starts_with("torch.nn.") && &**name != "torch.nn.Module" => {
            Some(name.clone())
        }
        _ => None,
    })
}

/// The parameters of a model.
pub(crate) fn model(run: &Run<'_>, value: &Value) -> Model {
    let class = match value {
        Value::Instance(id) => run
            .state
            .instance(*id)
            .and_then(|instance| run.state.class(instance.class))
            .map_or_else(String::new, |class| class.name.to_string()),
        Value::Made(id) => run
            .state
            .made(*id)
            .map_or_else(String::new, |made| made.of.rsplit('.').next().unwrap_or("").to_owned()),
        _ => String::new(),
    };
    let mut model = Model { class, complete: true, ..Model::default() };
    let before = collect(run, value, "", &mut model, 0);
    if !before {
        model.complete = false;
    }
    model
}

/// Adds what a value holds; whether that is all of it. A value that is no module holds nothing.
fn collect(run: &Run<'_>, value: &Value, prefix: &str, out: &mut Model, depth: usize) -> bool {
    if depth > DEPTH || out.expected.len() > MOST {
        return false;
    }
    match value {
        Value::Instance(id) => {
            let Some(instance) = run.state.instance(*id) else { return false };
            let order = run.mro(instance.class);
            let foreign: Vec<&Str> = order
                .iter()
                .filter_map(|base| match base {
                    Value::Foreign(name) => Some(name),
                    _ => None,
                })
                .collect();
            if !foreign.iter().any(|name| name.starts_with("torch.nn.")) {
                // An ordinary object, or one of a class that is not known.
                return order.iter().all(|base| match base {
                    Value::Class(_) => true,
                    Value::Foreign(name) => name.starts_with("builtins.") || name.starts_with("abc."),
                    _ => false,
                });
            }
            let mut all = order.iter().all(|base| match base {
                Value::Class(id) => run.state.class(*id).is_some_and(|class| !class.is_open),
                Value::Foreign(name) => {
                    name.starts_with("torch.nn.") || name.starts_with("builtins.") || name.starts_with("abc.")
                }
                _ => false,
            });
            out.modules.push(prefix.trim_end_matches('.').to_owned());
            // Parameters, then buffers, then the modules within, each in the order in which they were set.
            for turn in 0..3 {
                for name in &instance.order {
                    let Some(value) = instance.names.get(name) else { continue };
                    let full = format!("{prefix}{name}");
                    let made = match value {
                        Value::Made(id) => run.state.made(*id),
                        _ => None,
                    };
                    match (turn, made.map(|made| &*made.of)) {
                        (0, Some("torch.nn.Parameter")) => {
                            let shape =
                                made.and_then(|made| made.args.first()).and_then(|inner| sizes(run, inner));
                            out.expected.push(Expected { name: full, shape });
                        }
                        (1, Some("buffer")) => match made.and_then(|made| made.args.first()) {
                            Some(Value::None) => {}
                            inner => {
                                let shape = inner.and_then(|inner| sizes(run, inner));
                                out.expected.push(Expected { name: full, shape });
                            }
                        },
                        (2, Some("torch.nn.Parameter" | "buffer" | "nothing")) => {}
                        (2, _) => all &= collect(run, value, &format!("{full}."), out, depth + 1),
                        _ => {}
                    }
                }
            }
            if let Some(made) = instance.names.get("__made__") {
                all &= collect(run, made, prefix, out, depth + 1);
            } else if foreign
                .iter()
                .any(|name| name.starts_with("torch.nn.") && &***name != "torch.nn.Module")
            {
                all = false;
            }
            all
        }
        Value::Made(id) => {
            let Some(made) = run.state.made(*id) else { return false };
            if !made.of.starts_with("torch.nn.") {
                // A tensor as a plain attribute is in no state dict; of other things it is not known.
                return matches!(&*made.of, "torch.Tensor" | "torch.device")
                    || made.of.starts_with("logging.")
                    || made.of.starts_with("builtins.");
            }
            let kind = made.of.rsplit('.').next().unwrap_or("").to_owned();
            out.modules.push(prefix.trim_end_matches('.').to_owned());
            let mut all = layer(run, &kind, made, prefix, out, depth);
            for (name, value) in &made.names {
                all &= collect(run, value, &format!("{prefix}{name}."), out, depth + 1);
            }
            all
        }
        Value::Unknown | Value::Foreign(_) | Value::Super(_) | Value::Method(_) => false,
        _ => true,
    }
}

fn sizes(run: &Run<'_>, value: &Value) -> Option<Vec<u64>> {
    let Value::Made(id) = value else { return None };
    let made = run.state.made(*id)?;
    let (_, sizes) = made.keywords.iter().find(|(name, _)| &**name == "sizes")?;
    match sizes {
        Value::Tuple(items) => items.iter().map(number).collect(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(value) => u64::try_from(*value).ok(),
        _ => None,
    }
}

/// What one layer of `torch.nn` holds.
fn layer(
    run: &Run<'_>,
    kind: &str,
    made: &super::state::Made,
    prefix: &str,
    out: &mut Model,
    depth: usize,
) -> bool {
    let get = |at: usize, name: &str| -> Option<&Value> {
        made.args
            .get(at)
            .or_else(|| made.keywords.iter().find(|(key, _)| &**key == name).map(|(_, value)| value))
    };
    let int = |at: usize, name: &str| get(at, name).and_then(number);
    let flag = |at: usize, name: &str, default: bool| match get(at, name) {
        None => Some(default),
        Some(value) => run.truth(value),
    };
    let shape = |sizes: &[Option<u64>]| -> Option<Vec<u64>> { sizes.iter().copied().collect() };
    let mut put = |name: &str, shape: Option<Vec<u64>>| {
        out.expected.push(Expected { name: format!("{prefix}{name}"), shape });
    };
    // A number or a tuple of numbers, for so many dimensions.
    let kernel = |value: Option<&Value>, dims: usize| -> Vec<Option<u64>> {
        match value {
            Some(Value::Int(_)) => vec![value.and_then(number); dims],
            Some(value @ (Value::Tuple(_) | Value::List(_))) => {
                run.items(value).map_or_else(|| vec![None; dims], |items| items.iter().map(number).collect())
            }
            _ => vec![None; dims],
        }
    };
    let product = |a: Option<u64>, by: Option<u64>| a.zip(by).and_then(|(a, by)| a.checked_div(by));
    match kind {
        "Linear" => {
            let (inputs, outputs) = (int(0, "in_features"), int(1, "out_features"));
            put("weight", shape(&[outputs, inputs]));
            match flag(2, "bias", true) {
                Some(true) => put("bias", shape(&[outputs])),
                Some(false) => {}
                None => return false,
            }
            true
        }
        "Bilinear" => {
            let outputs = int(2, "out_features");
            put("weight", shape(&[outputs, int(0, "in1_features"), int(1, "in2_features")]));
            match flag(3, "bias", true) {
                Some(true) => put("bias", shape(&[outputs])),
                Some(false) => {}
                None => return false,
            }
            true
        }
        "Conv1d" | "Conv2d" | "Conv3d" | "ConvTranspose1d" | "ConvTranspose2d" | "ConvTranspose3d" => {
            let dims = if kind.ends_with("1d") {
                1
            } else if kind.ends_with("2d") {
                2
            } else {
                3
            };
            let transposed = kind.starts_with("ConvT");
            let (groups_at, bias_at) = (6, 7);
            let groups = if get(groups_at, "groups").is_some() { int(groups_at, "groups") } else { Some(1) };
            let (inputs, outputs) = (int(0, "in_channels"), int(1, "out_channels"));
            let mut sizes = if transposed {
                vec![inputs, product(outputs, groups)]
            } else {
                vec![outputs, product(inputs, groups)]
            };
            sizes.extend(kernel(get(2, "kernel_size"), dims));
            put("weight", shape(&sizes));
            match flag(bias_at, "bias", true) {
                Some(true) => put("bias", shape(&[outputs])),
                Some(false) => {}
                None => return false,
            }
            true
        }
        "BatchNorm1d" | "BatchNorm2d" | "BatchNorm3d" | "SyncBatchNorm" => {
            let features = int(0, "num_features");
            let (affine, track) = (flag(3, "affine", true), flag(4, "track_running_stats", true));
            let (Some(affine), Some(track)) = (affine, track) else { return false };
            if affine {
                put("weight", shape(&[features]));
                put("bias", shape(&[features]));
            }
            if track {
                put("running_mean", shape(&[features]));
                put("running_var", shape(&[features]));
                put("num_batches_tracked", Some(Vec::new()));
            }
            true
        }
        "InstanceNorm1d" | "InstanceNorm2d" | "InstanceNorm3d" => {
            let features = int(0, "num_features");
            match (flag(3, "affine", false), flag(4, "track_running_stats", false)) {
                (Some(affine), Some(false)) => {
                    if affine {
                        put("weight", shape(&[features]));
                        put("bias", shape(&[features]));
                    }
                    true
                }
                _ => false,
            }
        }
        "LayerNorm" => {
            let sizes = match get(0, "normalized_shape") {
                Some(Value::Int(_)) => shape(&[int(0, "normalized_shape")]),
                Some(value) => run.items(value).and_then(|items| items.iter().map(number).collect()),
                None => None,
            };
            match flag(2, "elementwise_affine", true) {
                Some(true) => {
                    put("weight", sizes.clone());
                    match flag(3, "bias", true) {
                        Some(true) => put("bias", sizes),
                        Some(false) => {}
                        None => return false,
                    }
                    true
                }
                Some(false) => true,
                None => false,
            }
        }
        "GroupNorm" => {
            let channels = int(1, "num_channels");
            match flag(3, "affine", true) {
                Some(true) => {
                    put("weight", shape(&[channels]));
                    put("bias", shape(&[channels]));
                    true
                }
                Some(false) => true,
                None => false,
            }
        }
        "Embedding" | "EmbeddingBag" => {
            put("weight", shape(&[int(0, "num_embeddings"), int(1, "embedding_dim")]));
            true
        }
        "PReLU" => {
            let count = if get(0, "num_parameters").is_some() { int(0, "num_parameters") } else { Some(1) };
            put("weight", shape(&[count]));
            true
        }
        "LSTM" | "GRU" | "RNN" => {
            let gates = match kind {
                "LSTM" => 4,
                "GRU" => 3,
                _ => 1,
            };
            let (inputs, hidden) = (int(0, "input_size"), int(1, "hidden_size"));
            let layers = if get(2, "num_layers").is_some() { int(2, "num_layers") } else { Some(1) };
            let bias_at = if kind == "RNN" { 4 } else { 3 };
            let both_at = if kind == "RNN" { 7 } else { 6 };
            let (Some(layers), Some(bias), Some(both)) =
                (layers, flag(bias_at, "bias", true), flag(both_at, "bidirectional", false))
            else {
                return false;
            };
            if layers > 100 || made.keywords.iter().any(|(name, _)| &**name == "proj_size") {
                return false;
            }
            let ways = if both { 2 } else { 1 };
            for layer in 0..layers {
                for way in 0..ways {
                    let end = if way == 1 { "_reverse" } else { "" };
                    let from = if layer == 0 { inputs } else { hidden.map(|hidden| hidden * ways) };
                    let wide = hidden.map(|hidden| hidden * gates);
                    put(&format!("weight_ih_l{layer}{end}"), shape(&[wide, from]));
                    put(&format!("weight_hh_l{layer}{end}"), shape(&[wide, hidden]));
                    if bias {
                        put(&format!("bias_ih_l{layer}{end}"), shape(&[wide]));
                        put(&format!("bias_hh_l{layer}{end}"), shape(&[wide]));
                    }
                }
            }
            true
        }
        "Sequential" => {
            let children: Option<Vec<(String, Value)>> = match made.args.as_slice() {
                [dict @ Value::Dict(_)] => run.entries(dict).and_then(|entries| {
                    entries.into_iter().map(|(key, value)| Some((key.text()?.to_owned(), value))).collect()
                }),
                args => {
                    Some(args.iter().enumerate().map(|(at, value)| (at.to_string(), value.clone())).collect())
                }
            };
            within(run, children, prefix, out, depth) && made.keywords.is_empty()
        }
        "ModuleList" => {
            let items = match made.args.first() {
                None => Some(Vec::new()),
                Some(list) => run.items(list),
            };
            let children = items.map(|items| {
                items.into_iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
            });
            within(run, children, prefix, out, depth)
        }
        "ModuleDict" => {
            let children = match made.args.first() {
                None => Some(Vec::new()),
                Some(dict) => run.entries(dict).and_then(|entries| {
                    entries.into_iter().map(|(key, value)| Some((key.text()?.to_owned(), value))).collect()
                }),
            };
            within(run, children, prefix, out, depth)
        }
        "DataParallel" => match made.args.first() {
            Some(inner) => collect(run, inner, &format!("{prefix}module."), out, depth + 1),
            None => false,
        },
        // Without parameters.
        _ => {
            kind.ends_with("Loss")
                || kind.contains("Pool")
                || kind.contains("Pad")
                || kind.starts_with("Dropout")
                || kind.starts_with("Upsampl")
                || matches!(
                    kind,
                    "ReLU"
                        | "ReLU6"
                        | "LeakyReLU"
                        | "ELU"
                        | "SELU"
                        | "CELU"
                        | "GELU"
                        | "SiLU"
                        | "Mish"
                        | "Sigmoid"
                        | "Tanh"
                        | "Softmax"
                        | "LogSoftmax"
                        | "Softplus"
                        | "Softsign"
                        | "Softmin"
                        | "Softmax2d"
                        | "Hardtanh"
                        | "Hardswish"
                        | "Hardsigmoid"
                        | "LogSigmoid"
                        | "Tanhshrink"
                        | "Threshold"
                        | "GLU"
                        | "Flatten"
                        | "Unflatten"
                        | "Identity"
                        | "AlphaDropout"
                        | "FeatureAlphaDropout"
                        | "PixelShuffle"
                        | "PixelUnshuffle"
                        | "ChannelShuffle"
                        | "Fold"
                        | "Unfold"
                        | "CosineSimilarity"
                        | "PairwiseDistance"
                        | "LocalResponseNorm"
                        | "Hardshrink"
                        | "Softshrink"
                        | "RReLU"
                )
        }
    }
}

fn within(
    run: &Run<'_>,
    children: Option<Vec<(String, Value)>>,
    prefix: &str,
    out: &mut Model,
    depth: usize,
) -> bool {
    let Some(children) = children else { return false };
    let mut all = true;
    for (name, value) in children {
        all &= collect(run, &value, &format!("{prefix}{name}."), out, depth + 1);
    }
    all
}

/// More layers for a container that was made before; `None` where they are not known.
pub(crate) fn extend(run: &mut Run<'_>, id: Id, more: Option<Vec<Value>>) {
    let Some(made) = run.state.made(id).cloned() else { return };
    let is_list = &*made.of == "torch.nn.ModuleList";
    match more {
        Some(more) if is_list => {
            let mut items = match made.args.first() {
                None => Vec::new(),
                Some(list) => match run.items(list) {
                    Some(items) => items,
                    None => return,
                },
            };
            items.extend(more);
            let list = run.state.new_list(items);
            if let Some(made) = run.state.made_mut(id) {
                made.args = vec![list];
            }
        }
        Some(more) => {
            if let Some(made) = run.state.made_mut(id) {
                made.args.extend(more);
            }
        }
        None => {
            if let Some(made) = run.state.made_mut(id) {
                made.keywords.push((Rc::from("more"), Value::Unknown));
                made.args = vec![Value::Unknown];
            }
        }
    }
}
