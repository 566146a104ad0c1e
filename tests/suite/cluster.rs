//! Studies divided into tasks: by hand, on a Slurm of one node where one answers, and with programs
//! that stand in for a Slurm that says no.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::read_json;
use crate::resume::noise;

/// The longest that the cluster may take for a study.
const PATIENCE: Duration = Duration::from_secs(600);

/// Two networks, each with an ERF and decisions; one broken image, one broken stimulus.
const STUDY: &str = "title = \"Two networks\"\nout = \"results\"\ninit = \"random\"\n\n\
    [[networks]]\nlabel = \"A \\\"1\\\"\"\narch = \"resnet18\"\n\n\
    [[networks]]\nlabel = \"B\"\narch = \"resnet34\"\n\n\
    [erf]\nimages = [\"images\"]\nsize = 64\nnum_images = 10\n\n\
    [shapebias]\nstimuli = \"stimuli\"\nbatch_size = 1\nresamples = 50\n\n\
    [report]\nformats = [\"markdown\"]\nfigure_formats = [\"svg\"]\n";

pub fn write_study(folder: &Path, text: &str) {
    noise(&folder.join("images"), (0..12).map(|number| format!("{number:02}.png")));
    std::fs::write(folder.join("images/03.png"), "no picture").unwrap();
    let names = (1..=40).map(|number| format!("cat/cat{number}-bear1.png"));
    noise(&folder.join("stimuli"), names);
    std::fs::write(folder.join("stimuli/cat/cat7-bear1.png"), "no picture").unwrap();
    std::fs::write(folder.join("study.toml"), text).unwrap();
}

/// The program in `folder`; `path` takes the place of PATH.
fn start(folder: &Path, path: Option<&Path>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldscope"));
    command.args(arguments).current_dir(folder);
    // What somebody set for looking at the queue must not hide jobs.
    command.env("SQUEUE_STATES", "R");
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

pub fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = start(folder, None, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    text(&output)
}

/// The tables of a report, by name, without the seconds an image, which no two runs share.
fn tables(results: &Path) -> Vec<(String, Vec<Vec<String>>)> {
    let folder = std::fs::read_dir(results.join("report/tables")).unwrap();
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
        let mut rows: Vec<Vec<String>> =
            reader.deserialize().map(|row: Result<Vec<String>, _>| row.unwrap()).collect();
        if let Some(column) = rows[0].iter().position(|name| name == "seconds_per_image") {
            rows.iter_mut().for_each(|row| drop(row.remove(column)));
        }
        (path.file_name().unwrap().to_string_lossy().into_owned(), rows)
    };
    paths.iter().map(read).collect()
}

/// All that a reader sees of two runs is the same.
fn assert_same(whole: &Path, divided: &Path) {
    let names = [
        "erf/A_1/A_1.npy",
        "erf/B/B.npy",
        "erf/A_1/A_1.svg",
        "decisions/A_1/decisions/A_1.csv",
        "decisions/B/decisions/B.csv",
        "shapebias/shapebias.csv",
        "shapebias/shapebias-consistency.svg",
    ];
    for name in names {
        let bytes = |folder: &Path| {
            std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        assert!(bytes(whole) == bytes(divided), "{name} differs from the undivided run's");
    }
    let used = |folder: &Path| read_json(&folder.join("erf/B/B.json"))["images_used"].clone();
    assert_eq!((used(whole), used(divided)), (Value::from(10), Value::from(10)));
    let (expected, found) = (tables(whole), tables(divided));
    assert!(expected.len() >= 5, "{expected:?}");
    assert_eq!(expected, found, "tables of the report");
}

/// The undivided run of the same study, in a folder of its own beside the other's.
fn undivided(folder: &Path) -> PathBuf {
    done(folder, &["run", "study.toml", "-q", "--threads", "1", "--out", "whole"]);
    folder.join("whole")
}

/// As under any scheduler that has nothing but a number, in any order.
#[test]
fn tasks_run_by_their_numbers_make_the_undivided_study() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder, STUDY);
    let run = |more: &[&str]| {
        let arguments = ["run", "study.toml", "-q", "--threads", "1", "--shards", "2"];
        start(folder, None, &[&arguments, more].concat())
    };
    for task in ["3", "8", "1", "2", "7", "5", "4"] {
        let output = run(&["--task", task]);
        assert!(output.status.success(), "{}", text(&output));
    }
    let output = run(&["--merge"]);
    let said = text(&output);
    assert!(!output.status.success() && said.contains("these aren't done: 6 "), "{said}");
    let said = done(folder, &["status", "study.toml", "--shards", "2"]);
    assert!(
        said.contains("for I in 6:\n  fieldscope run --shards 2 --task I -- study.toml"),
        "{said}"
    );
    let output = run(&["--task", "9"]);
    assert!(text(&output).contains("tasks 1 to 8"), "{}", text(&output));

    assert!(run(&["--task", "6"]).status.success());
    let output = run(&["--merge"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_same(&undivided(folder), &folder.join("results"));
    let plan = done(folder, &["run", "study.toml", "--dry-run"]);
    assert!(!plan.contains("compute"), "run would not reuse it: {plan}");
    let status = || done(folder, &["status", "study.toml", "--shards", "2"]);
    assert!(status().contains("report: done") && !status().contains("without Slurm"));

    let parts = || std::fs::read_dir(folder.join("results/cluster/parts")).unwrap().count();
    assert_eq!(parts(), 5, "a folder for each network and analysis, and one for the end");
    let output = run(&["--merge", "--remove-parts"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(parts(), 1);
    assert!(status().contains("report: done") && !status().contains("without Slurm"));
    // What is missing now is computed anew, and nothing else.
    std::fs::remove_file(folder.join("results/erf/B/B.json")).unwrap();
    let output = run(&["--merge"]);
    let said = text(&output);
    assert!(!output.status.success() && said.contains("these aren't done: 3-4 "), "{said}");
}

#[test]
fn a_task_that_fails_says_why_and_parts_of_other_settings_are_not_used() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    std::fs::write(folder.join("b.safetensors"), "no checkpoint").unwrap();
    let study = STUDY.replace("\"resnet34\"", "\"resnet34\"\ncheckpoint = \"b.safetensors\"");
    write_study(folder, &study);
    let task = |index: &str| {
        let arguments = ["run", "study.toml", "-q", "--shards", "2", "--task", index];
        start(folder, None, &arguments)
    };
    let output = task("3");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("b.safetensors"), "{}", text(&output));
    let said = done(folder, &["status", "study.toml", "--shards", "2"]);
    let line = said.lines().find(|line| line.starts_with("task 3, ERF of B, share 1/2: failed: "));
    assert!(line.is_some_and(|line| line.contains("b.safetensors")), "{said}");
    assert!(said.contains("for I in 1-8:"), "{said}");

    assert!(task("1").status.success());
    // An image becomes another behind the same name.
    std::fs::write(folder.join("images/00.png"), "another").unwrap();
    let said = text(&task("1"));
    assert!(said.contains("other settings (images is"), "{said}");
    let output = start(
        folder,
        None,
        &["run", "study.toml", "-q", "--shards", "2", "--task", "1", "--force"],
    );
    assert!(output.status.success(), "{}", text(&output));
}

/// Programs that stand in for Slurm's, with the tools that a script needs, in a folder for PATH.
fn stand_ins(folder: &Path, programs: &[(&str, &str)]) -> PathBuf {
    let path = folder.join("bin");
    std::fs::create_dir_all(&path).unwrap();
    for (name, script) in programs {
        let file = path.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}

#[test]
fn scripts_are_shown_without_slurm_and_flags_win_over_the_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let cluster =
        "\n[cluster]\npartition = \"gpu\"\ntime = \"2:00:00\"\nsetup = \"module load x\"\n";
    write_study(folder, &format!("{STUDY}{cluster}"));
    let empty = stand_ins(folder, &[]);
    let arguments = ["submit", "study.toml", "--shards", "4", "--partition", "short"];
    let output = start(folder, Some(&empty), &[&arguments[..], &["--dry-run"]].concat());
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for line in [
        "#SBATCH --partition=short",
        "#SBATCH --time=2:00:00",
        "#SBATCH --requeue",
        "module load x",
        "==> results/cluster/decisions-B.sbatch <==",
        "==> sbatch --parsable '--array=1-4' results/cluster/erf-A_1.sbatch <==",
    ] {
        assert!(said.lines().any(|found| found == line), "{line} is not in\n{said}");
    }
    assert!(said.contains("--task \"$((12 + SLURM_ARRAY_TASK_ID))\""), "{said}");
    let after = "afterok:ID-OF-erf-A_1:ID-OF-erf-B:ID-OF-decisions-A_1:ID-OF-decisions-B";
    assert!(said.contains(after), "{said}");
    assert!(!folder.join("results").exists(), "a dry run left files");

    let output = start(folder, Some(&empty), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("this machine has no Slurm"), "{}", text(&output));
    let output = start(folder, Some(&empty), &["status", "study.toml"]);
    assert!(text(&output).contains("nothing was submitted"), "{}", text(&output));
}

/// The second array job is rejected: the message says why, the first isn't submitted twice.
#[test]
fn a_rejected_job_is_explained_and_what_was_taken_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder, STUDY);
    let sbatch = "for argument; do last=$argument; done\n\
        case $last in\n*/erf-B.sbatch) if test ! -f mended; then\n\
        echo 'sbatch: error: invalid account' >&2\n\
        echo 'sbatch: error: Batch job submission failed: Invalid account' >&2\nexit 1; fi;; esac\n\
        echo \"$*\" >> submitted\nset -- $(/usr/bin/wc -l < submitted)\necho \"10$1\"";
    let squeue = "test -z \"$SQUEUE_STATES\" || exit\necho '101|2|RUNNING|0:05|node7'\n\
        echo '101|3|PENDING|0:00|(Priority)'";
    let sacct = "echo '101_1|TIMEOUT|0:0|node6'";
    let programs = [("sbatch", sbatch), ("squeue", "true"), ("sacct", sacct), ("scancel", "true")];
    let path = stand_ins(folder, &programs);
    let submit = || {
        let arguments = ["submit", "study.toml", "--shards", "3", "--account", "nobody's"];
        start(folder, Some(&path), &arguments)
    };
    let output = submit();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("job 101: erf-A_1, shares 1-3"), "{said}");
    assert!(said.contains("Slurm rejected results/cluster/erf-B.sbatch: "), "{said}");
    assert!(said.contains("Invalid account") && said.contains("[cluster]"), "{said}");

    stand_ins(folder, &[("squeue", squeue)]);
    let said = text(&start(folder, Some(&path), &["status", "study.toml"]));
    assert!(
        said.contains("task 1, ERF of A \"1\", share 1/3: failed: Slurm says TIMEOUT, on node6"),
        "{said}"
    );
    let row = said.lines().find(|line| line.contains("ERF of A")).unwrap();
    let counts: Vec<&str> = row.split_whitespace().rev().take(5).collect();
    assert_eq!(counts, ["0", "1", "1", "1", "0"], "{said}");
    assert!(said.contains("submit study.toml --shards 3 --account \"nobody's\""), "{said}");

    std::fs::write(folder.join("mended"), "").unwrap();
    let output = submit();
    assert!(output.status.success(), "{}", text(&output));
    let submitted = std::fs::read_to_string(folder.join("submitted")).unwrap();
    let lines: Vec<&str> = submitted.lines().collect();
    assert_eq!(lines.len(), 6, "{submitted}");
    assert!(lines[1].contains("--array=1 ") && lines[1].contains("erf-A_1"), "{submitted}");
    assert!(lines[5].contains("afterok:102:103:104:105:101_2:101_3 "), "{submitted}");
    let output = start(folder, Some(&path), &["submit", "study.toml", "--shards", "2"]);
    assert!(text(&output).contains("scancel 101"), "{}", text(&output));
}

/// An image becomes another; the jobs that begin anew are killed before they do. What is submitted then
/// begins anew all the same, without --force, and goes on from there once it has.
#[test]
fn what_was_forced_stays_forced_until_it_is_done() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let (before, after) = STUDY.split_once("[shapebias]").unwrap();
    let (_, after) = after.split_once("[report]").unwrap();
    write_study(folder, &format!("{before}[report]{after}"));
    let run = |more: &[&str]| {
        let arguments = ["run", "study.toml", "-q", "--threads", "1", "--shards", "2"];
        start(folder, None, &[&arguments, more].concat())
    };
    for task in ["1", "2", "3", "4"] {
        assert!(run(&["--task", task]).status.success());
    }
    image::RgbImage::new(48, 48).save(folder.join("images/00.png")).unwrap();

    let sbatch = "echo \"$*\" >> submitted\nset -- $(/usr/bin/wc -l < submitted)\necho \"10$1\"";
    let programs = [("sbatch", sbatch), ("squeue", "true"), ("sacct", "true"), ("scancel", "true")];
    let path = stand_ins(folder, &programs);
    let submit = |more: &[&str]| {
        let output = start(
            folder,
            Some(&path),
            &[&["submit", "study.toml", "--shards", "2"], more].concat(),
        );
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    let said = submit(&[]);
    assert!(said.contains("erf-B, shares 1-2") && !said.contains("are done"), "{said}");
    let status = || text(&start(folder, Some(&path), &["status", "study.toml"]));
    let said = status();
    assert!(said.contains("tasks 1-2, ERF of A \"1\": failed: it left the queue"), "{said}");
    assert!(said.lines().any(|line| line.ends_with("submit study.toml --shards 2")), "{said}");
    assert!(said.contains("run --shards 2 --threads 1 --force --task I -- study.toml"), "{said}");

    for task in ["2", "4"] {
        assert!(run(&["--task", task, "--force"]).status.success());
    }
    let said = submit(&[]);
    assert!(said.contains("2 tasks are done") && said.contains("erf-B, shares 1\n"), "{said}");
    for name in ["A_1", "B"] {
        let script = folder.join(format!("results/cluster/erf-{name}.sbatch"));
        let script = std::fs::read_to_string(script).unwrap();
        assert!(script.contains(" --force --task "), "{script}");
    }
    for task in ["1", "3"] {
        assert!(text(&run(&["--task", task])).contains("other settings"));
        assert!(run(&["--task", task, "--force"]).status.success());
    }
    assert!(!status().contains("--force"), "{}", status());
    let output = run(&["--merge"]);
    assert!(output.status.success(), "{}", text(&output));
}

/// Whether the Slurm of one node answers; said on stderr where it doesn't. A cluster that others
/// share is left alone: it wouldn't see this machine's temporary folder either.
pub fn slurm_answers() -> bool {
    let answer = Command::new("scontrol").args(["show", "config"]).output();
    let configuration = answer.map(|output| text(&output)).unwrap_or_default();
    let mut lines = configuration.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let answers = lines.any(|words| words == ["ClusterName", "=", "fieldscope"]);
    if !answers {
        eprintln!(
            "skipped: no Slurm for tests answers (eval \"$(scripts/slurm-one-node.sh start)\" begins \
             one)"
        );
    }
    answers
}

/// Whether that Slurm keeps accounts; said on stderr where it doesn't.
pub fn has_accounting() -> bool {
    let answer = Command::new("sacct").arg("--noheader").output();
    let has = answer.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!(
            "skipped: the Slurm for tests keeps no accounts (scripts/slurm-one-node.sh start \
             --accounting, with the packages slurmdbd and mariadb-server-core)"
        );
    }
    has
}

pub fn status(folder: &Path) -> Value {
    let output = start(folder, None, &["status", "study.toml", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)))
}

/// Waits until the study's tasks are as asked for.
pub fn wait_until(folder: &Path, what: &str, mut reached: impl FnMut(&Value) -> bool) {
    let began = Instant::now();
    let mut last = status(folder);
    while !reached(&last) {
        assert!(began.elapsed() < PATIENCE, "not {what} in time: {last:#}");
        std::thread::sleep(Duration::from_millis(200));
        last = status(folder);
    }
}

/// States of all tasks, then that of putting shares together.
pub fn states(status: &Value) -> Vec<String> {
    let works = status["works"].as_array().unwrap();
    let tasks = works.iter().flat_map(|work| work["tasks"].as_array().unwrap());
    let states = tasks.chain([&status["merge"]]).map(|task| task["state"].as_str().unwrap());
    states.map(str::to_owned).collect()
}

/// 2 networks x 4 shares on a real Slurm; a task is killed in the middle of its decisions, and only
/// that one is submitted again.
#[test]
fn a_study_on_slurm_with_a_killed_task_ends_as_the_undivided_one() {
    if !slurm_answers() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("it's \"a\" #1 50% study");
    let folder = folder.as_path();
    write_study(folder, STUDY);
    let setup = "\n[cluster]\nsetup = \"export FIELDSCOPE_TEST='set up'\"\noptions = [\"--comment=a # b\"]\n";
    std::fs::write(folder.join("study.toml"), format!("{STUDY}{setup}")).unwrap();
    let submit = ["submit", "study.toml", "--shards", "4"];
    let said = done(folder, &submit);
    let job = said
        .lines()
        .find_map(|line| line.strip_suffix(": decisions-B, shares 1-4"))
        .and_then(|line| line.strip_prefix("job "))
        .unwrap_or_else(|| panic!("{said}"));
    let victim = format!("{job}_2");

    let parts = folder.join("results/cluster/parts");
    let log = || {
        let works = std::fs::read_dir(&parts).ok()?;
        let work = works
            .flatten()
            .find(|work| work.file_name().to_string_lossy().starts_with("decisions-B-"))?;
        std::fs::read_to_string(work.path().join("2of4/decisions/B.csv.part")).ok()
    };
    let began = Instant::now();
    let rows = |log: Option<String>| log.map_or(0, |log| log.lines().count().saturating_sub(2));
    while rows(log()) < 2 {
        assert!(began.elapsed() < PATIENCE, "{victim} doesn't begin: {:#}", status(folder));
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = Command::new("scancel").args(["--signal=KILL", "--full", &victim]).output().unwrap();
    assert!(kill.status.success(), "{}", text(&kill));
    wait_until(folder, "ended", |status| {
        let states = states(status);
        !states.iter().any(|state| state == "running" || state == "waiting")
    });
    let ended = states(&status(folder));
    let mut expected = vec!["done"; 16];
    expected[13] = "failed";
    assert_eq!(ended[..16], expected, "task 14 was not killed halfway");
    assert_ne!(ended[16], "done");
    let half = rows(log());
    assert!((2..10).contains(&half), "{half} of 10 decisions were made when it was killed");

    let said = done(folder, &["status", "study.toml"]);
    let told = ["Slurm says CANCELLED, on node", "killed: it began on "];
    let told = told.map(|how| format!("task 14, decisions of B, share 2/4: failed: {how}"));
    assert!(told.iter().any(|line| said.contains(line)), "{said}");
    assert!(said.contains("submit study.toml --shards 4\n"), "{said}");
    assert!(said.contains("for I in 14:"), "{said}");
    let said = done(folder, &submit);
    assert!(
        said.contains("15 tasks are done") && said.contains("decisions-B, shares 2\n"),
        "{said}"
    );
    wait_until(folder, "done", |status| states(status).iter().all(|state| state == "done"));
    let log =
        std::fs::read_to_string(folder.join("results/cluster/logs/decisions-B-2.log")).unwrap();
    assert!(log.contains(&format!("goes on after {half} decisions")), "{log}");

    assert_same(&undivided(folder), &folder.join("results"));
    let said = done(folder, &submit);
    assert!(said.contains("nothing to submit"), "{said}");
    let plan = done(folder, &["run", "study.toml", "--dry-run"]);
    assert!(!plan.contains("compute"), "run would not reuse it: {plan}");
}
