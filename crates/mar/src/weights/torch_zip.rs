//! A zip of `torch.save` comes in; its pickle and whether the records of its tensors are there come out (torch,
//! `torch/serialization.py` and `caffe2/serialize/inline_container.cc`).

use envdiff_files::ReadAt;

use super::limits;
use super::pickle::{self, Pickle};
use super::zip::{Content, Zip, ZipFault};

/// What `torch.save` writes.
#[derive(Debug, Clone, PartialEq)]
pub struct TorchZip {
    /// The folder that all records lie in: the first entry's.
    pub top: String,
    /// The entries.
    pub zip: Zip,
    /// The object, `data.pkl`; `None` where it cannot be read, see [`Self::fault`].
    pub data: Option<Box<Pickle>>,
    /// Why `data.pkl` cannot be read.
    pub fault: Option<ZipFault>,
    /// What the record `version` says; `None` where there is none or it is no number.
    pub version: Option<u64>,
    /// What the record `byteorder` says, cut after 64 bytes; `None` where there is none.
    pub byteorder: Option<String>,
    /// The first storage, in the order of the pickle, whose record is absent or too short.
    pub lack: Option<Lack>,
}

/// A storage that its record does not fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Where the pickle asks for it, in bytes from the begin of the pickle.
    pub at: u64,
    /// The record: `data/0`.
    pub record: String,
    /// How many bytes it should have.
    pub wants: u64,
    /// How many it has; `None` where there is no such record.
    pub has: Option<u64>,
}

impl TorchZip {
    /// The size of a record in bytes, by its name below the top folder.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<u64> {
        self.zip.entry(&format!("{}/{name}", self.top)).map(|entry| entry.size)
    }

    pub(super) fn read(file: &mut dyn ReadAt, zip: Zip) -> Self {
        let first = zip.entries.first().map(|entry| &*entry.name).unwrap_or_default();
        let top = first.split('/').next().unwrap_or_default().to_owned();
        let mut out = Self { top, zip, data: None, fault: None, version: None, byteorder: None, lack: None };
        out.version = out.text(file, "version").and_then(|text| text.trim().parse().ok());
        out.byteorder = out.text(file, "byteorder");
        match out.pickle(file, "data.pkl") {
            Some(Ok(data)) => {
                out.lack = out.lacks(&data);
                out.data = Some(Box::new(data));
            }
            Some(Err(fault)) => out.fault = Some(fault),
            None => {}
        }
        out
    }

    /// A short record as text.
    pub(super) fn text(&self, file: &mut dyn ReadAt, name: &str) -> Option<String> {
        let entry = self.zip.entry(&format!("{}/{name}", self.top))?;
        let bytes = Zip::bytes(file, entry, 64).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A record that is a pickle; `None` where it is absent.
    pub(super) fn pickle(&self, file: &mut dyn ReadAt, name: &str) -> Option<Result<Pickle, ZipFault>> {
        let entry = self.zip.entry(&format!("{}/{name}", self.top))?;
        Some(match Zip::content(file, entry, limits::ZIP_INFLATED) {
            Ok(Content::Stored(begin, end)) => Ok(pickle::read(file, begin, end)),
            Ok(Content::Inflated(bytes)) => {
                let mut bytes = &*bytes;
                let end = bytes.len() as u64;
                Ok(pickle::read(&mut bytes, 0, end))
            }
            Err(fault) => Err(fault),
        })
    }

    fn lacks(&self, data: &Pickle) -> Option<Lack> {
        data.storages.iter().find_map(|storage| {
            let (_, size) = storage.element()?;
            let wants = storage.count.saturating_mul(size);
            let record = format!("data/{}", storage.key);
            let has = self.record(&record);
            has.is_none_or(|has| has < wants).then_some(Lack { at: storage.at, record, wants, has })
        })
    }
}
