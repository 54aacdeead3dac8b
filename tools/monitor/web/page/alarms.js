// The bar of alarms above the cards, the tab's title, and sound and notifications on request.
import { moment, timeOfDay } from "./words.js";

const TONE_HZ = 880, TONE_S = 0.6;
const bar = document.getElementById("alarms");
const told = new Map(); // board key to the window of the last alarm that was announced
let audio = null, shown = "";

const pressed = (id) => document.getElementById(id).getAttribute("aria-pressed") === "true";

function press(id, on, text) {
  const button = document.getElementById(id);
  button.setAttribute("aria-pressed", on);
  button.textContent = text;
}

// A browser plays sound and shows notifications only after the user has asked for it.
document.getElementById("sound").addEventListener("click", () => {
  audio ??= new AudioContext();
  press("sound", !pressed("sound"), pressed("sound") ? "sound off" : "sound on");
  if (pressed("sound")) tone();
});
document.getElementById("notify").addEventListener("click", async () => {
  if (pressed("notify")) return press("notify", false, "notify off");
  const granted = globalThis.Notification && (await Notification.requestPermission()) === "granted";
  press("notify", granted, granted ? "notify on" : "notify blocked");
});

function tone() {
  const oscillator = audio.createOscillator(), gain = audio.createGain(), now = audio.currentTime;
  oscillator.frequency.value = TONE_HZ;
  gain.gain.setValueAtTime(0.2, now);
  gain.gain.exponentialRampToValueAtTime(0.001, now + TONE_S);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(now);
  oscillator.stop(now + TONE_S);
}

function announce(card) {
  if (pressed("sound")) tone();
  if (pressed("notify")) new Notification(`${card.title}: ALARM`, { body: since(card.store), tag: card.store.key });
}

function since(store) {
  const { raised, board, noun } = store, ts = store.timeOf(raised.first_frame);
  return `raised by ${noun} ${raised.index}, at ${moment(raised.first_frame, board?.rate_hz)}${ts === null ? "" : ` (${timeOfDay(ts)})`}`;
}

function button(text, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.dataset.ask = text;
  element.textContent = text;
  element.addEventListener("click", act);
  return element;
}

// Show the alarms that are on, and those that were and are not acknowledged.
export function showAlarms(cards) {
  const on = cards.filter(({ store }) => store.alarm), listed = cards.filter(({ store }) => store.alarm || store.unseen);
  for (const { store } of cards) if (!store.alarm) told.delete(store.key);
  for (const card of on) {
    const { key, raised } = card.store;
    if (card.store.unseen && told.get(key) !== raised.index) {
      told.set(key, raised.index);
      announce(card);
    }
  }
  document.title = !listed.length ? "Vigil monitor"
    : !on.length ? "alarm was on – Vigil monitor"
    : cards.length > 1 ? `${on.length} of ${cards.length} boards: ALARM` : `ALARM: ${on[0].title}`;
  const now = listed.map(({ store: s }) => [s.key, s.alarm, s.unseen, s.raised.index]).join();
  if (now === shown) return;
  shown = now;
  bar.hidden = !listed.length;
  bar.replaceChildren(...listed.map((card) => {
    const { store } = card, entry = document.createElement("div"), text = document.createElement("span");
    text.textContent = `${card.title}: ${store.alarm ? "ALARM" : "alarm was on, cleared"}, ${since(store)}`;
    entry.append(text, button("show", () => card.pick(store.raised.index)));
    if (store.unseen) entry.append(button("acknowledge", () => card.ask("acknowledge")));
    return entry;
  }));
}
