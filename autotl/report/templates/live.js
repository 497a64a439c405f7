
// Where the page is served it asks whether there is something new, and shows it unless somebody is typing.

const EVERY_MS = 3000;

async function look() {
  const busy = document.activeElement?.matches("input[type=search], select");
  try {
    const now = await (await fetch("version")).text();
    if (now !== root.dataset.version && !busy) {
      // The address keeps the card that is open, the browser the place.
      location.reload();
      return;
    }
  } catch {
    // The server is gone, or busy: the page stays as it is.
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
