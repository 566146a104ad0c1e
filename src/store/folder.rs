//! A folder of results, which a different run doesn't overwrite, and names of files in it.

mod manifest;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::manifest::{Manifest, RunRecord};
use super::StoreError;

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
}

impl ResultFolder {
    /// Checks that the run may write to `path`, and creates nothing yet.
    ///
    /// `command` is the command's name ("erf"), `identity` a digest of what it was asked:
    /// everything that the results depend on, such as networks, images and options. A run with
    /// another identity that has left nothing of what it was to write is no hindrance.
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
        let (path, command) = (path.to_path_buf(), command.to_owned());
        let folder = Self { path, command, identity: identity.to_owned(), force };
        folder.own_record(&Manifest::read(&folder.path, force)?)?;
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

    /// Checks that nothing of these names is in the way which this run's predecessor didn't make, so
    /// that a user's own `erf.csv` survives.
    ///
    /// # Errors
    /// [`StoreError::FileInTheWay`], naming the first such file.
    pub fn check_free<N: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Result<(), StoreError> {
        let manifest = Manifest::read(&self.path, self.force)?;
        self.refuse_foreign(self.own_record(&manifest)?, names)
    }

    /// Creates the folder and records this run and what it will write in the manifest: files, or
    /// folders of which all is its own. To be called before the work that fills them, so that the
    /// results of a run that is interrupted are known to be its own.
    ///
    /// # Errors
    /// As [`ResultFolder::open`], for another run may have claimed the folder since;
    /// [`StoreError::FileInTheWay`] where this run's predecessor didn't make what is there;
    /// [`StoreError::Io`] where the folder can't be written.
    pub fn claim(&self, names: impl IntoIterator<Item = String>) -> Result<(), StoreError> {
        let mut files: Vec<String> = names.into_iter().collect();
        // Nothing is created where the claim is refused.
        self.check_free(&files)?;
        fs::create_dir_all(&self.path)
            .map_err(|cause| StoreError::io("create the folder", &self.path, cause))?;
        let _lock = manifest::lock(&self.path);
        let mut manifest = Manifest::read(&self.path, self.force)?;
        let own = self.own_record(&manifest)?;
        self.refuse_foreign(own, &files)?;
        files.extend(own.and_then(|record| record.files.clone()).unwrap_or_default());
        files.sort();
        files.dedup();
        let record = RunRecord::of_this_run(&self.identity, files);
        manifest.runs.insert(self.command.clone(), record);
        manifest.write(&self.path)
    }

    /// Checks that no other run has taken the folder since this one claimed it, as it may where this
    /// one had written nothing yet. To be called before results are written.
    ///
    /// # Errors
    /// [`StoreError::DifferentRun`], also with `force`; [`StoreError::Io`], [`StoreError::Manifest`].
    pub fn check_still_ours(&self) -> Result<(), StoreError> {
        match Manifest::read(&self.path, self.force)?.runs.get(&self.command) {
            Some(record) if record.identity != self.identity => Err(self.different_run(record)),
            _ => Ok(()),
        }
    }

    /// The record of an earlier run that was asked the same; an error where the results are a
    /// different run's.
    fn own_record<'a>(&self, manifest: &'a Manifest) -> Result<Option<&'a RunRecord>, StoreError> {
        match manifest.runs.get(&self.command) {
            Some(record) if record.identity == self.identity => Ok(Some(record)),
            Some(record) if !self.force && !record.left_nothing(&self.path) => {
                Err(self.different_run(record))
            }
            _ => Ok(None),
        }
    }

    fn different_run(&self, record: &RunRecord) -> StoreError {
        let (folder, command) = (self.path.clone(), self.command.clone());
        StoreError::DifferentRun { folder, command, date: record.date.clone() }
    }

    fn refuse_foreign<N: AsRef<str>>(
        &self,
        own: Option<&RunRecord>,
        names: impl IntoIterator<Item = N>,
    ) -> Result<(), StoreError> {
        if self.force {
            return Ok(());
        }
        for name in names {
            let path = self.file(name.as_ref());
            let foreign = own.is_none_or(|record| !record.owns(name.as_ref()));
            if foreign && path.symlink_metadata().is_ok() {
                return Err(StoreError::FileInTheWay { path });
            }
        }
        Ok(())
    }

    /// The command lines of the runs that made the results in `folder`, by command ("erf").
    ///
    /// # Errors
    /// [`StoreError::Manifest`], [`StoreError::Io`].
    pub fn recorded(folder: &Path) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let runs = Manifest::read(folder, false)?.runs;
        Ok(runs.into_iter().map(|(command, run)| (command, run.command_line)).collect())
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

    /// Claims the folder for a run that writes `files`, and writes them.
    fn run(path: &Path, command: &str, identity: &str, files: &[&str]) -> Result<(), StoreError> {
        let folder = ResultFolder::open(path, command, identity, false)?;
        folder.claim(files.iter().map(ToString::to_string))?;
        for name in files {
            fs::write(folder.file(name), identity).unwrap();
        }
        Ok(())
    }

    #[test]
    fn the_same_run_may_overwrite_and_a_different_one_may_not() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out");
        ResultFolder::open(&path, "erf", "one", false).unwrap();
        assert!(!path.exists());
        run(&path, "erf", "one", &["erf.csv"]).unwrap();
        run(&path, "erf", "one", &["erf.csv", "one.npy"]).unwrap();

        let error = run(&path, "erf", "two", &["two.npy"]).unwrap_err().to_string();
        assert!(error.contains("--force") && error.contains("--out"), "{error}");
        let forced = ResultFolder::open(&path, "erf", "two", true).unwrap();
        forced.claim(["erf.csv".to_owned()]).unwrap();
        assert!(ResultFolder::open(&path, "erf", "one", false).is_err());
    }

    #[test]
    fn two_commands_share_a_folder_but_no_file() {
        let place = tempfile::tempdir().unwrap();
        run(place.path(), "erf", "one", &["a.json"]).unwrap();
        run(place.path(), "shapebias", "two", &["shapebias.json"]).unwrap();
        run(place.path(), "erf", "one", &["a.json"]).unwrap();
        let error = run(place.path(), "erf", "one", &["shapebias.json"]).unwrap_err();
        assert!(matches!(error, StoreError::FileInTheWay { .. }), "{error}");
        assert!(run(place.path(), "shapebias", "one", &["other.json"]).is_err());
    }

    #[test]
    fn commands_that_claim_a_folder_at_once_are_all_recorded() {
        let place = tempfile::tempdir().unwrap();
        let commands: Vec<String> = (0..16).map(|number| number.to_string()).collect();
        std::thread::scope(|scope| {
            for command in &commands {
                scope.spawn(|| run(place.path(), command, "one", &[]).unwrap());
            }
        });
        assert_eq!(ResultFolder::recorded(place.path()).unwrap().len(), commands.len());
    }

    #[test]
    fn a_run_that_comes_between_opening_and_claiming_wins() {
        let place = tempfile::tempdir().unwrap();
        let late = ResultFolder::open(place.path(), "erf", "late", false).unwrap();
        run(place.path(), "erf", "early", &["erf.csv"]).unwrap();
        assert!(matches!(late.claim(["a".to_owned()]), Err(StoreError::DifferentRun { .. })));
    }

    #[test]
    fn a_run_that_left_nothing_is_no_hindrance() {
        let place = tempfile::tempdir().unwrap();
        let failed = ResultFolder::open(place.path(), "erf", "mistyped", false).unwrap();
        failed.claim(["a.npy", "a.state"].map(str::to_owned)).unwrap();
        failed.check_still_ours().unwrap();
        let corrected = ResultFolder::open(place.path(), "erf", "corrected", false).unwrap();
        corrected.claim(["a.npy", "a.state"].map(str::to_owned)).unwrap();
        corrected.check_still_ours().unwrap();
        // Had it been at work all the same, it would write nothing into what is another's now.
        assert!(matches!(failed.check_still_ours(), Err(StoreError::DifferentRun { .. })));
        fs::write(place.path().join("a.state"), "half a map").unwrap();
        assert!(ResultFolder::open(place.path(), "erf", "mistyped", false).is_err());
    }

    #[test]
    fn files_of_unknown_origin_are_kept_unless_forced() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("erf.csv"), "mine").unwrap();
        run(place.path(), "erf", "one", &["resnet50.npy"]).unwrap();
        // Neither before nor after the run has made other files.
        for _ in 0..2 {
            let error = run(place.path(), "erf", "one", &["resnet50.npy", "erf.csv"]).unwrap_err();
            assert!(error.to_string().contains("erf.csv exists"), "{error}");
        }
        let forced = ResultFolder::open(place.path(), "erf", "one", true).unwrap();
        forced.claim(["erf.csv".to_owned()]).unwrap();
        run(place.path(), "erf", "one", &["resnet50.npy", "erf.csv"]).unwrap();
    }

    /// As `reports/` of earlier versions have them.
    #[test]
    fn a_manifest_without_names_means_all_files() {
        let place = tempfile::tempdir().unwrap();
        let runs = r#"{"identity": "one", "version": "0.1.0", "command_line": [], "date": ""}"#;
        let manifest = format!(r#"{{"runs": {{"erf": {runs}}}}}"#);
        fs::write(place.path().join(MANIFEST_NAME), manifest).unwrap();
        assert!(run(place.path(), "erf", "two", &["a"]).is_err());
        fs::write(place.path().join("a"), "").unwrap();
        run(place.path(), "erf", "one", &["a"]).unwrap();
    }

    #[test]
    fn a_manifest_that_is_not_one_stops_the_run_unless_forced() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join(MANIFEST_NAME), "not json").unwrap();
        let error = ResultFolder::open(place.path(), "erf", "one", false).unwrap_err().to_string();
        assert!(error.contains(MANIFEST_NAME), "{error}");
        ResultFolder::open(place.path(), "erf", "one", true).unwrap().claim([]).unwrap();
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
