// <input type="datetime-local" data-instant>: typed in the viewer's zone, sent in UTC. Without this script it is UTC.
const local = (at) => new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);

for (const field of document.querySelectorAll("input[data-instant]")) {
  const sent = Object.assign(document.createElement("input"), { type: "hidden", name: field.name });
  field.removeAttribute("name");
  field.after(sent);
  const take = () => { sent.value = field.value ? new Date(field.value).toISOString().replace(".000Z", "Z") : ""; };
  if (field.value) field.value = local(new Date(`${field.value}Z`));
  take();
  field.addEventListener("input", take); // before the form hears of it, which sends what stands here
}
for (const zone of document.querySelectorAll("[data-instant-zone]")) zone.textContent = "(your time)";
