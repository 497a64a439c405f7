
// Cards: a strategy's own page, opened from its name or from any of its points; the address names it, so it can be linked.

const card = document.getElementById("card");
// Pixels beside a card's curves for their names.
const NAMES = 96;

function openCard(number) {
  location.hash = `strategy-${number}`;
}

function withHover(trace) {
  if (!trace.customdata) return trace;
  const said = (number, index) => [trace.hovertext?.[index], strategies.cards[number].hover].filter(Boolean).join("<br>");
  return { ...trace, hovertext: trace.customdata.map((number, index) => (number === null ? "" : said(number, index))) };
}

function element(name, text, parent, space) {
  const made = space ? document.createElementNS(space, name) : document.createElement(name);
  made.textContent = text;
  parent.append(made);
  return made;
}

function listOf(title, rows, parent) {
  if (!rows.length) return;
  const section = element("section", "", parent);
  element("h3", title, section);
  const list = element("dl", "", section);
  for (const [name, value] of rows) {
    const row = element("div", "", list);
    element("dt", name, row);
    element("dd", value, row);
  }
}

function drawCurve(number, holder) {
  holder.replaceChildren();
  const own = strategies.cards[number];
  if (!own.curve.length) return;
  const others = Object.entries(strategies.compared).filter(([, other]) => other !== Number(number));
  const lines = [...others.map(([name, other]) => [name, strategies.cards[other].curve]), [`#${number}`, own.curve]];
  const scores = lines.flatMap(([, curve]) => curve.map((point) => point[1]));
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const last = Math.max(own.epochs, ...lines.flatMap(([, curve]) => curve.map((point) => point[0])));
  const width = holder.clientWidth;
  const room = width - 40 - NAMES;
  const place = ([epoch, map]) => [40 + room * (last > 1 ? (epoch - 1) / (last - 1) : 0.5), 124 - 108 * ((map - low) / (high - low || 1))];
  const svg = element("svg", "", holder, SVG);
  svg.setAttribute("viewBox", `0 0 ${width} 152`);
  svg.setAttribute("role", "img");
  const [end, score] = own.curve.at(-1);
  svg.setAttribute("aria-label", say("mAP by epoch: {score} after epoch {end} of {epochs}", { score: score.toFixed(3), end, epochs: own.epochs }));
  const label = (x, y, text, kind) => {
    const made = element("text", text, svg, SVG);
    made.setAttribute("x", x);
    made.setAttribute("y", y);
    made.setAttribute("class", kind);
  };
  for (const map of new Set([low, high])) label(34, place([1, map])[1] + 4, map.toFixed(2), "scale");
  label(40, 148, say("epoch {epoch}", { epoch: 1 }), "first");
  if (last > 1) label(40 + room, 148, String(last), "last");
  const taken = [];
  for (const [name, curve] of lines) {
    if (!curve.length) continue;
    const kind = curve === own.curve ? "own" : "other";
    const line = element("polyline", "", svg, SVG);
    line.setAttribute("points", curve.map((point) => place(point).map((value) => value.toFixed(1)).join(",")).join(" "));
    line.setAttribute("class", kind);
    const [x, y] = place(curve.at(-1));
    const dot = element("circle", "", svg, SVG);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    dot.setAttribute("r", 3.5);
    dot.setAttribute("class", kind);
    let height = y + 4;
    while (taken.some((other) => Math.abs(other - height) < 14)) height += 14;
    taken.push(height);
    label(x + 8, height, name, kind);
  }
}

function fill(number) {
  const own = strategies.cards[number];
  document.getElementById("card-title").textContent = `#${number}`;
  document.getElementById("card-state").textContent = own.state;
  document.getElementById("card-what").textContent = own.title;
  drawCurve(number, document.getElementById("card-curve"));
  const lists = card.querySelector(".lists");
  lists.replaceChildren();
  listOf(say("Results"), own.results, lists);
  listOf(say("Costs"), own.costs, lists);
  listOf(say("What varies in this search"), own.settings, lists);
  listOf(say("mAP by class"), own.classes, lists);
}

function follow() {
  const found = /^#strategy-(\d+)$/.exec(location.hash);
  const number = found && found[1] in strategies.cards ? found[1] : null;
  if (number === null) {
    if (card.open) card.close();
    return;
  }
  if (!card.open) card.showModal();
  fill(number);
  card.scrollTop = 0;
  mark("chosen", Number(number));
}

card.addEventListener("close", () => {
  // The page stays where it was; going back leads past the card.
  if (/^#strategy-/.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
});
card.addEventListener("click", (event) => { if (event.target === card) card.close(); });
addEventListener("hashchange", follow);
const started = start().then(follow);
