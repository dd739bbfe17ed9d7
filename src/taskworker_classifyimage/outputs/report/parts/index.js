// What is known at once of all pictures, in columns; a picture is its position in the run.

const OK = 0;
const NO_PICTURE = 1;
const FAILED = 2;
const NONE = -1;

const facts = readJson("facts");
const index = readIndex();

function readIndex() {
  const count = Object.values(facts.counts).reduce((sum, each) => sum + each, 0);
  const columns = {
    count,
    folders: new Array(count),
    names: new Array(count),
    status: new Uint8Array(count),
    // Of the best class, or of the code where it was not classified.
    group: new Int32Array(count).fill(NONE),
    probability: new Float32Array(count).fill(NONE),
    // The best fine category, and its probability.
    category: new Int16Array(count).fill(NONE),
    sum: new Float32Array(count).fill(NONE),
    // All likely categories: those of a picture from its start to that of the next one.
    starts: new Int32Array(count + 1),
    categories: [],
    sums: [],
    // The classes after the best one, if classes do not exclude each other: likewise.
    furtherStarts: new Int32Array(count + 1),
    further: [],
    furtherProbabilities: [],
    searched: new Array(count),
  };
  let at = 0;
  let folder = "";
  for (let block = 0; at < count; block += 1) {
    const script = byId(`index-${block}`);
    for (const entry of JSON.parse(script.textContent)) {
      if (entry[0] !== 0) folder = entry[0];
      addEntry(columns, at, folder, entry);
      at += 1;
    }
    script.remove();
  }
  return columns;
}

function addEntry(columns, at, folder, [, name, status, group, probability, ...categories]) {
  columns.folders[at] = folder;
  columns.names[at] = name;
  columns.status[at] = status;
  columns.group[at] = group ?? NONE;
  columns.probability[at] = probability ?? NONE;
  columns.searched[at] = toSearched(folder + name);
  for (let each = 0; each < categories.length; each += 2) {
    if (categories[each] >= 0) addCategory(columns, at, categories[each], categories[each + 1]);
    else addFurther(columns, -1 - categories[each], categories[each + 1]);
  }
  columns.starts[at + 1] = columns.categories.length;
  columns.furtherStarts[at + 1] = columns.further.length;
}

function addFurther(columns, group, probability) {
  columns.further.push(group);
  columns.furtherProbabilities.push(probability);
}

/** The classes of a picture after the best one. */
function furtherOf(at) {
  return index.further.slice(index.furtherStarts[at], index.furtherStarts[at + 1]);
}

/** The probability of one of these; NONE if it is none. */
function furtherProbabilityOf(at, group) {
  const place = furtherOf(at).indexOf(group);
  return place === -1 ? NONE : index.furtherProbabilities[index.furtherStarts[at] + place];
}

/** The most probable ones come first. */
function addCategory(columns, at, category, sum) {
  columns.categories.push(category);
  columns.sums.push(sum);
  if (columns.category[at] === NONE && facts.categories[category][2] === "fine") {
    columns.category[at] = category;
    columns.sum[at] = sum;
  }
}

/** The probability of a category; NONE if it is hardly likely. */
function sumOf(at, category) {
  for (let each = index.starts[at]; each < index.starts[at + 1]; each += 1) {
    if (index.categories[each] === category) return index.sums[each];
  }
  return NONE;
}

/** Text in the form in which it is compared: case and kind of encoding do not matter. */
function toSearched(text) {
  return text.normalize("NFC").toLowerCase();
}

function pathOf(at) {
  return index.folders[at] + index.names[at];
}

/** The best class, or why there is none. */
function groupName(at) {
  const group = index.group[at];
  if (group === NONE) return say("no_class");
  return index.status[at] === OK ? facts.classes[group][1] : sayCode(facts.codes[group]);
}

function endingOf(at) {
  const name = index.names[at];
  const dot = name.lastIndexOf(".");
  return dot > 0 && name.length - dot <= 6 ? toVisible(name.slice(dot + 1).toUpperCase()) : "?";
}
