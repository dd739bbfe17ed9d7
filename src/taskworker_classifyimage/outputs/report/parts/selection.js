// Which pictures are selected, and which one the keys act on.

const selected = new Set();
// Places in the order of what is shown; NONE before the first.
let active = NONE;
let anchor = NONE;

function selectOne(place) {
  selected.clear();
  selected.add(shown[place]);
  active = place;
  anchor = place;
}

function toggle(place) {
  const at = shown[place];
  if (!selected.delete(at)) selected.add(at);
  active = place;
  anchor = place;
}

/** Selects all between where the selection began and a place. */
function selectTo(place) {
  if (anchor === NONE) anchor = place;
  const [start, end] = anchor < place ? [anchor, place] : [place, anchor];
  selected.clear();
  for (let each = start; each <= end; each += 1) selected.add(shown[each]);
  active = place;
}

function selectAll() {
  for (const at of shown) selected.add(at);
}

function clearSelection() {
  selected.clear();
  anchor = NONE;
}

/** What the buttons act on: what is selected, or else all that is shown; in the order shown. */
function listChosen() {
  if (selected.size === 0) return [...shown];
  return [...shown].filter((at) => selected.has(at));
}

/** Forgets what is selected and no longer shown: buttons act on what can be seen. */
function keepShownSelected() {
  if (selected.size > 0) {
    const still = new Set(shown);
    for (const at of selected) if (!still.has(at)) selected.delete(at);
  }
  active = NONE;
  anchor = NONE;
}
