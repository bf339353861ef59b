// Keys for people who live in these pages. They can be switched off (WCAG 2.1.4): speech input types letters too.
const KEY = "stationmaster-keys";
const WAIT_MS = 1500;
const dialog = document.getElementById("keys");
const box = dialog.querySelector("[data-keys-switch]");
let gAt = -Infinity;

try { box.checked = localStorage.getItem(KEY) !== "off"; } catch { /* storage may be forbidden */ }
box.addEventListener("change", () => {
  try { localStorage.setItem(KEY, box.checked ? "on" : "off"); } catch { /* holds for this page only */ }
});
document.addEventListener("click", (event) => { if (event.target.closest?.("[data-keys-open]")) dialog.showModal(); });

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !box.checked || dialog.open) return;
  const page = dialog.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (page && event.timeStamp - gAt < WAIT_MS) {
    location.assign(page.href);
  } else if (event.key === "g") {
    gAt = event.timeStamp;
  } else if (event.key === "/") {
    const search = document.querySelector("main input[type=search]");
    search?.focus();
    search?.select();
    if (search) event.preventDefault();
  } else if (event.key === "?") {
    dialog.showModal();
  }
});
