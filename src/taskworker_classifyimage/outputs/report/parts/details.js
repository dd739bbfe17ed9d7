// The pane with all that is known of one picture.

const pane = byId("details");
const LEVELS = ["coarse", "fine", "overlapping"];
// A picture has many categories that are hardly likely.
const LEAST_CATEGORY = 0.01;
let detailed = NONE;

async function showDetails(at, takesFocus = false) {
  detailed = at;
  const detail = await loadDetail(at);
  // Another picture may have been chosen while the block was loading.
  if (detailed !== at) return;
  pane.replaceChildren(
    makeDetailHead(at),
    makeLarge(at, detail),
    ...makeFindings(at, detail),
    makeFacts(at, detail),
  );
  if (pane.hidden) {
    pane.hidden = false;
    redrawInPlace();
  }
  pane.scrollTop = 0;
  if (takesFocus) pane.focus();
}

function closeDetails() {
  if (pane.hidden) return;
  detailed = NONE;
  pane.hidden = true;
  redrawInPlace();
  grid.focus();
}

function makeDetailHead(at) {
  const head = make("div", "bar");
  const close = makeButton("\u00d7", closeDetails, "close");
  close.setAttribute("aria-label", say("close"));
  const title = make("h2");
  title.append(make("bdi", "", toVisible(index.names[at])));
  head.append(title, close);
  return head;
}

function makeLarge(at, detail) {
  const tile = makeTile(at);
  tile.classList.add(detail.thumbnail === null ? "wide" : "large");
  showThumbnail(tile, detail);
  return tile;
}

/** Categories and predictions as bars, or why there are none; warnings. */
function makeFindings(at, detail) {
  const found = [];
  if (detail.error !== null || index.status[at] !== OK) {
    found.push(makeFailure(at, detail));
  }
  for (const level of LEVELS) {
    const likely = detail.categories.filter((each) => each.level === level
      && each.probability >= LEAST_CATEGORY);
    if (likely.length > 0) found.push(makeBars(say(`level_${level}`), likely));
  }
  if (detail.predictions.length > 0) found.push(makeBars(say("predictions"), detail.predictions));
  for (const warning of detail.warnings) found.push(make("p", "warning", toVisible(warning)));
  return found;
}

function makeFailure(at, detail) {
  const box = make("div", "failure");
  box.append(make("strong", "", groupName(at)));
  if (detail.error !== null) box.append(make("p", "", toVisible(detail.error)));
  return box;
}

function makeBars(title, predictions) {
  const part = make("section");
  const list = make("ol", "bars");
  part.append(make("h3", "", title), list);
  for (const each of predictions) {
    const entry = make("li");
    const bar = make("span", "fill");
    bar.style.width = `${100 * each.probability}%`;
    const track = make("span", "track");
    track.append(bar);
    const label = make("span", "label");
    const name = make("bdi", "name", toVisible(each.name));
    name.title = toVisible(each.class ?? each.id);
    label.append(name, make("span", "percent", sayPercent(each.probability)));
    entry.append(label, track);
    list.append(entry);
  }
  return part;
}

function makeFacts(at, detail) {
  const list = make("dl", "facts");
  const path = toVisible(pathOf(at));
  addFact(list, "path", path, pathOf(at));
  if (detail.size !== null) {
    addFact(list, "size", `${saySize(detail.size)} (${sayCount("bytes", detail.size)})`);
  }
  if (detail.modified !== null) {
    addFact(list, "modified", sayTime(detail.modified)).title = detail.modified;
  }
  if (detail.sha256 !== null) addFact(list, "sha256", detail.sha256, detail.sha256);
  return list;
}

/** One fact; with a text to copy, a button for that. */
function addFact(list, key, text, copied = null) {
  const value = make("dd");
  value.append(make("bdi", "", text));
  if (copied !== null) {
    value.append(makeButton(say("copy_one"), () => copyText(copied, say("copied")), "plain"));
  }
  list.append(make("dt", "", say(key)), value);
  return value;
}
