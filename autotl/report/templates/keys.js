// Keys: a chart that has the focus is stepped through with the arrows, which show what pointing shows. The charts are drawn
// figures to a screen reader, so what is shown is said too.

const PIXEL = 1;
const ORDERS = { ArrowRight: ["x", 1], ArrowLeft: ["x", -1], ArrowDown: ["y", 1], ArrowUp: ["y", -1] };

// What can be pointed at, where it is drawn: {curve, index, x, y, number, text}.
function pointsOf({ data, _fullLayout: { xaxis, yaxis } }) {
  return data.flatMap((trace, curve) => trace.hoverinfo === "skip" ? [] : trace.x.flatMap((value, index) => {
    const text = trace.hovertext?.[index];
    if (value == null || trace.y[index] == null || !text) return [];
    const [x, y] = [drawnAt(xaxis, trace.type === "bar" ? (trace.base?.[index] ?? 0) + value / 2 : value), drawnAt(yaxis, trace.y[index])];
    if (!within(xaxis, x) || !within(yaxis, y)) return [];
    return [{ curve, index, x, y, text, number: trace.customdata?.[index] ?? null, line: trace.mode?.includes("lines") ?? false }];
  }));
}

function isOneLine(one, other) {
  return one.curve === other.curve && one.number === other.number;
}

function isSame(one, other) {
  return one.curve === other.curve && one.index === other.index;
}

function inOrder(points, along) {
  const across = along === "x" ? "y" : "x";
  return points.toSorted((a, b) => a[along] - b[along] || a[across] - b[across] || a.curve - b.curve || a.index - b.index);
}

// Along its axis; on a line the next of the same one, and across it the next line there.
function neighbour(points, from, along, step) {
  const near = !from.line ? points : points.filter((one) => one.line && (along === "x" ? isOneLine(one, from) : Math.abs(one.x - from.x) < PIXEL));
  const order = inOrder(near, along);
  return order[order.findIndex((one) => isSame(one, from)) + step] ?? from;
}

// Where none is shown an arrow begins at the end that it comes from.
function step(points, shown, key) {
  const now = shown && points.find((one) => isSame(one, shown));
  const [along, way] = ORDERS[key] ?? ["x", key === "End" ? -1 : 1];
  if (now && key in ORDERS) return neighbour(points, now, along, way);
  return inOrder(points, along).at(way > 0 ? 0 : -1);
}

function plainText(text) {
  return new DOMParser().parseFromString(text.replaceAll("<br>", " "), "text/html").body.textContent;
}

function startKeys() {
  const told = document.getElementById("keys");
  const shown = new Map();

  function show(holder, point) {
    shown.set(holder, point);
    Plotly.Fx.hover(holder, [{ curveNumber: point.curve, pointNumber: point.index }]);
    mark("pointed", point.number);
    document.getElementById("point").textContent = plainText(point.text);
  }

  function leave(holder) {
    Plotly.Fx.unhover(holder);
    mark("pointed", null);
    document.getElementById("point").textContent = "";
  }

  function press(event) {
    const { key, currentTarget: holder } = event;
    const point = shown.get(holder);
    if (key in ORDERS || key === "Home" || key === "End") {
      const points = pointsOf(holder);
      if (points.length) show(holder, step(points, point, key));
    } else if (key === "Enter" && point && point.number !== null) {
      openCard(point.number);
    } else if (key === "Enter") {
      holder.parentElement.querySelector("summary")?.click();
    } else if (key === "Escape" && point) {
      shown.delete(holder);
      leave(holder);
      event.stopPropagation();
    } else {
      return;
    }
    event.preventDefault();
  }

  for (const holder of holders) {
    holder.tabIndex = 0;
    holder.setAttribute("aria-describedby", told.id);
    holder.addEventListener("keydown", press);
    holder.addEventListener("blur", () => {
      told.textContent = "";
      leave(holder);
    });
    holder.addEventListener("focus", () => {
      // Not to who clicks. Asked here and not in the style sheet, where it would have to be asked at every change.
      if (!holder.matches(":focus-visible")) return;
      told.textContent = pointsOf(holder).length
        ? say("Arrow keys step through the points, Enter opens what is shown, Escape lets go.")
        : say("Enter opens the numbers.");
    });
  }
}
