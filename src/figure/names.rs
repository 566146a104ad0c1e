//! The names of one figure, shortened together: networks of one family often differ in the middle of
//! their names only, where a name that is shortened by itself would lose what tells it from the others.

use super::style::UNTRAINED;
use super::text::{Weight, fit, width, wrap};

/// Names with at most `room` points each: whole where all fit, else shortened so that different names
/// stay different.
pub(crate) fn fit_all(names: &[String], room: f64, size: f64, weight: Weight) -> Vec<String> {
    let measure = |text: &str| width(text, size, weight);
    let mark = measure(UNTRAINED);
    let shorten = |names: &[&str], room: f64| -> Vec<String> {
        let alone: Vec<String> = names.iter().map(|name| fit(name, room, size, weight)).collect();
        together(names, alone, &|text| measure(text) <= room, &|name, number| {
            let number = format!("{number}: ");
            let rest = fit(name, (room - measure(&number)).max(0.0), size, weight);
            format!("{number}{rest}")
        })
    };
    if names.iter().all(|name| measure(name) <= room) || mark > 0.6 * room {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return shorten(&names, room);
    }
    // The mark stays whole.
    let bare: Vec<&str> =
        names.iter().map(|name| name.strip_suffix(UNTRAINED).unwrap_or(name)).collect();
    let is_marked = |place: usize| bare[place].len() < names[place].len();
    let any = (0..names.len()).any(is_marked);
    let short = shorten(&bare, if any { room - mark } else { room });
    let marked = short.into_iter().enumerate();
    marked
        .map(|(place, name)| if is_marked(place) { format!("{name}{UNTRAINED}") } else { name })
        .collect()
}

/// Names broken into at most `lines` lines of `room` points, as [`wrap`] does, so that different names
/// stay different.
pub(crate) fn wrap_all(
    names: &[String],
    room: f64,
    lines: usize,
    size: f64,
    weight: Weight,
) -> Vec<Vec<String>> {
    let wrapped = |names: &[String]| -> Vec<Vec<String>> {
        names.iter().map(|name| wrap(name, room, lines, size, weight)).collect()
    };
    let all = wrapped(names);
    if are_distinct(names, &all) {
        return all;
    }
    // Lines end before the room does where they break at joints: what then doesn't fit the last of them
    // would be shortened twice.
    let shares = [1.0, 0.9, 0.8, 0.7, 0.6].map(|share| share * lines as f64).into_iter();
    let tried: Vec<(bool, Vec<Vec<String>>)> = shares
        .chain([1.0])
        .map(|share| {
            let short = fit_all(names, share * room, size, weight);
            let lines = wrapped(&short);
            let once = short.iter().zip(&lines).all(|(name, lines)| is_whole(name, lines));
            (once, lines)
        })
        .filter(|(_, lines)| are_distinct(names, lines))
        .collect();
    let best = tried.iter().find(|(once, _)| *once).or_else(|| tried.first());
    best.map_or(all, |(_, lines)| lines.clone())
}

/// Whether lines hold all of a name.
fn is_whole(name: &str, lines: &[String]) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    letters(name) == letters(&lines.concat())
}

/// Whether different names are shown differently.
fn are_distinct<S: AsRef<str>, T: PartialEq>(names: &[S], shown: &[T]) -> bool {
    (0..names.len()).all(|place| !is_mistaken(names, shown, place))
}

/// Whether the name at a place is shown as another name is.
fn is_mistaken<S: AsRef<str>, T: PartialEq>(names: &[S], shown: &[T], place: usize) -> bool {
    (0..names.len())
        .any(|other| names[other].as_ref() != names[place].as_ref() && shown[other] == shown[place])
}

/// `alone` where no name in it is another's, else those names with what they have in common left out;
/// with a number where even that doesn't tell them apart.
fn together(
    names: &[&str],
    alone: Vec<String>,
    fits: &dyn Fn(&str) -> bool,
    numbered: &dyn Fn(&str, usize) -> String,
) -> Vec<String> {
    let mut shown = alone;
    let group: Vec<usize> =
        (0..names.len()).filter(|&place| is_mistaken(names, &shown, place)).collect();
    if group.is_empty() {
        return shown;
    }
    let members: Vec<&str> = group.iter().map(|&place| names[place]).collect();
    for split in [words, characters] {
        let Some(elided) = elide(&members, split, fits) else { continue };
        let mut tried = shown.clone();
        for (&place, name) in group.iter().zip(elided) {
            tried[place] = name;
        }
        if are_distinct(names, &tried) {
            return tried;
        }
    }
    for place in group {
        shown[place] = numbered(names[place], place + 1);
    }
    shown
}

/// A name after each of its joints and spaces.
fn words(name: &str) -> Vec<&str> {
    name.split_inclusive(|c: char| c.is_whitespace() || "-_/,".contains(c)).collect()
}

/// A name's characters.
fn characters(name: &str) -> Vec<&str> {
    name.split_inclusive(|_: char| true).collect()
}

/// Names of which ellipses replace what all have in common, as far as they must: what differs stays,
/// then the part before it, then as much from the beginning and from the end as fits. Nothing where
/// what differs alone doesn't fit.
fn elide(
    names: &[&str],
    split: fn(&str) -> Vec<&str>,
    fits: &dyn Fn(&str) -> bool,
) -> Option<Vec<String>> {
    let columns = aligned(names, split);
    let count = columns.first()?.len();
    let mut kept: Vec<bool> = (0..count)
        .map(|column| columns.iter().any(|parts| parts[column] != columns[0][column]))
        .collect();
    let render = |kept: &[bool]| -> Option<Vec<String>> {
        let all: Vec<String> = columns.iter().map(|parts| joined(parts, kept)).collect();
        all.iter().all(|name| fits(name)).then_some(all)
    };
    let mut best = render(&kept)?;
    let before: Vec<usize> = (0..count).filter(|&at| kept.get(at + 1) == Some(&true)).collect();
    let head: Vec<usize> = (0..count).collect();
    let tail: Vec<usize> = (0..count).rev().collect();
    for columns in [before, head, tail] {
        for column in columns {
            if kept[column] {
                continue;
            }
            kept[column] = true;
            let Some(found) = render(&kept) else {
                kept[column] = false;
                break;
            };
            best = found;
        }
    }
    Some(best)
}

/// The parts of names in columns: part by part where all have as many, else what they have in common
/// at both ends, part by part, around what they haven't as a whole.
fn aligned(names: &[&str], split: fn(&str) -> Vec<&str>) -> Vec<Vec<String>> {
    let parts: Vec<Vec<&str>> = names.iter().map(|name| split(name)).collect();
    let owned = |parts: &[&str]| parts.iter().map(|&part| part.to_owned()).collect::<Vec<_>>();
    let fewest = parts.iter().map(Vec::len).min().unwrap_or(0);
    if parts.iter().all(|one| one.len() == fewest) {
        return parts.iter().map(|one| owned(one)).collect();
    }
    let same = |place: &dyn Fn(&Vec<&str>) -> usize| {
        parts.iter().all(|one| one[place(one)] == parts[0][place(&parts[0])])
    };
    let head = (0..fewest).take_while(|&i| same(&|_| i)).count();
    let tail = (0..fewest - head).take_while(|&i| same(&|one| one.len() - 1 - i)).count();
    let align = |one: &Vec<&str>| {
        let end = one.len() - tail;
        let mut columns = owned(&one[..head]);
        columns.push(one[head..end].concat());
        columns.extend(owned(&one[end..]));
        columns
    };
    parts.iter().map(align).collect()
}

/// The parts that are kept, an ellipsis in place of each run of others.
fn joined(parts: &[String], kept: &[bool]) -> String {
    let mut name = String::new();
    for (column, part) in parts.iter().enumerate() {
        if kept[column] {
            name.push_str(part);
        } else if column == 0 || kept[column - 1] {
            name.push('…');
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(names: &[String], room: f64) -> Vec<String> {
        let shown = fit_all(names, room, 7.0, Weight::Regular);
        for name in &shown {
            assert!(width(name, 7.0, Weight::Regular) <= room + 1e-9, "{name} in {room}");
        }
        shown
    }

    fn seeds(count: usize) -> Vec<String> {
        let name = |seed: usize| {
            format!("resnet50_train_60_epochs_lr0.01_seed_{seed}_augmentation_none_resolution_224")
        };
        (0..count).map(name).collect()
    }

    #[test]
    fn what_differs_in_the_middle_stays() {
        assert_eq!(fitted(&seeds(21), 110.0)[13], "resnet50_train_60_…seed_13_…");
        assert_eq!(fitted(&seeds(2), 300.0), seeds(2));
    }

    #[test]
    fn different_names_stay_different() {
        let mut grid: Vec<String> = Vec::new();
        for rate in ["0.1", "0.01", "0.001"] {
            for seed in 0..12 {
                grid.push(format!(
                    "a_network_of_a_grid_lr{rate}_of_seed_{seed}_and_a_long_end_of_it"
                ));
            }
        }
        let unjointed: Vec<String> =
            (0..20).map(|i| format!("{}{i:02}{}", "x".repeat(40), "y".repeat(40))).collect();
        let unlike: Vec<String> = (0..20)
            .map(|i| format!("{}{i}{}", "a_b".repeat(10 + i % 3), "mm_n".repeat(20 + i % 2)))
            .collect();
        for names in [grid, unjointed, unlike, seeds(21)] {
            for room in [200.0, 110.0, 60.0, 34.0] {
                let shown = fitted(&names, room);
                assert!(are_distinct(&names, &shown), "{room}: {shown:?}");
            }
            let wrapped = wrap_all(&names, 90.0, 2, 8.0, Weight::Bold);
            assert!(are_distinct(&names, &wrapped), "{wrapped:?}");
        }
    }

    #[test]
    fn the_mark_of_untrained_networks_stays() {
        let names: Vec<String> =
            seeds(5).into_iter().map(|name| format!("{name}{UNTRAINED}")).collect();
        let shown = fitted(&names, 110.0);
        assert!(shown.iter().all(|name| name.ends_with(UNTRAINED)), "{shown:?}");
        assert!(are_distinct(&names, &shown), "{shown:?}");
    }

    #[test]
    fn lines_are_not_shortened_twice() {
        for lines in wrap_all(&seeds(21), 98.0, 2, 8.0, Weight::Bold) {
            assert!(lines.concat().contains("seed_"), "{lines:?}");
        }
    }

    #[test]
    fn equal_names_stay_equal() {
        let names = vec![seeds(1)[0].clone(); 3];
        let shown = fitted(&names, 60.0);
        assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "{shown:?}");
    }
}
