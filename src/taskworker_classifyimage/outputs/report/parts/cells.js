// One picture in the grid or in the list.

function makeCell(place) {
  const at = shown[place];
  const cell = make("div", "cell");
  cell.id = `place-${place}`;
  cell.dataset.place = String(place);
  cell.setAttribute("role", "option");
  cell.setAttribute("aria-setsize", String(shown.length));
  cell.setAttribute("aria-posinset", String(place + 1));
  cell.setAttribute("aria-label", describe(at));
  cell.title = groupsByCategory()
    ? `${toVisible(pathOf(at))}\n${toVisible(groupName(at))}`
    : toVisible(pathOf(at));
  cell.append(make("span", "check"), makeTile(at), makeCaption(at));
  return cell;
}

function describe(at) {
  const name = toVisible(index.names[at]);
  const probability = probabilityOf(at);
  const percent = probability === NONE ? "" : `, ${sayPercent(probability)}`;
  return `${name}, ${toVisible(nameOf(at))}${percent}`;
}

/** A neutral tile, which the thumbnail covers when it is there. */
function makeTile(at) {
  const tile = make("span", index.status[at] === FAILED ? "tile failed" : "tile");
  tile.append(make("span", "ending", endingOf(at)));
  return tile;
}

function makeCaption(at) {
  const caption = make("span", "caption");
  caption.append(
    make("bdi", "class", toVisible(nameOf(at))),
    make("bdi", "name", toVisible(index.names[at])),
  );
  if (state.view === "list") caption.append(make("bdi", "folder", toVisible(index.folders[at])));
  const probability = probabilityOf(at);
  if (probability !== NONE) caption.append(make("span", "percent", sayPercent(probability)));
  return caption;
}

/** In the list there is room for why a file was not classified. */
function showReason(cell, detail) {
  if (detail.error === null) return;
  cell.querySelector(".caption").append(make("bdi", "reason", toVisible(detail.error)));
}

function showThumbnail(tile, detail) {
  if (detail.thumbnail === null) return;
  const image = make("img");
  image.alt = "";
  image.decoding = "async";
  image.src = detail.thumbnail;
  // A thumbnail that cannot be decoded leaves the neutral tile.
  image.addEventListener("error", () => image.remove());
  tile.append(image);
}
