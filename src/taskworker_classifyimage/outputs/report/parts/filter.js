// Which pictures are shown, and in which order.

// Percent. A category counts the pictures in which it is more likely than not.
const FULL_RANGE = { least: 0, most: 100 };
const CATEGORY_RANGE = { least: 50, most: 100 };

const state = {
  status: null,
  by: facts.categories.length > 0 ? "category" : "class",
  group: null,
  words: [],
  ...FULL_RANGE,
  sort: "run",
  view: "grid",
};
let shown = new Int32Array(0);

/** The range before anybody has moved it. */
function defaultRange() {
  return state.by === "category" ? CATEGORY_RANGE : FULL_RANGE;
}

Object.assign(state, defaultRange());

function isFiltered() {
  const { least, most } = defaultRange();
  return state.group !== null || state.words.length > 0
    || state.least !== least || state.most !== most;
}

/** Groups of what is not classified are by its reason. */
function groupsByReason() {
  return state.status === NO_PICTURE || state.status === FAILED;
}

function groupsByCategory() {
  return state.by === "category" && !groupsByReason();
}

/** The one group that a picture is shown in, with others of its best class or category. */
function groupOf(at) {
  if (groupsByReason()) return index.group[at];
  if (index.status[at] !== OK) return NONE;
  return groupsByCategory() ? index.category[at] : index.group[at];
}

function nameOfGroup(group) {
  if (group === NONE) return say(groupsByCategory() ? "no_category" : "no_class");
  if (groupsByReason()) return sayCode(facts.codes[group]);
  return groupsByCategory() ? facts.categories[group][1] : facts.classes[group][1];
}

/** What a picture is called: the category that is looked at, the best one, or the best class. */
function nameOf(at) {
  if (isFurther(at)) return nameOfGroup(state.group);
  const category = groupsByCategory() ? state.group ?? index.category[at] : NONE;
  return category === NONE ? groupName(at) : nameOfGroup(category);
}

/** Whether the class that is looked at is one of a picture's, and not its best one. */
function isFurther(at) {
  return state.group !== null && !groupsByReason() && !groupsByCategory()
    && furtherProbabilityOf(at, state.group) !== NONE;
}

/** The probability of that. */
function probabilityOf(at) {
  if (isFurther(at)) return furtherProbabilityOf(at, state.group);
  if (groupsByCategory() && state.group !== null) return sumOf(at, state.group);
  return groupsByCategory() && index.category[at] !== NONE ? index.sum[at] : index.probability[at];
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

/** Whether the best class is in the range; null if that is not asked. */
function makeRange() {
  if (groupsByReason() || groupsByCategory()) return null;
  if (state.least === 0 && state.most === 100) return null;
  return (at) => isInRange(index.probability[at]);
}

function isInRange(probability) {
  // The index has 4 decimals, in single precision.
  return probability >= state.least / 100 - 1e-6 && probability <= state.most / 100 + 1e-6;
}

function hasWord(at, word, groups) {
  const named = groups[index.status[at] === OK ? 0 : 1];
  return index.searched[at].includes(word) || named.has(index.group[at])
    || furtherOf(at).some((each) => named.has(each)) || hasCategory(at, groups[2]);
}

/** Whether one of these categories is the best one, or more likely than not. */
function hasCategory(at, categories) {
  if (categories.size === 0) return false;
  for (let each = index.starts[at]; each < index.starts[at + 1]; each += 1) {
    const category = index.categories[each];
    if (!categories.has(category)) continue;
    if (category === index.category[at] || index.sums[each] >= 0.5) return true;
  }
  return false;
}

/** Numbers of the classes, of the codes, and of the categories that a word is in. */
function findClasses(word) {
  return [
    findNumbers(facts.classes, ([id, name]) => id === word || toSearched(name).includes(word)),
    findNumbers(facts.codes, (code) => toSearched(`${sayCode(code)} ${code}`).includes(word)),
    findNumbers(facts.categories, ([id, name]) => id === word || toSearched(name).includes(word)),
  ];
}

function findNumbers(values, matches) {
  return new Set(values.flatMap((value, number) => (matches(value) ? [number] : [])));
}

function keepGroup(found) {
  if (state.group === null) return found;
  return found.filter(groupsByCategory()
    ? (at) => isInRange(sumOf(at, state.group))
    : (at) => groupOf(at) === state.group || isFurther(at));
}

/** How many pictures each group has, most first; a picture is in one of them, or in each of its classes. */
function countGroups(found) {
  const counts = new Map();
  for (const at of found) {
    count(counts, groupOf(at));
    if (!groupsByReason() && !groupsByCategory()) {
      for (const each of furtherOf(at)) count(counts, each);
    }
  }
  counts.delete(NONE);
  return sortCounts(counts);
}

/** How many pictures each category has; a picture is in each one whose probability is in range. */
function countCategories(found) {
  const counts = new Map();
  for (const at of found) {
    for (let each = index.starts[at]; each < index.starts[at + 1]; each += 1) {
      if (isInRange(index.sums[each])) count(counts, index.categories[each]);
    }
  }
  return sortCounts(counts);
}

function count(counts, group) {
  counts.set(group, (counts.get(group) ?? 0) + 1);
}

function sortCounts(counts) {
  return [...counts].sort(
    ([one, first], [other, second]) => second - first
      || compareTexts(nameOfGroup(one), nameOfGroup(other)),
  );
}

/** How many pictures are in each of so many equal ranges of probability. */
function countRanges(found, ranges) {
  const counts = new Array(ranges).fill(0);
  for (const at of found) {
    const probability = probabilityOf(at);
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
  const isSurer = (one, other) => probabilityOf(other) - probabilityOf(one) || one - other;
  if (state.sort === "best") return isSurer;
  if (state.sort === "least") return (one, other) => doubt(other) - doubt(one) || one - other;
  if (state.sort === "path") {
    const ranks = rankPaths();
    return (one, other) => ranks[one] - ranks[other];
  }
  if (state.sort === "group") {
    const ranks = new Map(countGroups(found).map(([group], rank) => [group, rank]));
    const rank = (at) => ranks.get(groupOf(at)) ?? Infinity;
    return (one, other) => (rank(one) === rank(other)
      ? isSurer(one, other)
      : rank(one) - rank(other));
  }
  return null;
}

/** How uncertain a picture is: files without a probability are last. */
function doubt(at) {
  const probability = probabilityOf(at);
  return probability === NONE ? NONE : 1 - probability;
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
