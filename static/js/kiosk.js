// The kiosk's two dialogs: [data-opens] opens one by its id; a form with [data-closes] closes its own when it was taken.
// Nothing else closes them: the rest of a badge that is being scanned would land in the screen beneath.
document.addEventListener("click", (event) => {
  const { opens } = event.target.closest?.("[data-opens]")?.dataset ?? {};
  if (opens) document.getElementById(opens).showModal();
});
document.addEventListener("htmx:after:request", (event) => {
  const form = event.target.closest?.("form[data-closes]");
  if (!form || event.detail?.ctx?.response?.status !== 204) return;
  form.reset();
  form.closest("dialog").close();
});
// Back to the bench: its default is what Enter means.
document.addEventListener("close", (event) => {
  if (event.target.matches?.(".op-dialog")) document.querySelector("#op-centre [autofocus]")?.focus();
}, true);
