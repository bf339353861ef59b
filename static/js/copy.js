// <button data-copy="id">: copies the text of that element, and says so in words.
const ready = () => { for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false; };

const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain HTTP on a local network has no clipboard interface: select, and let the browser's own command copy.
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not allowed");
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const words = button.querySelector("[data-copy-words]");
  const status = button.nextElementSibling; // read out; the button itself keeps its name, which says what it copies
  try {
    await copy(document.getElementById(button.dataset.copy).textContent);
    words.textContent = "Copied";
  } catch {
    words.textContent = "Select it and copy by hand";
  }
  status.textContent = words.textContent;
  setTimeout(() => { words.textContent = "Copy"; status.textContent = ""; }, 2000);
});
ready();
