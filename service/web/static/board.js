// Keeps the ward board or a roll call fresh: fetches the same part of the page the server draws, swaps it in when it
// changed, keeps the keyboard focus, and tells a screen reader who changed. Ends when the part says that it is over.
// Without this module the page is complete, only still.
const EVERY_MS = 10_000;
const live = document.getElementById("live");
const text = document.getElementById("live-text");
const pause = document.getElementById("live-pause");
const announcer = document.getElementById("announcer");
const cards = document.getElementById("cards");
let paused = false;
let over = false;
let etag = null;

const states = (root) =>
  new Map([...root.querySelectorAll("[data-bed]")].map((bed) => [bed.dataset.bed, bed.dataset.state]));

const same = (one, other) => one.size === other.size && [...one].every(([bed, state]) => other.get(bed) === state);

const end = () => {
  clearInterval(timer);
  over = true;
  live.classList.add("paused");
  pause.remove();
  text.textContent = live.dataset.over;
};

const show = (fragment) => {
  const before = states(cards);
  const held = document.activeElement?.closest?.("[data-bed]")?.id;
  const fresh = new DOMParser().parseFromString(fragment, "text/html").body;
  // The first answer may say what the page says already, or what changed since the server drew it.
  if (fresh.textContent.trim() === cards.textContent.trim() && same(before, states(fresh))) return;
  cards.replaceChildren(...fresh.childNodes);
  if (held) document.getElementById(held)?.querySelector("a")?.focus({ preventScroll: true });
  const changed = [...cards.querySelectorAll("[data-bed]")].filter(
    (bed) => before.get(bed.dataset.bed) !== bed.dataset.state,
  );
  changed.forEach((bed) => bed.classList.add("changed"));
  if (changed.length) {
    const beds = changed.map((bed) => `${bed.dataset.bed} ${bed.dataset.word}`).join(", ");
    const words = changed.length === 1 ? live.dataset.changedOne : live.dataset.changed;
    announcer.textContent = words.replace("{count}", changed.length).replace("{beds}", beds);
  }
};

const refresh = async () => {
  if (paused || over || document.hidden) return;
  try {
    const answer = await fetch(live.dataset.url, {
      headers: etag ? { "If-None-Match": etag } : {},
      credentials: "same-origin",
      redirect: "manual",
    });
    if (answer.status === 200) {
      const fragment = await answer.text();
      etag = answer.headers.get("ETag");
      show(fragment);
    } else if (answer.status !== 304) {
      throw new Error(`status ${answer.status}`);
    }
    live.classList.remove("stale");
    const now = new Date().toLocaleTimeString(document.documentElement.lang);
    text.textContent = live.dataset.refreshed.replace("{time}", now);
    if (cards.querySelector("[data-over]")) end();
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
const timer = setInterval(refresh, EVERY_MS);
