//! What only Slurm's accounting knows of tasks: on a Slurm of one node that keeps accounts.

use std::process::Command;

use serde_json::Value;

use crate::cluster::{
    done, has_accounting, slurm_answers, states, status, wait_until, write_study,
};

/// Two networks' ERF. A command before the program stands in for what goes wrong outside it.
const STUDY: &str = "title = \"Two networks\"\nout = \"results\"\ninit = \"random\"\n\n\
    [[networks]]\nlabel = \"A\"\narch = \"resnet18\"\n\n\
    [[networks]]\nlabel = \"B\"\narch = \"resnet34\"\n\n\
    [erf]\nimages = [\"images\"]\nsize = 64\nnum_images = 8\n\n\
    [report]\nformats = [\"markdown\"]\nfigure_formats = [\"svg\"]\n\n\
    [cluster]\nsetup = \". ./trouble.sh\"\n";

/// A module that isn't there, a process that the system kills, and one that never comes to an end.
const TROUBLE: &str = "case $SLURM_JOB_NAME-$SLURM_ARRAY_TASK_ID in\n\
    *erf-A-1) exit 3 ;;\n*erf-A-2) kill -KILL $$ ;;\n*erf-A-3) sleep 600 ;;\nesac\n";

fn slurm(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

fn details(status: &Value) -> Vec<String> {
    let works = status["works"].as_array().unwrap();
    let tasks = works.iter().flat_map(|work| work["tasks"].as_array().unwrap());
    let details = tasks.chain([&status["merge"]]).map(|task| task["detail"].as_str());
    details.map(|detail| detail.unwrap_or_default().to_owned()).collect()
}

/// Tasks that ended in ways of which they couldn't say anything, and an array that never began: each
/// reason is told, and what is submitted again is these and no other.
#[test]
fn reasons_that_only_the_accounting_knows_are_told() {
    if !slurm_answers() || !has_accounting() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    write_study(folder, STUDY);
    std::fs::write(folder.join("trouble.sh"), TROUBLE).unwrap();
    let said =
        done(folder, &["submit", "study.toml", "--shards", "4", "--option=--begin=now+1hour"]);
    let job = |name: &str| {
        let line =
            said.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{said}"));
        line.trim_start_matches("job ").split(':').next().unwrap().to_owned()
    };
    let (a, b) = (job("erf-A"), job("erf-B"));
    assert_eq!(states(&status(folder)), ["waiting"; 9]);
    slurm("scancel", &[&b]);
    slurm("scontrol", &["update", &format!("JobId={a}"), "StartTime=now"]);
    wait_until(folder, "halfway", |status| {
        let states = states(status);
        [&states[..2], &states[3..4]].concat() == ["failed", "failed", "done"]
    });
    wait_until(folder, "running", |status| states(status)[2] == "running");
    slurm("scancel", &[&format!("{a}_3")]);

    let left = "it left the queue, for not all tasks ended well";
    let cancelled = "Slurm says CANCELLED";
    let expected = [
        "Slurm says FAILED, exit code 3, on node",
        "Slurm says FAILED, signal 9, on node",
        "Slurm says CANCELLED, on node",
        "",
        cancelled,
        cancelled,
        cancelled,
        cancelled,
        left,
    ];
    // It is told some moments later than the queue.
    wait_until(folder, "as expected", |status| details(status) == expected);
    let said = done(folder, &["status", "study.toml"]);
    assert!(
        said.contains("share 1/4: failed: Slurm says FAILED, exit code 3, on node (see "),
        "{said}"
    );
    assert!(said.contains("tasks 5-8, ERF of B: failed: Slurm says CANCELLED\n"), "{said}");
    assert!(said.contains("for I in 1-3,5-8:\n"), "{said}");

    std::fs::write(folder.join("trouble.sh"), "").unwrap();
    let said = done(folder, &["submit", "study.toml", "--shards", "4"]);
    assert!(said.contains("1 tasks are done"), "{said}");
    assert!(said.contains("erf-A, shares 1-3\n") && said.contains("erf-B, shares 1-4\n"), "{said}");
    wait_until(folder, "done", |status| states(status).iter().all(|state| state == "done"));
    assert!(folder.join("results/report/report.md").exists());
}
