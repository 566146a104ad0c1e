//! Disks that are full or can't be written to.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use predicates::str::contains;

use super::run;
use crate::resume::{erf_arguments, erf_images, noise, shapebias_arguments};

/// A small file system in memory, mounted for a test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// A file system of `kilobytes` at `path`; nothing, said on stderr, where none may be mounted.
    fn mount(path: &Path, kilobytes: usize) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={kilobytes}k");
        let command = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        if !command.is_ok_and(|status| status.success()) {
            eprintln!("skipped: to mount a small disk takes root");
            return None;
        }
        Some(Self(path.to_owned()))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success(), "mount -o {options}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn assert_same(whole: &Path, out: &Path, names: &[&str]) {
    for name in names {
        let bytes = |folder: &Path| fs::read(folder.join(name)).unwrap();
        assert!(bytes(whole) == bytes(out), "{name} differs from that of a disk with room");
    }
}

#[test]
fn a_full_disk_costs_erf_no_finished_work() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    // Room for a first state (a group a few images), not for a later one beside it.
    let Some(mounted) = SmallDisk::mount(&disk, 400) else { return };
    let images = erf_images(&place.path().join("images"));
    let arguments = erf_arguments(&images);
    let out = disk.join("out");
    run(&arguments, &out)
        .code(1)
        .stderr(contains("resnet18.state"))
        .stderr(contains("No space left"))
        .stderr(contains("make room there"));
    assert!(out.join("resnet18.state").exists(), "the state before was lost");

    mounted.remount("size=64m");
    let loud: Vec<String> =
        arguments.iter().filter(|argument| *argument != "--quiet").cloned().collect();
    run(&loud, &out).success().stderr(contains("resnet18: goes on after"));
    let whole = place.path().join("whole");
    run(&arguments, &whole).success();
    assert_same(&whole, &out, &["resnet18.npy", "a.npy", "erf.csv", "erf.svg"]);
}

#[test]
fn a_full_disk_costs_shapebias_no_finished_work() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    // The manifest twice while it is replaced, and a page or two for decisions.
    let Some(mounted) = SmallDisk::mount(&disk, 16) else { return };
    let stimuli = place.path().join("stimuli");
    noise(&stimuli, (10..70).map(|number| format!("cat/cat{number}-bear1.png")));
    // A long label makes long rows.
    let label = "a-label-of-many-letters-".repeat(10);
    let mut arguments = shapebias_arguments(&stimuli);
    let model = arguments.iter().position(|argument| argument == "resnet18").unwrap();
    arguments[model] = format!("{label}:resnet18");
    let out = disk.join("out");
    run(&arguments, &out).code(1).stderr(contains("No space left")).stderr(contains("make room"));
    let part = fs::read_dir(out.join("decisions")).unwrap().next().unwrap().unwrap().path();
    let kept = fs::read_to_string(&part).unwrap().matches("cat/").count();
    let kept = kept.max(fs::read_to_string(&part).unwrap().matches("-bear1.png").count());
    assert!(kept > 3, "{kept} decisions are kept");

    mounted.remount("size=64m");
    let loud: Vec<String> =
        arguments.iter().filter(|argument| *argument != "--quiet").cloned().collect();
    run(&loud, &out).success().stderr(contains("goes on after"));
    let whole = place.path().join("whole");
    run(&arguments, &whole).success();
    let csv = part.file_stem().unwrap().to_str().unwrap();
    assert_same(&whole, &out, &[&format!("decisions/{csv}"), "shapebias.csv"]);
}

#[test]
fn a_read_only_folder_is_named_before_any_work() {
    let place = tempfile::tempdir().unwrap();
    let disk = place.path().join("disk");
    let Some(mounted) = SmallDisk::mount(&disk, 1024) else { return };
    let images = erf_images(&place.path().join("images"));
    fs::write(disk.join("mine"), "kept").unwrap();
    mounted.remount("ro");
    for (out, arguments) in
        [("erf", erf_arguments(&images)), ("shapebias", shapebias_stimuli(place.path()))]
    {
        run(&arguments, &disk.join(out))
            .code(1)
            .stderr(contains(disk.display().to_string()))
            .stderr(contains("Read-only file system"))
            .stderr(contains("choose a folder on a disk that can be written to"));
    }
    assert_eq!(fs::read_dir(&disk).unwrap().count(), 1);
}

fn shapebias_stimuli(place: &Path) -> Vec<String> {
    shapebias_arguments(&crate::resume::stimuli(&place.join("stimuli")))
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_an_error_and_no_panic() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let program = env!("CARGO_BIN_EXE_fieldscope");
    let output = Command::new(program).arg("models").stdout(full()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write to the standard output"), "{stderr}");

    let place = tempfile::tempdir().unwrap();
    let images = erf_images(&place.path().join("images"));
    let out = place.path().join("out");
    let status = Command::new(program)
        .args(erf_arguments(&images))
        .arg("--out")
        .arg(&out)
        .stdout(Stdio::null())
        .stderr(full())
        .status()
        .unwrap();
    assert!(status.success(), "warnings that can't be printed ended the work: {status}");
    assert!(out.join("erf.csv").exists());
}
