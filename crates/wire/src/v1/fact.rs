//! A fact in JSON: `{"value": …, "evidence": [{"path", "detail"}]}` or `{"unknown": "reason"}`.

use crate::mirror::Mirror;
use envdiff_model as model;
use serde::de::{Deserialize, Deserializer, Error};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use crate::string::Str;

/// Something known with where it was seen, or unknown with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Fact<T> {
    /// Known.
    Known {
        /// What is so.
        value: T,
        /// Where that was seen.
        evidence: Vec<Seen>,
    },
    /// Unknown.
    Unknown {
        /// The reason.
        unknown: Str,
    },
}

/// Where something was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, DeriveDeserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Seen {
    /// Absolute path in the image, or where else it stands.
    pub path: Str,
    /// What stands there.
    pub detail: Str,
}

/// What a snapshot that an earlier version wrote does not hold.
impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self::Unknown { unknown: NOT_HELD.into() }
    }
}

pub(crate) const NOT_HELD: &str = "the snapshot was written by an earlier version that did not tell it";

impl<T> Fact<T> {
    /// A fact of the model, its value converted.
    pub(crate) fn of<'a, M>(fact: &'a model::Fact<M>, convert: impl FnOnce(&'a M) -> T) -> Self {
        match fact {
            model::Fact::Known { value, evidence } => {
                Self::Known { value: convert(value), evidence: evidence.iter().map(Seen::of).collect() }
            }
            model::Fact::Unknown { reason } => Self::Unknown { unknown: reason.into() },
        }
    }

    /// Back to the model.
    pub(crate) fn into_model<M>(self, convert: impl FnOnce(T) -> M) -> model::Fact<M> {
        match self {
            Self::Known { value, evidence } => {
                model::Fact::seen(convert(value), evidence.into_iter().map(Seen::into_model).collect())
            }
            Self::Unknown { unknown } => model::Fact::unknown(unknown),
        }
    }
}

impl Mirror for Seen {
    type Model = model::Evidence;
    fn of(evidence: &model::Evidence) -> Self {
        Self { path: (&evidence.path).into(), detail: (&evidence.detail).into() }
    }
    fn into_model(self) -> model::Evidence {
        model::Evidence::new(self.path, self.detail)
    }
}

fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

// By hand: serde's own message for an untagged enum does not tell what is wrong.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(DeriveDeserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Either<T> {
            // A value that is null is known: that there is none.
            #[serde(default = "Option::default", deserialize_with = "some")]
            value: Option<T>,
            evidence: Option<Vec<Seen>>,
            unknown: Option<Str>,
        }
        let either = Either::deserialize(deserializer)?;
        match (either.value, either.unknown) {
            (Some(value), None) => Ok(Self::Known { value, evidence: either.evidence.unwrap_or_default() }),
            (None, Some(unknown)) => Ok(Self::Unknown { unknown }),
            (Some(_), Some(_)) => Err(D::Error::custom("a fact has both \"value\" and \"unknown\"")),
            (None, None) => Err(D::Error::custom("a fact has neither \"value\" nor \"unknown\"")),
        }
    }
}
