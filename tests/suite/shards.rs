//! Shares of a run, computed apart and put together, are the single run.

use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use predicates::str::contains;

use crate::common::fieldscope;
use crate::resume::{erf_arguments, erf_images, shapebias_arguments, stimuli};

fn run(arguments: &[String], shard: Option<&str>, out: &Path) -> Assert {
    let mut command = fieldscope();
    command.args(arguments).arg("--out").arg(out);
    if let Some(shard) = shard {
        command.args(["--shard", shard]);
    }
    command.assert()
}

fn merge(parts: &[&PathBuf], out: &Path) -> Assert {
    fieldscope().arg("merge").args(parts).args(["--quiet", "--out"]).arg(out).assert()
}

/// Computes the shares and the single run; gives the folders of the shares, and `whole` last.
fn compute(arguments: &[String], place: &Path, shards: &[&str]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for shard in shards {
        let out = place.join(format!("part{}", shard.replace('/', "of")));
        run(arguments, Some(shard), &out).success().stdout(contains("fieldscope merge"));
        folders.push(out);
    }
    let whole = place.join("whole");
    run(arguments, None, &whole).success();
    folders.push(whole);
    folders
}

fn assert_same(whole: &Path, out: &Path, names: &[&str]) {
    for name in names {
        let bytes = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes(whole) == bytes(out), "{name} differs from the single run's");
    }
}

/// Two images of the first twenty-four are broken, so the merge takes two more.
#[test]
fn merged_erf_shares_are_the_single_run() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let images = erf_images(&place.join("images"));
    let folders = compute(&erf_arguments(&images), place, &["1/3", "2/3", "3/3"]);
    let [one, two, three, whole] = &folders[..] else { panic!("{folders:?}") };
    assert!(!one.join("resnet18.npy").exists());
    let mut json = erf_arguments(&images);
    json.insert(1, "--json".to_owned());
    let said = run(&json, Some("1/3"), one).success().get_output().stdout.clone();
    let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
    assert_eq!((said["shard"].as_str(), &said["failed"]), (Some("1/3"), &serde_json::json!([])));
    for (index, order) in [[one, two, three], [three, one, two]].iter().enumerate() {
        let out = place.join(format!("merged{index}"));
        merge(order, &out).success();
        assert_same(whole, &out, &["resnet18.npy", "a.npy", "resnet18.svg"]);
        assert!(!out.join("resnet18.state").exists());
    }

    let out = place.join("refused");
    merge(&[one, three], &out).code(1).stderr(contains("shards are missing: 2/3"));
    let both = format!("{} and {} are both shard 1/3", one.display(), one.display());
    merge(&[one, two, three, one], &out).code(1).stderr(contains(both));
    merge(&[one, two, whole], &out).code(1).stderr(contains("whole holds no part of resnet18"));
    let empty = place.join("images");
    merge(&[one, &empty], &out).code(1).stderr(contains("images holds no part"));
    let other = place.join("other");
    let mut arguments = erf_arguments(&images);
    let size = arguments.iter().position(|argument| argument == "64").unwrap();
    arguments[size] = "32".to_owned();
    run(&arguments, Some("3/3"), &other).success();
    merge(&[one, two, &other], &out).code(1).stderr(contains("other was computed with other"));
    assert!(!out.exists(), "a refused merge left files");
}

/// With a single network and states written seldom, where nothing else asks for a state at the end.
#[test]
fn the_only_share_of_one_is_merged_as_well() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let images = erf_images(&place.join("images"));
    let arguments = "erf --model resnet18 --init random --size 32 --num-images 4 --threads 1 \
                     --formats svg --quiet --images";
    let mut arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    arguments.push(images.display().to_string());
    let folders = compute(&arguments, place, &["1/1"]);
    let [one, whole] = &folders[..] else { panic!("{folders:?}") };
    let out = place.join("merged");
    merge(&[one], &out).success();
    assert_same(whole, &out, &["resnet18.npy", "resnet18.svg"]);
}

#[test]
fn merged_shapebias_shares_are_the_single_run() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let stimuli = stimuli(&place.join("stimuli"));
    let folders = compute(&shapebias_arguments(&stimuli), place, &["1/2", "2/2"]);
    let [one, two, whole] = &folders[..] else { panic!("{folders:?}") };
    let out = place.join("merged");
    merge(&[two, one], &out).success();
    assert_same(whole, &out, &["decisions/resnet18.csv", "shapebias.csv"]);
    assert!(!out.join("decisions/resnet18.csv.part").exists());

    let out = place.join("refused");
    merge(&[two], &out).code(1).stderr(contains("shards are missing: 1/2"));
    merge(&[one, two, two], &out).code(1).stderr(contains("are both shard 2/2"));
    assert!(!out.exists(), "a refused merge left files");
}
