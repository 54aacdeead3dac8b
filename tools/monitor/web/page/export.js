// Saves what a card shows: samples and scores as CSV, the charts as a picture.
import { colour, FAMILY } from "./plots.js";
import { rangeWords } from "./readout.js";
import { two } from "./words.js";

const MARGIN = 14, LINE = 18; // pixels

// A cell of a CSV file. A spreadsheet takes text that begins with one of these for a formula.
function cell(text) {
  const plain = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

// The frames first to stop - 1: a row for each, with the window that begins there.
export function csvOf(store, first, stop) {
  const { source, board } = store, n = store.channels;
  const from = Math.max(Math.ceil(first), store.oldest), to = Math.min(Math.ceil(stop), store.next);
  const names = source.channels.map((name, c) => (source.units[c] ? `${name} [${source.units[c]}]` : name));
  const rows = [["frame", "time", ...names.map(cell), "window", "score", "threshold", "result"].join(",")];
  const windows = new Map();
  for (const w of [...store.windows, ...store.rejected]) windows.set(w.first_frame, w);
  for (const { first: lost, count, reason } of store.lost) {
    for (let i = lost; i < lost + count; i++) if (i * board.hop >= from && i * board.hop < to) windows.set(i * board.hop, { index: i, lost: reason });
  }
  for (let frame = from; frame < to; frame++) {
    const ts = store.timeOf(frame), w = windows.get(frame), at = (frame - store.base) * n;
    const values = names.map((_, c) => { const v = store.signal[at + c]; return Number.isNaN(v) ? "" : +v.toPrecision(7); });
    const result = !w ? "" : w.lost ? `lost: ${w.lost}` : w.score == null ? `not judged: ${w.reason}` : w.flag ? "anomaly" : "normal";
    rows.push([frame, ts === null ? "" : new Date(ts).toISOString(), ...values, w?.index ?? "", w?.score ?? "", w?.threshold ?? "", cell(result)].join(","));
  }
  return `${rows.join("\n")}\n`;
}

// The charts as they stand on the page, below the card's name, description and times.
function picture(card) {
  const { parts, store } = card, ratio = devicePixelRatio, { first, stop } = card.range();
  const charts = [...card.root.querySelectorAll(".traces canvas, .scores canvas, .past")];
  const left = Math.min(...charts.map((c) => c.getBoundingClientRect().left));
  const width = Math.max(...charts.map((c) => c.getBoundingClientRect().right)) - left + 2 * MARGIN;
  const heights = charts.map((c) => c.getBoundingClientRect().height);
  const head = MARGIN + 3 * LINE;
  const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d");
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round((head + heights.reduce((a, b) => a + b + 6, 0) + LINE + MARGIN) * ratio);
  ctx.scale(ratio, ratio);
  ctx.fillStyle = colour("panel");
  ctx.fillRect(0, 0, width, canvas.height);
  const small = `12px ${FAMILY}`;
  const write = (text, x, y, name, font) => { ctx.font = font; ctx.fillStyle = colour(name); ctx.fillText(text, x, y, width - x - MARGIN); };
  write(`${card.title} · ${parts.state.textContent} · threshold ${parts.threshold.value}`, MARGIN, MARGIN + 8, "ink", `600 ${small}`);
  write(store.source.description, MARGIN, MARGIN + 8 + LINE, "soft", small);
  write(rangeWords(store, first, stop), MARGIN, MARGIN + 8 + 2 * LINE, "soft", small);
  let y = head;
  charts.forEach((chart, i) => {
    const box = chart.getBoundingClientRect();
    ctx.drawImage(chart, box.left - left + MARGIN, y, box.width, box.height);
    y += heights[i] + 6;
  });
  let x = MARGIN;
  for (const [name, text] of [["normal", "signal"], ["abnormal", "flagged"], ["third", "reconstruction, lost"], ["platform", "not judged"]]) {
    ctx.fillStyle = colour(name);
    ctx.fillRect(x, y + 6, 14, 4);
    write(text, x + 19, y + 12, "soft", small);
    x += 19 + ctx.measureText(text).width + 16;
  }
  return canvas;
}

function download(blob, card, suffix) {
  const link = document.createElement("a"), at = new Date();
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`, time = `${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
  link.download = `${card.title.replace(/[^A-Za-z0-9_]+/g, "-").replace(/^-|-$/g, "")}-${day}-${time}.${suffix}`;
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function saveCsv(card) {
  const { first, stop } = card.range();
  download(new Blob([csvOf(card.store, first, stop)], { type: "text/csv" }), card, "csv");
}

export function savePicture(card) {
  picture(card).toBlob((blob) => download(blob, card, "png"));
}
