//! How wide text is, and how to make it fit: measured in the font that draws it.

use std::sync::OnceLock;

use ttf_parser::Face;

/// Liberation Sans Regular, SIL Open Font License 1.1 (`data/fonts/LICENSE`).
pub(crate) const REGULAR: &[u8] = include_bytes!("../../data/fonts/LiberationSans-Regular.ttf");
/// Liberation Sans Bold, same licence.
pub(crate) const BOLD: &[u8] = include_bytes!("../../data/fonts/LiberationSans-Bold.ttf");

/// Height of capitals as a share of the text size, in this font.
pub(crate) const CAP_HEIGHT: f64 = 1409.0 / 2048.0;
/// Depth of descenders as a share of the text size, in this font.
pub(crate) const DESCENT: f64 = 434.0 / 2048.0;

/// Width that a character without a measurable glyph is taken to have, as a share of the size.
const UNKNOWN_ADVANCE: f64 = 1.0;

/// Weight of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Regular.
    #[default]
    Regular,
    /// Bold.
    Bold,
}

fn face(weight: Weight) -> Option<&'static Face<'static>> {
    static REGULAR_FACE: OnceLock<Option<Face<'static>>> = OnceLock::new();
    static BOLD_FACE: OnceLock<Option<Face<'static>>> = OnceLock::new();
    let (cell, data) = match weight {
        Weight::Regular => (&REGULAR_FACE, REGULAR),
        Weight::Bold => (&BOLD_FACE, BOLD),
    };
    cell.get_or_init(|| Face::parse(data, 0).ok()).as_ref()
}

/// Width of `text` in points at `size` points: the sum of its glyphs' advances, without kerning.
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let Some(face) = face(weight) else {
        return text.chars().count() as f64 * size * UNKNOWN_ADVANCE;
    };
    let units = f64::from(face.units_per_em());
    let advance = |c: char| {
        face.glyph_index(c)
            .and_then(|glyph| face.glyph_hor_advance(glyph))
            .map_or(UNKNOWN_ADVANCE, |advance| f64::from(advance) / units)
    };
    size * text.chars().map(advance).sum::<f64>()
}

/// The widest of several texts, in points.
pub(crate) fn widest<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    size: f64,
    weight: Weight,
) -> f64 {
    texts.into_iter().map(|text| width(text, size, weight)).fold(0.0, f64::max)
}

/// `text` with control characters (which XML forbids) and line breaks made into single spaces.
pub(crate) fn clean(text: &str) -> String {
    let forbidden =
        |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}');
    let spaced: String = text.chars().map(|c| if forbidden(c) { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` if it fits into `room` points, else its beginning and end around an ellipsis: labels of
/// one family of networks often differ at the end only.
pub(crate) fn fit(text: &str, room: f64, size: f64, weight: Weight) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    for kept in (1..chars.len()).rev() {
        let head: String = chars[..kept.div_ceil(2)].iter().collect();
        let tail: String = chars[chars.len() - kept / 2..].iter().collect();
        let shortened = format!("{}…{}", head.trim_end(), tail.trim_start());
        if width(&shortened, size, weight) <= room {
            return shortened;
        }
    }
    "…".to_owned()
}

/// `text` broken into at most `lines` lines of at most `room` points each; breaks at spaces, or
/// after one of `-_/` where a word is too long; what is left over is shortened by [`fit`].
pub(crate) fn wrap(text: &str, room: f64, lines: usize, size: f64, weight: Weight) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if wrapped.len() + 1 >= lines || width(rest, size, weight) <= room {
            wrapped.push(fit(rest, room, size, weight));
            break;
        }
        let split = break_before(rest, room, size, weight);
        let (line, after) = rest.split_at(split);
        wrapped.push(fit(line.trim_end(), room, size, weight));
        rest = after.trim_start();
    }
    wrapped
}

/// The byte at which the first line of `text` ends: after the last space or joint that fits, else
/// after the last character that does.
fn break_before(text: &str, room: f64, size: f64, weight: Weight) -> usize {
    let mut at_joint = None;
    let mut at_any = text.chars().next().map_or(0, char::len_utf8);
    for (start, c) in text.char_indices() {
        let end = start + c.len_utf8();
        if width(text[..end].trim_end(), size, weight) > room {
            break;
        }
        at_any = end.max(at_any);
        if c.is_whitespace() || "-_/".contains(c) {
            at_joint = Some(end);
        }
    }
    at_joint.unwrap_or(at_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_the_sum_of_the_published_advances() {
        // Liberation Sans has the advances of Arial: digits 1139, space 569 of 2048 units.
        assert!((width("00 0", 2048.0, Weight::Regular) - (3.0 * 1139.0 + 569.0)).abs() < 1e-6);
        assert_eq!(width("", 10.0, Weight::Regular), 0.0);
    }

    #[test]
    fn fit_keeps_both_ends() {
        let label = "resnet50_train_60_epochs_lr0.001";
        let fitted = fit(label, 60.0, 7.0, Weight::Regular);
        assert!(fitted.starts_with("resnet") && fitted.ends_with("0.001"), "{fitted}");
        assert!(width(&fitted, 7.0, Weight::Regular) <= 60.0);
        assert_eq!(fit("short", 60.0, 7.0, Weight::Regular), "short");
        assert_eq!(fit("anything", 0.0, 7.0, Weight::Regular), "…");
    }

    #[test]
    fn wrap_fills_lines_and_shortens_the_last() {
        let text = "a label of many words that goes on and on without any end in sight at all";
        let lines = wrap(text, 80.0, 2, 7.0, Weight::Regular);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains('…'));
        for line in &lines {
            assert!(width(line, 7.0, Weight::Regular) <= 80.0, "{line}");
        }
        assert_eq!(wrap("one two", 80.0, 2, 7.0, Weight::Regular), ["one two"]);
        assert!(wrap("", 80.0, 2, 7.0, Weight::Regular).is_empty());
        assert_eq!(
            wrap("swin_base-patch4", 40.0, 3, 7.0, Weight::Regular).concat(),
            "swin_base-patch4"
        );
    }

    #[test]
    fn clean_leaves_nothing_that_xml_forbids() {
        assert_eq!(clean(" a\u{0}b\n\tc\u{ffff}\u{7} "), "a b c");
    }
}
