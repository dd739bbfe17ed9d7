// Predictions as bars: name, percent, and the id of the class.

import { make, makeName, toVisible } from "./dom.js";
import { choices, directionOf, nameOf } from "./names.js";
import { sayPercent } from "./texts.js";

export function makeBars(predictions) {
  const list = make("ol", "bars");
  list.append(...predictions.map(makeBar));
  return list;
}

function makeBar(prediction) {
  const entry = make("li");
  const name = makeName(nameOf(prediction), "name");
  name.lang = choices.language;
  name.dir = directionOf(choices.language);
  name.title = `${toVisible(nameOf(prediction))} (${toVisible(prediction.class)})`;
  const track = make("span", "track");
  const fill = make("span", "fill");
  fill.style.width = `${100 * prediction.probability}%`;
  track.append(fill);
  entry.append(
    name,
    make("span", "percent", sayPercent(prediction.probability)),
    track,
    makeName(prediction.class, "class"),
  );
  return entry;
}
