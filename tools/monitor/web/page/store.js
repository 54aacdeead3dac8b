// The data of one board: samples, reconstruction and flags by frame; windows; totals.

const FRAMES = 1 << 17; // kept, as the server keeps them
const ENTRIES = 500, MOMENTS = 4096; // kept, of the log and of the clock

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;

export class Store {
  constructor(key) {
    this.key = key;
    this.board = null;
    this.source = null;
    this.threshold = NaN;
    this.calibration = this.wearer = null;
    this.notices = 0; // messages to the user, and the last one
    this.said = "";
    this.log = []; // {number, ts, severity, text}, ascending
    this.alarm = this.recalibrate = false;
    this.unseen = false; // an alarm was raised and not acknowledged
    this.raised = null; // the window that raised it
    this.paused = false;
    this.recording = false;
    this.ended = null;
    this.totals = null;
    this.counters = null;
    this.answers = true; // the board, as far as is known
    this.version = 0; // grows with all that is shown
    this.clear(0);
  }

  clear(frame) {
    this.base = this.next = this.oldest = frame; // base: the frame at index 0 of the arrays
    this.windows = []; // ascending
    this.reportedTo = frame; // one hop after the newest reported window
    this.ahead = []; // frames by which the samples were ahead of each of the last reports
    this.marks = [];
    this.lost = [];
    this.rejected = []; // windows that are not judged, ascending
    this.moments = []; // [frame, Unix milliseconds], ascending
    this.output = this.signal = null;
    this.flags = null;
  }

  get channels() { return this.board.channels; }
  // Whether the threshold in force is another than that of training.
  get adjusted() { return Math.abs(this.threshold / this.board.trained_threshold - 1) > 1e-6; }
  get noun() { return this.source?.channels.some((c) => /ecg/i.test(c)) ? "beat" : "window"; }
  // All heartbeats by their R, judged or not, from the newest back to frame `first`.
  beatsFrom(first) {
    const scored = this.windows.slice(Math.max(this.placeAt(first - this.board.window), 0));
    return [...scored, ...this.rejected].filter((w) => w.peak != null && w.peak >= first).sort((a, b) => a.peak - b.peak);
  }
  // RR intervals of the newest heartbeats, in frames; 0: unknown.
  get intervals() {
    const newest = Math.max(this.newest?.first_frame ?? 0, this.rejected[this.rejected.length - 1]?.first_frame ?? 0);
    return this.beatsFrom(newest - 20 * (this.board.rate_hz ?? 0)).map((w) => w.interval);
  }
  get newest() { return this.windows[this.windows.length - 1]; }

  // The end of a live trace: as far behind the samples as the reports are. So a flag is drawn with
  // its samples, and the trace goes on when no report comes.
  get end() { return this.ended ? this.next : this.next - Math.max(0, ...this.ahead); }
  reported(w) {
    this.reportedTo = Math.max(this.reportedTo, w.first_frame + this.board.window + this.board.hop);
    this.ahead.push(this.next - this.reportedTo);
    if (this.ahead.length > 8) this.ahead.shift();
  }
  // The past is complete: its reports came with all samples, and in another order.
  caughtUp() { this.ahead = this.board ? [this.next - this.reportedTo] : []; }

  take(event) {
    this.version++;
    switch (event.event) {
      case "started":
        this.clear(event.resume_frame);
        this.board = event.board;
        this.source = event.source;
        this.threshold = event.board.threshold;
        this.ended = null;
        this.alarm = this.recalibrate = false;
        break;
      case "samples": this.addSamples(event); break;
      case "samples_lost": this.passOver(event); break;
      case "clock": this.addMoments(event.moments); break;
      case "scored":
        this.addWindow(event);
        this.reported(event);
        break;
      case "counters": this.counters = event; break;
      case "threshold": this.threshold = event.value; break;
      case "calibration": this.calibration = event; break;
      case "wearer": this.wearer = event; break;
      case "alarm":
        this.alarm = event.on;
        if (event.on) { this.unseen = true; this.raised = event; }
        break;
      case "alarm_acknowledged": this.unseen = false; break;
      case "alarm_set": this.board.alarm = event.levels; break;
      case "drift": this.recalibrate = event.recalibrate; break;
      case "recording": this.recording = event.on; break;
      case "paused": this.paused = event.paused; break;
      case "marked": this.marks.push(event); break;
      case "not_judged":
        this.rejected.push(event);
        this.reported(event);
        break;
      case "lost": this.lost.push(event); break;
      case "restarted":
        if (event.frame < this.next) this.clear(event.frame);
        break;
      case "notice":
        this.notices++;
        this.said = event.text;
        this.answers = event.answers ?? this.answers;
        break;
      case "log": this.addEntry(event); break;
      case "ended": this.ended = event; break;
    }
  }

  // A sentence of the log; one whose number is known has grown.
  addEntry(entry) {
    while (this.log.at(-1)?.number >= entry.number) this.log.pop();
    this.log.push(entry);
    if (this.log.length > ENTRIES) this.log.shift();
  }

  // When frames arrived: the server's last moments replace those that they overlap.
  addMoments(moments) {
    while (moments.length && this.moments.at(-1)?.[0] >= moments[0][0]) this.moments.pop();
    this.moments.push(...moments);
    while (this.moments.length > MOMENTS) this.moments.shift();
  }

  // Unix milliseconds of a frame; null if they are not known.
  timeOf(frame) {
    const { moments } = this;
    let low = 0, high = moments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (moments[middle][0] < frame) low = middle + 1; else high = middle;
    }
    if (low === moments.length || (low === 0 && moments[0][0] !== frame)) return null;
    const [after, late] = moments[low];
    if (after === frame) return late;
    const [before, early] = moments[low - 1];
    return early + (late - early) * (frame - before) / (after - before);
  }

  // Why the newest window has no score; empty if it has one.
  unscored() {
    const scored = this.windows.at(-1)?.index ?? -1, rejected = this.rejected.at(-1), lost = this.lost.at(-1);
    const gone = lost ? lost.first + lost.count - 1 : -1;
    if (gone > Math.max(scored, rejected?.index ?? -1)) return `lost: ${lost.reason}`;
    return rejected?.index > scored ? `not judged: ${rejected.reason}` : "";
  }

  // Counts in physical units.
  unit(count, c) { return (count - this.source.offset[c]) / this.source.gain[c]; }

  // Make room for frames up to `stop`; drop frames older than FRAMES.
  reach(stop) {
    const n = this.channels;
    if (this.signal && stop - this.base <= this.flags.length) return;
    const from = Math.max(this.oldest, stop - FRAMES);
    const size = Math.min(Math.max(2 * (stop - from), 4096), 2 * FRAMES);
    const before = { signal: this.signal, output: this.output, flags: this.flags };
    this.signal = new Float32Array(size * n).fill(NaN);
    this.output = new Float32Array(size * n).fill(NaN);
    this.flags = new Uint8Array(size);
    if (before.signal) {
      const skip = from - this.base;
      this.signal.set(before.signal.subarray(skip * n));
      this.output.set(before.output.subarray(skip * n));
      this.flags.set(before.flags.subarray(skip));
    }
    this.base = this.oldest = from;
    const first = this.windows.findIndex((w) => w.first_frame >= from);
    if (first > 0) this.windows.splice(0, first);
    this.rejected = this.rejected.filter((w) => w.first_frame >= from);
    this.lost = this.lost.filter((w) => (w.first + w.count) * this.board.hop > from);
  }

  addSamples(event) {
    const counts = new Int16Array(bytes(event.counts)), n = this.channels;
    if (event.first_frame !== this.next) { // a jump: what lies before is no longer in one piece
      this.signal = null;
      this.base = this.oldest = this.next = event.first_frame;
    }
    const stop = event.first_frame + counts.length / n;
    this.reach(stop);
    const at = (event.first_frame - this.base) * n;
    for (let i = 0; i < counts.length; i++) this.signal[at + i] = this.unit(counts[i], i % n);
    this.next = stop;
  }

  // Frames without samples: a gap in the trace.
  passOver(event) {
    if (event.first_frame !== this.next) return; // what comes next jumps anyway
    const stop = event.first_frame + event.count;
    this.reach(stop);
    const n = this.channels, at = (event.first_frame - this.base) * n;
    this.signal.fill(NaN, Math.max(at, 0), (stop - this.base) * n);
    this.next = stop;
  }

  addWindow(event) {
    const n = this.channels;
    const w = { ...event, reconstruction: null };
    if (event.reconstruction) {
      const output = new Float32Array(bytes(event.reconstruction));
      for (let i = 0; i < output.length; i++) output[i] = this.unit(output[i], i % n);
      w.reconstruction = output;
    }
    this.windows.push(w);
    if (!this.signal || w.first_frame < this.base) return;
    const at = w.first_frame - this.base, stop = Math.min(at + this.board.window, this.flags.length);
    if (w.flag) this.flags.fill(1, at, stop);
    if (w.reconstruction) this.output.set(w.reconstruction.subarray(0, (stop - at) * n), at * n);
  }

  // Position in `windows` of the newest that begins at `frame` or before; -1 if none.
  placeAt(frame) {
    let low = 0, high = this.windows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.windows[middle].first_frame <= frame) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  // Samples of a window in physical units, Float32Array [window * channels]; null if dropped.
  samplesOf(w) {
    const n = this.channels, at = w.first_frame - this.base;
    if (!this.signal || w.first_frame < this.oldest) return null;
    if (w.first_frame + this.board.window > this.next) return null;
    return this.signal.subarray(at * n, (at + this.board.window) * n);
  }

  // The wearer's usual beat: the median of the last 32 beats before `w` that were not flagged, as
  // far as they are stored, moved to the mean of `w`. {values, beats}, or null for fewer than 4.
  usualBeat(w) {
    if (!this.board.cuts_beats) return null;
    const own = this.samplesOf(w), n = this.channels, beats = [];
    for (let i = this.placeAt(w.first_frame - 1); i >= 0 && beats.length < 32; i--) {
      const samples = this.windows[i].flag ? null : this.samplesOf(this.windows[i]);
      if (samples) beats.push(samples);
    }
    if (!own || beats.length < 4) return null;
    const means = (values) => Array.from({ length: n }, (_, c) => {
      let sum = 0;
      for (let i = c; i < values.length; i += n) sum += values[i];
      return sum * n / values.length;
    });
    const mean = means(own), shifts = beats.map(means);
    const values = own.map((_, i) => {
      const sorted = beats.map((b, k) => b[i] - shifts[k][i % n]).sort((a, b) => a - b);
      return mean[i % n] + sorted[sorted.length >> 1];
    });
    return { values, beats: beats.length };
  }
}
