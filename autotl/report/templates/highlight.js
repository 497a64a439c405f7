
// Highlighting: the chosen strategy is marked in every chart and table until another is chosen or it is let go, the one
// that is pointed at more lightly. Marks lie over the charts, so that none has to be drawn again for them.

// Beyond the ring of the recommended strategy.
const RING = 13;
const LINK = "#strategy-";
const SVG = "http://www.w3.org/2000/svg";
const marked = { chosen: null, pointed: null };
const places = new Map();

// Strategy -> where a chart has its points; a curve's are one after the other.
function placesIn(name) {
  if (places.has(name)) return places.get(name);
  const found = new Map();
  for (const trace of figures[name].data) {
    for (const [index, number] of (trace.customdata ?? []).entries()) {
      if (number === null) continue;
      if (!found.has(number)) found.set(number, new Map());
      const own = found.get(number);
      own.set(trace, [...(own.get(trace) ?? []), index]);
    }
  }
  places.set(name, found);
  return found;
}

// Where a value is drawn: plotly has no public name for it, so a test compares rings with points.
function drawnAt(axis, value) {
  return axis._offset + axis.d2p(value);
}

function within(axis, place) {
  return place >= axis._offset - 1 && place <= axis._offset + axis._length + 1;
}

function shape(name, values) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
  return made;
}

function bar(trace, index, { xaxis, yaxis, bargap }) {
  const clip = (place) => Math.min(Math.max(place, xaxis._offset), xaxis._offset + xaxis._length);
  const [from, to] = [trace.base[index], trace.base[index] + trace.x[index]].map((value) => clip(drawnAt(xaxis, value)));
  const [top, bottom] = [-1, 1].map((side) => drawnAt(yaxis, trace.y[index] + (side * (1 - bargap)) / 2)).sort((a, b) => a - b);
  return shape("rect", { x: from - 1, y: top - 2, width: to - from + 2, height: bottom - top + 4, rx: 2 });
}

function shapes(trace, indices, layout) {
  const { xaxis, yaxis } = layout;
  if (trace.type === "bar") return indices.map((index) => bar(trace, index, layout));
  const points = indices
    .map((index) => [drawnAt(xaxis, trace.x[index]), drawnAt(yaxis, trace.y[index])])
    .filter(([x, y]) => within(xaxis, x) && within(yaxis, y));
  if (trace.mode.includes("lines") && points.length > 1) {
    return [shape("polyline", { points: points.map((point) => point.map((place) => place.toFixed(1)).join(",")).join(" ") })];
  }
  return points.map(([cx, cy]) => shape("circle", { cx, cy, r: RING }));
}

function markChart(holder) {
  if (!holder._fullLayout) return;
  let over = holder.querySelector(":scope > .marks");
  if (!over) {
    over = shape("svg", { class: "marks", "aria-hidden": "true" });
    holder.append(over);
  }
  over.replaceChildren(...Object.entries(marked).flatMap(([kind, number]) => {
    const made = [...(placesIn(holder.dataset.figure).get(number) ?? [])].flatMap(([trace, indices]) => shapes(trace, indices, holder._fullLayout));
    for (const one of made) one.setAttribute("class", kind);
    return made;
  }));
}

function linksTo(number) {
  return number === null ? [] : document.querySelectorAll(`main a[href="${LINK}${number}"]`);
}

function markRows() {
  for (const row of document.querySelectorAll("tr.chosen, tr.pointed")) row.classList.remove("chosen", "pointed");
  for (const link of document.querySelectorAll("main a[aria-current]")) link.removeAttribute("aria-current");
  for (const link of linksTo(marked.chosen)) link.setAttribute("aria-current", "true");
  for (const [kind, number] of Object.entries(marked)) {
    for (const link of linksTo(number)) link.closest("tr")?.classList.add(kind);
  }
}

// A touch screen has no Escape.
function offerToLetGo() {
  const note = document.getElementById("chosen");
  note.replaceChildren();
  if (marked.chosen === null) return;
  const link = document.createElement("a");
  link.href = `${LINK}${marked.chosen}`;
  link.textContent = `#${marked.chosen}`;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = say("Unmark");
  button.addEventListener("click", () => mark("chosen", null));
  note.append(link, " ", say("is marked in all charts"), " · ", button);
}

function mark(kind, number) {
  if (marked[kind] === number) return;
  marked[kind] = number;
  if (kind === "chosen") offerToLetGo();
  holders.forEach(markChart);
  markRows();
}

function numberOf(target) {
  const link = target.closest("main a") ?? target.closest("main tr")?.querySelector(`a[href^="${LINK}"]`);
  return link?.hash.startsWith(LINK) ? Number(link.hash.slice(LINK.length)) : null;
}

function startHighlighting() {
  for (const holder of holders) {
    holder.on("plotly_afterplot", () => markChart(holder));
    // While a chart is dragged its marks would stay behind.
    holder.on("plotly_relayouting", () => holder.querySelector(":scope > .marks")?.replaceChildren());
    holder.on("plotly_hover", ({ points }) => mark("pointed", points[0].customdata ?? null));
    holder.on("plotly_unhover", () => mark("pointed", null));
  }
  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, ({ target }) => { if (!target.closest(".chart")) mark("pointed", numberOf(target)); });
  }
  document.addEventListener("keydown", ({ key, target }) => {
    if (key === "Escape" && !card.open && !target.matches("input, select")) mark("chosen", null);
  });
}
