//! A report's page in a headless Chromium.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::page::text;
use super::read;

/// What a page finds out about itself: it uses every switch and every heading, and tells the page
/// around it.
const PROBE: &str = r#"<script>
const problems = [];
window.addEventListener("error", (event) => problems.push(String(event.message)));
const every = (selector, root = document) => [...root.querySelectorAll(selector)];
const seen = (element) => { const box = element.getBoundingClientRect(); return box.width > 40 && box.height > 40; };

// Whether a picture inside a drawing has come up: some of it isn't transparent.
const drawn = (image) => {
  const pen = Object.assign(document.createElement("canvas"), { width: 8, height: 8 }).getContext("2d");
  try { pen.drawImage(image, 0, 0, 8, 8); } catch (error) { return false; }
  return pen.getImageData(0, 0, 8, 8).data.some((value) => value > 0);
};

const figures = () => {
  const outside = every("svg").filter((svg) => !svg.closest(".maps"));
  if (!outside.every(seen)) problems.push("a chart can't be seen");
  if (!every("image").filter((image) => image.getClientRects().length > 0).every(drawn)) problems.push("a picture isn't drawn");
};

const scales = () => {
  for (const radio of every("input[name=scale]")) {
    radio.click();
    const shown = every(".maps").filter((maps) => maps.getClientRects().length > 0);
    if (shown.length !== 1 || shown[0].dataset.scale !== radio.value) problems.push("the scale doesn't switch to " + radio.value);
    else if (!every("svg", shown[0]).every(seen)) problems.push("a map can't be seen on the scale " + radio.value);
  }
};

const series = () => {
  for (const box of every(".switches input")) {
    const figure = document.getElementById(box.closest(".switches").dataset.for);
    const parts = every(".series-" + box.dataset.series, figure);
    if (parts.length === 0) { problems.push("no series " + box.dataset.series); continue; }
    const off = () => parts.every((part) => getComputedStyle(part).display === "none");
    const before = off();
    box.click();
    if (off() === before) problems.push("series " + box.dataset.series + " doesn't switch");
    box.click();
  }
  for (const switches of every(".switches")) {
    for (const button of every("button", switches)) {
      button.click();
      const on = button.dataset.all === "on";
      if (!every("input", switches).every((box) => box.checked === on)) problems.push("not every series switches");
    }
  }
};

const tables = () => {
  for (const details of every("details")) details.open = true;
  for (const table of every("table.sortable")) {
    every("thead th", table).forEach((heading, place) => {
      const column = () => every("tbody tr", table).map((row) => row.cells[place].dataset.sort).filter((value) => value !== undefined).map(Number);
      for (const turn of [1, 2]) {
        heading.querySelector(".sorter").click();
        const sign = heading.getAttribute("aria-sort") === "ascending" ? 1 : -1;
        const found = column();
        if (String([...found].sort((a, b) => sign * (a - b))) !== String(found)) problems.push("no order in column " + place + " of " + table.id);
      }
    });
  }
};

window.addEventListener("load", () => {
  figures();
  scales();
  series();
  tables();
  if (document.documentElement.scrollWidth > window.innerWidth) problems.push("the page is wider than the window");
  parent.postMessage(JSON.stringify({
    problems, width: window.innerWidth, figures: every("svg").length, switches: every(".switches input").length,
    tables: every("table.sortable").length,
  }), "*");
});
</script>"#;

/// A page with the probed one in two widths, which notes what they say.
const FRAMES: &str = r#"<!DOCTYPE html><body>
<iframe src="probed.html" style="border:0;width:1280px;height:900px"></iframe>
<iframe src="probed.html" style="border:0;width:400px;height:900px"></iframe>
<script>
const heard = [];
window.addEventListener("message", (event) => {
  heard.push(JSON.parse(event.data));
  document.body.dataset.heard = JSON.stringify(heard);
});
</script></body>"#;

/// Opens the page in a headless Chromium, where there is one, wide and narrow, uses its switches, and
/// returns what the page counts: figures, switches, tables.
pub fn browse(page: &Path, folder: &Path) -> Option<Value> {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let there = |name: &&&str| Command::new(name).arg("--version").output().is_ok();
    let Some(browser) = browsers.iter().find(there) else {
        eprintln!("skipped: no Chromium");
        return None;
    };
    let probed = read(page).replacen("</head>", &format!("{PROBE}</head>"), 1);
    std::fs::write(folder.join("probed.html"), probed).unwrap();
    std::fs::write(folder.join("frames.html"), FRAMES).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            "--window-size=1400,1900",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", folder.join("frames.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    let console: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(console.is_empty(), "{console:?}");
    let heard = dom.split("data-heard=\"").nth(1).and_then(|rest| rest.split('"').next());
    let heard = text(heard.unwrap_or_else(|| panic!("the page says nothing: {log}")));
    let heard: Vec<Value> = serde_json::from_str(&heard).unwrap();
    let mut widths: Vec<u64> = heard.iter().filter_map(|one| one["width"].as_u64()).collect();
    widths.sort_unstable();
    assert_eq!(widths, [400, 1280]);
    for one in &heard {
        assert_eq!(one["problems"], Value::Array(Vec::new()), "{} pixels", one["width"]);
    }
    heard.into_iter().next()
}
