// Printing: all chosen pictures are put into the document, not only those in view.

const MOST_PRINTED = 2000;
const paper = byId("paper");

async function printChosen() {
  const chosen = listChosen().slice(0, MOST_PRINTED);
  fillPaper(chosen, await mapDetails(chosen, (_, detail) => detail));
  await Promise.allSettled([...paper.querySelectorAll("img")].map((image) => image.decode()));
  window.print();
}

/** For the browser's own command, which does not wait: with the thumbnails that are there. */
function prepareQuickPrint() {
  if (paper.childElementCount > 0) return;
  const chosen = listChosen().slice(0, MOST_PRINTED);
  fillPaper(chosen, chosen.map((at) => peekDetail(at) ?? toDetail([])));
}

function fillPaper(chosen, details) {
  const total = selected.size || shown.length;
  const note = total > MOST_PRINTED
    ? say("printed_part", { n: wholeFormat.format(MOST_PRINTED), total: wholeFormat.format(total) })
    : sayCount("pictures", total);
  const head = make("header");
  head.append(make("h1", "", say("title")), make("p", "", sayRun()), make("p", "", note));
  paper.replaceChildren(head, ...chosen.map((at, each) => makePrinted(at, details[each])));
}

function makePrinted(at, detail) {
  const figure = make("figure");
  const tile = makeTile(at);
  showThumbnail(tile, detail);
  const image = tile.querySelector("img");
  if (image !== null) image.decoding = "sync";
  const caption = make("figcaption");
  caption.append(make("bdi", "path", toVisible(pathOf(at))));
  for (const each of detail.predictions.slice(0, 3)) {
    caption.append(make("span", "", `${toVisible(each.name)} ${sayPercent(each.probability)}`));
  }
  if (index.status[at] !== OK) {
    caption.append(make("span", "", toVisible(detail.error ?? groupName(at))));
  }
  figure.append(tile, caption);
  return figure;
}

function clearPaper() {
  paper.replaceChildren();
}
