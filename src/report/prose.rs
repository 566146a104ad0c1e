//! Sentences whose numbers know where they come from, for every language of a report.

use super::bibliography::reference;

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// Words.
    Text(String),
    /// A number from a result.
    Number {
        /// As shown.
        shown: String,
        /// As in the result.
        value: f64,
        /// File and JSON pointer in it, `erf/resnet101.json#/area_ratios/2/ratio`.
        source: String,
    },
    /// Citation keys.
    Cite(Vec<&'static str>),
}

/// A paragraph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Paragraph {
    /// Its parts in order.
    pub segments: Vec<Segment>,
}

impl Paragraph {
    /// Adds words.
    pub fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.segments.push(Segment::Text(text.into()));
        self
    }

    /// Adds a number from a result.
    pub fn number(
        &mut self,
        shown: impl Into<String>,
        value: f64,
        source: impl Into<String>,
    ) -> &mut Self {
        self.segments.push(Segment::Number { shown: shown.into(), value, source: source.into() });
        self
    }

    /// Adds a whole number from a result.
    pub fn count(&mut self, value: usize, source: impl Into<String>) -> &mut Self {
        self.number(value.to_string(), value as f64, source)
    }

    /// Adds citations.
    pub fn cite(&mut self, keys: &[&'static str]) -> &mut Self {
        self.segments.push(Segment::Cite(keys.to_vec()));
        self
    }

    /// Keys of the works that are cited.
    pub fn cited(&self) -> Vec<&'static str> {
        let keys = self.segments.iter().filter_map(|segment| match segment {
            Segment::Cite(keys) => Some(keys.as_slice()),
            _ => None,
        });
        keys.flatten().copied().collect()
    }

    /// The paragraph with words, numbers and citations written by the given functions.
    pub fn render(
        &self,
        text: impl Fn(&str) -> String,
        number: impl Fn(&str, &str) -> String,
        cite: impl Fn(&[&'static str]) -> String,
    ) -> String {
        let render = |segment: &Segment| match segment {
            Segment::Text(words) => text(words),
            Segment::Number { shown, source, .. } => number(shown, source),
            Segment::Cite(keys) => cite(keys),
        };
        self.segments.iter().map(render).collect()
    }
}

/// "(Ding et al. 2022; Luo et al. 2016)".
pub fn author_years(keys: &[&'static str]) -> String {
    let names: Vec<&str> = keys.iter().filter_map(|key| reference(key)).map(|r| r.short).collect();
    format!("({})", names.join("; "))
}

/// "a", "a and b", "a, b and c".
pub fn enumerate(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}
