// Ticks of a table: [data-select-all] ticks all of its form, [data-selected] says how many are ticked.
const ticks = (form) => [...form.querySelectorAll("tbody input[type=checkbox]")];

const show = (form) => {
  const all = form.querySelector("[data-select-all]");
  const words = form.querySelector("[data-selected]");
  const count = ticks(form).filter((tick) => tick.checked).length;
  all.hidden = false;
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
document.addEventListener("htmx:after:swap", showAll);
window.addEventListener("pageshow", showAll); // a browser that goes back keeps the ticks
showAll();
