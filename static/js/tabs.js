// <div data-tabs="label"><section data-tab="key" id aria-labelledby><h3 id>…: one section at a time, chosen by tabs made of the headings.
// Without this script all sections are shown. The tab of the system in front of the person is open at first.
const OF_SYSTEM = [["windows", /win/i], ["macos", /mac/i], ["linux", /./]];

const prepare = (box) => {
  const panels = [...box.querySelectorAll(":scope > [data-tab]")];
  const list = Object.assign(document.createElement("div"), { className: "tabs" });
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", box.dataset.tabs);
  const tabs = panels.map((panel) => {
    const heading = panel.querySelector("h3");
    const tab = Object.assign(document.createElement("button"), { type: "button", className: "tab", textContent: heading.textContent, id: `${panel.id}-tab` });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    heading.hidden = true; // its words are the tab's now
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    return tab;
  });
  const choose = (at) => {
    tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", String(place === at));
      tab.tabIndex = place === at ? 0 : -1;
      panels[place].hidden = place !== at;
    });
  };
  list.addEventListener("click", (event) => { if (tabs.includes(event.target)) choose(tabs.indexOf(event.target)); });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(event.target);
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const place = (next + tabs.length) % tabs.length;
    choose(place);
    tabs[place].focus();
  });
  list.append(...tabs);
  box.prepend(list);
  const [system] = OF_SYSTEM.find(([, pattern]) => pattern.test(navigator.platform || "linux"));
  choose(Math.max(0, panels.findIndex((panel) => panel.dataset.tab === system)));
};

for (const box of document.querySelectorAll("[data-tabs]")) prepare(box);
