// <input type="file" data-max-bytes data-too-large>: says so before a large file is on its way, and does not send it.
const check = (input) => {
  const isTooLarge = [...input.files].some((file) => file.size > Number(input.dataset.maxBytes));
  const error = document.getElementById(`${input.id}-error`);
  error.textContent = isTooLarge ? input.dataset.tooLarge : "";
  error.hidden = !isTooLarge;
  input.toggleAttribute("aria-invalid", isTooLarge);
  return !isTooLarge;
};

document.addEventListener("change", (event) => { if (event.target.dataset?.maxBytes) check(event.target); });
document.addEventListener("submit", (event) => {
  const input = event.target.querySelector("[data-max-bytes]");
  if (input && !check(input)) event.preventDefault();
});
