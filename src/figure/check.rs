//! What every figure must hold: tests call [`sound`] with their hardest inputs.

use resvg::usvg::{Group, Node, Rect};

use super::render::Figure;

/// Each text of a figure and the box around its ink, in CSS pixels.
pub(crate) fn text_boxes(figure: &Figure) -> Vec<(String, Rect)> {
    fn collect(group: &Group, boxes: &mut Vec<(String, Rect)>) {
        for node in group.children() {
            match node {
                Node::Group(inner) => collect(inner, boxes),
                Node::Text(text) => {
                    let content: String = text.chunks().iter().map(|chunk| chunk.text()).collect();
                    let ink =
                        text.flattened().bounding_box().transform(text.abs_transform()).unwrap();
                    boxes.push((content, ink));
                }
                Node::Path(_) | Node::Image(_) => {}
            }
        }
    }
    let mut boxes = Vec::new();
    collect(figure.tree().unwrap().root(), &mut boxes);
    boxes
}

/// Asserts that no two texts touch, and that each lies on the sheet; returns the texts.
pub(crate) fn sound(figure: &Figure) -> Vec<String> {
    let size = figure.tree().unwrap().size();
    let boxes = text_boxes(figure);
    for (i, (text, a)) in boxes.iter().enumerate() {
        assert!(
            a.left() >= 0.0
                && a.top() >= 0.0
                && a.right() <= size.width()
                && a.bottom() <= size.height(),
            "\"{text}\" at {a:?} leaves the sheet of {} x {}",
            size.width(),
            size.height()
        );
        for (other, b) in &boxes[..i] {
            let apart = a.left() >= b.right()
                || b.left() >= a.right()
                || a.top() >= b.bottom()
                || b.top() >= a.bottom();
            assert!(apart, "\"{text}\" at {a:?} overlaps \"{other}\" at {b:?}");
        }
    }
    look(figure);
    boxes.into_iter().map(|(text, _)| text).collect()
}

/// Labels that break careless figures: markup, long, non-Latin, empty, control characters.
pub(crate) const HARD_LABELS: [&str; 12] = [
    "<script>alert(\"&_%\")</script>",
    "ResNet-101",
    "a network with a very long label that no legend at column width has room for, trained for 600 epochs",
    "resnet50_train_60_epochs_lr0.01_session-1_seed_0_augmentation_none_resolution_224",
    "resnet50_train_60_epochs_lr0.001_session-1_seed_0_augmentation_none_resolution_224",
    "ВиТ-База/16 Ωmega ñandú",
    "大きなカーネル",
    "tab\tnew\nline\u{7}",
    "'quoted' \\textbf{LaTeX} $x^2$ #1",
    "RepLKNet-31B",
    "]]> --> &amp; &#0;",
    "🙂 emoji",
];

/// Writes the figure where `FIELDSCOPE_LOOK` says, to be looked at.
fn look(figure: &Figure) {
    if let Some(dir) = std::env::var_os("FIELDSCOPE_LOOK") {
        let test = std::thread::current().name().unwrap_or("figure").replace("::", ".");
        let number = std::fs::read_dir(&dir)
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(&test)
            })
            .count();
        figure
            .save(
                std::path::Path::new(&dir),
                &format!("{test}-{number}"),
                &super::render::Format::ALL,
            )
            .unwrap();
    }
}
