
// What a reader has set on the page is kept while a newer version of it is loaded, in which sections and numbers may have
// moved. Only for that loading: a page that is opened anew begins anew.

const KEPT = "autotl";

function all(selector) {
  return [...document.querySelectorAll(selector)];
}

function setField(id, value) {
  const field = document.getElementById(id);
  if (field?.type === "checkbox") field.checked = value;
  else if (field?.type === "search" || [...(field?.options ?? [])].some((option) => option.value === value)) field.value = value;
  field?.dispatchEvent(new Event("change", { bubbles: true }));
}

// Counts in it may have grown.
function nameOf(details) {
  const chart = details.closest("figure")?.querySelector("[data-figure]")?.dataset.figure;
  const summary = details.querySelector("summary").textContent.replace(/\d[\d,.]*/g, "");
  return [details.closest("section").id, chart, summary].join("/");
}

function pictureIn(shot) {
  return shot.querySelector("figcaption b").textContent;
}

function sortBoard(name, direction) {
  const header = all("#board th").find((one) => one.textContent === name);
  for (let click = 0; click < 2 && header && header.getAttribute("aria-sort") !== direction; click += 1) header.firstElementChild.click();
}

function turnTo(first) {
  const [board, after] = ["board", "board-after"].map((id) => document.getElementById(id));
  while (Number(board?.dataset.first) < first && !after.disabled) after.click();
}

const PLACE = {
  read() {
    const section = all("main > section").filter((one) => one.getBoundingClientRect().top <= 1).at(-1);
    return section ? [section.id, section.getBoundingClientRect().top] : ["", -scrollY];
  },
  set([id, top]) {
    const now = document.getElementById(id)?.getBoundingClientRect().top ?? -scrollY;
    scrollTo({ top: scrollY + now - top, behavior: "instant" });
  },
};

// What the page has at once.
const EARLY = {
  fields: {
    read: () => all("main input[id], main select[id]").map((field) => [field.id, field.type === "checkbox" ? field.checked : field.value]),
    set: (fields) => fields.forEach(([id, value]) => setField(id, value)),
  },
  open: {
    read: () => all("main details[open]").map(nameOf),
    set: (names) => all("main details").forEach((details) => { details.open ||= names.includes(nameOf(details)); }),
  },
  enlarged: {
    read: () => all(".shot.wide").map(pictureIn),
    set: (names) => all(".shot").filter((shot) => names.includes(pictureIn(shot))).forEach((shot) => shot.querySelector("button").click()),
  },
  place: PLACE,
};

// What it has when its charts are drawn.
const LATE = {
  sorted: {
    read: () => all("#board th[aria-sort]").map((header) => [header.textContent, header.getAttribute("aria-sort")]),
    set: (sorts) => sorts.forEach(([name, direction]) => sortBoard(name, direction)),
  },
  turned: { read: () => Number(document.getElementById("board")?.dataset.first), set: turnTo },
  chosen: { read: () => marked.chosen, set: (number) => { if (number in strategies.cards) mark("chosen", number); } },
  scrolled: {
    read: () => all(".scroll").map((one) => [one.getAttribute("aria-label"), one.scrollLeft, one.scrollTop]),
    set: (ways) => ways.forEach(([name, left, top]) => all(".scroll").find((one) => one.getAttribute("aria-label") === name)?.scrollTo({ left, top, behavior: "instant" })),
  },
  focus: { read: () => document.activeElement.id, set: (id) => document.getElementById(id)?.focus({ preventScroll: true }) },
  place: PLACE,
};

// None where the reader's browser keeps nothing.
function storage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

function keep() {
  const state = Object.entries({ ...EARLY, ...LATE }).map(([name, part]) => [name, part.read()]);
  storage()?.setItem(KEPT, JSON.stringify(Object.fromEntries(state)));
  // The browser's own way back is to pixels from the top, whatever has grown above, and may come last.
  history.scrollRestoration = "manual";
}

function putBack() {
  const state = JSON.parse(storage()?.getItem(KEPT) ?? "null");
  storage()?.removeItem(KEPT);
  if (!state) return;
  const set = (parts) => Object.entries(parts).forEach(([name, part]) => part.set(state[name]));
  set(EARLY);
  started.then(() => {
    set(LATE);
    setTimeout(() => { history.scrollRestoration = "auto"; }, 2000);
  });
}

putBack();
