// <details data-open-where="(width >= 64rem)">: open where the window is so, folded in elsewhere.
for (const fold of document.querySelectorAll("details[data-open-where]")) {
  const window_is = matchMedia(fold.dataset.openWhere);
  const follow = () => { fold.open = window_is.matches; };
  window_is.addEventListener("change", follow);
  follow();
}
