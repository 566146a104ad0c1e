//! A report's LaTeX document, compiled.

use std::path::Path;
use std::process::Command;

/// Compiles `report.tex` twice, where there is a pdflatex.
pub fn compile(folder: &Path) {
    if Command::new("pdflatex").arg("--version").output().is_err() {
        eprintln!("skipped: no pdflatex");
        return;
    }
    let mut log = String::new();
    for _ in 0..2 {
        let output = Command::new("pdflatex")
            .args(["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report"])
            .current_dir(folder)
            .output()
            .unwrap();
        log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{log}");
    }
    assert!(!log.contains("undefined references") && !log.contains("undefined citations"), "{log}");
    assert!(!log.contains("Float too large"), "{log}");
    assert!(folder.join("report.pdf").exists());
}
