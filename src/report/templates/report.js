"use strict";
const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

// Tables: a click on a heading sorts by it, a second one turns the order round.
const sortKey = (row, column) => {
  const cell = row.cells[column];
  if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
  const text = cell.textContent.trim();
  return text === "–" ? null : text;
};
const compare = (a, b) => typeof a === "number" && typeof b === "number"
  ? a - b
  : String(a).localeCompare(String(b), "en", { numeric: true });
for (const table of all("table.sortable")) {
  all("thead th", table).forEach((heading, column) => {
    const sorter = heading.querySelector(".sorter");
    const sort = () => {
      const numeric = heading.classList.contains("number");
      const now = heading.getAttribute("aria-sort");
      const order = now ? (now === "ascending" ? "descending" : "ascending") : (numeric ? "descending" : "ascending");
      all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const rows = all("tbody tr", table).map((row) => [sortKey(row, column), row]);
      rows.sort(([a], [b]) => {
        // What has no value stays last in both orders.
        if (a === null || b === null) return (a === null) - (b === null);
        return (order === "ascending" ? 1 : -1) * compare(a, b);
      });
      table.tBodies[0].append(...rows.map(([, row]) => row));
    };
    sorter.addEventListener("click", sort);
    sorter.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort();
    });
  });
}

// Maps: one scale at a time.
for (const radio of all("input[name=scale]")) {
  const show = () => { if (radio.checked) all(".maps").forEach((maps) => { maps.hidden = maps.dataset.scale !== radio.value; }); };
  radio.addEventListener("change", show);
  show();
}

// Charts: series on and off.
for (const switches of all(".switches")) {
  const figure = document.getElementById(switches.dataset.for);
  const show = (box) => all(".series-" + box.dataset.series, figure).forEach((part) => part.classList.toggle("off", !box.checked));
  const boxes = all("input", switches);
  for (const box of boxes) {
    box.addEventListener("change", () => show(box));
    show(box);
  }
  for (const button of all("button", switches)) {
    button.addEventListener("click", () => boxes.forEach((box) => { box.checked = button.dataset.all === "on"; show(box); }));
  }
}

// On a narrow screen, a tap brings a wide chart nearer.
for (const sheet of all(".wide .sheet")) sheet.addEventListener("click", () => sheet.classList.toggle("near"));
