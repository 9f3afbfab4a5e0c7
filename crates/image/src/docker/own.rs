//! A container of somebody else's in, its own files out: from its layer folders, else from its export. It is only read.

use envdiff_files::{Ask, Likely, Reply, Source};

use crate::docker::layers::LayerSource;
use crate::stream::StreamSource;
use crate::{ImageError, Told};

/// Begins an export.
type Export = Box<dyn Fn() -> Result<StreamSource, ImageError>>;

enum Reader {
    Layers(Box<LayerSource>),
    Export(Box<StreamSource>),
}

/// Answers from a container's own files.
pub(crate) struct ContainerSource {
    reader: Reader,
    export: Export,
    /// Whether an export may take over.
    free: bool,
    likely: Option<Likely>,
    told: Told,
}

impl ContainerSource {
    pub(crate) fn new(
        layers: Option<LayerSource>,
        export: Export,
        free: bool,
        told: Told,
    ) -> Result<Self, ImageError> {
        let reader = match layers {
            Some(layers) => Reader::Layers(Box::new(layers)),
            None => Reader::Export(Box::new(export()?)),
        };
        Ok(Self { reader, export, free, likely: None, told })
    }

    /// `layers` or `export`.
    pub(crate) const fn gathered_by(&self) -> &'static str {
        match self.reader {
            Reader::Layers(_) => "layers",
            Reader::Export(_) => "export",
        }
    }
}

impl Source for ContainerSource {
    type Error = ImageError;

    fn expect(&mut self, likely: &Likely) {
        self.likely = Some(*likely);
        match &mut self.reader {
            Reader::Layers(source) => source.expect(likely),
            Reader::Export(source) => source.expect(likely),
        }
    }

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        let why = match &mut self.reader {
            Reader::Export(source) => return source.answer(asks),
            Reader::Layers(source) => match source.answer(asks) {
                Err(why @ ImageError::NotLayers { .. }) if self.free => why,
                result => return result,
            },
        };
        let mut export = (self.export)()?;
        self.told.change("export", why.to_string());
        if let Some(likely) = &self.likely {
            export.expect(likely);
        }
        let replies = export.answer(asks);
        self.reader = Reader::Export(Box::new(export));
        replies
    }
}
