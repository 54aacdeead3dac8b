// The inspector: signal and reconstruction of one window, and their difference.
/* global uPlot */
import { axis, base, channel, colour, DASHED, FONT, steps, valueAxis } from "./plots.js";
import { showEpisode } from "./episode.js";
import { fullTime, moment, number, verdict } from "./words.js";

const PART = 0.5; // of the squared difference, whose shortest stretch is shown
const dialog = document.getElementById("inspector");
const find = (s) => dialog.querySelector(s);
let store = null, shown = null, ask = null, plots = [];

// Squared difference of each frame, summed over the channels, as a share of the window's total.
export function shares(samples, output, channels) {
  const result = new Float64Array(samples.length / channels);
  for (let i = 0; i < samples.length; i++) result[Math.floor(i / channels)] += (samples[i] - output[i]) ** 2;
  const total = result.reduce((a, b) => a + b, 0);
  return total > 0 ? result.map((v) => v / total) : result;
}

// The shortest interval [first, stop) with the share PART of the total.
export function stretch(share) {
  let best = [0, share.length], sum = 0, first = 0;
  for (let stop = 1; stop <= share.length; stop++) {
    sum += share[stop - 1];
    while (sum - share[first] >= PART) sum -= share[first++];
    if (sum >= PART && stop - first < best[1] - best[0]) best = [first, stop];
  }
  return best;
}

export function inspect(of, w, asking) {
  store = of;
  shown = w;
  ask = asking;
  find(".answer").textContent = "";
  if (!dialog.open) dialog.showModal();
  draw();
}

function draw() {
  for (const u of plots) u.destroy();
  plots = [];
  const w = shown, samples = store.samplesOf(w), output = w.reconstruction, n = store.channels;
  find("h2").textContent = `${store.noun[0].toUpperCase()}${store.noun.slice(1)} ${w.index}`;
  const judged = w.score != null, rate = store.board.rate_hz ?? store.source.rate_hz;
  find(".badge").textContent = !judged ? "not judged" : w.flag ? "anomaly" : "normal";
  dialog.dataset.flag = Boolean(w.flag);
  const at = moment(w.first_frame, rate);
  const normal = find("[data-go=normal]");
  normal.hidden = !w.flag;
  normal.disabled = store.ended !== null || document.body.classList.contains("viewer");
  find(".facts").textContent = [
    ...(judged ? [`score ${number(w.score)}`, `threshold ${number(w.threshold)}`, `${(w.score / w.threshold).toFixed(2)} ×`] : [`the gate says: ${w.reason}`]),
    w.interval && rate && `RR ${Math.round(1000 * w.interval / rate)} ms`,
    store.source.rate_hz ? `at ${at}` : `frame ${at}`, store.timeOf(w.first_frame) !== null && fullTime(store.timeOf(w.first_frame)), verdict(w),
  ].filter(Boolean).join(" · ");
  showEpisode(find(".episode"), store, w, (other) => inspect(store, other, ask));
  const charts = find(".plots"), where = find(".where"), usual = store.usualBeat(w);
  find(".usual").hidden = !usual;
  if (usual) find(".usual b").textContent = usual.beats;
  find(".made").parentElement.hidden = !output;
  if (!samples) {
    where.textContent = "Its samples are no longer stored.";
    return;
  }
  const share = output && shares(samples, output, n), [first, stop] = share ? stretch(share) : [0, 0];
  const length = samples.length / n, x = Array.from({ length }, (_, i) => i);
  const label = (v) => (rate ? moment(v, rate, 1) : v);
  const timed = (c) => !output && c === n - 1; // else the chart below has the times
  for (let c = 0; c < n; c++) {
    const pick = (values) => x.map((i) => values[i * n + c]), height = Math.max(230 / n, 80);
    plots.push(new uPlot({
      ...base(charts.clientWidth, height),
      padding: [10, 30, 4, 0],
      scales: { x: { time: false }, y: {} },
      series: [
        {},
        { stroke: () => colour("third"), width: 2.5, dash: DASHED, points: { show: false } },
        { stroke: () => colour("ink"), width: 1.4, dash: [5, 4], points: { show: false } },
        { stroke: () => colour(w.flag ? "abnormal" : "normal"), width: 1.8, points: { show: false } },
      ],
      axes: [
        axis({ size: timed(c) ? 24 : 4, space: 80, incrs: steps(rate), values: (u, splits) => splits.map((v) => (timed(c) ? label(v) : "")) }),
        valueAxis(72, height),
      ],
      hooks: { drawClear: output ? [(u) => wash(u, first, stop - 1), between] : [], draw: [(u) => channel(u, store.source, c, null)] },
    }, [x, output ? pick(output) : x.map(() => null), usual ? pick(usual.values) : x.map(() => null), pick(samples)], charts));
  }
  if (!share) {
    where.textContent = !judged ? "" : store.board.reconstructs ? "Its reconstruction is no longer stored."
      : "The model sees features of these samples (level, amplitude, shape, spectrum), not the samples. " +
        "It reconstructs the features, so there is no signal to compare with.";
    return;
  }
  plots.push(new uPlot({
    ...base(charts.clientWidth, 120),
    scales: { x: { time: false }, y: { range: (u, low, high) => [0, high * 1.08 || 1] } },
    series: [{}, {
      stroke: () => colour(w.flag ? "abnormal" : "normal"), fill: () => colour(w.flag ? "abnormal-wash" : "normal-wash"),
      width: 1.4, points: { show: false },
    }],
    axes: [
      axis({ size: 24, space: 80, incrs: steps(rate), values: (u, splits) => splits.map(label) }),
      axis({ size: 56, space: 28, values: (u, splits) => splits.map((v) => `${+(100 * v).toFixed(1)} %`), label: "share", labelSize: 16, labelFont: FONT, labelGap: 0 }),
    ],
    hooks: { drawClear: [(u) => wash(u, first, stop - 1)] },
  }, [x, share], charts));
  const span = rate ? `${moment(first, rate, 1)} to ${moment(stop, rate, 1)}` : `${first} to ${stop - 1}`;
  where.textContent = `Half of the squared difference lies in ${stop - first} of ${length} samples (${span}). ` +
    "The lower chart shows each sample's share.";
}

function wash(u, first, last) {
  const { ctx, bbox } = u, left = u.valToPos(first - 0.5, "x", true), right = u.valToPos(last + 0.5, "x", true);
  ctx.save();
  ctx.fillStyle = colour("room");
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.restore();
}

// The difference as a filled area.
function between(u) {
  const { ctx } = u, [x, output, , samples] = u.data;
  const point = (values, i) => ctx.lineTo(u.valToPos(x[i], "x", true), u.valToPos(values[i], "y", true));
  ctx.save();
  ctx.fillStyle = colour("third-wash");
  ctx.beginPath();
  for (let i = 0; i < x.length; i++) point(output, i);
  for (let i = x.length - 1; i >= 0; i--) point(samples, i);
  ctx.fill();
  ctx.restore();
}

function go(step) {
  const at = shown.score == null ? store.placeAt(shown.first_frame) : store.windows.indexOf(shown), by = step.startsWith("-") ? -1 : 1;
  let to = at + by;
  if (step.endsWith("flag")) while (store.windows[to] && !store.windows[to].flag) to += by;
  if (store.windows[to]) inspect(store, store.windows[to], ask);
}

// Ask the board to accept the window, and show its answer.
function accept() {
  const of = store, w = shown, before = of.notices;
  ask("accept", { window: w.index });
  find(".answer").textContent = "asked the board";
  const wait = setInterval(() => {
    if (of.notices === before && dialog.open && shown === w) return;
    clearInterval(wait);
    if (of.notices !== before && shown === w) find(".answer").textContent = of.said;
  }, 100);
}

dialog.addEventListener("click", (e) => {
  const step = e.target.closest("button")?.dataset.go;
  if (step === "close" || e.target === dialog) dialog.close();
  else if (step === "normal") accept();
  else if (step) go(step);
});
dialog.addEventListener("keydown", (e) => {
  const by = { ArrowLeft: "-", ArrowRight: "+" }[e.key];
  if (!by) return;
  e.preventDefault();
  go(by + (e.shiftKey ? "flag" : "1"));
});
addEventListener("theme", () => { if (dialog.open) draw(); });
addEventListener("resize", () => { if (dialog.open) draw(); });
