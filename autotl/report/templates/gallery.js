
// Gallery: choose by strategy, class, mistake and size; a picture that is clicked shows all strategies side by side.

function startGallery(gallery) {
  if (!gallery) return;
  const shots = [...gallery.querySelectorAll(".shot")];
  const [by, ...filters] = ["by", "class", "error", "size"].map((name) => document.getElementById(`gallery-${name}`));
  const keys = ["class", "error", "size"];
  const named = new Map([...(by?.options ?? [])].map((option) => [option.value, option.textContent]));

  function lookAs(part, strategy) {
    for (const view of part.querySelectorAll("[data-by]")) view.classList.toggle("off", view.dataset.by !== strategy);
  }

  function show() {
    const active = keys.map((key, place) => [key, filters[place]?.value]).filter(([, value]) => value);
    for (const shot of shots) {
      if (by && !shot.classList.contains("wide")) lookAs(shot, by.value);
      let found = false;
      for (const box of shot.querySelectorAll("[data-by]:not(.off) [data-class]")) {
        const hit = active.every(([key, value]) => box.dataset[key] === value);
        box.classList.toggle("faint", !hit);
        found ||= hit;
      }
      shot.hidden = active.length > 0 && !found;
    }
    document.getElementById("gallery-count").value = say("{shown} of {all}", { shown: shots.filter((shot) => !shot.hidden).length, all: shots.length });
  }

  function enlarge(shot) {
    const panels = shot.querySelector(".panels");
    const picture = panels.querySelector("button");
    const wide = shot.classList.toggle("wide");
    picture.setAttribute("aria-expanded", wide);
    for (const panel of panels.querySelectorAll(".panel, .panel-name")) panel.remove();
    if (wide && named.size > 1) {
      const order = [by.value, ...[...named.keys()].filter((strategy) => strategy !== by.value)];
      order.forEach((strategy, place) => {
        const panel = place ? document.createElement("div") : picture;
        if (place) {
          panel.className = "picture panel";
          panel.append(...[...picture.querySelectorAll("img, svg")].map((child) => child.cloneNode(true)));
          // What they show is said beneath them.
          for (const image of panel.querySelectorAll("img")) image.alt = "";
          lookAs(panel, strategy);
          panels.append(panel);
        }
        const caption = [...shot.querySelectorAll("figcaption [data-by]")].find((text) => text.dataset.by === strategy);
        const name = document.createElement("span");
        name.className = "panel-name";
        name.textContent = `${named.get(strategy)}: ${caption.dataset.seen}`;
        panel.append(name);
      });
    }
    show();
  }

  for (const shot of shots) shot.querySelector("button").addEventListener("click", () => enlarge(shot));
  const form = document.getElementById("gallery-form");
  form.addEventListener("change", () => {
    for (const shot of shots) if (shot.classList.contains("wide")) enlarge(shot);
    show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
startGallery(document.getElementById("gallery"));
