// The log of a board: the newest sentence, and all that are kept, newest first, once it is opened.
import { fullTime, timeOfDay } from "./words.js";

const MARKS = { info: "", warning: "⚠ warning: ", error: "✕ error: ", alarm: "▲ " };

function item({ ts, severity, text }) {
  const line = document.createElement("li"), when = document.createElement("time"), words = document.createElement("span");
  when.textContent = timeOfDay(ts);
  when.dateTime = new Date(ts).toISOString();
  when.title = fullTime(ts);
  words.textContent = MARKS[severity] + text;
  line.dataset.severity = severity;
  line.append(when, words);
  return line;
}

export function showLog(details, { log }) {
  const newest = log.at(-1), count = `${newest?.number},${newest?.text}`;
  details.hidden = !newest;
  if (!newest) return;
  const list = details.querySelector("ol"), notice = details.querySelector(".notice");
  if (notice.textContent !== newest.text) notice.textContent = newest.text; // announced only when new
  details.querySelector("summary").dataset.severity = newest.severity;
  details.querySelector("summary time").textContent = timeOfDay(newest.ts);
  if (!details.open || list.dataset.shown === count) return;
  list.dataset.shown = count;
  list.replaceChildren(...log.map(item).reverse());
}
