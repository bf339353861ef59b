// The operator's page: what HTML and HTMX do not do by themselves. Everything is found again after any swap.
const page = document.body;

// The run's clock, frozen at the end.
setInterval(() => {
  const clock = document.querySelector(".op-elapsed[data-since]");
  if (!clock || clock.dataset.until) return;
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(clock.dataset.since)) / 1000));
  const minutes = String(Math.floor(seconds / 60)).padStart(2, "0");
  clock.textContent = `${minutes}:${String(seconds % 60).padStart(2, "0")}`;
}, 250);

// What was typed survives a reload: kept for this tab, by the prompt it answers.
const draftKey = (field) => `draft-${field.form.dataset.draft}-${field.name}`;
page.addEventListener("input", (event) => {
  if (event.target.form?.dataset.draft) sessionStorage.setItem(draftKey(event.target), event.target.value);
});
function restoreDrafts() {
  for (const field of document.querySelectorAll("form[data-draft] input[type=text]")) {
    const draft = sessionStorage.getItem(draftKey(field));
    if (draft !== null && field.value === field.defaultValue) field.value = draft;
  }
}

// A new screen puts the focus on its default; where nothing is to be done, on nothing. Its buttons count only when it
// has stood for a moment: who presses earlier means the screen before, and has not read this one. What was typed into
// the new screen was meant for it.
const ARMED_AFTER_MS = 500;
let shown = "";
let armedAt = 0;
let hasTyped = false;
page.addEventListener("input", (event) => { if (event.target.closest("#op-centre")) hasTyped = true; });
function arm() {
  armedAt = performance.now() + ARMED_AFTER_MS;
  hasTyped = false;
  mark(); // again after each swap: what the portal sends does not know of it
  setTimeout(mark, ARMED_AFTER_MS + 10);
}
function mark() {
  const isArmed = performance.now() >= armedAt;
  for (const button of document.querySelectorAll("#op-centre form.op-command button")) {
    if (isArmed) button.removeAttribute("aria-disabled");
    else button.setAttribute("aria-disabled", "true");
  }
}
function isTooEarly(form) {
  settle(); // the screen may have changed without a word yet
  if (hasTyped || performance.now() >= armedAt || !form.closest("#op-centre")) return false;
  arm(); // who hammers on the key has still not read it
  tell("This is a new question: that was pressed too early for it, and was not sent.");
  return true;
}

// Who answered is told to everybody but the one who did.
const answered = new Set();
function settle() {
  restoreDrafts();
  mark();
  for (const line of document.querySelectorAll(".op-answered")) line.hidden = answered.has(line.dataset.request);
  const log = document.getElementById("op-log-lines");
  while (log && log.children.length > 200) log.firstElementChild.remove();
  if (log && !log.matches(":hover, :focus")) showEnd(log);
  const phases = document.getElementById("op-phases");
  if (phases && !phases.matches(":hover, :focus")) showEnd(phases);
  const centre = document.getElementById("op-centre");
  const now = `${centre?.dataset.screen} ${centre?.querySelector("form[data-draft]")?.dataset.draft ?? ""}`;
  if (now === shown) return;
  shown = now;
  arm();
  centre.scrollTop = 0;
  const target = centre.querySelector("[autofocus]");
  target?.focus();
  target?.select?.();
}
// The end of the list, with a whole line at its beginning.
function showEnd(list) {
  const room = parseFloat(getComputedStyle(list).paddingBlockEnd);
  const hidden = Math.max(0, list.scrollHeight - room - list.clientHeight);
  const top = list.getBoundingClientRect().top - list.scrollTop;
  let begin = list.scrollHeight;
  for (const line of [...list.querySelectorAll(".op-phase-row, .op-measurement, .op-log-line")].reverse()) {
    const start = line.getBoundingClientRect().top - top;
    if (start < hidden) break;
    begin = start;
  }
  list.scrollTop = begin;
}
document.addEventListener("htmx:after:swap", settle);
settle();

// A held Enter never submits, and one scan is sent once even if the scanner says it twice.
let lastSent = { form: "", text: "", at: 0 };
page.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.repeat) event.preventDefault();
});
page.addEventListener("submit", (event) => {
  const form = event.target;
  if (isTooEarly(form)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  const fields = [...form.querySelectorAll("input[type=text]")];
  const empty = fields.find((field) => field.required && !field.value.trim());
  const name = form.id || form.action;
  const text = fields.map((field) => field.value.trim()).join(" ");
  // Only what was typed or scanned can be said twice: STOP is never held back.
  const isTwice = fields.length > 0 && lastSent.form === name && lastSent.text === text && isJustSent(event);
  if (empty || isTwice) {
    event.preventDefault();
    event.stopImmediatePropagation();
    empty?.focus();
    return;
  }
  lastSent = { form: name, text, at: event.timeStamp };
  if (form.dataset.draft) answered.add(form.dataset.draft);
  form.querySelector("[data-scan]")?.select(); // the next scan replaces it, should this one be refused
}, true);
function isJustSent(event) {
  return event.timeStamp - lastSent.at < 1000;
}

// A button that has been pressed shows it until the answer is there.
document.addEventListener("htmx:before:request", (event) => busy(event, true));
document.addEventListener("htmx:finally:request", (event) => busy(event, false));
document.addEventListener("htmx:response:error", (event) => {
  answered.delete(event.target.closest?.("form[data-draft]")?.dataset.draft); // refused: somebody else's counts
});
function busy(event, isBusy) {
  const form = event.target.closest?.("form.op-command");
  for (const button of form?.querySelectorAll("button") ?? []) button.setAttribute("aria-busy", String(isBusy));
}

// F9 stops. A scan is caught wherever the focus is, and its Enter presses no button: nobody meant it to. One that began
// where nothing is to be scanned is dropped to its end, also when a field appears meanwhile: half a serial number would
// be another unit's.
const SCAN_GAP_MS = 500;
let dropped = { text: "", at: -Infinity };
page.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const keyed = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (keyed) {
    event.preventDefault();
    keyed.click();
    return;
  }
  const isDropping = event.timeStamp - dropped.at < SCAN_GAP_MS;
  if (event.target.matches("input, textarea, select") && !isDropping) return;
  if (event.key === "Enter" && isDropping) {
    event.preventDefault();
    const isTwice = isJustSent(event) && lastSent.text.endsWith(dropped.text);
    if (!isTwice) tell("That was a scan, and nothing is to be scanned now. Nothing was started.");
    dropped = { text: "", at: -Infinity };
  } else if (event.key.length === 1 && (isDropping || event.key !== " ")) {
    const field = isDropping ? null : document.querySelector("#op-centre [data-scan]");
    if (field) {
      field.focus();
    } else {
      if (isDropping) event.preventDefault();
      dropped = { text: (isDropping ? dropped.text : "") + event.key, at: event.timeStamp };
    }
  }
});

function tell(words) {
  const notice = document.getElementById("op-notice");
  notice.className = "op-notice op-refusal";
  notice.textContent = words;
}

// What was told stays until it is dismissed, another command is taken, or it has stood long enough; not while it is read
// with the pointer or the focus on it.
const TOLD_FOR_MS = 10_000;
const told = document.querySelector(".op-told");
let toldTimer;
function hush() {
  document.getElementById("op-notice").replaceChildren();
}
// What is wrong with a field is of no interest once the field is gone: the question was answered, or taken back.
let fieldInSight = null;
document.addEventListener("htmx:after:swap", () => {
  if (fieldInSight && !document.getElementById(fieldInSight)) {
    fieldInSight = null;
    hush();
  }
});
function hushLater() {
  clearTimeout(toldTimer);
  toldTimer = setTimeout(() => (told.matches(":hover, :focus-within") ? hushLater() : hush()), TOLD_FOR_MS);
}
new MutationObserver(() => {
  const { field } = document.getElementById("op-notice")?.dataset ?? {};
  fieldInSight = field && document.getElementById(field) ? field : null;
  hushLater();
}).observe(told, { childList: true, subtree: true, characterData: true });
told.querySelector("[data-dismiss]").addEventListener("click", hush);
document.addEventListener("htmx:after:request", (event) => {
  if (event.target.closest?.("form.op-command") && event.detail?.ctx?.response?.status === 204) hush();
});

// A command that did not reach the portal must not look as if it had.
document.addEventListener("htmx:error", (event) => {
  if (event.target.closest?.("form.op-command")) {
    tell(page.dataset.unsent ?? "This was not sent: the portal cannot be reached. The bench goes on; to stop it now, use its own switch.");
  }
});

// The feed: say that it is lost, take it back when it is there again.
const lost = document.querySelector("[data-feed-lost]");
let isLive = false;
const say = (live) => { isLive = live; lost.hidden = live; };
const SIGNED_OUT = 4401;
const RIGHTS_CHANGED = 4403;
document.addEventListener("htmx:ws:close", (event) => {
  if (event.detail.code === RIGHTS_CHANGED) location.reload(); // shows what one may see and do now
  const isSignedOut = event.detail.code === SIGNED_OUT;
  if (isSignedOut) document.querySelector(".op-signed-out").hidden = false;
  say(isSignedOut);
});
document.addEventListener("htmx:ws:after:connection", () => say(true));
setTimeout(() => say(isLive), 3000); // a page that never got its feed says so too
document.addEventListener("htmx:ws:after:message:incoming", settle);
