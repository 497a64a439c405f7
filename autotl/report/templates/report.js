"use strict";

// Charts: plotly is unpacked from this file; colours are the style sheet's variables, resolved whenever they change.

const NARROW = 560;
// Named one by one, because some of plotly's own send data away.
const BUTTONS = [["zoom2d", "pan2d", "resetScale2d", "toImage"]];
const canHover = matchMedia("(hover: hover)");
const root = document.documentElement;
const figures = JSON.parse(document.getElementById("figures").textContent);
const holders = [...document.querySelectorAll("[data-figure]")];

async function loadPlotly() {
  const packed = atob(document.getElementById("plotly").textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

function withColours(value, style) {
  if (typeof value === "string") {
    const name = /^var\((--[a-z0-9-]+)\)$/.exec(value);
    return name ? style.getPropertyValue(name[1]).trim() : value;
  }
  if (Array.isArray(value)) return value.map((part) => withColours(part, style));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withColours(part, style)]));
  }
  return value;
}

function forWidth(layout, width) {
  layout.width = width;
  if (width >= NARROW) return layout;
  const kept = (layout.annotations ?? []).filter((annotation) => annotation.name !== "direct");
  if (kept.length < (layout.annotations ?? []).length) layout.margin.r = 16;
  layout.annotations = kept;
  // A finger that scrolls the page must not zoom the chart.
  layout.dragmode = false;
  return layout;
}

function draw(holder) {
  const plain = figures[holder.dataset.figure];
  const figure = withColours({ ...plain, data: [...plain.data.map(withHover), ...rings(plain.data)] }, getComputedStyle(root));
  const settings = { displaylogo: false, displayModeBar: canHover.matches ? "hover" : false, modeBarButtons: BUTTONS };
  return Plotly.react(holder, figure.data, forWidth(figure.layout, holder.clientWidth), settings);
}

function drawAll() {
  return Promise.all(holders.map(draw));
}

async function startCharts() {
  try {
    await loadPlotly();
    await drawAll();
    for (const holder of holders) {
      holder.on("plotly_click", ({ points }) => { if (points[0].customdata != null) openCard(points[0].customdata); });
    }
  } catch (error) {
    console.error(error);
    for (const holder of holders) {
      holder.style.height = "auto";
      holder.textContent = "This browser cannot draw the chart; its numbers are below.";
      const numbers = holder.parentElement.querySelector("details");
      if (numbers) numbers.open = true;
    }
    return;
  }
  let pending = 0;
  let width = root.clientWidth;
  addEventListener("resize", () => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(drawAll);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { root.dataset.printing = ""; drawAll(); });
  addEventListener("afterprint", () => { delete root.dataset.printing; drawAll(); });
  root.dataset.charts = "drawn";
}

// Leaderboard: sort, filter, download.

function startBoard(board) {
  const body = board.tBodies[0];
  const headers = [...board.tHead.rows[0].cells];
  const find = document.getElementById("board-find");
  const state = document.getElementById("board-state");

  function sort(column) {
    const header = headers[column];
    const descending = header.getAttribute("aria-sort") !== "descending";
    headers.forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = (row) => row.cells[column].dataset.value;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");  // What is absent stays last either way.
      const numbers = Number.isFinite(Number(x)) && Number.isFinite(Number(y));
      const order = numbers ? Number(x) - Number(y) : x.localeCompare(y);
      return descending ? -order : order;
    });
    body.append(...rows);
  }

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(words.every((word) => text.includes(word)) && (!state.value || row.dataset.state === state.value));
      shown += !row.hidden;
    }
    document.getElementById("board-count").value = `${shown} of ${body.rows.length}`;
  }

  function quoted(text) {
    // A word that begins like a formula would be run by a spreadsheet.
    const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
    return `"${safe.replaceAll('"', '""')}"`;
  }

  function download(event) {
    const lines = [headers.map((header) => quoted(header.textContent.trim())).join(",")];
    for (const row of body.rows) {
      if (!row.hidden) lines.push([...row.cells].map((cell) => quoted(cell.dataset.value)).join(","));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = `${event.currentTarget.dataset.name}-strategies.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  headers.forEach((header, column) => header.firstElementChild.addEventListener("click", () => sort(column)));
  find.addEventListener("input", filter);
  state.addEventListener("change", filter);
  find.form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("board-csv").addEventListener("click", download);
  filter();
}

// Contents: the section in view is marked.

function startContents() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const sections = [...links.keys()].map((id) => document.getElementById(id));
  const bar = document.querySelector("nav");
  let current = null;
  function mark() {
    const atEnd = innerHeight + scrollY >= root.scrollHeight - 4;
    const above = sections.filter((section) => section.getBoundingClientRect().top < innerHeight * 0.35);
    const next = links.get((atEnd ? sections.at(-1) : above.at(-1) ?? sections[0]).id);
    if (next === current) return;
    current?.removeAttribute("aria-current");
    next.setAttribute("aria-current", "true");
    if (bar.scrollWidth > bar.clientWidth) bar.scrollTo({ left: next.offsetLeft - 40 });
    current = next;
  }
  addEventListener("scroll", mark, { passive: true });
  mark();
}

for (const picture of document.querySelectorAll(".picture")) {
  picture.addEventListener("click", () => picture.parentElement.classList.toggle("wide"));
}
const board = document.getElementById("board");
if (board) startBoard(board);
startContents();
