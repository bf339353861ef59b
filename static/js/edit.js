// A heading that can be edited in its place: the button shows the field, Enter saves, Escape puts back what was there.
const parts = (edit) => ["open", "form"].map((name) => edit.querySelector(`[data-edit-${name}]`));

const turn = (edit, isOpen) => {
  const [open, form] = parts(edit);
  open.hidden = isOpen;
  form.hidden = !isOpen;
  const input = form.querySelector("input:not([type=hidden])");
  if (isOpen) {
    input.select();
  } else {
    input.value = input.dataset.editOriginal;
    open.focus();
  }
};

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-edit-open], [data-edit-cancel]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  turn(link.closest("[data-edit]"), link.hasAttribute("data-edit-open"));
});

document.addEventListener("keydown", (event) => {
  const form = event.key === "Escape" && event.target.closest?.("[data-edit-form]");
  if (form) turn(form.closest("[data-edit]"), false);
});
