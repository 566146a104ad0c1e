//! The trained miniature networks, which are part of the program.

/// A trained network: what it is called and its checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miniature {
    /// Name of the architecture in figures.
    pub family: &'static str,
    /// Name in the zoo.
    pub architecture: &'static str,
    /// Seed that it was trained from.
    pub seed: u32,
    /// Name of its checkpoint's file.
    pub file: &'static str,
    /// The checkpoint, safetensors.
    pub checkpoint: &'static [u8],
}

impl Miniature {
    /// Name in tables and figures.
    pub fn label(&self) -> String {
        format!("{} seed {}", self.family, self.seed)
    }
}

macro_rules! miniatures {
    ($($family:literal $name:literal $seed:literal),* $(,)?) => {
        &[$(Miniature {
            family: $family,
            architecture: concat!("demo_", $name),
            seed: $seed,
            file: concat!($name, "_seed", $seed, ".safetensors"),
            checkpoint: include_bytes!(
                concat!("../../data/demo/", $name, "_seed", $seed, ".safetensors")
            ),
        }),*]
    };
}

/// All of them; `data/demo/README.md` says how they were trained.
pub const MINIATURES: &[Miniature] = miniatures![
    "RepLKNet-3" "replknet_3" 0,
    "RepLKNet-3" "replknet_3" 1,
    "RepLKNet-3" "replknet_3" 2,
    "RepLKNet-13" "replknet_13" 0,
    "RepLKNet-13" "replknet_13" 1,
    "RepLKNet-13" "replknet_13" 2,
    "RepLKNet-31" "replknet_31" 0,
    "RepLKNet-31" "replknet_31" 1,
    "RepLKNet-31" "replknet_31" 2,
    "ResNet" "resnet" 0,
    "ResNet" "resnet" 1,
    "ResNet" "resnet" 2,
    "ViT" "vit" 0,
    "ViT" "vit" 1,
    "ViT" "vit" 2,
];
