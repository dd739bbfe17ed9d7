// Which pictures are shown, and in which order.

const state = {
  status: null,
  by: "class",
  group: null,
  words: [],
  least: 0,
  most: 100,
  sort: "run",
  view: "grid",
};
let shown = new Int32Array(0);

function isFiltered() {
  return state.group !== null || state.words.length > 0 || state.least > 0 || state.most < 100;
}

/** Groups of what is not classified are by its reason. */
function groupsByReason() {
  return state.status === NO_PICTURE || state.status === FAILED;
}

/** The group that a picture is in; NONE if in none. */
function groupOf(at) {
  if (groupsByReason()) return index.group[at];
  if (index.status[at] !== OK) return NONE;
  return state.by === "category" ? index.category[at] : index.group[at];
}

function nameOfGroup(group) {
  if (group === NONE) return say("no_class");
  if (groupsByReason()) return sayCode(facts.codes[group]);
  return state.by === "category" ? facts.categories[group] : facts.classes[group][1];
}

/** Positions of the pictures that pass all filters but that of the group. */
function findMatches() {
  const wanted = state.words.map(findClasses);
  const range = makeRange();
  const found = [];
  for (let at = 0; at < index.count; at += 1) {
    if (state.status !== null && index.status[at] !== state.status) continue;
    if (range !== null && !range(at)) continue;
    if (state.words.every((word, each) => hasWord(at, word, wanted[each]))) found.push(at);
  }
  return Int32Array.from(found);
}

function makeRange() {
  if (groupsByReason() || (state.least === 0 && state.most === 100)) return null;
  // The index has 4 decimals, in single precision.
  const least = state.least / 100 - 1e-6;
  const most = state.most / 100 + 1e-6;
  return (at) => index.probability[at] >= least && index.probability[at] <= most;
}

function hasWord(at, word, groups) {
  const named = groups[index.status[at] === OK ? 0 : 1];
  return index.searched[at].includes(word) || named.has(index.group[at]);
}

/** Numbers of the classes, and of the codes, that a word is in. */
function findClasses(word) {
  return [
    findNumbers(facts.classes, ([id, name]) => id === word || toSearched(name).includes(word)),
    findNumbers(facts.codes, (code) => toSearched(`${sayCode(code)} ${code}`).includes(word)),
  ];
}

function findNumbers(values, matches) {
  return new Set(values.flatMap((value, number) => (matches(value) ? [number] : [])));
}

function keepGroup(found) {
  return state.group === null ? found : found.filter((at) => groupOf(at) === state.group);
}

/** How many pictures each group has, most first. */
function countGroups(found) {
  const counts = new Map();
  for (const at of found) {
    const group = groupOf(at);
    if (group !== NONE) counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return [...counts].sort(
    ([one, first], [other, second]) => second - first
      || compareTexts(nameOfGroup(one), nameOfGroup(other)),
  );
}

/** How many pictures are in each of so many equal ranges of probability. */
function countRanges(found, ranges) {
  const counts = new Array(ranges).fill(0);
  for (const at of found) {
    const probability = index.probability[at];
    if (probability !== NONE) counts[Math.min(ranges - 1, Math.floor(probability * ranges))] += 1;
  }
  return counts;
}

const collator = new Intl.Collator(language, { numeric: true });

function compareTexts(one, other) {
  return collator.compare(one, other);
}

function sortPictures(found) {
  const compare = makeCompare(found);
  return compare === null ? found : found.sort(compare);
}

/** Compares two positions; those that are equal stay in the order of the run. */
function makeCompare(found) {
  const { probability } = index;
  if (state.sort === "best") {
    return (one, other) => probability[other] - probability[one] || one - other;
  }
  if (state.sort === "least") return (one, other) => doubt(other) - doubt(one) || one - other;
  if (state.sort === "path") {
    const ranks = rankPaths();
    return (one, other) => ranks[one] - ranks[other];
  }
  if (state.sort === "group") {
    const ranks = new Map(countGroups(found).map(([group], rank) => [group, rank]));
    const rank = (at) => ranks.get(groupOf(at)) ?? Infinity;
    return (one, other) => (rank(one) === rank(other)
      ? probability[other] - probability[one] || one - other
      : rank(one) - rank(other));
  }
  return null;
}

/** How uncertain a picture is: files without a probability are last. */
function doubt(at) {
  return index.probability[at] === NONE ? NONE : 1 - index.probability[at];
}

let pathRanks = null;

/** Comparing texts is slow, so that it is done once. */
function rankPaths() {
  if (pathRanks === null) {
    const order = Array.from({ length: index.count }, (_, at) => at);
    const paths = order.map(pathOf);
    order.sort((one, other) => compareTexts(paths[one], paths[other]) || one - other);
    pathRanks = new Int32Array(index.count);
    order.forEach((at, rank) => { pathRanks[at] = rank; });
  }
  return pathRanks;
}
