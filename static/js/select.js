// Ticks of a table: [data-select-all] ticks all of its form, [data-select-none] none, [data-selected] says how many are
// ticked. They stay over a change by a button [data-keeps-ticks]: what was linked may have to be given to a team as well.
const KEPT = "kept-ticks";
const ticks = (form) => [...form.querySelectorAll("tbody input[type=checkbox]")];

const show = (form) => {
  const all = form.querySelector("[data-select-all]");
  const words = form.querySelector("[data-selected]");
  const count = ticks(form).filter((tick) => tick.checked).length;
  all.hidden = false;
  form.querySelector("[data-select-none]").hidden = false;
  all.checked = count > 0 && count === ticks(form).length;
  all.indeterminate = count > 0 && !all.checked;
  words.textContent = count ? `${count} selected` : "";
};

const showAll = () => { for (const all of document.querySelectorAll("[data-select-all]")) show(all.form); };

document.addEventListener("change", (event) => {
  const box = event.target.closest?.("input[type=checkbox]");
  if (!box?.form?.querySelector("[data-select-all]")) return;
  if (box.matches("[data-select-all]")) for (const tick of ticks(box.form)) tick.checked = box.checked;
  show(box.form);
});
document.addEventListener("click", (event) => {
  const form = event.target.closest?.("[data-select-none]")?.form;
  if (!form) return;
  for (const tick of ticks(form)) tick.checked = false;
  show(form);
  form.querySelector("[data-select-all]").focus();
});
document.addEventListener("submit", (event) => {
  if (!event.submitter?.matches("[data-keeps-ticks]")) return;
  sessionStorage.setItem(KEPT, JSON.stringify(ticks(event.target).filter((tick) => tick.checked).map((tick) => tick.id)));
});
for (const id of JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")) {
  const tick = document.getElementById(id);
  if (tick) tick.checked = true;
}
sessionStorage.removeItem(KEPT);
document.addEventListener("htmx:after:swap", showAll);
window.addEventListener("pageshow", showAll); // a browser that goes back keeps the ticks
showAll();
