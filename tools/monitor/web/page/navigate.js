// Moves through the data of a card: pointer and keys on the traces and on the strip of all data.
import { frameWords } from "./readout.js";

// A click opens the window in the inspector; dragging pans; the wheel zooms at the pointer.
export function pointing(card, u, c) {
  let from = null;
  const over = u.over;
  const frame = (e) => u.posToVal(e.clientX - over.getBoundingClientRect().left, "x");
  over.addEventListener("pointerdown", (e) => {
    const { first, stop } = card.range();
    from = { x: e.clientX, first, stop, moved: false };
    over.setPointerCapture(e.pointerId);
  });
  over.addEventListener("pointerleave", () => card.read(null));
  over.addEventListener("pointermove", (e) => {
    card.read(() => frameWords(card.store, frame(e), c));
    if (!from) return;
    const by = e.clientX - from.x;
    if (Math.abs(by) > 4) from.moved = true;
    if (from.moved) card.show(from.first - by * (from.stop - from.first) / over.clientWidth, from.stop - from.first);
  });
  over.addEventListener("pointerup", (e) => {
    const clicked = from && !from.moved;
    from = null;
    if (!clicked) return;
    card.inspectAt(frame(e));
  });
  over.addEventListener("wheel", (e) => {
    e.preventDefault();
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
      const { first, stop } = card.range();
      card.show(first + e.deltaX * (stop - first) / over.clientWidth, stop - first);
    } else card.zoom(1.0015 ** e.deltaY, frame(e));
  }, { passive: false });
}

// The strip of all data: drag. Strip and trace: keys.
export function scrolling(card) {
  const { past, traces } = card.parts;
  const to = (e) => {
    const { left, width } = past.getBoundingClientRect(), { first, stop } = card.range();
    const middle = card.store.oldest + (e.clientX - left) / width * (card.store.next - card.store.oldest);
    card.show(middle - (stop - first) / 2, stop - first);
  };
  past.addEventListener("pointerdown", (e) => { past.setPointerCapture(e.pointerId); to(e); });
  past.addEventListener("pointermove", (e) => { if (e.buttons) to(e); });
  const keys = (e) => {
    if (!card.store.board) return;
    const { first, stop } = card.range(), span = stop - first, hop = card.store.board?.hop ?? 1;
    const first_ = { ArrowLeft: first - hop, ArrowRight: first + hop, PageUp: first - span, PageDown: first + span, Home: card.store.oldest }[e.key];
    if (first_ !== undefined) card.show(first_, span);
    else if (e.key === "End") card.follow();
    else if (e.key === "-") card.zoom(1.4);
    else if (e.key === "+") card.zoom(1 / 1.4);
    else if (e.key === "Enter") card.inspectAt(card.view ? (first + stop) / 2 : card.store.newest?.first_frame ?? first);
    else return;
    e.preventDefault();
    card.place();
  };
  past.addEventListener("keydown", keys);
  traces.addEventListener("keydown", keys);
}
