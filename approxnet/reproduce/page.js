// Sorting and light or dark. A click on the head of a column sorts its table by it, a second one
// the other way round; rows that are the same there keep their order, empty cells come last.

function key(row, column) {
  const cell = row.cells[column];
  if (!cell || cell.textContent.trim() === "") return null;
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function sort(table, column) {
  const head = table.tHead.rows[0].cells;
  const down = head[column].ariaSort === "ascending";
  const rows = [...table.tBodies[0].rows].map((row) => [key(row, column), row]);
  const [empty, full] = [rows.filter(([k]) => k === null), rows.filter(([k]) => k !== null)];
  full.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...[...full, ...empty].map(([, row]) => row));
  for (const th of head) th.ariaSort = "none";
  head[column].ariaSort = down ? "descending" : "ascending";
}

function button(text, onclick) {
  return Object.assign(document.createElement("button"), { type: "button", textContent: text, onclick });
}

for (const table of document.querySelectorAll("table:has(tbody tr + tr)")) {
  [...table.tHead.rows[0].cells].forEach((th, column) => {
    if (th.textContent) th.replaceChildren(button(th.textContent, () => sort(table, column)));
  });
}

const root = document.documentElement.style;
const device = matchMedia("(prefers-color-scheme: dark)");
const dark = () => (root.colorScheme || (device.matches ? "dark" : "light")) === "dark";
const scheme = button("", () => {
  root.colorScheme = dark() ? "light" : "dark";
  name();
});
const name = () => (scheme.textContent = dark() ? "Light" : "Dark");
scheme.id = "scheme";
device.onchange = name;
name();
document.body.prepend(scheme);
