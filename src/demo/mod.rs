//! The demo's world: procedural pictures in which shape and texture can be told apart, and miniature
//! networks that were trained on it.
//!
//! A category is a shape and a texture. On the pictures that networks learn from the two agree, so
//! that either tells the category; on cue-conflict pictures they don't, and a network's answer says
//! which of the two it learned to look at.

mod draw;
mod miniature;
mod mosaic;
mod outline;
mod scene;
mod texture;
mod tone;

pub use miniature::{MINIATURES, Miniature};
pub use mosaic::{ACROSS, mosaic};
pub use scene::{Part, SIDE, Scene, seed};

/// The categories, in alphabetical order. A category's index is its class, its shape and its texture.
pub const CATEGORIES: [&str; 8] =
    ["arrow", "crescent", "cross", "disc", "ring", "square", "star", "triangle"];

/// The classes of networks that were trained on the world, as a categories file.
pub fn categories_csv() -> String {
    let rows = CATEGORIES.iter().enumerate().map(|(class, name)| format!("{class},{name}\n"));
    std::iter::once("class_index,category\n".to_owned()).chain(rows).collect()
}
