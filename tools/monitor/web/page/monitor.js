// The page: one WebSocket, one card per board, and one loop that draws.
import { showAlarms } from "./alarms.js";
import { Card } from "./card.js";
import { inspect } from "./inspector.js";
import { Store } from "./store.js";

const PAINT_MS = 1000 / 30;
const EARLY_MS = 4; // a screen's frame may come this much before its time
const RETRY_MS = 1000;
// Without a message, of which the server sends at least one per second.
const SILENT_MS = 5000, GONE_MS = 300000;
const WRONG_TOKEN = 4001; // as in server.py

const cards = new Map();
const connection = document.getElementById("connection");
let socket = null, live = false, heard = 0;

function online(connected) {
  live = connected;
  for (const each of cards.values()) { each.connected = connected; each.again(); }
}

function hear() {
  heard = performance.now();
  if (live) return;
  say("connected", "live");
  online(true);
}

// A network that fails ends no connection: the page would show its last state as live.
function watch() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  const silent = performance.now() - heard;
  if (silent > GONE_MS) socket.close();
  else if (live && silent > SILENT_MS) {
    say("the monitor is silent", "ended");
    online(false);
  }
}

function ask(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function card(key) {
  if (!cards.has(key)) {
    const card = new Card(new Store(key), ask, inspect);
    cards.set(key, card);
    document.getElementById("boards").append(card.root);
    document.getElementById("empty").hidden = true;
    document.body.classList.toggle("several", cards.size > 1);
  }
  return cards.get(key);
}

function take({ type, boards, role }) {
  if (type === "role") { document.body.classList.toggle("viewer", role === "viewer"); return; }
  for (const { key, events, totals } of boards) {
    const { store } = card(key);
    if (type === "past") store.clear(0);
    for (const event of events) store.take(event);
    if (type === "past") store.caughtUp();
    store.totals = totals;
    store.version++;
    if (store.board) document.getElementById("title").textContent = store.board.model;
  }
}

function say(text, state) {
  connection.textContent = text;
  connection.dataset.state = state;
}

function connect() {
  const { host, search } = location;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${host}/stream${search}`);
  socket.addEventListener("open", hear);
  socket.addEventListener("message", (e) => { hear(); take(JSON.parse(e.data)); });
  socket.addEventListener("close", ({ code }) => {
    online(false);
    if (code === WRONG_TOKEN) {
      return say("this page belongs to an earlier run: open the address that the monitor printed", "ended");
    }
    say("connection to the monitor lost; reconnecting", "ended");
    setTimeout(connect, RETRY_MS);
  });
}

// Number of redraws and their milliseconds, for measurements: data-painted and data-spent of the
// root element.
let painted = 0, spent = 0, due = 0;
function loop(now) {
  requestAnimationFrame(loop);
  if (now < due - EARLY_MS) return;
  due = Math.max(due, now - PAINT_MS) + PAINT_MS; // one that was late does not delay the next
  const began = performance.now();
  let any = false;
  for (const each of cards.values()) any = each.paint() || any;
  if (!any) return;
  showAlarms([...cards.values()]);
  const { dataset } = document.documentElement;
  dataset.painted = ++painted;
  dataset.spent = (spent += performance.now() - began).toFixed(1);
}

connect();
setInterval(watch, 1000);
requestAnimationFrame(loop);
