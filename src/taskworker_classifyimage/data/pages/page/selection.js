// Which tasks are selected; they stay so while others come and go.

export const selected = new Set();
let anchor = null;

export function toggle(id) {
  if (!selected.delete(id)) selected.add(id);
  anchor = id;
}

/** Selects all from where the selection began to a task, in the order that is shown. */
export function selectTo(id, shown) {
  const from = shown.indexOf(anchor);
  const to = shown.indexOf(id);
  if (from < 0) anchor = id;
  const [start, end] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
  for (let at = start; at <= end; at += 1) selected.add(shown[at]);
}

export function selectAll(shown) {
  for (const id of shown) selected.add(id);
}

export function clearSelection() {
  selected.clear();
  anchor = null;
}

/** Forgets what is no longer shown: buttons act on what can be seen. */
export function keepShown(shown) {
  if (selected.size === 0) return;
  const still = new Set(shown);
  for (const id of selected) if (!still.has(id)) selected.delete(id);
}
