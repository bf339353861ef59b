// Rows of a form that come and go: [data-rows] holds them and a <template> of one. Without scripts one empty row is there.
const show = (scope) => {
  for (const button of scope.querySelectorAll("[data-row-add], [data-row-remove]")) button.hidden = false;
};

const add = (rows) => {
  const template = rows.querySelector("template");
  const made = template.content.cloneNode(true);
  show(made);
  template.before(made);
  return template.previousElementSibling;
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-row-add], [data-row-remove]");
  if (button?.dataset.rowAdd) {
    add(document.getElementById(button.dataset.rowAdd)).querySelector("input").focus();
  } else if (button) {
    button.closest("[data-row]").remove();
    document.getElementById(button.dataset.rowRemove).focus();
  }
});
show(document);
