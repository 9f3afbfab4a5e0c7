//! An image of an engine in, the best way of reading it out: its layer folders, our program in a container, or an export;
//! and from one to the next where a way turns out not to do.

use std::sync::Arc;

use envdiff_files::{Ask, ImagePath, Likely, Reason, Reply, Source};
use envdiff_model::{ImageConfig, Text};

use crate::docker::client::{Driver, Engine};
use crate::docker::container::Plan;
use crate::docker::context::Address;
use crate::docker::exec::Runnable;
use crate::docker::export::{self, What};
use crate::docker::layers::{LayerFolders, LayerSource};
use crate::docker::walker::{WalkerSource, Way};
use crate::stream::StreamSource;
use crate::{Events, ImageError, OpenOptions, ReadBy, Told};

/// What is needed to read an image in any of the ways.
pub(crate) struct Image {
    engine: Engine,
    plan: Plan,
    /// As Go names it.
    architecture: String,
    driver: Option<Driver>,
    /// How many layers it has, where that is known.
    layers: Option<usize>,
}

impl Image {
    pub(crate) fn new(
        engine: Engine,
        name: &str,
        id: Option<&Text>,
        config: &ImageConfig,
        driver: Option<Driver>,
        layers: Option<usize>,
        options: &OpenOptions,
    ) -> Self {
        // By its id: the name may lead to another image a moment later.
        let id = id.and_then(|id| id.as_str()).unwrap_or(name).to_owned();
        let of_image = config.architecture.as_ref().and_then(|word| word.as_str()).unwrap_or("amd64");
        let architecture = match of_this_machine(&engine) {
            // Our program needs nothing of the image, so it may be the engine's own architecture.
            Some(own) => own.to_owned(),
            None => of_image.to_owned(),
        };
        let plan = Plan::new(id, config, options.platform.as_deref());
        Self { engine, plan, architecture, driver, layers }
    }

    /// The same image, to start programs in.
    pub(crate) fn runnable(&self) -> Runnable {
        Runnable::new(self.engine.clone(), self.plan.clone())
    }

    #[cfg(test)]
    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// As an engine without layer folders tells it.
    #[cfg(test)]
    pub(crate) fn forget_layers(&mut self) {
        self.driver = None;
    }

    fn layers(&self) -> Result<LayerSource, ImageError> {
        layers(&self.engine, self.driver.as_ref(), self.layers)
    }

    fn export(&self, events: &Arc<dyn Events>, told: &Told) -> Result<StreamSource, ImageError> {
        let what = What::Image(Box::new(self.plan.clone()));
        export::open(self.engine.clone(), what, Arc::clone(events), told.clone())
    }

    fn walker(&self, events: &Arc<dyn Events>) -> Result<WalkerSource, ImageError> {
        let ways: &'static [Way] = match self.engine.address {
            Address::Unix(_) if cfg!(target_os = "linux") => &[Way::Bind, Way::Volume],
            _ => &[Way::Volume],
        };
        WalkerSource::start(
            self.engine.clone(),
            self.plan.clone(),
            &self.architecture,
            ways,
            Arc::clone(events),
        )
    }
}

/// The layer folders that a storage driver tells of, where they can be read: one look, no call.
///
/// # Errors
/// [`ImageError::NotLayers`] with the reason.
pub(crate) fn layers(
    engine: &Engine,
    driver: Option<&Driver>,
    count: Option<usize>,
) -> Result<LayerSource, ImageError> {
    let refuse = |reason: &str| ImageError::NotLayers { reason: reason.to_owned() };
    if !matches!(engine.address, Address::Unix(_)) {
        return Err(refuse("the engine is on another machine"));
    }
    let driver = driver.ok_or_else(|| refuse("the engine tells of no layer folders"))?;
    let folders = LayerFolders::new(&driver.name, driver.upper.as_deref(), driver.lower.as_deref())?;
    if count.is_some_and(|count| count != folders.count()) {
        return Err(refuse("the engine tells of another number of folders than of layers"));
    }
    folders.open()
}

/// The architecture of an engine behind a socket of this machine, where that tells it.
fn of_this_machine(engine: &Engine) -> Option<&'static str> {
    match (&engine.address, std::env::consts::ARCH) {
        (Address::Unix(_), "x86_64") if cfg!(target_os = "linux") => Some("amd64"),
        (Address::Unix(_), "aarch64") if cfg!(target_os = "linux") => Some("arm64"),
        _ => None,
    }
}

enum Reader {
    Layers(Box<LayerSource>),
    Walker(WalkerSource),
    Export(Box<StreamSource>),
}

impl Reader {
    const fn name(&self) -> &'static str {
        match self {
            Self::Layers(_) => "layers",
            Self::Walker(_) => "walker",
            Self::Export(_) => "export",
        }
    }
}

/// Answers in the way that was found, and changes it when it must.
pub(crate) struct AutoSource {
    image: Image,
    reader: Reader,
    /// Whether another way may be taken.
    free: bool,
    likely: Option<Likely>,
    events: Arc<dyn Events>,
    told: Told,
}

impl AutoSource {
    /// Looks once whether the layer folders can be read, before anything is started.
    ///
    /// # Errors
    /// Why the one way that was asked for cannot be taken.
    pub(crate) fn open(
        image: Image,
        read: ReadBy,
        events: Arc<dyn Events>,
        told: Told,
    ) -> Result<Self, ImageError> {
        let reader = match read {
            ReadBy::Layers => Reader::Layers(Box::new(image.layers()?.watched(&events))),
            ReadBy::Walker => Reader::Walker(image.walker(&events)?),
            ReadBy::Export => Reader::Export(Box::new(image.export(&events, &told)?)),
            ReadBy::Auto => match image.layers() {
                Ok(layers) => Reader::Layers(Box::new(layers.watched(&events))),
                Err(why) => {
                    told.notice(why.to_string());
                    // There is no program for every architecture.
                    match image.walker(&events) {
                        Ok(walker) => Reader::Walker(walker),
                        Err(why) => {
                            told.notice(why.to_string());
                            Reader::Export(Box::new(image.export(&events, &told)?))
                        }
                    }
                }
            },
        };
        Ok(Self { image, reader, free: read == ReadBy::Auto, likely: None, events, told })
    }

    /// `layers`, `walker` or `export`.
    pub(crate) const fn gathered_by(&self) -> &'static str {
        self.reader.name()
    }

    fn ask(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        match &mut self.reader {
            Reader::Layers(source) => source.answer(asks),
            Reader::Walker(source) => source.answer(asks),
            Reader::Export(source) => source.answer(asks),
        }
    }

    /// Takes the next way, told what will be asked.
    fn change(&mut self, reader: Reader, why: &str) {
        self.told.change(reader.name(), why);
        self.reader = reader;
        if let Some(likely) = &self.likely {
            match &mut self.reader {
                Reader::Layers(source) => source.expect(likely),
                Reader::Walker(source) => source.expect(likely),
                Reader::Export(source) => source.expect(likely),
            }
        }
    }

    fn change_to_export(&mut self, why: &str) -> Result<(), ImageError> {
        let export = self.image.export(&self.events, &self.told)?;
        self.change(Reader::Export(Box::new(export)), why);
        Ok(())
    }
}

impl Source for AutoSource {
    type Error = ImageError;

    fn expect(&mut self, likely: &Likely) {
        self.likely = Some(*likely);
        match &mut self.reader {
            Reader::Layers(source) => source.expect(likely),
            Reader::Walker(source) => source.expect(likely),
            Reader::Export(source) => source.expect(likely),
        }
    }

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        loop {
            let result = self.ask(asks);
            if !self.free {
                return result;
            }
            match (&self.reader, result) {
                // All ways tell the same, so what was answered before stays true.
                (Reader::Layers(_), Err(why @ ImageError::NotLayers { .. })) => {
                    match self.image.walker(&self.events) {
                        Ok(walker) => self.change(Reader::Walker(walker), &why.to_string()),
                        Err(_) => self.change_to_export(&why.to_string())?,
                    }
                }
                (Reader::Walker(_), Err(why @ ImageError::Engine { .. })) => {
                    self.change_to_export(&why.to_string())?
                }
                (Reader::Walker(_), Ok(replies)) => match replies.iter().find_map(volume) {
                    None => return Ok(replies),
                    Some(mount) => {
                        let why = format!("what is wanted lies below the volume {mount:?} of the image");
                        self.change_to_export(&why)?;
                    }
                },
                (_, result) => return result,
            }
        }
    }
}

fn volume(reply: &Reply) -> Option<&ImagePath> {
    match reply {
        Reply::Unreadable(Reason::BelowVolume(mount)) => Some(mount),
        _ => None,
    }
}
