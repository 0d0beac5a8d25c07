// Sorts and filters the table. Without it, all rows are there, by name.
const body = document.querySelector("tbody"), rows = [...body.rows];
const text = document.querySelector("#find"), only = document.querySelector("#only"), shown = document.querySelector("#shown");

function filter() {
  const wanted = text.value.trim().toLowerCase();
  let count = 0;
  for (const row of rows) {
    const fits = row.cells[0].textContent.toLowerCase().includes(wanted) && (!only.value || row.dataset.verdict === only.value);
    row.hidden = !fits;
    count += fits;
  }
  shown.textContent = count === rows.length ? "" : `${count} of ${rows.length}`;
}
text.addEventListener("input", filter);
only.addEventListener("change", filter);
document.querySelector(".tools").hidden = false;

function sort(head, by) {
  const up = head.ariaSort !== "ascending" && (head.ariaSort === "descending" || by === "who");
  for (const other of document.querySelectorAll("thead th")) other.ariaSort = null;
  head.ariaSort = up ? "ascending" : "descending";
  const value = row => by === "who" ? row.cells[0].textContent : Number(row.dataset[by]);
  const order = (a, b) => by === "who" ? value(a).localeCompare(value(b)) : value(a) - value(b);
  body.append(...rows.toSorted((a, b) => up ? order(a, b) : order(b, a)));
}
for (const head of document.querySelectorAll("th[data-by]")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  button.addEventListener("click", () => sort(head, head.dataset.by));
  head.append(button);
}
