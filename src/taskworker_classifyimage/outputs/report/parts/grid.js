// The pictures in view: only these are in the document.

// Pixels above and below the view that are drawn ahead.
const MARGIN = 400;
// Pixels between the border of the grid and its pictures.
const PADDING = 8;
const grid = byId("grid");
const canvas = byId("canvas");
const cells = new Map();
let frame = 0;

/** Draws anew when the browser is ready; many calls draw once. */
function drawSoon() {
  if (frame === 0) frame = requestAnimationFrame(() => { frame = 0; draw(); });
}

/** Lays out anew, for other pictures or another size. */
function redraw() {
  canvas.replaceChildren();
  cells.clear();
  layOut(grid.clientWidth - 2 * PADDING, grid.clientHeight);
  canvas.style.setProperty("--width", `${lines.width - 4}px`);
  canvas.style.height = `${Math.min(lines.height, MOST_HEIGHT)}px`;
  grid.classList.toggle("list", state.view === "list");
  draw();
}

function viewTop() {
  return grid.scrollTop * lines.scale;
}

function draw() {
  if (lines.starts.length === 0) return;
  const top = viewTop();
  const first = findLast(lines.tops, top - MARGIN);
  const last = findLast(lines.tops, top + grid.clientHeight + MARGIN);
  const wanted = new Set();
  for (let line = first; line <= last; line += 1) drawLine(line, top, wanted);
  for (const [key, element] of cells) {
    if (!wanted.has(key)) {
      element.remove();
      cells.delete(key);
    }
  }
  markCells();
  fillTiles();
}

function drawLine(line, top, wanted) {
  // With a scale, lines move over the canvas as it is scrolled.
  const y = lines.tops[line] - top + grid.scrollTop;
  if (lines.headings[line] !== null) {
    placeElement(`heading-${line}`, () => makeHeading(lines.headings[line]), 0, y, wanted);
  }
  for (let place = lines.starts[line]; place < lines.ends[line]; place += 1) {
    const x = (place - lines.starts[line]) * lines.width;
    placeElement(place, () => makeCell(place), x, y, wanted);
  }
}

/** Screen readers hear the group with each picture. */
function makeHeading(text) {
  const heading = make("div", "heading", text);
  heading.setAttribute("aria-hidden", "true");
  return heading;
}

function placeElement(key, create, x, y, wanted) {
  wanted.add(key);
  let element = cells.get(key);
  if (element === undefined) {
    element = create();
    cells.set(key, element);
    canvas.append(element);
  }
  element.style.transform = `translate(${x}px, ${y}px)`;
}

/** Shows which cells are selected, and which one is active. */
function markCells() {
  for (const [place, cell] of cells) {
    if (typeof place !== "number") continue;
    cell.setAttribute("aria-selected", String(selected.has(shown[place])));
    cell.classList.toggle("active", place === active);
  }
  if (cells.has(active)) grid.setAttribute("aria-activedescendant", `place-${active}`);
  else grid.removeAttribute("aria-activedescendant");
}

/** Gives tiles their thumbnails; loads some blocks at a time, then those still in view. */
function fillTiles() {
  for (const [place, cell] of cells) {
    if (typeof place !== "number" || cell.dataset.filled) continue;
    const at = shown[place];
    const detail = peekDetail(at);
    if (detail !== undefined) {
      cell.dataset.filled = "yes";
      showThumbnail(cell.querySelector(".tile"), detail);
      if (state.view === "list") showReason(cell, detail);
    } else if (loading.size < MOST_LOADING) {
      loadBlock(Math.floor(at / facts.block)).then(drawSoon);
    }
  }
}

/** Scrolls as little as needed to bring a place into view. */
function bringIntoView(place) {
  const line = lineOf(place);
  const top = lines.tops[line];
  const least = bottomOf(line) - grid.clientHeight + 2 * PADDING;
  const now = viewTop();
  if (now > top) grid.scrollTop = top / lines.scale;
  else if (now < least) grid.scrollTop = least / lines.scale + 1;
}
