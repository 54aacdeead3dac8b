// The charts of a card, drawn by uPlot: the trace, the scores, and the strip of all stored data.
/* global uPlot */
import * as paper from "./paper.js";
import { moment, timeOfDay } from "./words.js";

const colours = new Map(); // asked for in every frame, so kept until the theme changes
addEventListener("theme", () => colours.clear());

export function colour(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  }
  return colours.get(name);
}

const FORCED = matchMedia("(forced-colors: active)"); // there, a grid has the colour of a line
export const DASHED = FORCED.matches ? [4, 3] : []; // a reconstruction, where colours are few

// The axis of a chart's values. A low chart has two labels: the outermost multiples of a round step.
const LOW = 90; // pixels
export function valueAxis(size, height) {
  return axis(height >= LOW ? { size, space: 34 } : { size, splits: (u, i, min, max) => outermost(min, max), values: (u, splits) => splits.map((v) => `${+v.toPrecision(6)}`) });
}

function outermost(min, max) {
  const half = (max - min) / 2, power = 10 ** Math.floor(Math.log10(half));
  const step = power * [5, 2, 1].find((n) => n * power <= half);
  const low = Math.ceil(min / step) * step, high = Math.floor(max / step) * step;
  return low < high ? [low, high] : [low];
}

export const FAMILY = 'Inter, ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
export const FONT = `11px ${FAMILY}`;
const PIXELS_A_POINT = 0.5; // more points than two a pixel are drawn as their lowest and highest

export function axis(options) {
  return {
    font: FONT, stroke: () => colour("faint"), ticks: { show: false }, gap: 4,
    grid: { stroke: () => colour("line"), width: 1, dash: FORCED.matches ? [1, 5] : [] }, ...options,
  };
}

export const base = (width, height) => ({
  width, height, legend: { show: false }, padding: [8, 30, 0, 0],
  cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
});

// Signal, flagged signal and reconstruction of frames first to stop - 1 of channel c for uPlot.
// Null is a gap. Adjacent segments of different colours share a point, so that the lines join.
export function traceData(store, c, first, stop, width) {
  const n = store.channels;
  const from = Math.max(Math.floor(first), store.oldest), to = Math.min(Math.ceil(stop), store.next);
  const x = [], signal = [], flagged = [], output = [];
  if (!store.signal || to <= from) return [x, output, signal, flagged];
  const bin = Math.max(1, Math.floor((to - from) * PIXELS_A_POINT / Math.max(width, 1)));
  let before = -1;
  const put = (frame, value, guess, flag) => {
    if (before >= 0 && flag !== before) (flag ? flagged : signal)[x.length - 1] = (flag ? signal : flagged)[x.length - 1];
    before = flag;
    x.push(frame);
    signal.push(flag ? null : value);
    flagged.push(flag ? value : null);
    output.push(Number.isNaN(guess) ? null : guess);
  };
  for (let frame = from - (from % bin); frame < to; frame += bin) {
    if (bin === 1) {
      const at = frame - store.base;
      if (at >= 0) put(frame, store.signal[at * n + c], store.output[at * n + c], store.flags[at]);
      continue;
    }
    let low = Infinity, high = -Infinity, lowAt = 0, highAt = 0, gl = NaN, gh = NaN, flag = 0;
    for (let f = Math.max(frame, from); f < Math.min(frame + bin, to); f++) {
      const at = f - store.base, v = store.signal[at * n + c], g = store.output[at * n + c];
      if (v < low) { low = v; lowAt = f; gl = g; }
      if (v > high) { high = v; highAt = f; gh = g; }
      flag |= store.flags[at];
    }
    if (low === Infinity) continue;
    if (lowAt === highAt) put(lowAt, low, gl, flag);
    else if (lowAt < highAt) { put(lowAt, low, gl, flag); put(highAt, high, gh, flag); }
    else { put(highAt, high, gh, flag); put(lowAt, low, gl, flag); }
  }
  return [x, output, signal, flagged];
}

const line = (name, width) => ({ stroke: () => colour(name), width, points: { show: false }, spanGaps: false });

// The step of the axis labels: round seconds if there is a sample rate, else round frames.
const SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600];
export const steps = (rate) => (rate ? SECONDS.map((s) => s * rate) : undefined);

// The label of a tick: stream time, and below it the time of day.
function tick(store, frame, rate, step) {
  const ts = store.timeOf(frame);
  return ts === null ? moment(frame, rate, step) : `${moment(frame, rate, step)}\n${timeOfDay(ts)}`;
}

// `millivolts` per unit of each channel: the trace lies on ECG paper; null: on a plain grid.
export function tracePlot(parent, store, c, height, last, millivolts) {
  const rate = store.board.rate_hz ?? store.source.rate_hz;
  const options = {
    ...base(parent.clientWidth, height),
    scales: { x: { time: false, auto: false }, y: { auto: false } },
    series: [{}, { ...line("third", 2), dash: DASHED }, line("normal", 1.5), line("abnormal", 1.7)],
    axes: [
      axis({ size: last ? 38 : 0, space: 90, incrs: steps(rate), values: (u, splits, i, space, step) => splits.map((v) => (last ? tick(store, v, rate, step) : "")) }),
      valueAxis(52, height),
    ],
    hooks: {
      drawClear: [(u) => washes(u, store)],
      draw: [(u) => notes(u, store, c === 0, title(store.source, c, millivolts)), (u) => peaks(u, store, rate, c === 0), (u) => channel(u, store.source, c, millivolts)],
    },
  };
  if (millivolts) {
    for (const each of options.axes) each.grid = { show: false };
    options.hooks.drawClear.push((u) => paper.grid(u, rate, millivolts[c]));
    options.hooks.draw.unshift((u) => paper.pulse(u, millivolts[c]));
  }
  return new uPlot(options, [[], [], [], []], parent);
}

function title(source, c, millivolts) {
  const name = source.units[c] ? `${source.channels[c]} (${source.units[c]})` : source.channels[c];
  return millivolts && c === 0 ? `${name} · ${paper.WORDS}` : name;
}

// Name and unit of a channel, in the upper left corner.
export function channel(u, source, c, millivolts) {
  corner(u, title(source, c, millivolts), millivolts ? 1.5 * paper.pixels() : 5);
}

function corner(u, text, from) {
  const { ctx, bbox } = u, ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `600 ${11 * ratio}px ${FAMILY}`;
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  ctx.fillStyle = colour("panel");
  ctx.globalAlpha = 0.8;
  const at = bbox.left + from * ratio;
  ctx.fillRect(at - 2 * ratio, bbox.top + ratio, ctx.measureText(text).width + 4 * ratio, 14 * ratio);
  ctx.globalAlpha = 1;
  ctx.fillStyle = colour("soft");
  ctx.fillText(text, at, bbox.top + 3 * ratio);
  ctx.restore();
}

// All visible flagged windows, with their left and right edge on the canvas.
function flagged(u, store, each) {
  const { min, max } = u.scales.x, { window } = store.board;
  if (min == null) return;
  for (let i = Math.max(store.placeAt(min - window), 0); i < store.windows.length; i++) {
    const w = store.windows[i];
    if (w.first_frame >= max) break;
    if (w.flag && w.first_frame + window > min) {
      each(w, u.valToPos(w.first_frame, "x", true), u.valToPos(w.first_frame + window, "x", true));
    }
  }
}

function clipped(u, draw) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx, bbox, devicePixelRatio);
  ctx.restore();
}

// Diagonal lines, which tell lost from not judged in grey too.
function hatch(ctx, left, right, { top, height }) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, right - left, height);
  ctx.clip();
  ctx.strokeStyle = colour("third");
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (let x = left - height; x < right; x += 7 * devicePixelRatio) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.restore();
}

// Flagged windows, those that are not judged and those that are lost, as a background of the trace.
function washes(u, store) {
  const { min, max } = u.scales.x, { window, hop } = store.board;
  clipped(u, (ctx, bbox) => {
    ctx.fillStyle = colour("third-wash");
    for (const { first, count } of store.lost) {
      if (min == null || first * hop >= max || (first + count) * hop <= min) continue;
      const left = u.valToPos(first * hop, "x", true), right = u.valToPos((first + count) * hop, "x", true);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      hatch(ctx, left, right, bbox);
    }
    ctx.fillStyle = colour("platform");
    ctx.globalAlpha = 0.3;
    let drawn = bbox.left; // windows that overlap are drawn once
    for (const w of store.rejected) {
      if (min == null || w.first_frame >= max || w.first_frame + window <= min) continue;
      const left = Math.max(u.valToPos(w.first_frame, "x", true), drawn), right = u.valToPos(w.first_frame + window, "x", true);
      if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
      drawn = Math.max(drawn, right);
    }
    ctx.globalAlpha = 0.45;
    ctx.fillStyle = colour("abnormal-wash");
    flagged(u, store, (w, left, right) => ctx.fillRect(left, bbox.top, right - left, bbox.height));
  });
}

// Their indices above it, where they fit; marks as dotted lines.
function notes(u, store, numbered, title) {
  clipped(u, (ctx, bbox, ratio) => {
    ctx.font = `600 ${11 * ratio}px ${FAMILY}`;
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    ctx.fillStyle = colour("abnormal");
    let free = bbox.left + ctx.measureText(title).width + 14 * ratio;
    if (numbered) {
      flagged(u, store, (w, left, right) => {
        const text = `▲ ${w.index}`, at = Math.max(left, bbox.left) + 5 * ratio, stop = at + ctx.measureText(text).width;
        if (at < free || stop > right) return;
        ctx.fillText(text, at, bbox.top + 4 * ratio);
        free = stop + 4 * ratio;
      });
    }
    ctx.strokeStyle = colour("third");
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    for (const mark of store.marks) {
      const x = u.valToPos(mark.frame, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
  });
}

// R of each heartbeat as a tick at the bottom, with the RR interval in milliseconds where it fits.
function peaks(u, store, rate, numbered) {
  const { min, max } = u.scales.x;
  if (min == null) return;
  clipped(u, (ctx, bbox, ratio) => {
    const bottom = bbox.top + bbox.height;
    ctx.font = `500 ${10 * ratio}px ${FAMILY}`;
    ctx.textBaseline = "bottom";
    ctx.textAlign = "center";
    let free = -Infinity;
    for (const w of store.beatsFrom(min)) {
      if (w.peak > max) break;
      const x = u.valToPos(w.peak, "x", true);
      ctx.fillStyle = colour(w.flag ? "abnormal" : w.score == null ? "faint" : "third");
      ctx.fillRect(x - ratio, bottom - 7 * ratio, 2 * ratio, 7 * ratio);
      if (!numbered || !w.interval || !rate) continue;
      const text = `${Math.round(1000 * w.interval / rate)}`, half = ctx.measureText(text).width / 2;
      if (x - half < free) continue;
      ctx.fillText(text, x, bottom - 9 * ratio);
      free = x + half + 6 * ratio;
    }
  });
}

// log10(score / threshold), limited to one decade on either side; 0 is the threshold.
export const level = (w) => {
  if (!(w.score > 0)) return -1;
  if (!(w.threshold > 0)) return 1;
  return Math.min(Math.max(Math.log10(w.score / w.threshold), -1), 1);
};

export function scorePlot(parent, height, pick, hover) {
  const bars = (name) => ({
    fill: () => colour(name), stroke: () => colour(name), width: 0, points: { show: false },
    paths: uPlot.paths.bars({ size: [0.72, 14, 1] }), fillTo: -1.1,
  });
  const options = {
    ...base(parent.clientWidth, height),
    scales: { x: { time: false, auto: false }, y: { range: [-1.1, 1.1] } },
    series: [{}, bars("normal"), bars("abnormal"), bars("platform"), bars("third")],
    axes: [
      axis({ size: 22, space: 70, grid: { show: false }, values: (u, splits) => splits.map((v) => (v < 0 ? "" : v)), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] }),
      axis({ size: 52, splits: () => [-1, 0, 1], values: () => ["÷ 10", "1", "× 10"], grid: { show: false } }),
    ],
    hooks: { draw: [thresholdLine, (u) => corner(u, "score ÷ threshold, log scale", 5)] },
  };
  const plot = new uPlot(options, [[], [], [], [], []], parent);
  plot.over.addEventListener("pointermove", (e) => hover(Math.round(plot.posToVal(e.offsetX, "x"))));
  plot.over.addEventListener("pointerleave", () => hover(null));
  plot.over.addEventListener("click", (e) => pick(Math.round(plot.posToVal(e.offsetX, "x"))));
  return plot;
}

function thresholdLine(u) {
  const { ctx, bbox } = u, y = Math.round(u.valToPos(0, "y", true)) + 0.5;
  ctx.save();
  ctx.strokeStyle = colour("ink");
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

// All stored data in one strip: the height is the highest score of a pixel, the colour whether any
// window was flagged, and the frame the visible range of the trace.
export function paintPast(canvas, store, first, stop) {
  const ratio = devicePixelRatio, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const ctx = canvas.getContext("2d"), span = Math.max(store.next - store.oldest, 1);
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  const x = (frame) => ((frame - store.oldest) / span) * width;
  const high = new Float32Array(width).fill(-2), any = new Uint8Array(width);
  const wide = Math.max(1, Math.floor(x(store.oldest + store.board.hop)) - 1);
  for (const w of store.windows) {
    const at = Math.floor(x(w.first_frame));
    for (let i = Math.max(at, 0); i < Math.min(at + wide, width); i++) {
      high[i] = Math.max(high[i], level(w));
      any[i] |= w.flag;
    }
  }
  ctx.fillStyle = colour("third"); // lost: full height
  for (const { first, count } of store.lost) {
    const from = Math.floor(x(first * store.board.hop)), to = Math.ceil(x((first + count) * store.board.hop));
    if (to > 0) ctx.fillRect(from, 2, Math.max(to - from, 1), height - 4);
  }
  ctx.fillStyle = colour("platform"); // not judged: grey, full height
  for (const w of store.rejected) ctx.fillRect(Math.floor(x(w.first_frame)), 2, wide, height - 4);
  for (const [flag, name] of [[0, "normal"], [1, "abnormal"]]) {
    ctx.fillStyle = colour(name);
    for (let i = 0; i < width; i++) {
      if (high[i] < -1 || any[i] !== flag) continue;
      const h = 2 + (height - 6) * (high[i] + 1) / 2;
      ctx.fillRect(i, height - 2 - h, 1, h);
    }
  }
  const left = Math.max(x(first), 0), right = Math.max(Math.min(x(stop), width), left + 6);
  ctx.globalAlpha = 0.55;
  ctx.fillStyle = colour("panel");
  ctx.fillRect(0, 0, left, height);
  ctx.fillRect(right, 0, width - right, height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour("ink");
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.roundRect(left + 0.75, 0.75, Math.max(right - left - 1.5, 4), height - 1.5, 3);
  ctx.stroke();
}
