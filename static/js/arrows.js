// One tab stop for a row of links ([data-arrows]): the arrow keys, Home and End go from one to the next.
const links = (row) => [...row.querySelectorAll("a")].filter((link) => link.offsetParent !== null);
const current = (row) => row.querySelector("a[tabindex='0']");

const prepare = (row) => {
  const all = links(row);
  const chosen = all.find((link) => link.hasAttribute("aria-current")) ?? (all.includes(current(row)) ? current(row) : all.at(-1));
  for (const link of row.querySelectorAll("a")) link.tabIndex = link === chosen ? 0 : -1;
};

const prepareAll = () => document.querySelectorAll("[data-arrows]").forEach(prepare);

document.addEventListener("keydown", (event) => {
  const row = event.target.closest?.("[data-arrows]");
  if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = links(row);
  const at = all.indexOf(event.target.closest("a"));
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
  if (next === undefined || !all[next]) return;
  event.preventDefault();
  current(row)?.setAttribute("tabindex", "-1");
  all[next].tabIndex = 0;
  all[next].focus();
});

document.addEventListener("htmx:after:swap", prepareAll);
prepareAll();
