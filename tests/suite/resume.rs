//! Runs that are killed at any moment go on where they were, and end as if nothing had happened.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use predicates::str::contains;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::common::fieldscope;

/// Kills that must hit a run at work.
const KILLS: usize = 20;

/// The longest that one test goes on killing, for machines with much else to do.
const PATIENCE: Duration = Duration::from_secs(300);

/// Writes pictures of noise, each from its own seed.
pub fn noise(folder: &Path, names: impl IntoIterator<Item = String>) {
    for (seed, name) in names.into_iter().enumerate() {
        let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
        let picture = image::RgbImage::from_fn(48, 48, |_, _| {
            image::Rgb([0; 3].map(|_: u8| (random.next_u32() >> 24) as u8))
        });
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }
}

/// Arguments of an ERF run over `images` that takes replacements for two broken ones.
pub fn erf_arguments(images: &Path) -> Vec<String> {
    let arguments = "erf --model resnet18 --model a:resnet18 --init random --size 64 \
                     --num-images 24 --save-every 0 --threads 1 --formats svg --quiet --images";
    let mut arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    arguments.retain(|argument| !argument.is_empty());
    arguments.push(images.display().to_string());
    arguments
}

/// 28 pictures, of which the third and the twentieth are broken.
pub fn erf_images(folder: &Path) -> PathBuf {
    noise(folder, (0..28).map(|number| format!("{number:02}.png")));
    for broken in ["02.png", "19.png"] {
        std::fs::write(folder.join(broken), "no picture").unwrap();
    }
    folder.to_owned()
}

/// Arguments of a shape-bias run over `stimuli`.
pub fn shapebias_arguments(stimuli: &Path) -> Vec<String> {
    let arguments = "shapebias --model resnet18 --init random --batch-size 3 --resamples 20 \
                     --threads 1 --formats svg --quiet --stimuli";
    let mut arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    arguments.retain(|argument| !argument.is_empty());
    arguments.push(stimuli.display().to_string());
    arguments
}

/// 20 stimuli, of which one is broken.
pub fn stimuli(folder: &Path) -> PathBuf {
    noise(folder, (1..=20).map(|number| format!("cat/cat{number}-bear1.png")));
    std::fs::write(folder.join("cat/cat5-bear1.png"), "no picture").unwrap();
    folder.to_owned()
}

fn start(arguments: &[String], out: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_fieldscope"))
        .args(arguments)
        .arg("--out")
        .arg(out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the run at random moments and starts it again, until it has been killed [`KILLS`] times;
/// each time it ends by itself, `check` looks at its folder, and a new one is begun.
fn kill_again_and_again(arguments: &[String], place: &Path, check: impl Fn(&Path)) {
    let began = Instant::now();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let whole = place.join("whole");
    assert!(start(arguments, &whole).wait().unwrap().success());
    let takes = began.elapsed().as_secs_f64();
    check(&whole);
    let (mut kills, mut ends) = (0, 0);
    while (kills < KILLS || ends == 0) && began.elapsed() < PATIENCE {
        let out = place.join(format!("run{ends}"));
        // Once all kills are made, the last run goes to its end.
        let share = if kills < KILLS { f64::from(random.next_u32()) / 4.3e9 * 0.6 } else { 1e3 };
        let mut child = start(arguments, &out);
        let deadline = Instant::now() + Duration::from_secs_f64(takes * share);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                None => break None,
            }
        };
        match status {
            Some(status) => {
                assert!(status.success(), "a run that goes on failed: {status}");
                check(&out);
                ends += 1;
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
        }
    }
    assert!(kills >= 3 && ends >= 1, "{kills} kills and {ends} ends are no test");
    eprintln!("{kills} kills, {ends} ends, {:.1} s", began.elapsed().as_secs_f64());
}

fn assert_same(whole: &Path, out: &Path, names: &[&str]) {
    for name in names {
        let bytes = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes(whole) == bytes(out), "{name} differs after kills");
    }
}

#[test]
fn erf_ends_the_same_however_often_it_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let images = erf_images(&place.path().join("images"));
    let whole = place.path().join("whole");
    kill_again_and_again(&erf_arguments(&images), place.path(), |out| {
        let names = ["resnet18.npy", "a.npy", "erf.csv", "resnet18.svg", "erf.svg"];
        assert_same(&whole, out, &names);
        for state in ["resnet18.state", "a.state"] {
            assert!(!out.join(state).exists(), "{state} is left");
        }
    });
}

#[test]
fn shapebias_ends_the_same_however_often_it_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let stimuli = stimuli(&place.path().join("stimuli"));
    let whole = place.path().join("whole");
    kill_again_and_again(&shapebias_arguments(&stimuli), place.path(), |out| {
        assert_same(&whole, out, &["decisions/resnet18.csv", "shapebias.csv"]);
        assert!(!out.join("decisions/resnet18.csv.part").exists());
    });
    let rows = std::fs::read_to_string(whole.join("decisions/resnet18.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 19);
}

/// Waits until the file is there, and kills the run.
fn kill_once_there(arguments: &[String], out: &Path, file: &Path) {
    let mut child = start(arguments, out);
    let began = Instant::now();
    while !file.exists() && began.elapsed() < PATIENCE {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {}", file.display());
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_state_of_other_settings_is_never_used() {
    let place = tempfile::tempdir().unwrap();
    let images = erf_images(&place.path().join("images"));
    let out = place.path().join("out");
    let arguments = erf_arguments(&images);
    kill_once_there(&arguments, &out, &out.join("resnet18.state"));
    // The same command, but one of the images has become another.
    std::fs::write(images.join("00.png"), "another").unwrap();
    let again = || {
        let mut command = fieldscope();
        command.args(&arguments).arg("--out").arg(&out);
        command
    };
    again().assert().code(1).stderr(contains("resnet18.state")).stderr(contains("images is"));
    let state = out.join("resnet18.state");
    std::fs::write(&state, &std::fs::read(&state).unwrap()[..1000]).unwrap();
    again().assert().code(1).stderr(contains("checksum"));
    again().arg("--force").assert().success();
    assert!(!state.exists());
}

#[test]
fn stages_that_are_done_are_not_computed_again() {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    noise(&images, (0..6).map(|number| format!("{number}.png")));
    let arguments = "erf --model resnet18 --init random --layer stages --size 64 --num-images 6 \
                     --save-every 0 --threads 1 --formats svg --images";
    let mut arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    arguments.push(images.display().to_string());
    let out = place.path().join("out");
    kill_once_there(&arguments, &out, &out.join("resnet18/layer2/resnet18.state"));
    let again = || {
        let mut command = fieldscope();
        command.args(&arguments).arg("--out").arg(&out);
        command.assert().success()
    };
    let said = String::from_utf8(again().get_output().stderr.clone()).unwrap();
    assert!(said.matches("goes on after 6 of 6 images").count() >= 2, "{said}");
    let whole = place.path().join("whole");
    fieldscope().args(&arguments).arg("--out").arg(&whole).assert().success();
    assert_same(&whole, &out, &["erf-depth.csv", "erf-depth.svg", "resnet18/stem/resnet18.npy"]);
    // Nothing is left to go on from once all is done.
    assert!(!out.join("resnet18/stem/resnet18.state").exists());
}
