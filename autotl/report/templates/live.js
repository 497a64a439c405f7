
// Where the page is served it asks whether there is something new, and shows it; to somebody who is at work it is offered.

const EVERY_MS = 3000;
// Without a touch of the pointer or the keys for so long nobody is at work; a page that has just come is being read.
const REST_MS = 10000;
let touched = performance.now();

function isAtWork() {
  return card.open || performance.now() - touched < REST_MS;
}

function showNews() {
  keep();
  location.reload();
}

function offerNews() {
  const news = document.getElementById("news");
  if (news.firstChild) return;
  news.append(say("The search has gone on."), " ");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = say("Show it");
  button.addEventListener("click", showNews);
  news.append(button);
}

async function look() {
  try {
    const answer = await fetch("version");
    if (answer.ok && (await answer.text()) !== root.dataset.version) {
      if (!isAtWork()) {
        showNews();
        return;
      }
      offerNews();
    }
  } catch {
    // The server is gone, or busy: the page stays as it is.
  }
  setTimeout(look, EVERY_MS);
}

for (const kind of ["pointermove", "pointerdown", "wheel", "keydown", "scroll"]) {
  addEventListener(kind, () => { touched = performance.now(); }, { capture: true, passive: true });
}
setTimeout(look, EVERY_MS);
