// ECG paper: 25 mm per second and 10 mm per mV, with a line every millimetre, as clinical strips have.
// CSS takes a screen to have 96 pixels per inch. Another number per millimetre is kept by the browser.
import { colour } from "./plots.js";

const SPEED = 25, GAIN = 10; // mm per second, mm per mV
const CSS_PIXELS = 96 / 25.4; // per mm
const KEY = "pixels per mm";
const MILLIVOLTS = { mv: 1, uv: 1e-3, "µv": 1e-3, v: 1e3 };

export const pixels = () => Number(localStorage.getItem(KEY)) || CSS_PIXELS;
export function calibrate(value) {
  if (value > 1 && value < 40) localStorage.setItem(KEY, value); else localStorage.removeItem(KEY);
}

// Millivolts per unit of each channel; null unless all are voltages of heartbeats at a known rate.
export function millivolts({ board, source }) {
  if (!board?.cuts_beats || !board.rate_hz) return null;
  const each = source.units.map((unit) => MILLIVOLTS[unit.toLowerCase()]);
  return each.every(Boolean) ? each : null;
}

// Height of a channel, in whole large squares.
export const height = (channels) => (channels === 1 ? 45 : channels < 4 ? 30 : 20) * pixels();
// Frames that fit a width in pixels.
export const frames = (width, rate) => (width / pixels() / SPEED) * rate;

// The vertical range of a channel, `pixelsHigh` tall, that shows `low` to `high` in its unit: it begins
// at a large square, and moves only when the signal leaves it.
export function range(pixelsHigh, perUnit, low, high, before) {
  const tall = pixelsHigh / pixels() / GAIN / perUnit, square = 5 / GAIN / perUnit;
  if (before && low >= before[0] && high <= before[0] + tall) return [before[0], before[0] + tall];
  const bottom = Math.round(((low + high - tall) / 2) / square) * square;
  return [bottom, bottom + tall];
}

// The lines, at whole millimetres of time and of voltage; every fifth is darker.
export function grid(u, rate, perUnit) {
  const { ctx, bbox } = u, { x, y } = u.scales;
  if (x.min == null || y.min == null) return;
  const across = rate / SPEED, up = 1 / GAIN / perUnit;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = devicePixelRatio;
  for (const [every, name] of [[1, "grid-small"], [5, "grid-large"]]) {
    ctx.strokeStyle = colour(name);
    ctx.beginPath();
    for (let k = Math.ceil(x.min / across / every) * every; k * across <= x.max; k += every) {
      if (every === 1 && k % 5 === 0) continue;
      const at = Math.round(u.valToPos(k * across, "x", true)) + 0.5;
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
    }
    for (let k = Math.ceil(y.min / up / every) * every; k * up <= y.max; k += every) {
      if (every === 1 && k % 5 === 0) continue;
      const at = Math.round(u.valToPos(k * up, "y", true)) + 0.5;
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(bbox.left + bbox.width, at);
    }
    ctx.stroke();
  }
  ctx.restore();
}

export const WORDS = `${SPEED} mm/s · ${GAIN} mm/mV`;

// The calibration pulse of 1 mV and 0.2 s at the left edge.
export function pulse(u, perUnit) {
  const { ctx, bbox } = u, ratio = devicePixelRatio, mm = pixels() * ratio;
  const square = 5 / GAIN / perUnit, { min, max } = u.scales.y;
  if (min == null) return;
  const foot = Math.round((min + max) / 2 / square) * square - square;
  const y0 = u.valToPos(foot, "y", true), y1 = u.valToPos(foot + 1 / perUnit, "y", true), left = bbox.left + 1.5 * mm;
  ctx.save();
  ctx.fillStyle = colour("panel");
  ctx.globalAlpha = 0.75;
  ctx.fillRect(bbox.left, bbox.top, 8 * mm, bbox.height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour("ink");
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  for (const [x, y] of [[0, y0], [0, y1], [5, y1], [5, y0]]) ctx.lineTo(left + x * mm, y);
  ctx.stroke();
  ctx.restore();
}
