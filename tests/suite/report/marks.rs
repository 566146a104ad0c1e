//! What must not be passed over in silence: an untrained network, images that were left out, stimuli
//! that are missing, maps of two sizes; and labels that some language takes for markup.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::page::{plain, text};
use super::{browser, done, latex, prose, read, shown, table, tables, write_map};
use crate::resume::noise;

/// The untrained network.
const UNTRAINED: &str = "<i>a_b</i> & \"50 %\"";
/// Its label where it appears.
const MARKED: &str = "<i>a_b</i> & \"50 %\" (untrained)";
/// An observer that lacks three stimuli.
const INCOMPLETE: &str = "two's & 5_%";

struct Marked {
    folder: PathBuf,
    report: PathBuf,
}

fn marked() -> &'static Marked {
    static MARKED: OnceLock<Marked> = OnceLock::new();
    MARKED.get_or_init(make)
}

fn make() -> Marked {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("marked-report");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("decisions")).unwrap();
    noise(&folder.join("pictures"), (0..3).map(|number| format!("{number}.png")));
    std::fs::write(folder.join("pictures/broken.png"), "no picture").unwrap();
    let names: Vec<String> = (1..=5)
        .flat_map(|number| {
            [format!("cat/cat{number}-dog1.png"), format!("dog/dog{number}-cat1.png")]
        })
        .collect();
    noise(&folder.join("stimuli"), names.iter().cloned());
    for (place, (observer, count)) in
        [("one", 10), (INCOMPLETE, 7), ("three", 10)].iter().enumerate()
    {
        let decisions = names[..*count].iter().enumerate().map(|(trial, name)| {
            let (shape, name) = name.split_once('/').unwrap();
            let texture = if shape == "cat" { "dog" } else { "cat" };
            let answer = if trial < 3 + 2 * place { shape } else { texture };
            [
                (*observer).to_owned(),
                trial.to_string(),
                answer.to_owned(),
                shape.to_owned(),
                name.to_owned(),
            ]
        });
        let mut writer =
            csv::Writer::from_path(folder.join(format!("decisions/{place}.csv"))).unwrap();
        writer.write_record(["subj", "trial", "object_response", "category", "imagename"]).unwrap();
        decisions.for_each(|row| writer.write_record(row).unwrap());
        writer.flush().unwrap();
    }
    write_map(&folder.join("one.npy"), 48, 4.0);
    write_map(&folder.join("three.npy"), 64, 6.0);
    let model = format!("{UNTRAINED}:resnet18");
    let quiet = ["-q", "--formats", "svg", "--init", "random", "--model", &model];
    let erf = ["erf", "--out", "erf", "--map", "one=one.npy", "--map", "three=three.npy"];
    let erf = [&erf[..], &["--images", "pictures", "--num-images", "4", "--size", "64"]].concat();
    done(&[&erf[..], &quiet].concat(), &folder);
    let shapebias =
        ["shapebias", "--out", "sb", "--decisions", "decisions", "--stimuli", "stimuli"];
    done(&[&shapebias[..], &["--resamples", "50"], &quiet].concat(), &folder);
    done(&["report", "erf", "sb", "--out", "report"], &folder);
    Marked { report: folder.join("report"), folder }
}

/// The three languages without their markup, and the LaTeX tables, which go into a paper alone.
fn languages(report: &Path) -> Vec<(String, String)> {
    let page = read(report.join("report.html"));
    let page = page.split("<section id=\"provenance\">").next().unwrap();
    let markdown = read(report.join("report.md"));
    let markdown = text(&markdown.split("```").next().unwrap().replace('\\', ""));
    let mut languages = vec![("page".to_owned(), text(page)), ("Markdown".to_owned(), markdown)];
    let mut tables = plain(&read(report.join("latex/report.tex")));
    tables.push_str(&plain(&read(report.join("latex/methods.tex"))));
    for entry in std::fs::read_dir(report.join("latex/tables")).unwrap() {
        tables.push_str(&plain(&read(entry.unwrap().path())));
    }
    languages.push(("LaTeX".to_owned(), tables));
    languages
}

#[test]
fn each_is_marked_and_explained_in_every_language() {
    let report = &marked().report;
    for (language, text) in languages(report) {
        for sentence in [
            &format!("{UNTRAINED} is untrained: its values come from random initialisation"),
            &format!("{UNTRAINED}: 1 image was left out of the mean, such as pictures/broken.png"),
            &format!("{INCOMPLETE} has no decision for 3 of 10 stimuli"),
            "ERF maps of different input sizes: 48 x 48 (one); 64 x 64 (three, ",
            "no network is marked as best, and no correlation is given",
            "The maps differ in input size, layer or unit, so they can't be compared with one another.",
            "The ERF maps differ in input size, layer or unit, so networks aren't ranked",
            "since their maps can't be compared, no correlation is given",
            "without 1 that couldn't be used",
        ] {
            assert!(text.contains(sentence), "{language} lacks: {sentence}");
        }
    }
}

#[test]
fn the_untrained_network_is_marked_in_every_table_and_takes_part_in_no_comparison() {
    let report = &marked().report;
    for name in ["summary", "area-ratios", "extent", "shape-bias", "differences", "consistency"] {
        let (header, rows) = table(report.join(format!("tables/{name}.csv")));
        let shown: Vec<&String> = rows.iter().flat_map(|row| &row[..2]).collect();
        assert!(!shown.iter().any(|cell| **cell == UNTRAINED), "{name}");
        if name == "differences" {
            continue;
        }
        let row = rows.iter().find(|row| row[..2].iter().any(|cell| cell == MARKED));
        let row = row.unwrap_or_else(|| panic!("{name} lacks it"));
        assert_eq!(header.last().unwrap(), "notes");
        assert!(row.last().unwrap().contains("is untrained"), "{name}: {row:?}");
        // In the LaTeX table, too, which goes into a paper alone.
        let latex = plain(&read(report.join(format!("latex/tables/{name}.tex"))));
        assert!(latex.contains(MARKED) && latex.contains("is untrained"), "{name}");
    }
    let page = read(report.join("report.html"));
    // In a table of pairs, the mark stands beside the one of the two.
    let pairs = page.split("id=\"table-consistency\"").nth(1).unwrap();
    let pairs = pairs.split("</table>").next().unwrap();
    let marked = pairs.split("(untrained)").skip(1);
    assert!(
        marked.clone().count() == 3
            && marked.into_iter().all(|rest| rest.starts_with("<sup>a</sup>"))
    );
    // Neither it nor any map of another size is best.
    let ratios = page.split("id=\"table-area-ratios\"").nth(1).unwrap();
    assert!(!ratios.split("</table>").next().unwrap().contains("<strong>"));
    let summary =
        page.split("id=\"table-summary\"").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!(summary.matches("<strong>").count(), 1, "only shape bias can be compared");
    let findings = page.split("<section id=\"summary\">").nth(1).unwrap();
    let findings = text(findings.split("<table").next().unwrap());
    let incomplete = format!("highest for {INCOMPLETE} (0.714 over 7 of 10 conflict stimuli)");
    assert!(findings.contains(&incomplete), "{findings}");
    assert!(findings.contains("and lowest for one (0.300)"), "{findings}");
}

#[test]
fn the_untrained_network_is_marked_in_every_figure() {
    let report = &marked().report;
    for name in ["erf-panels", "erf-profile", "consistency-matrix"] {
        let drawing = text(&read(report.join(format!("figures/{name}.svg"))));
        assert!(drawing.contains("(untrained)"), "{name}");
    }
    // Without a decision for either cue, it has no shape bias to draw, which is said.
    let (_, rows) = table(report.join("tables/shape-bias.csv"));
    let bias = rows.iter().find(|row| row[0] == MARKED).unwrap();
    let drawn = text(&read(report.join("figures/shapebias-bars.svg"))).contains("(untrained)");
    let said = text(&read(report.join("report.html"))).contains("and so without a shape bias: ");
    assert_eq!((drawn, said), (!bias[2].is_empty(), bias[2].is_empty()));
}

#[test]
fn its_tables_sentences_and_languages_agree_with_the_results() {
    let Marked { folder, report } = marked();
    let sources = [folder.join("erf"), folder.join("sb")];
    let sources = [sources[0].as_path(), sources[1].as_path()];
    tables::equal_their_sources(&sources, report);
    shown::as_computed(report);
    prose::is_traceable(report, folder, &sources);
    browser::browse(&report.join("report.html"), folder);
}

#[test]
fn labels_are_letters_on_paper() {
    let report = &marked().report;
    latex::compile(&report.join("latex"));
    let pdf = report.join("latex/report.pdf");
    let output = Command::new("pdftotext").args(["-layout"]).arg(&pdf).arg("-").output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        eprintln!("skipped: no pdftotext or no PDF");
        return;
    };
    let paper = String::from_utf8_lossy(&output.stdout);
    for words in [MARKED, "is untrained", "5_%", "has no decision for 3 of 10 stimuli"] {
        assert!(paper.contains(words), "the PDF lacks: {words}");
    }
}
