// The page: one customer, three steps, and nothing left over for the next one.
import { Camera } from "/page/camera.js";
import { ARROWS, SIGNS, TEXTS } from "/page/texts.js";

const KEY = document.querySelector("meta[name=kiosk-key]").content;
const WARN = 15;
const $ = (id) => document.getElementById(id);
const SCREENS = ["welcome", "card", "items", "camera", "nocamera", "documents", "working", "verdict", "claim", "claimed", "broken"];
const DOCUMENTS = ["id_card", "social_card", "household_register", "delegation_letter", "passport"];
const RELATIONS = ["kin", "carer", "community_worker", "village_doctor", "care_home", "other"];
const WHYS = ["declines", "cannot_turn", "camera", "not_enrolled", "other"];
const CHANNELS = ["ordinary", "dual_channel", "national_negotiated"];
const WISHED = ["ordinary", "chronic", "diabetes"];
const PERIODS = [30, 90, 365];
const CLASSES = ["ordinary", "chronic", "diabetes", "narcotic"];

let language = "zh";
let first = "zh";
let aloud = false;
let idleSeconds = 75;
let lastTouch = Date.now();
let screen = "welcome";
let visit = null; // { session, patient_no, buyer, delegate_no, items, verdict, failures }
let spoken = "";
let before = null; // what had the focus when the warning came
const camera = new Camera($("video"));

const text = (key, values = {}) => (TEXTS[key]?.[language] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);

class Problem extends Error {
  constructor(status, document) { super(document.detail || ""); this.status = status; this.kind = document.type || ""; }
}

async function call(path, body, type = "application/json") {
  let response;
  try {
    response = await fetch(path, {
      method: "POST", cache: "no-store", body: type === "application/json" ? JSON.stringify(body ?? {}) : body,
      headers: { "Content-Type": type, "X-Kiosk-Key": KEY, "X-Kiosk-Session": visit?.session ?? "" },
    });
  } catch { throw new Problem(0, { type: "page-alone" }); }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

function show(name) {
  screen = name;
  for (const id of SCREENS) $(id).hidden = id !== name;
  if (name !== "camera") camera.close();
  const target = $(name).querySelector(name === "card" ? "#patient" : "input, button.main, button");
  (target ?? document.querySelector("main")).focus();
  window.scrollTo(0, 0);
  const heading = $(name).querySelector("h1");
  if (name !== "camera" && heading) say(heading.textContent);
}

function say(words) {
  if (!aloud || !words || words === spoken || !window.speechSynthesis) return;
  spoken = words;
  speechSynthesis.cancel();
  const speech = new SpeechSynthesisUtterance(words);
  speech.lang = language === "zh" ? "zh-CN" : "en-GB";
  speechSynthesis.speak(speech);
}

function translate() {
  document.documentElement.lang = language;
  document.title = text("place");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("language").lang = language === "zh" ? "en" : "zh";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = text(element.dataset.word);
  if (visit?.verdict) fillVerdict(visit.verdict);
  if (visit?.fault) cameraFault(visit.fault, false);
  refreshState();
}

function word(key) {
  const span = document.createElement("span");
  span.dataset.word = key;
  span.textContent = text(key);
  return span;
}

function option(value, key) {
  const element = document.createElement("option");
  element.value = value;
  element.dataset.word = key;
  element.textContent = text(key);
  return element;
}

function check(value, key) {
  const label = document.createElement("label");
  label.className = "choice";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.value = value;
  label.append(box, word(key));
  return label;
}

function addLine() {
  const line = document.createElement("div");
  line.className = "line";
  const field = (key, name, kind) => {
    const label = document.createElement("label");
    const input = document.createElement(kind === "select" ? "select" : "input");
    input.name = name;
    if (kind === "select") for (const item of name === "channel" ? CHANNELS : CLASSES) input.append(option(item, `${name}_${item}`));
    if (kind === "number") input.inputMode = "decimal";
    input.autocomplete = "off";
    input.maxLength = 64;
    label.append(word(key), input);
    line.append(label);
  };
  field("item_code", "code", "text");
  field("item_quantity", "quantity", "number");
  field("item_days", "days", "number");
  field("item_class", "class", "select");
  field("item_channel", "channel", "select");
  $("lines").append(line);
  return line;
}

function age(seconds) {
  if (seconds < 90) return text("seconds", { n: seconds });
  if (seconds < 5400) return text("minutes", { n: Math.round(seconds / 60) });
  return text("hours", { n: Math.round(seconds / 3600) });
}

async function refreshState() {
  let state;
  try {
    const response = await fetch("/api/state", { cache: "no-store", headers: { "X-Kiosk-Key": KEY } });
    if (response.status === 403) return location.reload(); // the agent was restarted, and has a new key
    state = await response.json();
  } catch { $("link").textContent = text("broken_page"); return; }
  idleSeconds = state.idle_seconds;
  $("place").textContent = state.name || text("place");
  const parts = [state.online ? `● ${text("online")}` : `○ ${text("offline")}`];
  if (state.cache_seconds === null) parts.push(text("copy_none"));
  else parts.push(text(state.cache_usable ? "copy_age" : "copy_old", { age: age(state.cache_seconds) }));
  if (state.waiting) parts.push(text("queued", { n: state.waiting }));
  if (state.aside) parts.push(`⚠ ${text("aside", { n: state.aside })}`);
  $("link").textContent = parts.join(" · ");
  return state;
}

// Everything of the last customer goes: fields, pictures, the visit in the agent.
async function wipe() {
  camera.close();
  window.speechSynthesis?.cancel();
  visit = null;
  spoken = "";
  aloud = false;
  $("speak").setAttribute("aria-pressed", "false");
  for (const form of document.forms) form.reset();
  for (const id of ["lines", "progress", "reasons", "receipt"]) $(id).replaceChildren();
  for (const id of ["advice", "arrow", "wait", "verdict-title", "verdict-next", "card-fault", "items-fault", "documents-fault", "claim-fault"]) $(id).textContent = "";
  $("qr").removeAttribute("src");
  $("code").hidden = $("delegate-box").hidden = true;
  $("idle").hidden = true;
  addLine();
  language = first;
  show("welcome");
  translate();
  try { await call("/api/wipe"); } catch { /* the agent forgets by itself when it ends */ }
}

async function start() {
  try {
    const { session } = await call("/api/begin");
    visit = { session, failures: 0 };
    show("card");
  } catch (error) { broken(error); }
}

function broken(error) {
  $("broken-lead").textContent = text(error.kind === "page-alone" ? "broken_page" : "broken_lead");
  show("broken");
}

async function readCards(event) {
  event.preventDefault();
  const form = $("card"), buyer = form.elements.buyer.value;
  const read = async (input) => (await call("/api/card", { text: input.value })).number;
  $("card-fault").textContent = "";
  if (!$("patient").value.trim()) return fault("card-fault", "card_missing", $("patient"));
  if (buyer === "delegate" && !$("delegate").value.trim()) return fault("card-fault", "delegate_missing", $("delegate"));
  try {
    visit.patient_no = await read($("patient"));
    visit.buyer = buyer;
    visit.delegate_no = buyer === "delegate" ? await read($("delegate")) : null;
    show("items");
  } catch (error) {
    if (error.status === 422) fault("card-fault", "card_unread", $("patient")); else broken(error);
  }
}

function fault(place, key, field) {
  $(place).textContent = text(key);
  say(text(key));
  field?.focus();
}

function takeItems(event) {
  event.preventDefault();
  const items = [];
  for (const line of $("lines").children) {
    const of = (name) => line.querySelector(`[name=${name}]`).value.trim();
    const quantity = Number(of("quantity")), days = Number(of("days"));
    if (!of("code") && !of("quantity") && items.length) continue;
    if (!of("code") || !(quantity > 0) || !Number.isInteger(days) || days < 1 || days > 366)
      return fault("items-fault", "items_missing", line.querySelector("input"));
    items.push({ code: of("code"), quantity: of("quantity"), days_of_supply: days, drug_class: of("class"), channel: of("channel") });
  }
  $("items-fault").textContent = "";
  visit.items = items;
  turns();
}

async function turns() {
  visit.fault = null;
  let challenge;
  try { challenge = await call("/api/challenge"); } catch (error) { return broken(error); }
  show("camera");
  const session = visit.session;
  const closed = await camera.open(() => visit?.session === session && screen === "camera" && cameraFault("lost"));
  if (closed) return cameraFault(closed);
  // Which turns come nobody knows before their arrow, this page included.
  const list = Array.from({ length: challenge.total }, (_, index) => {
    const item = document.createElement("li");
    item.textContent = String(index + 1);
    return item;
  });
  $("progress").replaceChildren(...list);
  mark(list, 0);
  const until = Date.now() + challenge.seconds * 1000;
  await camera.watch(async (frame) => {
    if (screen !== "camera" || visit?.session !== session) return "stop";
    if (Date.now() > until) { cameraFault("slow"); return "stop"; }
    let answer;
    try { answer = await call("/api/frame", frame, "image/jpeg"); } catch (error) {
      if (screen === "camera") { if (error.status === 422) cameraFault(error.kind === "kiosk-wrong-turn" ? "astray" : "slow"); else broken(error); }
      return "stop";
    }
    if (answer.advice !== "no_face") lastTouch = Date.now(); // somebody stands there
    if (answer.due) list[answer.taken + (answer.advice === "taken" ? -1 : 0)]?.replaceChildren(word(`turn_${answer.due}`));
    mark(list, answer.taken);
    advise(answer.taken === answer.total ? "taken" : answer.advice);
    if (answer.taken < answer.total) return "go";
    verify("/api/verify", purchase());
    return "stop";
  });
}

function mark(list, taken) {
  list.forEach((item, index) => {
    const done = index < taken;
    item.className = done ? "done" : index === taken ? "now" : "";
    const tick = item.querySelector(".tick");
    if (done && !tick) {
      const mark = document.createElement("span");
      mark.className = "tick";
      mark.textContent = "✓ ";
      item.prepend(mark);
    }
  });
}

function advise(advice) {
  const words = text(`advice_${advice}`);
  if ($("advice").textContent !== words) { $("advice").textContent = words; say(words); }
  $("camera").classList.toggle("good", advice === "taken");
  $("arrow").textContent = ARROWS[advice] ?? "";
  $("arrow").dataset.to = advice.split("_")[1] ?? "";
}

function cameraFault(kind, move = true) {
  camera.close();
  visit.fault = kind;
  visit.failures += move ? 1 : 0;
  $("nocamera-title").textContent = text(`camera_${kind}`);
  $("nocamera-lead").textContent = text(`camera_${kind}_lead`);
  if (!move) return;
  show("nocamera");
  const again = kind === "slow" || kind === "astray";
  $("again").classList.toggle("main", again);
  $("nocamera").querySelector(".manual").classList.toggle("main", !again);
  if (again) $("again").focus();
}

const purchase = () => ({
  patient_no: visit.patient_no, buyer: visit.buyer, delegate_no: visit.delegate_no, items: visit.items,
});

async function verify(path, body) {
  show("working");
  const session = visit.session;
  try {
    const verdict = await call(path, body);
    if (visit?.session !== session) return;
    visit.verdict = verdict;
    fillVerdict(verdict);
    show("verdict");
    say(`${text(`verdict_${verdict.verdict}`)}。${verdict.reasons.map((r) => r[`text_${language}`]).join(" ")}`);
    if (verdict.review_id) await awaitReview(session, verdict);
  } catch (error) { if (visit?.session === session) broken(error); }
}

function fillVerdict(verdict) {
  $("verdict").dataset.verdict = verdict.verdict;
  $("sign").textContent = SIGNS[verdict.verdict];
  $("verdict-title").textContent = text(`verdict_${verdict.verdict}`);
  $("verdict-next").textContent = text(verdict.unanswered ? "next_unanswered" : `next_${verdict.verdict}`);
  const items = verdict.reasons.map((reason) => {
    const item = document.createElement("li");
    item.textContent = reason[`text_${language}`];
    return item;
  });
  $("reasons").replaceChildren(...items);
  $("code").hidden = !verdict.token_qr;
  if (verdict.token_qr) { $("qr").src = verdict.token_qr; $("qr").alt = text("code_lead"); }
  const sold = verdict.verdict === "approved" || verdict.verdict === "provisional";
  $("retry").hidden = !verdict.retry_allowed;
  $("to-manual").hidden = sold;
  $("to-claim").hidden = !verdict.claimable;
  fillReceipt(verdict, items);
}

function fillReceipt(verdict, items) {
  const line = (key, value) => {
    const p = document.createElement("p");
    p.textContent = `${text(key)}: ${value}`;
    return p;
  };
  const title = document.createElement("h2");
  title.textContent = `${SIGNS[verdict.verdict]} ${text(`verdict_${verdict.verdict}`)}`;
  const list = document.createElement("ul");
  list.append(...items.map((item) => item.cloneNode(true)));
  const head = document.createElement("p");
  head.textContent = `${$("place").textContent} · ${text("receipt")}`;
  const parts = [head, title, line("receipt_no", verdict.request_id), line("receipt_at", verdict.served_at), list];
  if (verdict.offline) { const p = document.createElement("p"); p.textContent = text("receipt_offline"); parts.push(p); }
  if (verdict.token_qr) { const qr = document.createElement("img"); qr.src = verdict.token_qr; qr.alt = ""; parts.push(qr); }
  $("receipt").replaceChildren(...parts);
}

async function awaitReview(session, verdict) {
  $("wait").textContent = text("waiting_review");
  while (visit?.session === session && screen === "verdict") {
    await new Promise((done) => setTimeout(done, 3000));
    if (visit?.session !== session) return;
    let state;
    try { state = await call("/api/review", { review_id: verdict.review_id }); } catch { continue; }
    if (state.state === "waiting") { lastTouch = Date.now(); continue; }
    const lapsed = state.state === "lapsed";
    $("wait").textContent = lapsed && state.verdict === "refused" ? text("review_lapsed") : "";
    if (state.verdict && visit?.session === session) {
      visit.verdict = { ...verdict, verdict: state.verdict, token: state.token, token_qr: state.token_qr ?? null,
        unanswered: lapsed && state.verdict === "provisional",
        reasons: state.text_en ? [{ text_en: state.text_en, text_zh: state.text_zh }] : verdict.reasons };
      fillVerdict(visit.verdict);
      say(text(`verdict_${state.verdict}`));
    }
    return;
  }
}

const ticked = (id) => [...$(id).querySelectorAll("input:checked")].map((box) => box.value);

function sendDocuments(event) {
  event.preventDefault();
  const kinds = ticked("kinds"), by = $("pharmacist").value.trim();
  if (!kinds.length || !by) return fault("documents-fault", "documents_missing", $("pharmacist"));
  const reason = $("why").selectedOptions[0].value;
  verify("/api/documents", { ...purchase(), documents: { checked_by: by, kinds, reason, why: reason } });
}

// Until when, how often, which drugs: what is left empty, whoever approves decides. The last day is a whole day.
function wishes() {
  const wished = {}, until = $("wish-until"), uses = $("wish-uses").value.trim();
  if (until.value || until.validity.badInput) {
    const [year, month, day] = until.value.split("-").map(Number);
    const end = new Date(year, month - 1, day + 1);
    if (!(end > new Date())) return fault("claim-fault", "wish_until_wrong", until);
    wished.valid_to = end.toISOString();
  }
  if (uses) {
    if (!/^[0-9]+$/.test(uses) || Number(uses) < 1 || Number(uses) > 1000) return fault("claim-fault", "wish_uses_wrong", $("wish-uses"));
    Object.assign(wished, { uses_per_period: Number(uses), period_days: Number($("wish-period").value) });
  }
  const classes = ticked("wish-classes");
  return classes.length ? { ...wished, drug_classes: classes } : wished;
}

async function sendClaim(event) {
  event.preventDefault();
  const documents = ticked("claim-kinds");
  if (!documents.length) return fault("claim-fault", "documents_missing", $("claim-name"));
  const wished = wishes();
  if (!wished) return;
  try {
    await call("/api/claim", { patient_no: visit.patient_no, delegate_no: visit.delegate_no, documents,
      delegate_name: $("claim-name").value.trim(), relation: $("relation").value, ...wished });
    show("claimed");
  } catch (error) { if (error.status === 503) fault("claim-fault", "claim_offline"); else broken(error); }
}

// Whoever goes away leaves nothing on the screen.
function watchIdle() {
  const left = Math.ceil(idleSeconds - (Date.now() - lastTouch) / 1000);
  if (screen === "welcome") return;
  if (left <= 0) return void wipe();
  const warn = left <= WARN && screen !== "working";
  if (warn && $("idle").hidden) { before = document.activeElement; $("idle").hidden = false; $("stay").focus(); say(text("idle")); }
  if (!warn) $("idle").hidden = true;
  $("idle-left").textContent = left;
}

// While the warning stands, any key or touch only answers it.
function touched(event) {
  lastTouch = Date.now();
  if ($("idle").hidden) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  $("idle").hidden = true;
  (before ?? document.querySelector("main")).focus();
}

for (const kind of ["keydown", "pointerdown", "input"]) document.addEventListener(kind, touched, { capture: true });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && screen !== "welcome") wipe();
});
document.addEventListener("contextmenu", (event) => event.preventDefault());
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
$("start").addEventListener("click", start);
$("leave").addEventListener("click", wipe);
$("done").addEventListener("click", wipe);
$("card").addEventListener("submit", readCards);
$("card").addEventListener("change", () => {
  $("delegate-box").hidden = $("card").elements.buyer.value !== "delegate";
  if (!$("delegate-box").hidden && document.activeElement.type === "radio") $("delegate").value ||= "";
});
// A reader ends with Enter: that must not skip the question who buys.
$("patient").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !$("patient").value.trim()) return;
  event.preventDefault();
  $("card").querySelector("[name=buyer]:checked").focus();
});
// So does a scanner: it must fill the next field, not send the form. The last number's Enter is the person's own.
$("items").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !["code", "quantity"].includes(event.target.name)) return;
  event.preventDefault();
  const fields = [...event.target.closest(".line").querySelectorAll("input")];
  if (event.target.value.trim()) fields[fields.indexOf(event.target) + 1].focus();
});
$("claim-name").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  $("relation").focus();
});
$("items").addEventListener("submit", takeItems);
$("more").addEventListener("click", () => addLine().querySelector("input").focus());
$("documents").addEventListener("submit", sendDocuments);
$("claim").addEventListener("submit", sendClaim);
$("to-claim").addEventListener("click", () => show("claim"));
$("again").addEventListener("click", turns);
$("retry").addEventListener("click", turns);
$("print").addEventListener("click", () => window.print());
$("language").addEventListener("click", () => { language = language === "zh" ? "en" : "zh"; spoken = ""; translate(); });
$("speak").addEventListener("click", () => {
  aloud = !aloud;
  spoken = "";
  $("speak").setAttribute("aria-pressed", String(aloud));
  if (aloud) say($(screen).querySelector("h1")?.textContent); else window.speechSynthesis?.cancel();
});
for (const button of document.querySelectorAll(".manual")) button.addEventListener("click", () => show("documents"));
for (const button of document.querySelectorAll(".finish")) button.addEventListener("click", wipe);
for (const button of document.querySelectorAll(".back")) button.addEventListener("click", () => show(button.dataset.back));

for (const kind of DOCUMENTS) { $("kinds").append(check(kind, `doc_${kind}`)); $("claim-kinds").append(check(kind, `doc_${kind}`)); }
for (const why of WHYS) $("why").append(option(why, `why_${why}`));
for (const days of PERIODS) $("wish-period").append(option(String(days), `period_${days}`));
for (const kind of WISHED) $("wish-classes").append(check(kind, `class_${kind}`));
for (const relation of RELATIONS) $("relation").append(option(relation, `rel_${relation}`));
addLine();
translate();
show("welcome");
refreshState().then((state) => { if (state) { first = language = state.language; translate(); } });
setInterval(refreshState, 10000);
setInterval(watchIdle, 1000);
