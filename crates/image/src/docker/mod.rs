//! An image or container of the engine: its name goes in, opened files come out. None of its code is run, unless
//! `exec.rs` is asked to.

mod auto;
mod client;
mod container;
mod context;
mod covered;
mod digests;
mod exec;
mod export;
pub(crate) mod layers;
mod own;
mod owner;
mod program;
mod reactor;
#[cfg(test)]
mod tests;
mod walker;
mod wire;

use std::sync::Arc;

use envdiff_files::ImagePath;
use envdiff_model::{Layer, Target, TargetKind, Text};

use crate::docker::auto::{AutoSource, Image};
use crate::docker::client::{Engine, SILENCE};
use crate::docker::context::Settings;
use crate::docker::covered::Covered;
use crate::docker::export::What;
use crate::docker::own::ContainerSource;
use crate::docker::reactor::reactor;
use crate::{Begin, Events, Files, ImageError, OpenOptions, ReadBy, Told, folder, platform};

pub(crate) use exec::Runnable;
pub use exec::{Exec, Gpus, Heard};
pub use reactor::settle;

/// Opens an image of the engine that the Docker CLI would use.
///
/// # Errors
/// Why there is no engine, or no such image; see [`ImageError`].
pub(crate) fn open_image(
    name: &str,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let engine = Engine::new(context::find(&Settings::of_process())?, SILENCE)?;
    open_image_of(engine, name, options, events)
}

fn open_image_of(
    engine: Engine,
    name: &str,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let local = engine.address.is_local();
    events.step("asking the engine", 0);
    let inspected = {
        let (engine, name) = (engine.clone(), name.to_owned());
        reactor()?.wait(async move { engine.image(&name).await })?
    };
    let (config, platform) = (inspected.json.config.clone(), inspected.json.platform());
    let wrong = |wanted: &str| ImageError::WrongPlatform {
        name: name.to_owned(),
        found: platform.as_ref().map_or_else(String::new, |platform| platform.to_lossy().into_owned()),
        wanted: wanted.to_owned(),
    };
    if let Some(wanted) = &options.platform
        && !folder::is_platform(&config, wanted)
    {
        return Err(wrong(wanted));
    }
    if config.os.as_ref().is_some_and(|os| *os != "linux") {
        return Err(wrong("linux"));
    }
    let told = Told::default();
    let id = inspected.json.id.clone();
    let count = inspected.json.layers.as_ref().map(Vec::len);
    let image = Image::new(engine, name, id.as_ref(), &config, inspected.driver, count, options);
    let runnable = Some(image.runnable());
    let source = AutoSource::open(image, options.read, Arc::clone(events), told.clone())?;
    let target = Target {
        kind: TargetKind::Docker,
        name: Text::from(name),
        id,
        platform,
        gathered_by: source.gathered_by(),
        layers: inspected.json.layers,
        notices: Vec::new(),
    };
    Ok(Files {
        target,
        config: Some(config),
        begin: Begin::Configuration,
        source: Box::new(source),
        local,
        told,
        runnable,
    })
}

/// Opens a container's present file system, as far as it is its own: what it has mounted is unreadable.
///
/// # Errors
/// Why there is no engine, or no such container; see [`ImageError`].
pub(crate) fn open_container(
    name: &str,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let engine = Engine::new(context::find(&Settings::of_process())?, SILENCE)?;
    open_container_of(engine, name, options, events)
}

fn open_container_of(
    engine: Engine,
    name: &str,
    options: &OpenOptions,
    events: &Arc<dyn Events>,
) -> Result<Files, ImageError> {
    let local = engine.address.is_local();
    events.step("asking the engine", 0);
    let (container, image) = {
        let (engine, name) = (engine.clone(), name.to_owned());
        reactor()?.wait(async move {
            let container = engine.container(&name).await?;
            // The image may be gone from under its container; then nothing tells of layers and architecture.
            let image = engine.image(&container.image).await.ok();
            Ok((container, image))
        })?
    };
    let mut config = container.json.config;
    let image = image.map(|image| image.json);
    if let Some(image) = &image {
        config.os.clone_from(&image.config.os);
        config.architecture.clone_from(&image.config.architecture);
        config.variant.clone_from(&image.config.variant);
    }
    let id = Some(container.image.as_str()).filter(|id| !id.is_empty()).map(Text::from);
    let platform = platform(&config);
    // Above the image's layers lie what the engine prepared and what the container wrote.
    let mut layers = image.and_then(|image| image.layers);
    if let Some(layers) = &mut layers {
        for own in ["-init", ""] {
            let id = Text::from(format!("container:{}{own}", container.id));
            layers.push(Layer { id, instruction: None });
        }
    }
    let told = Told::default();
    let mounts: Vec<ImagePath> = container.mounts.iter().filter_map(ImagePath::new).collect();
    let by_layers = match options.read {
        ReadBy::Walker => {
            return Err(ImageError::Engine {
                what: "run our program in a container of somebody else's",
                why: "that would change it; use --read layers or --read export".to_owned(),
            });
        }
        ReadBy::Export => None,
        ReadBy::Layers => {
            Some(auto::layers(&engine, container.driver.as_ref(), layers.as_ref().map(Vec::len))?)
        }
        ReadBy::Auto => match auto::layers(&engine, container.driver.as_ref(), layers.as_ref().map(Vec::len))
        {
            Ok(source) => Some(source),
            Err(why) => {
                told.notice(why.to_string());
                None
            }
        },
    };
    let by_export = {
        let (id, events, told) = (container.id.clone(), Arc::clone(events), told.clone());
        move || export::open(engine.clone(), What::Container(id.clone()), Arc::clone(&events), told.clone())
    };
    let free = options.read == ReadBy::Auto;
    let by_layers = by_layers.map(|layers| layers.watched(events));
    let source = ContainerSource::new(by_layers, Box::new(by_export), free, told.clone())?;
    let source = Covered::new(source, mounts);
    let target = Target {
        kind: TargetKind::Container,
        name: Text::from(name),
        id,
        platform,
        gathered_by: source.inner().gathered_by(),
        layers,
        notices: Vec::new(),
    };
    Ok(Files {
        target,
        config: Some(config),
        begin: Begin::Configuration,
        source: Box::new(source),
        local,
        told,
        runnable: None,
    })
}
