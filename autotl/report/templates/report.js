"use strict";

// Charts: colours are the style sheet's variables, resolved whenever they change.

const NARROW = 560;
// What is higher is drawn a little lower on paper, where it would leave much of a sheet empty.
const LOW = 260;
// Named one by one, because some of plotly's own send data away.
const BUTTONS = [["zoom2d", "pan2d", "resetScale2d", "toImage"]];
const canHover = matchMedia("(hover: hover)");
const root = document.documentElement;
const strategies = { cards: {}, compared: {}, board: [] };
const texts = JSON.parse(document.getElementById("texts").textContent);
const figures = JSON.parse(document.getElementById("figures").textContent);
const holders = [...document.querySelectorAll("[data-figure]")];

function say(text, values = {}) {
  return (texts[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// What is large is in this file as base64 of gzip.
async function unpack(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

async function loadPlotly() {
  const script = document.createElement("script");
  script.textContent = await unpack("plotly");
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
  layout.annotations = kept.map((one) => one.name === "head" ? { ...one, text: one.text.replace("</b>  ", "</b><br>") } : one);
  // A finger that scrolls the page must not zoom the chart.
  layout.dragmode = false;
  return layout;
}

function draw(holder) {
  const plain = figures[holder.dataset.figure];
  const figure = withColours({ ...plain, data: plain.data.map(withHover) }, getComputedStyle(root));
  const settings = { displaylogo: false, displayModeBar: canHover.matches ? "hover" : false, modeBarButtons: BUTTONS };
  if ("printing" in root.dataset) figure.layout.height = Math.min(figure.layout.height, Math.max(LOW, 0.8 * figure.layout.height));
  holder.style.height = `${figure.layout.height}px`;
  return Plotly.react(holder, figure.data, forWidth(figure.layout, holder.clientWidth), settings);
}

function drawAll() {
  return Promise.all(holders.map(draw));
}

// Before the sheet is laid out the page takes its width and its colours, for charts are drawn to fit what is there.
function drawForSheet(printing) {
  if (printing === "printing" in root.dataset) return;
  root.toggleAttribute("data-printing", printing);
  drawAll();
}

async function start() {
  try {
    Object.assign(strategies, JSON.parse(await unpack("strategies")));
    startBoard(document.getElementById("board"));
    await loadPlotly();
    await drawAll();
    for (const holder of holders) {
      holder.on("plotly_click", ({ points }) => { if (points[0].customdata != null) openCard(points[0].customdata); });
    }
    startHighlighting();
    startKeys();
  } catch (error) {
    console.error(error);
    for (const holder of holders) {
      holder.style.height = "auto";
      holder.textContent = say("This browser cannot draw the chart; its numbers are below.");
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
  addEventListener("beforeprint", () => drawForSheet(true));
  addEventListener("afterprint", () => drawForSheet(false));
  // Where something else prints than the reader.
  matchMedia("print").addEventListener("change", ({ matches }) => drawForSheet(matches));
  root.dataset.charts = "drawn";
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
    const atTop = scrollY < 4;
    const next = links.get((atTop ? sections[0] : atEnd ? sections.at(-1) : above.at(-1) ?? sections[0]).id);
    if (next === current) return;
    current?.removeAttribute("aria-current");
    next.setAttribute("aria-current", "true");
    if (bar.scrollWidth > bar.clientWidth) bar.scrollTo({ left: next.offsetLeft - 40 });
    current = next;
  }
  addEventListener("scroll", mark, { passive: true });
  mark();
}

startContents();
