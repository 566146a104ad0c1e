//! The folder of cue-conflict stimuli: which files there are, and what their names say.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::categories::Categories;
use super::error::ShapeBiasError;
use super::result::{Issue, IssueKind};
use crate::image::{self, ImageError, Order};
use crate::store::walk::path_below;

/// The names of the published set: `cat1-bear2.png` has the shape of cat 1, the texture of bear 2.
pub const PUBLISHED_PATTERN: &str =
    r"^(?:.*/)?(?<shape>[^/\d-]+)\d+-(?<texture>[^/\d-]+)\d+\.[A-Za-z]+$";

/// The two categories that a stimulus shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cues {
    /// Category of the shape.
    pub shape: String,
    /// Category of the texture.
    pub texture: String,
}

impl Cues {
    /// Whether the two differ; where they agree, a stimulus says nothing about shape bias.
    pub fn conflict(&self) -> bool {
        self.shape != self.texture
    }
}

/// How the name of a stimulus tells its categories.
#[derive(Clone, Debug)]
pub struct NamePattern(Regex);

impl NamePattern {
    /// The pattern of the published set, [`PUBLISHED_PATTERN`].
    ///
    /// # Errors
    /// None in practice: a test compiles it.
    pub fn published() -> Result<Self, ShapeBiasError> {
        Self::new(PUBLISHED_PATTERN)
    }

    /// A regular expression with the groups `shape` and `texture`, searched in a stimulus' path
    /// below its folder, with `/` between folders.
    ///
    /// # Errors
    /// Where it is no regular expression or lacks a group.
    pub fn new(pattern: &str) -> Result<Self, ShapeBiasError> {
        let regex =
            Regex::new(pattern).map_err(|error| ShapeBiasError::PatternSyntax(Box::new(error)))?;
        for group in ["shape", "texture"] {
            if !regex.capture_names().flatten().any(|name| name == group) {
                return Err(ShapeBiasError::PatternGroup(group));
            }
        }
        Ok(Self(regex))
    }

    /// The categories that a name tells, if it does.
    pub fn cues(&self, name: &str) -> Option<Cues> {
        let captures = self.0.captures(name)?;
        let group = |name| captures.name(name).map(|found| found.as_str().to_owned());
        Some(Cues { shape: group("shape")?, texture: group("texture")? })
    }
}

/// A picture with the shape of one category and the texture of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stimulus {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in decision files, unique in the set: the file name, or, where two folders hold
    /// the same file name, the path below the set's folder.
    pub name: String,
    /// What it shows.
    pub cues: Cues,
}

/// The stimuli of a folder, and what had to be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StimulusSet {
    /// In order of their path below the folder.
    pub stimuli: Vec<Stimulus>,
    /// Names that don't parse, categories that aren't in the mapping.
    pub issues: Vec<Issue>,
}

impl StimulusSet {
    /// Lists the pictures of a folder and its subfolders, as [`image::list`] does.
    ///
    /// # Errors
    /// Where the folder can't be read or holds no usable stimulus.
    pub fn list(
        folder: &Path,
        pattern: &NamePattern,
        categories: &Categories,
    ) -> Result<Self, ShapeBiasError> {
        std::fs::read_dir(folder).map_err(|source| ShapeBiasError::FolderUnreadable {
            folder: folder.to_owned(),
            source,
        })?;
        let mut set = Self::default();
        let listing = image::list(&[folder.to_owned()], Order::Sorted).unwrap_or_default();
        let pictures = listing.files.len();
        set.issues.extend(listing.warnings.iter().map(noticed));
        for path in listing.files {
            set.add(folder, path, pattern, categories);
        }
        if set.stimuli.is_empty() {
            let reason = match (pictures, set.issues.first()) {
                (0, _) => "it holds no picture (png, jpg, webp, bmp, tiff, gif)".to_owned(),
                (_, Some(first)) => {
                    format!("of {pictures} pictures none can be used; {}", first.message)
                }
                (_, None) => format!("of {pictures} pictures none can be used"),
            };
            return Err(ShapeBiasError::NoStimuli { folder: folder.to_owned(), reason });
        }
        set.name_uniquely(folder);
        Ok(set)
    }

    fn add(
        &mut self,
        folder: &Path,
        path: PathBuf,
        pattern: &NamePattern,
        categories: &Categories,
    ) {
        let below = path_below(folder, &path);
        let left_out = |kind, message| Issue {
            kind,
            observer: None,
            file: Some(path.display().to_string()),
            line: None,
            stimuli: vec![below.clone()],
            message,
        };
        let Some(cues) = pattern.cues(&below) else {
            self.issues.push(left_out(
                IssueKind::UnparsableName,
                format!("{below}: the name doesn't tell shape and texture (expected SHAPEn-TEXTUREm.png, or what --pattern says); left out"),
            ));
            return;
        };
        for (cue, category) in [("shape", &cues.shape), ("texture", &cues.texture)] {
            if !categories.contains(category) {
                self.issues.push(left_out(
                    IssueKind::UnknownCategory,
                    format!("{below}: its {cue}, {category}, is not one of the categories ({}); left out", categories.names().join(", ")),
                ));
                return;
            }
        }
        let name = path.parent().map_or_else(|| below.clone(), |parent| path_below(parent, &path));
        self.stimuli.push(Stimulus { path, name, cues });
    }

    fn name_uniquely(&mut self, folder: &Path) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for stimulus in &self.stimuli {
            *seen.entry(&stimulus.name).or_default() += 1;
        }
        if seen.values().any(|&count| count > 1) {
            for stimulus in &mut self.stimuli {
                stimulus.name = path_below(folder, &stimulus.path);
            }
        }
    }
}

/// What was noticed in listing, as an issue.
fn noticed(warning: &ImageError) -> Issue {
    let (kind, path) = match warning {
        ImageError::Repeated { path, .. } => (IssueKind::RepeatedStimulus, Some(path)),
        ImageError::Unlistable { path, .. } => (IssueKind::UnreadableStimulus, Some(path)),
        _ => (IssueKind::UnreadableStimulus, None),
    };
    Issue {
        kind,
        observer: None,
        file: path.map(|path| path.display().to_string()),
        line: None,
        stimuli: Vec::new(),
        message: format!("listing the stimuli: {warning}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        folder
    }

    fn list(folder: &Path, pattern: &NamePattern) -> Result<StimulusSet, ShapeBiasError> {
        StimulusSet::list(folder, pattern, &Categories::imagenet_16().unwrap())
    }

    #[test]
    fn published_names_tell_both_categories() {
        let pattern = NamePattern::published().unwrap();
        let cues = pattern.cues("cat1-bear2.png").unwrap();
        assert_eq!((cues.shape.as_str(), cues.texture.as_str()), ("cat", "bear"));
        assert!(cues.conflict());
        assert!(!pattern.cues("cat/cat10-cat3.png").unwrap().conflict());
        for name in ["cat-bear.png", "cat1.png", "cat1-bear2", "LICENSE", ""] {
            assert_eq!(pattern.cues(name), None, "{name}");
        }
    }

    #[test]
    fn pattern_needs_both_groups() {
        let message = NamePattern::new(r"(?<shape>\w+)-").unwrap_err().to_string();
        assert!(message.contains("(?<texture>...)"), "{message}");
        assert!(NamePattern::new(r"(?P<shape>\w+)_(?P<texture>\w+)").is_ok());
        assert!(NamePattern::new("(").is_err());
    }

    #[test]
    fn lists_what_it_can_and_names_the_rest() {
        let folder = folder(&[
            "cat/cat2-bear1.png",
            "cat/cat1-bear2.PNG",
            "cat/cat.png",
            "cow/cow1-cat1.png",
            "cat/cat1-cow1.png",
            "cat/.cat1-cat1.png",
            // Hidden folders hold what was thrown away, and copies that programs keep.
            ".trash/cat/cat2-bear1.png",
            "cat/.ipynb_checkpoints/cat9-bear1.png",
            "cat/cat3-bear1.jfif",
            "LICENSE",
        ]);
        let set = list(folder.path(), &NamePattern::published().unwrap()).unwrap();
        let names: Vec<_> = set.stimuli.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["cat1-bear2.PNG", "cat2-bear1.png", "cat3-bear1.jfif"]);
        let kinds: Vec<_> = set.issues.iter().map(|issue| issue.kind).collect();
        assert_eq!(
            kinds,
            [IssueKind::UnparsableName, IssueKind::UnknownCategory, IssueKind::UnknownCategory]
        );
        assert!(
            set.issues[1].message.contains("cat1-cow1.png: its texture, cow"),
            "{}",
            set.issues[1].message
        );
    }

    #[test]
    fn same_file_name_in_two_folders_keeps_the_folder() {
        let folder = folder(&["cat/dog/1.png", "dog/cat/1.png"]);
        let pattern = NamePattern::new("^(?<shape>[^/]+)/(?<texture>[^/]+)/").unwrap();
        let set = list(folder.path(), &pattern).unwrap();
        assert_eq!(set.stimuli[0].name, "cat/dog/1.png");
        assert_eq!(set.stimuli[1].cues.shape, "dog");
        assert!(set.issues.is_empty());
    }

    #[test]
    fn empty_and_absent_folders_are_errors() {
        let pattern = NamePattern::published().unwrap();
        let nothing = folder(&["notes.txt"]);
        let message = list(nothing.path(), &pattern).unwrap_err().to_string();
        assert!(message.contains("holds no picture"), "{message}");
        let unusable = folder(&["a.png"]);
        let message = list(unusable.path(), &pattern).unwrap_err().to_string();
        assert!(message.contains("a.png: the name"), "{message}");
        let message = list(&nothing.path().join("no"), &pattern).unwrap_err().to_string();
        assert!(message.contains("No such file"), "{message}");
    }
}
