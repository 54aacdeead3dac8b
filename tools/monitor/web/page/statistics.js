// The statistics of a card: rows of name, value, whether it is bad, and a note.
import { heartRate, percent, perHour, rateWords, thresholdSource, wearerFacts, whole } from "./words.js";

const row = (name, value, bad = false, note = "") => ({ name, value, bad, note });

// What each figure means.
const MEANINGS = {
  flagged: "Windows whose score is above the threshold",
  "not judged": "Windows that the quality gate rejected, such as a flat or clipped signal, or from which a wearer is learned: neither normal nor abnormal",
  alarms: "How often the alarm over windows was raised, and per hour of the stream",
  lost: "Windows without a score because samples or reports are missing",
  "heart rate, RR": "Median of the last eight intervals between two R",
  wearer: "The board's knowledge of the person who wears it",
  precision: "Share of the flagged windows that are labelled abnormal",
  recall: "Share of the windows labelled abnormal that are flagged",
  "false alarms": "Share of the windows labelled normal that are flagged",
  "mean time": "Processor time of the board for a window: features, model and score",
  "sample rate": "Rate of the board's clock, measured with this computer's",
  "threshold from": "Source of the threshold in force",
  frames: "Messages that this computer sent and received on the link",
  "link, both ends": "Frames that arrived damaged or did not arrive; those that were sent again or came twice cost no data",
};

// Frames of both ends of the link. Frames that were sent again are no fault: nothing is lost by them.
function linkRow(c) {
  const both = (name) => c[name] + c[`board_${name}`], corrupt = both("corrupt"), missing = both("missing");
  const again = `${whole(both("resent"))} resent · ${whole(both("repeated"))} repeated`;
  return corrupt + missing > 0
    ? row("link, both ends", `${whole(corrupt)} corrupt · ${whole(missing)} missing`, true, again)
    : row("link, both ends", "healthy", false, again);
}

export function statistics(store) {
  const { board, totals: t, counters, calibration: k, wearer, noun } = store;
  const rows = [row(`${noun}s`, whole(t?.windows ?? 0)), row("flagged", whole(t?.flagged ?? 0))];
  rows.push(row("not judged", whole(t?.not_judged ?? 0), t?.not_judged > 0));
  if (board.alarm) rows.push(row("alarms", whole(t?.alarms ?? 0) + perHour(t?.alarms, store.next, board.rate_hz), store.alarm, board.alarm));
  rows.push(row("lost", whole(t?.lost ?? 0), t?.lost > 0));
  const heart = heartRate(store.intervals, board.rate_hz);
  if (heart) rows.push(row("heart rate, RR", `${Math.round(heart.rate)} /min · ${Math.round(heart.interval)} ms`));
  if (wearer) rows.push(row("wearer", ...wearerFacts(wearer)));
  if (t?.labelled) rows.push(row("precision", percent(t.precision)), row("recall", percent(t.recall)), row("false alarms", percent(t.false_alarm_rate)));
  if (t?.mean_microseconds != null) rows.push(row("mean time", `${Math.round(t.mean_microseconds)} µs`, false, board.emulated ? "emulated" : ""));
  if (t?.sample_rate_hz) rows.push(row("sample rate", ...rateWords(t.sample_rate_hz, board.rate_hz)));
  if (k) rows.push(row("threshold from", thresholdSource(k), false, k.state === "other_model" ? "the board's calibration is of another model, ignored" : k.state === "not_kept" ? "until a reset" : ""));
  if (counters) rows.push(row("frames", `${whole(counters.sent)} sent · ${whole(counters.received)} received`), linkRow(counters));
  return rows;
}

export function showStatistics(list, store) {
  list.replaceChildren(...statistics(store).map(({ name, value, bad, note }) => {
    const entry = document.createElement("div"), term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    entry.title = MEANINGS[name] ?? "Windows with a score";
    text.textContent = value;
    text.classList.toggle("bad", bad);
    if (note) {
      const small = document.createElement("small");
      small.textContent = ` ${note}`;
      text.append(small);
    }
    entry.append(term, text);
    return entry;
  }));
}
