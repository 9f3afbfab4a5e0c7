//! Nouns of the model and their published twins, field by field, both ways.

use envdiff_model::{self as model, Text};

use crate::string::Str;
use crate::v1::Fact;

/// A published shape and the noun that it tells.
pub(crate) trait Mirror: Sized {
    /// The noun.
    type Model;
    /// What is published of it.
    fn of(model: &Self::Model) -> Self;
    /// Back to the noun.
    fn into_model(self) -> Self::Model;
}

impl Mirror for Str {
    type Model = Text;
    fn of(model: &Text) -> Self {
        model.into()
    }
    fn into_model(self) -> Text {
        self.into()
    }
}

macro_rules! plain {
    ($($name:ty),*) => {$(
        impl Mirror for $name {
            type Model = $name;
            fn of(model: &$name) -> Self {
                *model
            }
            fn into_model(self) -> $name {
                self
            }
        }
    )*};
}
plain!(bool, u8, u64, usize);

impl<T: Mirror> Mirror for Vec<T> {
    type Model = Vec<T::Model>;
    fn of(model: &Self::Model) -> Self {
        model.iter().map(T::of).collect()
    }
    fn into_model(self) -> Self::Model {
        self.into_iter().map(T::into_model).collect()
    }
}
impl<T: Mirror> Mirror for Option<T> {
    type Model = Option<T::Model>;
    fn of(model: &Self::Model) -> Self {
        model.as_ref().map(T::of)
    }
    fn into_model(self) -> Self::Model {
        self.map(T::into_model)
    }
}
impl<T: Mirror> Mirror for Fact<T> {
    type Model = model::Fact<T::Model>;
    fn of(model: &Self::Model) -> Self {
        Self::of(model, T::of)
    }
    fn into_model(self) -> Self::Model {
        Self::into_model(self, T::into_model)
    }
}
impl<A: Mirror, B: Mirror> Mirror for (A, B) {
    type Model = (A::Model, B::Model);
    fn of(model: &Self::Model) -> Self {
        (A::of(&model.0), B::of(&model.1))
    }
    fn into_model(self) -> Self::Model {
        (self.0.into_model(), self.1.into_model())
    }
}

/// Published structs with the names and fields of the model's, and the way to and from them. A field more in the model does
/// not compile here.
macro_rules! mirror {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$fdoc:meta])* $field:ident: $shape:ty ),* $(,)? } )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name { $( $(#[$fdoc])* pub $field: $shape ),* }
        impl $crate::mirror::Mirror for $name {
            type Model = envdiff_model::$name;
            fn of(model: &Self::Model) -> Self {
                let envdiff_model::$name { $($field),* } = model;
                Self { $($field: <$shape as $crate::mirror::Mirror>::of($field)),* }
            }
            fn into_model(self) -> Self::Model {
                envdiff_model::$name { $($field: $crate::mirror::Mirror::into_model(self.$field)),* }
            }
        }
    )*};
}
pub(crate) use mirror;
