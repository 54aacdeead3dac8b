// Numbers, times and outcomes as text, by the same rules as in the terminal view.

export function number(value) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-3 && size < 1000) ? value.toPrecision(4) : value.toExponential(1);
}

export const percent = (value) => (value == null ? "–" : `${(100 * value).toFixed(2)} %`);
export const whole = (value) => value.toLocaleString("en-US").replaceAll(",", "\u202f");

// A frame as a time if there is a sample rate, else as its index.
export function moment(frame, rate, step = Infinity) {
  if (!rate) return whole(Math.round(frame));
  const seconds = frame / rate, digits = step / rate < 0.1 ? 2 : step / rate < 1 ? 1 : 0;
  const sign = seconds < 0 ? "−" : "", t = Number(Math.abs(seconds).toFixed(digits));
  if (t < 60) return `${sign}${t.toFixed(digits)} s`;
  const rest = (t % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return `${sign}${Math.floor(t / 60)}:${rest}`;
}

export const two = (n) => String(n).padStart(2, "0");

// The time of day of Unix milliseconds, where this browser is; with the date if that is not today's.
export function timeOfDay(ts) {
  const at = new Date(ts), time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === new Date().toDateString() ? time : `${day(at)} ${time}`;
}
const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
export function fullTime(ts) {
  const at = new Date(ts), time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day(at)} ${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

// A board's sample rate as this computer's clock measures it: text, whether it is bad, and a note.
export function rateWords(hz, nominal) {
  const ppm = 1e6 * (hz / nominal - 1);
  return [`${hz.toPrecision(6)} Hz`, Math.abs(ppm) > 20000, `${ppm < 0 ? "−" : "+"}${whole(Math.round(Math.abs(ppm)))} ppm of ${+nominal.toPrecision(6)} Hz`];
}

// A count as a rate of the stream's own time, once that is long enough to tell.
export function perHour(count, frames, rate) {
  const hours = rate ? frames / rate / 3600 : 0;
  return hours > 0.1 ? ` · ${((count ?? 0) / hours).toFixed(1)} per hour` : "";
}

// Where the threshold in force comes from.
export function thresholdSource(c) {
  switch (c.source) {
    case "bundle": return "bundle";
    case "build": return "image (vigil build --threshold)";
    case "host": return "set here";
    default: return c.state === "running" ? "board's calibration"
      : `board's calibration · ${whole(c.windows)} window${c.windows === 1 ? "" : "s"} · ${+(100 * c.rate).toPrecision(3)} %${c.set_aside ? ` · ${c.set_aside} set aside` : ""}`;
  }
}

// What a board knows about its wearer: text, whether it is bad, and a note.
export function wearerFacts(w) {
  if (!w.learned) {
    const why = w.refused ? "too few of the beats before resembled one another: check the electrodes" : "";
    return [`learning · ${whole(w.beats)} of ${whole(w.learn)} beats`, w.refused, why];
  }
  const rate = w.per_minute == null ? "" : ` · ${Math.round(w.per_minute)} /min`;
  const kept = { kept: "kept across restarts", saving: "saving", failed: "the board cannot keep it" }[w.memory] ?? "";
  return [`${w.forms} form${w.forms === 1 ? "" : "s"}${w.accepted ? ` · ${w.accepted} accepted` : ""}${rate}`, w.memory === "failed", kept];
}

export function verdict(w) {
  switch (w.outcome) {
    case "true positive": return "label: abnormal ✓";
    case "true negative": return "label: normal ✓";
    case "false positive": return "label: normal ✗ false alarm";
    case "false negative": return "label: abnormal ✗ missed";
    default: return "";
  }
}

// Beats per minute and RR in milliseconds: the median of the last eight known intervals, or null.
export function heartRate(intervals, rate) {
  const known = intervals.filter((n) => n > 0).slice(-8).sort((a, b) => a - b);
  if (!known.length || !rate) return null;
  const seconds = (known[(known.length - 1) >> 1] + known[known.length >> 1]) / 2 / rate;
  return { rate: 60 / seconds, interval: 1000 * seconds };
}

export const ALARM_FORM = "mean:N:LEVEL[:CLEAR] (times the threshold) or count:N:K[:CLEAR], such as mean:8:0.9 or count:5:3";

// What is wrong with levels of the alarm, as the server reads them; empty if nothing is.
export function levelsProblem(text) {
  const [kind, windows, ...levels] = text.split(":"), [high, low] = levels.map(Number);
  if (!/^(mean|count):\d+:/.test(text) || levels.length > 2 || !(high > 0 && high < Infinity)) return `Write ${ALARM_FORM}`;
  if (kind === "count" && high % 1) return `Write ${ALARM_FORM}`;
  if (windows < 1 || windows > 32) return "An alarm looks at 1 to 32 windows";
  if (kind === "count" && high > windows) return `Of ${windows} windows, ${high} cannot be flagged`;
  if (levels.length === 2 && !(levels[1].trim() && low >= 0 && low <= high)) return "The alarm must clear at 0 or more, and not above the level that raises it";
  return "";
}
