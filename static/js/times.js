// Keeps <time data-time> true: "ago" and "for" count on, "exact" and "clock" are put into the viewer's zone.
// Says the same as portal/pages/formats.py, so that nothing jumps when the script takes over.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const WITH_ZONE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

const length = (seconds) => {
  const [, unit, name] = STEPS.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name}`;
};

const ago = (at) => {
  const seconds = (Date.now() - at) / 1000;
  if (Math.abs(seconds) < 5) return "just now";
  return seconds > 0 ? `${length(seconds)} ago` : `in ${length(-seconds)}`;
};

const lasting = (at) => length(Math.max(0, (Date.now() - at) / 1000));

const WORDS = { ago, for: lasting, exact: (at) => EXACT.format(at), clock: (at) => CLOCK.format(at) };

const show = (element) => {
  const at = new Date(element.dateTime);
  const words = WORDS[element.dataset.time]?.(at);
  if (words === undefined || Number.isNaN(at.getTime())) return;
  // Writing only what differs: our own change is seen by the observer below as well.
  if (element.textContent !== words) element.textContent = words;
  const title = WITH_ZONE.format(at);
  if (element.title !== title) element.title = title;
};

const showAll = (root) => { for (const element of root.querySelectorAll("time[data-time]")) show(element); };

new MutationObserver((changes) => {
  for (const { target, addedNodes } of changes) {
    const time = (target.nodeType === Node.TEXT_NODE ? target.parentElement : target)?.closest?.("time[data-time]");
    if (time) show(time);
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) showAll(node.parentElement ?? node);
  }
}).observe(document.body, { subtree: true, childList: true, characterData: true, attributeFilter: ["datetime"] });

showAll(document);
setInterval(() => { for (const element of document.querySelectorAll('time:is([data-time="ago"], [data-time="for"])')) show(element); }, 1000);
