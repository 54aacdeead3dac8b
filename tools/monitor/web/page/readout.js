// The line below the trace: what is under the pointer, or else the time of what is shown.
import { fullTime, moment, number, timeOfDay, verdict } from "./words.js";

const digits = (value) => (Math.abs(value) >= 1000 ? Math.round(value).toString() : +value.toPrecision(4) + "");

// Stream time of a frame, and the time of day at which it arrived.
export function when(store, frame) {
  const rate = store.board.rate_hz ?? store.source.rate_hz, ts = store.timeOf(frame);
  const inStream = rate ? moment(frame, rate, 1) : `frame ${Math.round(frame)}`;
  return ts === null ? inStream : `${fullTime(ts)} (${inStream})`;
}

export function scoreWords(w, noun) {
  const name = `${noun} ${w.index}`;
  if (w.score == null) return `${name} not judged: ${w.reason}`;
  const ratio = w.threshold > 0 ? ` = ${(w.score / w.threshold).toFixed(2)} × threshold` : "";
  return [`${name} ${w.flag ? "▲ ANOMALY" : "normal"}`, `score ${number(w.score)}${ratio}`, verdict(w)].filter(Boolean).join(", ");
}

// What channel c shows at a frame, and what the board says of its window.
export function frameWords(store, frame, c) {
  const { source, board } = store, at = Math.round(frame), index = at - store.base;
  const words = [when(store, at)];
  if (at >= store.oldest && at < store.next && store.signal) {
    const value = store.signal[index * store.channels + c], made = store.output[index * store.channels + c];
    const unit = source.units[c] ? ` ${source.units[c]}` : "";
    words.push(Number.isNaN(value) ? `${source.channels[c]}: no sample` : `${source.channels[c]} ${digits(value)}${unit}`);
    if (!Number.isNaN(made)) words.push(`reconstruction ${digits(made)}${unit}`);
  }
  const holds = (w) => w && w.first_frame <= at && at < w.first_frame + board.window;
  const w = [store.windows[store.placeAt(at)], ...store.rejected].find(holds);
  if (w) words.push(scoreWords(w, store.noun));
  const gone = store.lost.find(({ first, count }) => first * board.hop <= at && at < (first + count) * board.hop);
  if (gone) words.push(`lost: ${gone.reason}`);
  return words.join(" · ");
}

// The times of the frames that are shown, and how many windows of them are flagged.
export function rangeWords(store, first, stop) {
  const from = Math.max(Math.round(first), store.oldest), to = Math.max(Math.min(Math.round(stop), store.next), from);
  const ts = store.timeOf(to), end = ts === null ? moment(to, store.board.rate_hz) : timeOfDay(ts);
  let flagged = 0;
  for (let i = Math.max(store.placeAt(from), 0); store.windows[i]?.first_frame < to; i++) flagged += store.windows[i].flag;
  return `${when(store, from)} to ${end}${flagged ? `, ${flagged} flagged` : ""}`;
}
