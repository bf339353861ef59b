// The times of a week: Monday's are copied to the other working days; while they do not count, no half of one is in the way.
const pairs = (day) => [...document.querySelectorAll(`#pairs-${day} > [data-row]`)];
const times = (row) => [...row.querySelectorAll("input")];

const copyMonday = () => {
  const monday = pairs("mon").map((row) => times(row).map((input) => input.value)).filter((pair) => pair.some(Boolean));
  for (const day of ["tue", "wed", "thu", "fri"]) {
    for (const row of pairs(day)) row.remove();
    for (const pair of [...monday, ["", ""]]) {
      document.getElementById(`add-${day}`).click(); // rows.js makes the row
      times(pairs(day).at(-1)).forEach((input, side) => { input.value = pair[side]; });
    }
  }
};

const chosen = () => {
  const isAlways = document.querySelector("[name=expected][value=always]").checked;
  for (const input of document.querySelectorAll(".shifts input")) input.disabled = isAlways;
};

const button = document.querySelector("[data-copy-day]");
button.hidden = false;
button.addEventListener("click", () => {
  copyMonday();
  button.focus();
});
document.addEventListener("change", (event) => { if (event.target.name === "expected") chosen(); });
chosen();
