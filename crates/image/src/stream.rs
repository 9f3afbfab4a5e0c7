//! A tar of a whole file system that comes by as a stream in, answers out: its names are indexed, what is likely to be
//! asked for is kept as it passes, and what was not foreseen costs one more pass.

use std::io::Read;
use std::sync::Arc;

use envdiff_files::{Ask, Likely, Reply, Source};

use crate::answer::Answers;
use crate::tar::{Flow, Keeper, Store, TarLayers, Tree, Walk, gather, grow};
use crate::{Events, ImageError, Told};

/// Begins a stream, from its first byte each time.
pub(crate) type Begins = Box<dyn FnMut() -> Result<Box<dyn Read>, ImageError>>;

/// Answers from a stream of one file system, such as an engine's export.
pub(crate) struct StreamSource {
    begin: Begins,
    /// What the stream is called in messages.
    name: String,
    likely: Option<Likely>,
    passes: usize,
    answers: Answers<TarLayers>,
    events: Arc<dyn Events>,
    told: Told,
}

impl StreamSource {
    pub(crate) fn new(name: String, begin: Begins, events: Arc<dyn Events>, told: Told) -> Self {
        let answers = Answers::new(TarLayers::new(false));
        Self { begin, name, likely: None, passes: 0, answers, events, told }
    }

    fn first_pass(&mut self) -> Result<(), ImageError> {
        let layers = &mut self.answers.view.layers;
        let root = layers.forest.plant();
        layers.trees.push(Tree { root, store: Store::Kept });
        let mut walk = Walk::new(Flow::new((self.begin)()?));
        let mut keeper = Keeper { likely: self.likely.as_ref(), kept: &mut layers.kept };
        let events = &self.events;
        let mut progress = |entries| events.step("reading the export", entries);
        grow(&mut layers.forest, root, &mut walk, &mut keeper, &mut progress)
            .and_then(|()| walk.must_have_ended())
            .map_err(|error| error.of(&self.name))?;
        self.passes = 1;
        Ok(())
    }

    fn second_pass(&mut self, count: usize) -> Result<(), ImageError> {
        self.passes = 2;
        self.told.notice(format!("a second pass over the stream, for {count} files that were not foreseen"));
        let layers = &mut self.answers.view.layers;
        let Some(wanted) = layers.take_wanted().pop() else { return Ok(()) };
        let mut walk = Walk::new(Flow::new((self.begin)()?));
        self.events.step("reading the export again", 0);
        gather(&mut walk, &wanted, &mut |path, kept| layers.keep(0, path, kept))
            .map_err(|error| error.of(&self.name))?;
        layers.can_pass_again = false;
        Ok(())
    }
}

impl Source for StreamSource {
    type Error = ImageError;

    fn expect(&mut self, likely: &Likely) {
        self.likely = Some(*likely);
    }

    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Reply>, ImageError> {
        if self.passes == 0 {
            self.first_pass()?;
        }
        let replies = self.answers.answer(asks);
        let count = self.answers.view.layers.wanted.iter().map(|wanted| wanted.len()).sum();
        if count == 0 {
            return Ok(replies);
        }
        self.second_pass(count)?;
        Ok(self.answers.answer(asks))
    }
}
