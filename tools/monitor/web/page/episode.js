// The episode of an alarm: the windows from the one that raised it to the last before it was cleared.

const LISTED = 200; // windows

// Positions [first, stop) in store.windows of the episode that holds window `w`; null if it has none.
export function episodeOf({ windows }, w) {
  const at = windows.indexOf(w);
  if (!w.alarm || at < 0) return null;
  let first = at, stop = at + 1;
  while (windows[first - 1]?.alarm) first--;
  while (windows[stop]?.alarm) stop++;
  return [first, stop];
}

// List the windows of the episode that holds `w`; `pick` opens one of them.
export function showEpisode(section, store, w, pick) {
  const positions = episodeOf(store, w);
  section.hidden = !positions;
  if (!positions) return;
  const [first, stop] = positions, windows = store.windows.slice(first, stop), at = store.windows.indexOf(w) - first;
  const flagged = windows.filter((each) => each.flag).length, on = store.alarm && stop === store.windows.length;
  const older = first === 0 && windows[0].index > 0 ? " or before" : "";  // no longer kept
  section.querySelector("h3").textContent = `Alarm, ${store.noun}s ${windows[0].index}${older} to ${windows.at(-1).index}${on ? " and still on" : ""}: ${flagged} of ${windows.length} flagged`;
  const focused = section.contains(document.activeElement);
  const from = Math.max(Math.min(at - LISTED / 2, windows.length - LISTED), 0);
  section.querySelector("ol").replaceChildren(...windows.slice(from, from + LISTED).map((each) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.classList.toggle("flagged", each.flag);
    button.setAttribute("aria-current", each === w);
    button.textContent = `${each.index}${each.flag ? " ▲" : ""}`;
    button.title = `${(each.score / each.threshold).toFixed(2)} × threshold`;
    button.addEventListener("click", () => pick(each));
    item.append(button);
    return item;
  }));
  const current = section.querySelector("[aria-current=true]");
  current.scrollIntoView({ block: "nearest", inline: "center" });
  if (focused) current.focus();
}
