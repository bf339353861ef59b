// Light, dark, or as the system: kept for this browser, put on <html data-theme> before the first paint.
const KEY = "stationmaster-theme";

const chosen = () => {
  try { return localStorage.getItem(KEY) ?? "system"; } catch { return "system"; } // storage may be forbidden
};

const show = (theme) => {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
};

const choose = (theme) => {
  try { localStorage.setItem(KEY, theme); } catch { /* holds for this page only */ }
  show(theme);
};

show(chosen());
document.addEventListener("DOMContentLoaded", () => {
  for (const group of document.querySelectorAll("[data-theme-switch]")) group.hidden = false;
  show(chosen());
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-theme-switch] button");
  if (button) choose(button.value);
});
addEventListener("storage", (event) => { if (event.key === KEY) show(chosen()); }); // chosen in another tab
