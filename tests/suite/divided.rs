//! Divided studies whose inputs change, whose results go, and whose file's path is written in other
//! ways. How tasks are run and submitted is tested in [`crate::cluster`].

use std::path::Path;
use std::process::{Command, Output};

use crate::common::read_json;
use crate::resume::noise;

const STUDY: &str = "title = \"S\"\nout = \"results\"\ninit = \"random\"\n\n\
    [[networks]]\nlabel = \"N\"\narch = \"resnet18\"\n\n\
    [erf]\nimages = [\"images\"]\nsize = 32\nnum_images = 4\n\n\
    [report]\nformats = [\"markdown\"]\nfigure_formats = [\"svg\"]\n";

fn write_study(folder: &Path) {
    noise(&folder.join("images"), (0..4).map(|number| format!("{number}.png")));
    std::fs::write(folder.join("study.toml"), STUDY).unwrap();
}

/// The program in `folder`: whether it ended well, and what it said.
fn start(folder: &Path, arguments: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldscope"));
    command.args(arguments.split(' ')).current_dir(folder);
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn done(folder: &Path, arguments: &str) -> String {
    let (success, said) = start(folder, arguments);
    assert!(success, "{arguments}: {said}");
    said
}

/// Computes the tasks of these numbers, of two.
fn compute(folder: &Path, tasks: &[usize], more: &str) {
    for task in tasks {
        done(folder, &format!("run study.toml -q --threads 1 --shards 2 --task {task}{more}"));
    }
}

const MERGE: &str = "run study.toml -q --threads 1 --shards 2 --merge";
const STATUS: &str = "status study.toml --shards 2";

fn images_used(folder: &Path) -> u64 {
    read_json(&folder.join("results/erf/N/N.json"))["images_used"].as_u64().unwrap()
}

#[test]
fn a_study_of_one_share_is_put_together() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    done(folder, "run study.toml -q --shards 1 --task 1");
    done(folder, "run study.toml -q --shards 1 --merge");
    let said = done(folder, "status study.toml --shards 1");
    assert!(said.contains("report: done") && !said.contains("without Slurm"), "{said}");
}

#[test]
fn shares_of_inputs_that_have_changed_are_named_and_begun_anew() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    compute(folder, &[1, 2], "");
    // With and without a result of the inputs before.
    for merged in [false, true] {
        if merged {
            done(folder, MERGE);
        }
        noise(folder, [format!("images/more{merged}.png")]);
        let (success, said) = start(folder, MERGE);
        assert!(!success, "{said}");
        assert!(said.contains("begun before the study's inputs changed: 1-2 "), "{said}");
        let said = done(folder, STATUS);
        assert!(said.contains("it was done before the study's inputs changed"), "{said}");
        assert!(said.contains("for I in 1-2:") && said.contains(" --force --task I"), "{said}");
        assert!(!said.contains("report: done"), "{said}");

        // A task that is not told to begin anew refuses, and its part stays what it was.
        let (success, said) = start(folder, "run study.toml -q --shards 2 --task 1");
        assert!(!success && said.contains("other settings"), "{said}");
        let said = done(folder, STATUS);
        assert!(said.contains("for I in 1-2:") && said.contains(" --force --task I"), "{said}");
        compute(folder, &[1, 2], " --force");
        assert!(!done(folder, STATUS).contains("--force"));
    }
    done(folder, MERGE);
    assert!(done(folder, STATUS).contains("report: done"));
}

/// As of an earlier version, whose tasks didn't say what they are of.
#[test]
fn shares_that_do_not_fit_are_never_dropped_in_silence() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    compute(folder, &[1, 2], "");
    done(folder, MERGE);
    noise(folder, ["images/more.png".to_owned()]);
    let parts = folder.join("results/cluster/parts");
    let mut records = 0;
    for entry in walkdir(&parts) {
        if entry.ends_with("fieldscope-task.json") {
            let mut record = read_json(&entry);
            record.as_object_mut().unwrap().remove("inputs").unwrap();
            std::fs::write(&entry, record.to_string()).unwrap();
            records += 1;
        }
    }
    assert_eq!(records, 3);
    let (success, said) = start(folder, MERGE);
    assert!(!success && said.contains("other settings (images is"), "{said}");
    assert!(said.contains("run the tasks again with --force"), "{said}");
    assert!(!said.contains("computed"), "it computed the shares itself: {said}");
}

fn walkdir(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { paths.extend(walkdir(&path)) } else { paths.push(path) }
    }
    paths
}

#[test]
fn tasks_are_asked_for_again_once_parts_and_results_are_gone() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    compute(folder, &[1, 2], "");
    done(folder, &format!("{MERGE} --remove-parts"));
    let said = done(folder, STATUS);
    assert!(said.contains("report: done") && !said.contains("without Slurm"), "{said}");

    noise(folder, ["images/more.png".to_owned()]);
    let said = done(folder, STATUS);
    assert!(said.contains("for I in 1-2:") && !said.contains("report: done"), "{said}");
    let (success, said) = start(folder, MERGE);
    assert!(!success && said.contains("these aren't done: 1-2 "), "{said}");
    std::fs::remove_file(folder.join("images/more.png")).unwrap();
    assert!(done(folder, STATUS).contains("report: done"));

    std::fs::remove_file(folder.join("results/erf/N/N.json")).unwrap();
    let said = done(folder, STATUS);
    assert!(said.contains("for I in 1-2:") && !said.contains("report: done"), "{said}");
    compute(folder, &[1, 2], "");
    let said = done(folder, STATUS);
    assert!(said.contains("to put the shares together"), "{said}");
    done(folder, MERGE);
    assert_eq!(images_used(folder), 4);
}

#[test]
fn the_way_a_path_is_written_makes_no_other_study() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder);
    let absolute = folder.join("study.toml");
    let absolute = absolute.to_str().unwrap();
    done(folder, "run ./study.toml -q --threads 1 --shards 2 --task 1");
    done(folder, &format!("run {absolute} -q --threads 1 --shards 2 --task 2 --out ./results/"));
    let said = done(folder, &format!("{STATUS} --out {}", folder.join("results").display()));
    assert!(said.contains("to put the shares together"), "{said}");
    done(folder, MERGE);
    assert_eq!(images_used(folder), 4);
    let plan = done(folder, &format!("run {absolute} --dry-run"));
    assert!(!plan.contains("compute"), "{plan}");
}
