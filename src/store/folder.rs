//! A folder of results, which a different run doesn't overwrite, and names of files in it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{StoreError, atomic, provenance};

/// Name of the file that says which runs made the results beside it.
pub const MANIFEST_NAME: &str = "fieldscope-run.json";

/// Longest file name made from a label, in bytes; room for an extension is left below the usual
/// 255.
const LONGEST_NAME: usize = 120;

/// A folder that one run of a command may write its results to.
///
/// Runs of several commands (`erf`, `shapebias`) may share a folder; of one command, only the run
/// that was asked the same thing again may overwrite.
#[derive(Clone, Debug)]
pub struct ResultFolder {
    path: PathBuf,
    command: String,
    identity: String,
    force: bool,
    /// True where an earlier run that was asked the same thing made the results.
    ours: bool,
}

/// The manifest: for each command, the run whose results are here.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    runs: BTreeMap<String, RunRecord>,
}

/// What the manifest says of one run.
#[derive(Debug, Serialize, Deserialize)]
struct RunRecord {
    identity: String,
    version: String,
    command_line: Vec<String>,
    date: String,
}

impl ResultFolder {
    /// Checks that the run may write to `path`, and creates nothing yet.
    ///
    /// `command` is the command's name ("erf"), `identity` a digest of what it was asked:
    /// everything that the results depend on, such as networks, images and options.
    ///
    /// # Errors
    /// [`StoreError::DifferentRun`] where a run of the same command with another identity made the
    /// folder's results, [`StoreError::Manifest`] where that can't be found out (neither with
    /// `force`), [`StoreError::Io`] where the folder can't be read.
    pub fn open(
        path: &Path,
        command: &str,
        identity: &str,
        force: bool,
    ) -> Result<Self, StoreError> {
        let mut folder = Self {
            path: path.to_path_buf(),
            command: command.to_owned(),
            identity: identity.to_owned(),
            force,
            ours: false,
        };
        folder.ours = folder.check(&folder.read_manifest()?)?;
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place of a file in the folder; `name` may have folders in it ("decisions/Lite0.csv").
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Checks that no file of these names is in the way which this run's predecessor didn't make,
    /// so that a user's own `erf.csv` survives. To be called before the work that fills the files.
    ///
    /// # Errors
    /// [`StoreError::FileInTheWay`], naming the first such file.
    pub fn check_free<N: AsRef<Path>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<(), StoreError> {
        if self.ours || self.force {
            return Ok(());
        }
        match names.into_iter().map(|name| self.file(name)).find(|path| path.exists()) {
            Some(path) => Err(StoreError::FileInTheWay { path }),
            None => Ok(()),
        }
    }

    /// Creates the folder and records this run in its manifest. To be called before the first
    /// result is written, so that the results of a run that is interrupted are known to be its own.
    ///
    /// # Errors
    /// As [`ResultFolder::open`], for another run may have claimed the folder since;
    /// [`StoreError::Io`] where it can't be written.
    pub fn claim(&self) -> Result<(), StoreError> {
        let mut manifest = self.read_manifest()?;
        self.check(&manifest)?;
        let record = RunRecord {
            identity: self.identity.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command_line: provenance::command_line(),
            date: provenance::now(),
        };
        manifest.runs.insert(self.command.clone(), record);
        let path = self.file(MANIFEST_NAME);
        atomic::write(&path, |writer| {
            serde_json::to_writer_pretty(&mut *writer, &manifest)?;
            io::Write::write_all(writer, b"\n")
        })
    }

    /// Whether the folder's results are this run's own; an error where they are a different run's.
    fn check(&self, manifest: &Manifest) -> Result<bool, StoreError> {
        match manifest.runs.get(&self.command) {
            Some(record) if record.identity == self.identity => Ok(true),
            Some(record) if !self.force => Err(StoreError::DifferentRun {
                folder: self.path.clone(),
                command: self.command.clone(),
                date: record.date.clone(),
            }),
            _ => Ok(false),
        }
    }

    /// The command lines of the runs that made the results in `folder`, by command ("erf").
    ///
    /// # Errors
    /// [`StoreError::Manifest`], [`StoreError::Io`].
    pub fn recorded(folder: &Path) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let reader = Self {
            path: folder.to_path_buf(),
            command: String::new(),
            identity: String::new(),
            force: false,
            ours: false,
        };
        let runs = reader.read_manifest()?.runs;
        Ok(runs.into_iter().map(|(command, run)| (command, run.command_line)).collect())
    }

    fn read_manifest(&self) -> Result<Manifest, StoreError> {
        let path = self.file(MANIFEST_NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Manifest::default()),
            Err(error) => return Err(StoreError::io("read", &path, error)),
        };
        match serde_json::from_slice(&text) {
            Ok(manifest) => Ok(manifest),
            Err(_) if self.force => Ok(Manifest::default()),
            Err(error) => Err(StoreError::Manifest { path, problem: error.to_string() }),
        }
    }
}

/// A file name (without extension) for a network's label: letters, digits and `-_.+` stay, each run
/// of anything else becomes one `_`. The name is never empty, holds no separator, and begins with
/// neither a dot nor a dash. Different labels may give the same name: that is for the caller to
/// refuse.
pub fn safe_file_name(label: &str) -> String {
    let mut name = String::new();
    for character in label.chars() {
        let character =
            if character.is_alphanumeric() || "-_.+".contains(character) { character } else { '_' };
        if name.len() + character.len_utf8() > LONGEST_NAME {
            break;
        }
        if !(character == '_' && name.ends_with('_')) {
            name.push(character);
        }
    }
    let name = name.trim_start_matches(['.', '-', '_']).trim_end_matches(['.', '_']);
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_run_may_overwrite_and_a_different_one_may_not() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out");
        let first = ResultFolder::open(&path, "erf", "one", false).unwrap();
        assert!(!path.exists());
        first.claim().unwrap();
        ResultFolder::open(&path, "erf", "one", false).unwrap().claim().unwrap();

        let error = ResultFolder::open(&path, "erf", "two", false).unwrap_err().to_string();
        assert!(error.contains("--force") && error.contains("--out"), "{error}");
        ResultFolder::open(&path, "erf", "two", true).unwrap().claim().unwrap();
        assert!(ResultFolder::open(&path, "erf", "one", false).is_err());
    }

    #[test]
    fn two_commands_share_a_folder() {
        let place = tempfile::tempdir().unwrap();
        ResultFolder::open(place.path(), "erf", "one", false).unwrap().claim().unwrap();
        ResultFolder::open(place.path(), "shapebias", "two", false).unwrap().claim().unwrap();
        ResultFolder::open(place.path(), "erf", "one", false).unwrap();
        assert!(ResultFolder::open(place.path(), "shapebias", "one", false).is_err());
    }

    #[test]
    fn a_run_that_comes_between_opening_and_claiming_wins() {
        let place = tempfile::tempdir().unwrap();
        let late = ResultFolder::open(place.path(), "erf", "late", false).unwrap();
        ResultFolder::open(place.path(), "erf", "early", false).unwrap().claim().unwrap();
        assert!(matches!(late.claim(), Err(StoreError::DifferentRun { .. })));
    }

    #[test]
    fn files_of_unknown_origin_are_kept_unless_forced() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("erf.csv"), "mine").unwrap();
        let folder = ResultFolder::open(place.path(), "erf", "one", false).unwrap();
        folder.check_free(["resnet50.npy"]).unwrap();
        let error = folder.check_free(["resnet50.npy", "erf.csv"]).unwrap_err().to_string();
        assert!(error.contains("erf.csv exists"), "{error}");
        ResultFolder::open(place.path(), "erf", "one", true)
            .unwrap()
            .check_free(["erf.csv"])
            .unwrap();

        folder.claim().unwrap();
        ResultFolder::open(place.path(), "erf", "one", false)
            .unwrap()
            .check_free(["erf.csv"])
            .unwrap();
    }

    #[test]
    fn a_manifest_that_is_not_one_stops_the_run_unless_forced() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(MANIFEST_NAME), "not json").unwrap();
        let error = ResultFolder::open(place.path(), "erf", "one", false).unwrap_err().to_string();
        assert!(error.contains(MANIFEST_NAME), "{error}");
        ResultFolder::open(place.path(), "erf", "one", true).unwrap().claim().unwrap();
        ResultFolder::open(place.path(), "erf", "one", false).unwrap();
    }

    #[test]
    fn labels_become_readable_names() {
        for (label, name) in [
            ("RepLKNet-31B / ft", "RepLKNet-31B_ft"),
            ("resnet101", "resnet101"),
            ("ViT-B/16 (384²)", "ViT-B_16_384²"),
            ("größe 31×31", "größe_31_31"),
            ("v1.5+ema", "v1.5+ema"),
            ("../../etc/passwd", "etc_passwd"),
            ("/etc/passwd", "etc_passwd"),
            ("..", "unnamed"),
            (".hidden", "hidden"),
            ("-rf", "rf"),
            ("", "unnamed"),
            ("   ", "unnamed"),
            ("a\\b:c\0d\ne", "a_b_c_d_e"),
        ] {
            assert_eq!(safe_file_name(label), name, "{label:?}");
        }
        assert_eq!(safe_file_name(&"ü".repeat(500)).len(), LONGEST_NAME);
    }

    proptest! {
        #[test]
        fn a_name_stays_in_its_folder(label in r"[\PC\x00-\x1f./\\_-]{0,200}") {
            let name = safe_file_name(&label);
            prop_assert_eq!(safe_file_name(&name), name.clone());
            prop_assert!(!name.is_empty() && name.len() <= LONGEST_NAME);
            prop_assert!(!name.starts_with(['.', '-']));
            prop_assert!(!name.contains(['/', '\\', ':']) && !name.chars().any(char::is_control));
            let components: Vec<_> = Path::new(&name).components().collect();
            prop_assert!(matches!(components[..], [std::path::Component::Normal(_)]));
        }
    }
}
