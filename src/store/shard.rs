//! A fixed share of a run's work, for one of several machines.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The share `number` of `count`, from 1: the steps whose place in the list (from 0) is
/// `number - 1` modulo `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: usize,
    count: usize,
}

/// Not `I/N` with 1 <= I <= N.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write I/N with I from 1 to N, such as 3/8 for the third of eight shares")]
pub struct NoShard;

impl Shard {
    /// All of the work.
    pub const WHOLE: Self = Self { number: 1, count: 1 };

    /// Share `number` of `count`, from 1.
    ///
    /// # Errors
    /// [`NoShard`] unless 1 <= number <= count.
    pub fn new(number: usize, count: usize) -> Result<Self, NoShard> {
        if (1..=count).contains(&number) { Ok(Self { number, count }) } else { Err(NoShard) }
    }

    /// Which of the shares this is, from 1.
    pub fn number(self) -> usize {
        self.number
    }

    /// How many shares there are.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether this is all of the work.
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Whether the step at `place` of the list is in this share.
    pub fn holds(self, place: usize) -> bool {
        place % self.count == self.number - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.count)
    }
}

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let (number, count) = text.split_once('/').ok_or(NoShard)?;
        let parse = |text: &str| text.parse().map_err(|_| NoShard);
        Self::new(parse(number)?, parse(count)?)
    }
}

impl TryFrom<String> for Shard {
    type Error = NoShard;

    fn try_from(text: String) -> Result<Self, NoShard> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shares_are_written_as_fractions() {
        let shard: Shard = "3/8".parse().unwrap();
        assert_eq!((shard.number(), shard.count(), shard.to_string()), (3, 8, "3/8".to_owned()));
        for wrong in ["", "3", "0/8", "9/8", "-1/2", "1/0", "1/2/3", "a/b"] {
            assert_eq!(wrong.parse::<Shard>(), Err(NoShard), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn each_step_is_in_exactly_one_share(count in 1usize..50, place in 0usize..10_000) {
            let shares = (1..=count).map(|number| Shard::new(number, count).unwrap());
            prop_assert_eq!(shares.filter(|shard| shard.holds(place)).count(), 1);
        }
    }
}
