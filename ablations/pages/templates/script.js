"use strict";
// Sorting: numbers as numbers, other cells as text, what has no value always last.
function compare(a, b) {
  const x = Number(a), y = Number(b);
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", {numeric: true}) : x - y;
}

function sort(heading) {
  const table = heading.closest("table"), column = heading.cellIndex, body = table.tBodies[0];
  const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const rows = Array.from(body.rows, row => ({row, key: row.cells[column].dataset.key}));
  rows.sort((one, other) => {
    if (one.key === undefined || other.key === undefined) {
      return (one.key === undefined) - (other.key === undefined);
    }
    return sign * compare(one.key, other.key);
  });
  body.append(...rows.map(each => each.row));
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
}

for (const button of document.querySelectorAll(".sortable th button")) {
  button.addEventListener("click", () => sort(button.parentElement));
}

// Copying: where the browser gives a page from disk no clipboard, the text is selected and copied as by hand.
async function copy(button) {
  const code = button.previousElementSibling;
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

for (const button of document.querySelectorAll(".copy")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
