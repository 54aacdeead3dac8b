// One board on the page: description, trace, scores, flags, statistics and commands.
import * as paper from "./paper.js";
import { paintPast, level, scorePlot, traceData, tracePlot } from "./plots.js";
import { saveCsv, savePicture } from "./export.js";
import { showLog } from "./log.js";
import { pointing, scrolling } from "./navigate.js";
import { rangeWords, scoreWords, when } from "./readout.js";
import { showStatistics } from "./statistics.js";
import { ALARM_FORM, levelsProblem, number, verdict } from "./words.js";

const TRACE_HEIGHT = 210, SCORE_HEIGHT = 92, AXIS = 38;
const WINDOWS_IN_TRACE = 5, WINDOWS_IN_SCORES = 120, FLAGS_LISTED = 60;
const WORDS_MS = 200, PAST_MS = 150; // between two looks at what need not be painted in every frame
// Pixels of a trace within its axes and padding (plots.js), known before the chart is laid out.
const area = (u, last) => ({ width: u.width - 82, height: u.height - 8 - (last ? AXIS : 0) });
const STEP = 1.05; // of the threshold, a press

export class Card {
  constructor(store, ask, inspect) {
    this.store = store;
    this.inspect = (of, w) => inspect(of, w, this.ask);
    this.ask = (what, more) => ask({ key: store.key, ask: what, ...more });
    this.connected = true; // to the monitor's server
    this.view = null; // frames shown {first, stop} while scrolled back; null follows the stream
    this.span = 0; // frames shown while following
    this.onPaper = true; // draw voltages of heartbeats on ECG paper
    this.painted = -1;
    this.traces = [];
    this.wordsDue = this.pastDue = 0;
    this.later = null;
    this.listed = { last: -1, count: 0 };
    this.root = document.getElementById("card").content.cloneNode(true).firstElementChild;
    this.root.dataset.key = store.key;
    const find = (s) => this.root.querySelector(s);
    this.parts = {
      name: find("h2"), facts: find(".facts"), state: find(".state"), source: find(".source"),
      traces: find(".traces"), scores: find(".scores"), past: find(".past"), flags: find(".flags ol"),
      counts: find(".counts"), log: find(".log"), readout: find(".readout"), threshold: find(".threshold input"),
      levels: find(".levels"), alarm: find(".levels input"),
      live: find(".live"), pause: find("[data-ask=pause]"), record: find("[data-ask=record]"), calibrate: find("[data-ask=calibrate]"),
      commands: this.root.querySelectorAll("footer button, footer input"),
      zooms: this.root.querySelectorAll(".zoom button"), paper: find("[data-do=paper]"),
      ruler: find(".ruler"), pixels: find(".ruler input"),
    };
    this.root.addEventListener("click", (e) => this.clicked(e));
    this.parts.threshold.addEventListener("change", () => this.typed());
    this.parts.threshold.addEventListener("input", () => this.mark(this.parts.threshold, ""));
    this.parts.alarm.addEventListener("change", () => this.typedAlarm());
    this.parts.alarm.addEventListener("input", () => this.mark(this.parts.alarm, ""));
    this.parts.pixels.addEventListener("change", () => {
      paper.calibrate(Number(this.parts.pixels.value.replace(",", ".")));
      this.build();
      this.again();
    });
    this.parts.log.addEventListener("toggle", () => this.again());
    scrolling(this);
    addEventListener("theme", () => this.again());
    new ResizeObserver(() => this.resize()).observe(this.root);
    // A card that is scrolled out of sight keeps its words, and draws nothing.
    this.visible = true;
    new IntersectionObserver((entries) => { this.visible = entries.at(-1).isIntersecting; this.again(); }, { rootMargin: "200px" }).observe(this.root);
  }

  // A typed threshold: request it, or mark it as invalid; if empty, show the board's.
  typed() {
    const { threshold } = this.parts, text = threshold.value.trim().replace(",", ".");
    const value = Number(text), good = value >= 0 && Math.fround(value) < Infinity;
    this.mark(threshold, good ? "" : "The threshold must be a number, 0 or more");
    if (good && text) this.ask("threshold", { value });
    if (good) threshold.blur(); // what is shown from now on is what the board confirmed
    this.again();
  }

  // Typed levels of the alarm: request them, or mark them as invalid.
  typedAlarm() {
    const { alarm } = this.parts, levels = alarm.value.trim(), problem = levels ? levelsProblem(levels) : "";
    this.mark(alarm, problem);
    if (problem || !levels) return;
    this.ask("alarm", { levels });
    alarm.value = ""; // the statistics show what the board confirmed
    alarm.blur();
  }

  mark(input, problem) {
    input.setAttribute("aria-invalid", Boolean(problem));
    input.title = problem;
  }

  again() { this.painted = -1; }

  // Create the charts when the channels are known.
  build() {
    const { board } = this.store, n = board.channels;
    this.built = this.store.board;
    for (const u of [...this.traces, this.scores]) u?.destroy();
    this.millivolts = this.onPaper ? paper.millivolts(this.store) : null;
    this.span ||= Math.max(WINDOWS_IN_TRACE * (board.cuts_beats ? board.window : board.hop), board.window * 2);
    const each = this.millivolts ? Math.round(paper.height(n)) + 8 : Math.max(TRACE_HEIGHT / n, n < 7 ? 70 : 46);
    this.traces = Array.from({ length: n }, (_, c) =>
      tracePlot(this.parts.traces, this.store, c, each + (c === n - 1 ? AXIS : 0), c === n - 1, this.millivolts));
    this.scale = this.traces.map(() => [Infinity, -Infinity]);
    this.papers = []; // vertical ranges on paper
    this.traces.forEach((u, c) => pointing(this, u, c));
    this.scores = scorePlot(this.parts.scores, SCORE_HEIGHT, (index) => this.pick(index), (index) => this.hoverScore(index));
  }

  resize() {
    const width = this.parts.traces.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    for (const u of this.traces) u.setSize({ width, height: u.height });
    this.scores?.setSize({ width, height: this.scores.height });
    this.again();
  }

  inspectAt(frame) {
    const { windows, rejected, board } = this.store;
    const holds = (w) => w && w.first_frame <= frame && frame < w.first_frame + board.window;
    const w = [windows[this.store.placeAt(frame)], ...rejected].find(holds);
    if (w) this.inspect(this.store, w);
  }

  // Words of what the pointer is at; null: it is nowhere.
  read(words) {
    this.pointed = words;
    this.place();
  }
  hoverScore(index) {
    const { store } = this, w = store.windows.find((each) => each.index === index);
    this.read(w ? () => `${when(store, w.first_frame)} · ${scoreWords(w, store.noun)}` : null);
  }

  // Say what is shown: below the trace, and as the values of trace and strip.
  place() {
    const { store, parts } = this, { first, stop } = this.range();
    const shown = rangeWords(store, first, stop);
    parts.readout.textContent = this.pointed?.() ?? shown;
    for (const slider of [parts.traces, parts.past]) {
      slider.setAttribute("aria-valuemin", Math.round(store.oldest));
      slider.setAttribute("aria-valuemax", Math.round(Math.max(store.next, store.oldest)));
      slider.setAttribute("aria-valuenow", Math.round(Math.min(Math.max(first, store.oldest), store.next)));
      slider.setAttribute("aria-valuetext", this.view ? shown : `live, ${shown}`);
    }
  }

  range() {
    if (this.millivolts) this.span = paper.frames(area(this.traces[0]).width, this.store.board.rate_hz);
    if (this.view) return this.view;
    const stop = this.end ?? this.store.end;
    return { first: stop - this.span, stop };
  }

  show(first, span) {
    const { oldest, end } = this.store;
    if (first + span >= end) return this.follow();
    first = Math.max(first, Math.min(oldest, end - span));
    this.view = { first, stop: first + span };
    this.scale = this.traces.map(() => [Infinity, -Infinity]);
    this.again();
  }

  follow() {
    if (this.view) this.span = this.view.stop - this.view.first;
    this.view = null;
    this.again();
  }

  zoom(by, about) {
    const { first, stop } = this.range(), { board, oldest, next } = this.store;
    if (!board) return;
    this.leavePaper();
    const span = Math.min(Math.max((stop - first) * by, board.window / 4), Math.max(next - oldest, 2 * board.window));
    if (!this.view) { this.span = span; return this.again(); }
    about ??= (first + stop) / 2;
    this.show(about - (about - first) * span / (stop - first), span);
  }

  // Zooming leaves the paper, whose scales are fixed.
  leavePaper() {
    if (this.millivolts) this.setPaper(false);
  }
  setPaper(on) {
    this.onPaper = on;
    this.view = null;
    this.span = on ? 0 : this.span;
    this.build();
    this.again();
  }

  get title() { const { board, key } = this.store; return board?.name || (board && !board.emulated ? `${board.model} on ${key}` : board?.model ?? key); }

  pick(index) {
    const near = this.store.windows.find((w) => w.index === index);
    if (near) this.inspect(this.store, near);
  }

  clicked(e) {
    const button = e.target.closest("button"), { store } = this;
    if (!button) return;
    const threshold = (value) => this.ask("threshold", { value });
    switch (button.dataset.do ?? button.dataset.ask) {
      case "in": return this.zoom(1 / 1.4);
      case "out": return this.zoom(1.4);
      case "live": return this.follow();
      case "csv": return saveCsv(this);
      case "picture": return savePicture(this);
      case "paper": return this.setPaper(!this.millivolts);
      case "pause": return this.ask("pause", { paused: !store.paused });
      case "mark": return this.ask("mark", { text: "mark" });
      case "record": return this.ask("record", { on: !store.recording });
      case "reconnect": return this.ask("reconnect");
      case "reset": return this.ask("reset");
      case "renew": return this.ask("renew");
      case "raise": return threshold(store.threshold * STEP);
      case "lower": return threshold(store.threshold / STEP);
      case "calibrate": return this.ask("calibrate", { run: store.calibration?.state !== "running" });
      case "trained": return threshold(store.board.trained_threshold);
      case "flag": return this.pick(Number(button.dataset.index));
    }
  }

  // Called before every animation frame; returns whether anything was redrawn.
  paint() {
    const { store } = this;
    if (store.board && this.built !== store.board) this.build();
    const end = store.end;
    // Samples arrive in bursts; the trace moves smoothly and catches up in a quarter second.
    const gliding = !this.view && this.end !== undefined && end > this.end && end - this.end < 2 * this.span;
    this.end = gliding ? Math.min(end, this.end + Math.max((end - this.end) * 0.22, 0.25)) : end;
    if (store.version === this.painted && !gliding) return false;
    const now = performance.now(), again = this.painted < 0;
    this.painted = store.version;
    if (again || now > this.wordsDue) {
      this.words();
      this.wordsDue = now + WORDS_MS;
    } else if (this.wordsDue) this.later ??= setTimeout(() => { this.later = null; this.again(); }, WORDS_MS);
    if (!store.board || !this.visible) return true;
    this.drawTraces();
    const newest = store.newest?.index;
    if (again || newest !== this.drawn) {
      this.drawn = newest;
      this.drawScores();
      this.list();
    }
    if (again || now > this.pastDue) {
      const { first, stop } = this.range();
      paintPast(this.parts.past, store, first, stop);
      this.pastDue = now + PAST_MS;
    }
    return true;
  }

  drawTraces() {
    const { first, stop } = this.range();
    this.traces.forEach((u, c) => {
      const data = traceData(this.store, c, first, stop, u.width);
      // The scale widens at once and narrows slowly, so that it does not change with every beat.
      let low = Infinity, high = -Infinity;
      for (const values of data.slice(1)) {
        for (const v of values) if (v !== null) { if (v < low) low = v; if (v > high) high = v; }
      }
      if (low < Infinity) {
        const scale = this.scale[c], old = Number.isFinite(scale[0]);
        scale[0] = old && scale[0] < low ? scale[0] + 0.01 * (low - scale[0]) : low;
        scale[1] = old && scale[1] > high ? scale[1] + 0.01 * (high - scale[1]) : high;
      }
      if (this.millivolts) {
        if (low === Infinity) { low = 0; high = 0; }
        this.papers[c] = paper.range(area(u, c === this.traces.length - 1).height, this.millivolts[c], low, high, this.papers[c]);
        const [min, max] = this.papers[c];
        return u.batch(() => {
          u.setData(data, false);
          u.setScale("x", { min: first, max: stop });
          u.setScale("y", { min, max });
        });
      }
      const [bottom, top] = Number.isFinite(this.scale[c][0]) ? this.scale[c] : [0, 1];
      const room = (top - bottom || 1) * 0.08;
      u.batch(() => {
        u.setData(data, false);
        u.setScale("x", { min: first, max: stop });
        u.setScale("y", { min: bottom - room, max: top + 2.4 * room });
      });
    });
  }

  drawScores() {
    const { windows } = this.store;
    let last = windows.length;
    if (this.view) last = Math.min(last, this.store.placeAt(this.view.stop) + Math.ceil(WINDOWS_IN_SCORES / 2));
    const shown = windows.slice(Math.max(last - WINDOWS_IN_SCORES, 0), last);
    const newestOf = (list) => list[list.length - 1]?.index ?? 0;
    const newest = this.view ? newestOf(shown) : Math.max(newestOf(shown), newestOf(this.store.rejected));
    const oldest = newest - WINDOWS_IN_SCORES, kinds = new Map(shown.map((w) => [w.index, w.flag ? 2 : 1]));
    const levels = new Map(shown.map((w) => [w.index, level(w)]));
    const whole = (index, kind) => { if (index > oldest && index <= newest) { kinds.set(index, kind); levels.set(index, 1); } };
    for (const w of this.store.rejected) whole(w.index, 3);
    for (const { first, count } of this.store.lost) for (let i = Math.max(first, oldest); i < Math.min(first + count, newest + 1); i++) whole(i, 4);
    const indices = [...kinds.keys()].sort((a, b) => a - b);
    this.scores.batch(() => {
      this.scores.setData([indices, ...[1, 2, 3, 4].map((kind) => indices.map((i) => (kinds.get(i) === kind ? levels.get(i) : null)))], false);
      this.scores.setScale("x", { min: newest - WINDOWS_IN_SCORES + 0.5, max: newest + 0.6 });
    });
  }

  list() {
    const { store } = this, { flags } = this.parts, newest = store.newest;
    const last = newest ? newest.index : -1;
    if (last < this.listed.last || !newest) {
      flags.replaceChildren();
      this.listed.last = -1;
    }
    for (let i = Math.max(store.windows.length - 500, 0); i < store.windows.length; i++) {
      const w = store.windows[i];
      if (w.index <= this.listed.last || !w.flag) continue;
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.dataset.ask = "flag";
      button.dataset.index = w.index;
      button.title = `score ${number(w.score)}, threshold ${number(w.threshold)}; ${verdict(w) || "no label"}`;
      button.innerHTML = `<b>${w.index}</b> <span>${(w.score / w.threshold).toFixed(2)} ×</span>`;
      if (w.outcome === "false positive") button.classList.add("wrong");
      item.append(button);
      flags.prepend(item);
      if (flags.childElementCount > FLAGS_LISTED) flags.lastElementChild.remove();
    }
    this.listed.last = last;
  }

  words() {
    const { store, parts } = this, { board, source, totals: t, counters: c } = store;
    showLog(parts.log, store);
    const state = store.ended ? (store.ended.complete ? "complete" : "ended") : !this.connected ? "monitor lost" : !store.answers ? "away" : store.paused ? "paused" : store.unscored() || (board ? "live" : "waiting");
    parts.state.textContent = state;
    parts.state.dataset.state = state;
    for (const each of parts.commands) each.disabled = !board || store.ended !== null || !this.connected || document.body.classList.contains("viewer");
    for (const each of parts.zooms) each.disabled = !board;
    this.root.querySelector("[data-ask=reconnect]").hidden = state !== "away";
    if (!board) { parts.name.textContent = store.key; return; }
    parts.name.textContent = board.name ? `${board.name} · ${board.model}` : board.emulated ? board.model : `${board.model} on ${board.board}`;
    this.root.querySelector(".emulated").hidden = !board.emulated;
    this.root.querySelector(".simulated").hidden = !source.simulated;
    this.root.querySelector(".badge.recording").hidden = !store.recording || !this.connected;
    this.root.querySelector(".badge.alarm").hidden = !store.alarm;
    this.root.querySelector(".badge.recalibrate").hidden = !store.recalibrate;
    this.root.querySelector(".badge.adjusted").hidden = !store.adjusted;
    this.root.classList.toggle("alarmed", store.alarm);
    parts.facts.textContent = `${board.engine} · ${board.model_hash.slice(0, 8)} · golden ${board.golden_passed}/${board.golden_total} · ${board.port}`;
    parts.source.textContent = source.description;
    parts.paper.hidden = parts.ruler.hidden = !paper.millivolts(store);
    parts.paper.setAttribute("aria-pressed", Boolean(this.millivolts));
    if (document.activeElement !== parts.pixels) parts.pixels.value = paper.pixels().toFixed(2);
    parts.live.classList.toggle("on", !this.view);
    parts.live.textContent = this.view ? "back to live" : "live";
    parts.record.textContent = store.recording ? "Stop recording" : "Record";
    parts.pause.textContent = store.paused ? "Continue" : "Pause";
    if (document.activeElement !== parts.threshold && !parts.threshold.title) parts.threshold.value = number(store.threshold);
    parts.levels.hidden = !board.alarm;
    this.root.querySelector(".legend .made").parentElement.hidden = !board.reconstructs;
    if (!parts.alarm.title) parts.levels.title = ALARM_FORM;
    const { calibration: k } = store;
    parts.calibrate.disabled ||= !k;
    parts.calibrate.textContent = k?.state === "running" ? `stop ${k.taken}/${k.windows}` : "calibrate";
    this.root.querySelector("[data-ask=renew]").hidden = !store.wearer;
    showStatistics(parts.counts, store);
    this.place();
  }
}
