// The kiosk's two dialogs: [data-opens] opens one by its id; a form with [data-closes] closes its own when it was taken.
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
// Nothing is open for ever at a bench: a new question, or the verdict, is what matters.
let screen = "";
document.addEventListener("htmx:ws:after:message:incoming", () => {
  const now = document.getElementById("op-centre")?.dataset.screen ?? "";
  const isNews = now !== screen && screen !== "";
  screen = now;
  if (isNews && ["identify", "prompt"].includes(now)) for (const one of document.querySelectorAll("dialog[open]")) one.close();
});
