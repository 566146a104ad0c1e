//! Names that aren't UTF-8, and names that point out of their folder.

use std::fs;
use std::path::Path;

use predicates::str::contains;

use super::{erf, run, tree};
use crate::common::{fieldscope, read_json};
use crate::resume::{noise, shapebias_arguments};

#[cfg(target_os = "linux")]
#[test]
fn names_of_any_bytes_are_read_and_written() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    noise(&images, ["größe 図.png", "a\nb.png", "plain.png"].map(str::to_owned));
    fs::copy(images.join("plain.png"), images.join(OsStr::from_bytes(b"\xff\xfe.png"))).unwrap();
    let out = place.path().join(OsStr::from_bytes(b"out\xff"));
    run(&erf(&images, 4), &out).success();
    assert_eq!(read_json(&out.join("resnet18.json"))["images_used"], 4);

    // Two folders whose names are the same once what isn't UTF-8 is replaced.
    let stimuli = place.path().join("stimuli");
    for (name, folder) in [b"\xff", b"\xfe"].into_iter().enumerate() {
        let folder = stimuli.join(OsStr::from_bytes(folder));
        noise(&folder, [format!("cat1-bear{}.png", 1)]);
        noise(&folder, [format!("dog{name}-bear1.png")]);
    }
    let out = place.path().join("decided");
    run(&shapebias_arguments(&stimuli), &out).success();
    let rows = fs::read_to_string(out.join("decisions/resnet18.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 4, "{rows}");
    assert!(rows.contains(r"\xff/cat1-bear1.png") && rows.contains(r"\xfe/cat1-bear1.png"));
}

/// Whatever labels, observers and pictures are called, nothing is written outside the folder for
/// results.
#[test]
fn no_name_leads_out_of_its_folder() {
    let place = tempfile::tempdir().unwrap();
    let deep = place.path().join("one/two/three");
    let images = place.path().join("images");
    noise(&images, (0..2).map(|number| format!("{number}.png")));
    let stimuli = place.path().join("stimuli");
    noise(&stimuli, (1..4).map(|number| format!("cat/cat{number}-bear1.png")));
    let decisions = place.path().join("decisions.csv");
    fs::write(
        &decisions,
        "subj,session,trial,rt,object_response,category,condition,imagename\n\
         ../../../observer,1,1,NaN,cat,cat,0,cat1-bear1.png\n\
         ../../../observer,1,2,NaN,cat,cat,0,../../../../etc/cat2-bear1.png\n\
         /observer,1,1,NaN,bear,cat,0,cat1-bear1.png\n",
    )
    .unwrap();
    fs::create_dir_all(&deep).unwrap();
    let study = deep.join("study.toml");
    fs::write(&study, analysis(&images, &stimuli, &decisions)).unwrap();

    let before = tree(place.path());
    fieldscope().arg("run").arg(&study).arg("--quiet").assert().success();
    let mut arguments = erf(&images, 2);
    arguments[2] = "../../../elsewhere:resnet18".to_owned();
    run(&arguments, &deep.join("erf")).success();
    let mut arguments = shapebias_arguments(&stimuli);
    arguments[2] = "/../elsewhere:resnet18".to_owned();
    run(&arguments, &deep.join("shapebias")).success();

    let made: Vec<_> =
        tree(place.path()).into_iter().filter(|path| !before.contains(path)).collect();
    let inside = Path::new("one/two/three");
    assert!(made.len() > 20, "{made:?}");
    for path in made {
        assert!(path.starts_with(inside), "{} was written", path.display());
    }
    assert!(deep.join("erf/elsewhere.npy").exists());
    assert!(deep.join("title").is_dir(), "the folder that is named after the title");
}

fn analysis(images: &Path, stimuli: &Path, decisions: &Path) -> String {
    let text = |path: &Path| toml::Value::String(path.display().to_string());
    format!(
        r#"
title = "../../title"
init = "random"

[[networks]]
label = "../../../elsewhere"
arch = "resnet18"

[erf]
images = [{}]
num_images = 2
size = 32

[shapebias]
stimuli = {}
decisions = [{}]
resamples = 10
"#,
        text(images),
        text(stimuli),
        text(decisions)
    )
}

#[test]
fn two_labels_that_give_one_file_name_are_refused() {
    let place = tempfile::tempdir().unwrap();
    noise(place.path(), ["0.png".to_owned()]);
    let mut arguments = erf(place.path(), 1);
    arguments.extend(["--model", "../x:resnet18", "--model", "x:resnet18"].map(str::to_owned));
    run(&arguments, &place.path().join("out")).code(2).stderr(contains("the same file names"));
}
