// The feed of all stations on a page that shows some of them: drops what is not shown here, and says when it is cut off.
document.addEventListener("htmx:ws:before:message:incoming", (event) => {
  let target;
  try { ({ target } = JSON.parse(event.detail.message.data)); } catch { return; } // not an envelope of ours
  if (target && !document.querySelector(target)) event.preventDefault();
});

const say = (words) => { for (const state of document.querySelectorAll("[data-feed-state]")) state.textContent = words; };
let timer;

const SIGNED_OUT = 4401;
const RIGHTS_CHANGED = 4403;
document.addEventListener("htmx:ws:close", (event) => {
  if (event.detail.code === RIGHTS_CHANGED) {
    location.reload(); // shows what one may see now
    return;
  }
  if (event.detail.code === SIGNED_OUT) {
    say("You are signed out: nothing new is shown here.");
    return;
  }
  // A short cut is mended before anybody needs to know of it; tries that fail in the meantime begin no new wait.
  timer ??= setTimeout(() => say("Live updates are cut off: what is shown may be old. Trying again …"), 3000);
});
// The state of what is shown comes with each connection; a list that was exchanged since asks for its own anew.
let isFirst = true;
document.addEventListener("htmx:ws:after:connection", () => {
  clearTimeout(timer);
  timer = undefined;
  say("");
  if (!isFirst) document.body.dispatchEvent(new CustomEvent("feed-resumed"));
  isFirst = false;
});
