// Keeps the ward board fresh: fetches the same cards the server draws, swaps them in when they changed, keeps the
// keyboard focus, and tells a screen reader which beds changed. Without this module the page is complete, only still.
const EVERY_MS = 10_000;
const live = document.getElementById("live");
const text = document.getElementById("live-text");
const pause = document.getElementById("live-pause");
const announcer = document.getElementById("announcer");
const cards = document.getElementById("cards");
let paused = false;
let etag = null;

const states = (root) =>
  new Map([...root.querySelectorAll("[data-bed]")].map((bed) => [bed.dataset.bed, bed.dataset.state]));

const show = (fragment) => {
  const before = states(cards);
  const held = document.activeElement?.closest?.("[data-bed]")?.id;
  cards.replaceChildren(...new DOMParser().parseFromString(fragment, "text/html").body.childNodes);
  if (held) document.getElementById(held)?.querySelector("a")?.focus({ preventScroll: true });
  const changed = [...cards.querySelectorAll("[data-bed]")].filter(
    (bed) => before.get(bed.dataset.bed) !== bed.dataset.state,
  );
  changed.forEach((bed) => bed.classList.add("changed"));
  if (changed.length) {
    const beds = changed.map((bed) => `${bed.dataset.bed} ${bed.dataset.word}`).join(", ");
    announcer.textContent = live.dataset.changed.replace("{count}", changed.length).replace("{beds}", beds);
  }
};

const refresh = async () => {
  if (paused || document.hidden) return;
  try {
    const answer = await fetch(live.dataset.url, {
      headers: etag ? { "If-None-Match": etag } : {},
      credentials: "same-origin",
      redirect: "manual",
    });
    if (answer.status === 200) {
      const known = etag !== null;
      etag = answer.headers.get("ETag");
      const fragment = await answer.text();
      if (known) show(fragment);
    } else if (answer.status !== 304) {
      throw new Error(`status ${answer.status}`);
    }
    live.classList.remove("stale");
    const now = new Date().toLocaleTimeString(document.documentElement.lang);
    text.textContent = live.dataset.refreshed.replace("{time}", now);
  } catch {
    live.classList.add("stale");
    text.textContent = live.dataset.stale;
  }
};

pause.addEventListener("click", () => {
  paused = !paused;
  live.classList.toggle("paused", paused);
  pause.textContent = paused ? pause.dataset.resume : pause.dataset.pause;
  if (!paused) refresh();
});
document.addEventListener("visibilitychange", refresh);
live.hidden = false;
setInterval(refresh, EVERY_MS);
