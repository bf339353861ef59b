// A <dialog> opens when htmx puts something into it; [data-dialog-close] in it closes it, and is a link elsewhere.
document.addEventListener("htmx:after:swap", () => {
  const dialog = [...document.querySelectorAll("dialog.dialog:not([open])")].find((one) => one.childElementCount);
  dialog?.showModal();
});
document.addEventListener("click", (event) => {
  const dialog = event.target.closest?.("[data-dialog-close]")?.closest("dialog");
  if (!dialog) return;
  event.preventDefault();
  dialog.close();
});
document.addEventListener("close", (event) => { if (event.target.matches?.("dialog.dialog")) event.target.replaceChildren(); }, true);
