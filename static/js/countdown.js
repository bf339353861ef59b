// <span data-countdown="2026-11-22T05:02:00Z">: the time that is left. At its end [data-before-end] goes and
// [data-after-end] comes; one with data-words is filled only then, so that it is read out. The feed shows in [data-enrolled]
// that another machine than the one in [data-once-used] has used the token: then nothing is counted any more.
const all = (selector) => document.querySelectorAll(selector);

const words = (left) => {
  const minutes = Math.ceil(left / 60);
  return `for another ${minutes} ${minutes === 1 ? "minute" : "minutes"} (${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")})`;
};

const end = () => {
  for (const element of all("[data-before-end]")) element.hidden = true;
  for (const element of all("[data-after-end]")) {
    element.hidden = false;
    if (element.dataset.words) element.append(Object.assign(document.createElement("p"), { className: "notice notice--warning", textContent: element.dataset.words }));
  }
};

const isUsed = () => !document.querySelector("[data-once-used]").hidden;

const showUse = () => {
  const machine = document.querySelector("[data-enrolled]");
  const use = document.querySelector("[data-once-used]");
  if (!machine || machine.dataset.enrolled === use.dataset.onceUsed) return;
  const isOnline = "isOnline" in machine.dataset;
  use.querySelector("[data-used-by]").textContent = machine.dataset.hostname;
  use.hidden = false;
  for (const element of all("[data-until-used], [data-after-end]")) element.hidden = true;
  for (const element of all("[data-until-online]")) element.hidden = isOnline;
  for (const element of all("[data-once-online]")) element.hidden = !isOnline;
};

for (const element of all("[data-countdown]")) {
  const time = document.createElement("time"); // in place of the one that says until when: that stays in the tooltip
  time.dateTime = element.dataset.countdown;
  time.title = element.textContent;
  element.replaceChildren(time);
  const show = () => {
    const left = Math.ceil((new Date(time.dateTime) - Date.now()) / 1000);
    if (left > 0) time.textContent = words(left);
    else end();
    return left > 0;
  };
  if (show()) {
    const timer = setInterval(() => { if (isUsed() || !show()) clearInterval(timer); }, 1000);
    document.addEventListener("htmx:after:swap", showUse);
  }
}
