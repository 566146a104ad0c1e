//! Which shares make a whole: what is checked before they are put together.

use std::path::Path;

use super::AnalysisError;
use crate::store::{Settings, Shard};

/// One network's share of a study, as found in a folder.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// What it was computed with.
    pub settings: &'a Settings,
    /// Which share it is.
    pub shard: Shard,
    /// Whether it was computed to its end.
    pub finished: bool,
}

/// Refuses shares that don't make a whole, and says which: of other settings, unfinished, doubled,
/// missing.
///
/// # Errors
///
/// [`AnalysisError::Parts`].
pub fn check_shares(label: &str, shares: &[Share<'_>]) -> Result<(), AnalysisError> {
    let refuse = |problem: String| Err(AnalysisError::Parts(format!("{label}: {problem}")));
    let Some(first) = shares.first() else { return refuse("there are no parts".into()) };
    for share in shares {
        let (folder, other) = (share.folder.display(), first.folder.display());
        if let Some(difference) = first.settings.difference(share.settings) {
            return refuse(format!(
                "{folder} has other settings than {other}: {difference} (here: {other})"
            ));
        }
        if share.shard.count() != first.shard.count() {
            return refuse(format!(
                "{folder} is shard {}, but {other} is shard {}",
                share.shard, first.shard
            ));
        }
        if !share.finished {
            return refuse(format!(
                "shard {} in {folder} isn't finished; run its command again, it goes on where it \
                 was",
                share.shard
            ));
        }
    }
    let mut missing = Vec::new();
    for number in 1..=first.shard.count() {
        let same: Vec<_> = shares.iter().filter(|share| share.shard.number() == number).collect();
        match same[..] {
            [] => missing.push(format!("{number}/{}", first.shard.count())),
            [_] => {}
            [one, two, ..] => {
                return refuse(format!(
                    "{} and {} are both shard {}",
                    one.folder.display(),
                    two.folder.display(),
                    one.shard
                ));
            }
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        refuse(format!("shards are missing: {}", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shares: &[(&str, &str, usize, bool)]) -> String {
        let settings: Vec<Settings> =
            shares.iter().map(|share| Settings::default().with("size", share.2)).collect();
        let shares: Vec<Share<'_>> = shares
            .iter()
            .zip(&settings)
            .map(|((folder, shard, _, finished), settings)| Share {
                folder: Path::new(folder),
                settings,
                shard: shard.parse().unwrap(),
                finished: *finished,
            })
            .collect();
        check_shares("n", &shares).map_or_else(|error| error.to_string(), |()| "whole".to_owned())
    }

    #[test]
    fn only_a_whole_is_accepted_and_what_is_wrong_is_named() {
        let whole = [("a", "2/2", 64, true), ("b", "1/2", 64, true)];
        assert_eq!(check(&whole), "whole");
        assert_eq!(check(&[("a", "1/1", 64, true)]), "whole");
        for (shares, message) in [
            (vec![], "no parts"),
            (vec![whole[0]], "missing: 1/2"),
            (vec![("a", "3/4", 64, true)], "missing: 1/4, 2/4, 4/4"),
            (vec![whole[0], whole[1], ("c", "2/2", 64, true)], "a and c are both shard 2/2"),
            (vec![whole[0], ("b", "1/2", 32, true)], "size is 32 there and 64 here (here: a)"),
            (vec![whole[0], ("b", "1/3", 64, true)], "b is shard 1/3, but a is shard 2/2"),
            (vec![whole[0], ("b", "1/2", 64, false)], "1/2 in b isn't finished"),
        ] {
            assert!(check(&shares).contains(message), "{}", check(&shares));
        }
    }
}
