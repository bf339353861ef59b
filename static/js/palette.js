// The command palette: Ctrl-K or Cmd-K. The input keeps the focus; the arrow keys choose among the options (WAI-ARIA
// combobox). What was chosen lately is kept in this browser, and shown while nothing is typed.
const KEY = "stationmaster-palette";
const MOST = 5;
const dialog = document.getElementById("palette");
const input = document.getElementById("palette-text");
const count = dialog.querySelector("[data-palette-count]");
const list = () => document.getElementById("palette-list");
const options = () => [...list().querySelectorAll("[role=option]")];
const chosen = () => list().querySelector("[aria-selected=true]");

const recent = () => {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? []; } catch { return []; }
};

const remember = (option) => {
  if (option.dataset.submits) return;
  const one = { path: new URL(option.href).pathname, words: option.textContent.trim() };
  try { localStorage.setItem(KEY, JSON.stringify([one, ...recent().filter(({ path }) => path !== one.path)].slice(0, MOST))); } catch { /* forgotten, then */ }
};

const choose = (option) => {
  chosen()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
};

const follow = (option) => {
  remember(option);
  const form = option.dataset.submits && document.getElementById(option.dataset.submits);
  if (form) form.requestSubmit();
  else location.assign(option.href);
};

const showRecent = () => {
  if (input.value || !recent().length) return;
  const group = Object.assign(document.createElement("div"), { role: "group", ariaLabel: "Recent" });
  const title = Object.assign(document.createElement("div"), { className: "palette-title", textContent: "Recent", role: "presentation" });
  group.append(title, ...recent().filter(({ path }) => path?.startsWith?.("/") && !path.startsWith("//")).map(({ path, words }, at) => {
    const link = Object.assign(document.createElement("a"), { className: "palette-choice", href: path, textContent: words, id: `palette-recent-${at}`, tabIndex: -1, role: "option" });
    link.setAttribute("aria-selected", "false");
    return link;
  }));
  list().prepend(group);
};

const open = () => {
  if (dialog.open) return;
  for (const other of document.querySelectorAll("dialog[open]")) other.close();
  dialog.showModal();
  input.value = "";
  input.focus();
  input.dispatchEvent(new Event("palette-open"));
};

document.addEventListener("htmx:after:swap", () => {
  if (!dialog.open) return;
  showRecent();
  choose(options()[0]);
  count.textContent = `${options().length} found`;
});
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  event.preventDefault();
  if (dialog.open) dialog.close();
  else open();
});
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-palette-open]");
  if (opener) { event.preventDefault(); open(); }
  const option = event.target.closest?.("#palette [role=option]");
  if (option && !event.ctrlKey && !event.metaKey) { event.preventDefault(); follow(option); }
  if (event.target === dialog) dialog.close(); // the backdrop
});
input.addEventListener("keydown", (event) => {
  const all = options();
  const at = all.indexOf(chosen());
  const next = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length, PageDown: Math.min(at + 8, all.length - 1), PageUp: Math.max(at - 8, 0) }[event.key];
  if (next !== undefined && all.length) {
    event.preventDefault();
    choose(all[next]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (chosen()) follow(chosen());
  } else if (event.key === "Escape") {
    event.preventDefault(); // a search field would only empty itself
    dialog.close();
  }
});
