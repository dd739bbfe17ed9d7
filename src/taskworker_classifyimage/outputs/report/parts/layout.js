// Where each line of pictures is, so that only those in view have to exist.

const CELL = { least: 140, leastOnPhone: 116, height: 158 };
const PHONE_WIDTH = 500;
const ENTRY_HEIGHT = 60;
const HEADING_HEIGHT = 44;
// Browsers draw no element that is higher than some 16 million pixels.
const MOST_HEIGHT = 8_000_000;

let lines = makeLines(1, 0);

/** Lays out all shown pictures: lines of cells, below headings if they are sorted by group. */
function layOut(width, viewHeight) {
  const isList = state.view === "list";
  const least = width < PHONE_WIDTH ? CELL.leastOnPhone : CELL.least;
  const columns = isList ? 1 : Math.max(1, Math.floor(width / least));
  const rowHeight = isList ? ENTRY_HEIGHT : CELL.height;
  const next = makeLines(columns, width / columns);
  for (const { start, end, heading } of listSections()) {
    if (heading !== null) addLine(next, start, start, HEADING_HEIGHT, heading);
    for (let at = start; at < end; at += columns) {
      addLine(next, at, Math.min(end, at + columns), rowHeight, null);
    }
  }
  next.scale = next.height > MOST_HEIGHT
    ? (next.height - viewHeight) / (MOST_HEIGHT - viewHeight)
    : 1;
  lines = next;
}

function makeLines(columns, width) {
  return { columns, width, tops: [], starts: [], ends: [], headings: [], height: 0, scale: 1 };
}

function addLine(target, start, end, height, heading) {
  target.tops.push(target.height);
  target.starts.push(start);
  target.ends.push(end);
  target.headings.push(heading);
  target.height += height;
}

function listSections() {
  if (state.sort !== "group") return [{ start: 0, end: shown.length, heading: null }];
  const sections = [];
  for (let at = 0; at < shown.length; at += 1) {
    const group = groupOf(shown[at]);
    if (at === 0 || group !== sections.at(-1).group) sections.push({ start: at, group });
  }
  return sections.map(({ start, group }, each) => {
    const end = sections[each + 1]?.start ?? shown.length;
    const heading = `${toVisible(nameOfGroup(group))} \u00b7 ${wholeFormat.format(end - start)}`;
    return { start, end, heading };
  });
}

/** The number of the last value that is not above the wanted one. */
function findLast(values, wanted) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (values[middle] <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The line that the picture at a place of the order is in; headings end before they start. */
function lineOf(place) {
  return findLast(lines.starts, place);
}

function bottomOf(line) {
  return lines.tops[line + 1] ?? lines.height;
}
