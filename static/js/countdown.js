// <span data-countdown="2026-11-22T05:02:00Z" data-countdown-over="…">: the time that is left, then the words for after.
const show = (element) => {
  const left = Math.ceil((new Date(element.dataset.countdown) - Date.now()) / 1000);
  const minutes = Math.ceil(left / 60);
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  const words = left > 0 ? `for another ${minutes} ${minutes === 1 ? "minute" : "minutes"} (${clock})` : element.dataset.countdownOver;
  if (element.textContent !== words) element.textContent = words;
  return left > 0;
};

for (const element of document.querySelectorAll("[data-countdown]")) {
  show(element);
  const timer = setInterval(() => { if (!show(element)) clearInterval(timer); }, 1000);
}
