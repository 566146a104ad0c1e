//! What half-done work belongs to: it may only be gone on with under the same settings.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use serde::{Deserialize, Serialize};

/// Everything that a result's numbers depend on, by name, so that two runs that differ can be told
/// in what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The settings of every computation: the versions that compute.
    pub fn of_this_version() -> Self {
        Self::default()
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("libtorch", env!("FIELDSCOPE_LIBTORCH_VERSION"))
    }

    /// With one more setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.0.insert(name.to_owned(), value.to_string());
        self
    }

    /// With one more setting, of a type that has no form for readers.
    #[must_use]
    pub fn with_debug(self, name: &str, value: &impl Debug) -> Self {
        self.with(name, format!("{value:?}"))
    }

    /// In what `other` differs, as a phrase: "size is 64 there and 32 here". Nothing where it
    /// doesn't.
    pub fn difference(&self, other: &Settings) -> Option<String> {
        let absent = "absent".to_owned();
        let names = self.0.keys().chain(other.0.keys());
        names
            .map(|name| (name, self.0.get(name), other.0.get(name)))
            .find(|(_, here, there)| here != there)
            .map(|(name, here, there)| {
                let (here, there) = (here.unwrap_or(&absent), there.unwrap_or(&absent));
                format!("{name} is {there} there and {here} here")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let here = Settings::of_this_version().with("size", 32);
        assert_eq!(here.difference(&here.clone()), None);
        let there = Settings::of_this_version().with("size", 64);
        assert_eq!(here.difference(&there).unwrap(), "size is 64 there and 32 here");
        let more = here.clone().with("layer", "layer3");
        assert_eq!(here.difference(&more).unwrap(), "layer is layer3 there and absent here");
        assert_eq!(more.difference(&here).unwrap(), "layer is absent there and layer3 here");
    }
}
