
// Leaderboard: sort, filter, turn over, download. The rows are those of `strategies`; the table shows a page of them.

function startBoard(board) {
  if (!board) return;
  const body = board.tBodies[0];
  const headers = [...board.tHead.rows[0].cells];
  const find = document.getElementById("board-find");
  const state = document.getElementById("board-state");
  const pages = document.getElementById("board-pages");
  const every = strategies.board.map((row) => ({ ...row, text: row.texts.join(" ").toLowerCase() }));
  const pageRows = Number(board.dataset.pageRows);
  let shown = every;
  let first = 0;

  function cell(row, column) {
    const made = document.createElement("td");
    const text = document.createElement(column ? "span" : "a");
    text.textContent = row.texts[column];
    if (!column) text.href = `#strategy-${row.values[0]}`;
    made.className = headers[column].className;
    made.append(text);
    return made;
  }

  function show(from) {
    first = from;
    board.dataset.first = first;
    body.replaceChildren(...shown.slice(first, first + pageRows).map((row) => {
      const made = document.createElement("tr");
      made.dataset.state = row.state;
      made.classList.toggle("win", row.winner);
      made.append(...row.texts.map((_, column) => cell(row, column)));
      return made;
    }));
    markRows();
    document.getElementById("board-count").value = say("{shown} of {all}", { shown: shown.length, all: every.length });
    const last = Math.min(first + pageRows, shown.length);
    document.getElementById("board-place").textContent = say("{first} to {last} of {all}", { first: first + 1, last, all: shown.length });
    const all = every.length;
    const rest = shown.length < all ? say("Rows {first} to {last} of {shown} that were chosen from {all}.", { first: first + 1, last, shown: shown.length, all }) : say("Rows {first} to {last} of {all}; the csv on the page has all.", { first: first + 1, last, all });
    document.getElementById("board-printed").textContent = last - first < all ? rest : "";
    document.getElementById("board-before").disabled = first === 0;
    document.getElementById("board-after").disabled = last === shown.length;
    pages.hidden = shown.length <= pageRows;
  }

  function sort(column) {
    const header = headers[column];
    const descending = header.getAttribute("aria-sort") !== "descending";
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    every.sort((a, b) => {
      const [x, y] = [a.values[column] ?? "", b.values[column] ?? ""];
      if (x === "" || y === "") return (x === "") - (y === "");  // What is absent stays last either way.
      const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return descending ? -order : order;
    });
    filter();
  }

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = every.filter((row) => words.every((word) => row.text.includes(word)) && (!state.value || row.state === state.value));
    show(0);
  }

  function quoted(value) {
    const text = String(value ?? "");
    // A word that begins like a formula would be run by a spreadsheet.
    const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
    return `"${safe.replaceAll('"', '""')}"`;
  }

  function download(event) {
    const lines = [headers.map((header) => header.textContent.trim()), ...shown.map((row) => row.values)];
    const csv = lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
    link.download = `${event.currentTarget.dataset.name}-strategies.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  headers.forEach((header, column) => header.firstElementChild.addEventListener("click", () => sort(column)));
  find.addEventListener("input", filter);
  state.addEventListener("change", filter);
  find.form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("board-csv").addEventListener("click", download);
  document.getElementById("board-before").addEventListener("click", () => show(first - pageRows));
  document.getElementById("board-after").addEventListener("click", () => show(first + pageRows));
  filter();
}
