// The side: ranges of probability, and groups with how many pictures they have.

const RANGES = 25;
const FEW_GROUPS = 100;
let showsAllGroups = false;

function showGroups(found) {
  const counts = groupsByCategory() ? orderCategories(countCategories(found)) : countGroups(found);
  const listed = showsAllGroups ? counts : counts.slice(0, FEW_GROUPS);
  byId("groups-title").textContent = titleOfGroups(counts.length);
  byId("by").hidden = facts.categories.length === 0 || groupsByReason();
  byId("groups").replaceChildren(...makeGroups(listed));
  byId("more-groups").hidden = listed.length === counts.length;
  byId("more-groups").textContent = say("more_groups", { n: wholeFormat.format(counts.length) });
}

function titleOfGroups(count) {
  if (groupsByReason()) return sayCount("reasons", count);
  if (!groupsByCategory()) return sayCount("classes", count);
  return say("categories_in_range", { categories: sayCount("categories", count), range: sayRange() });
}

/** Fine categories come below their coarse one, those that overlap with others last. */
function orderCategories(counts) {
  const levels = { coarse: [], fine: [], overlapping: [] };
  for (const each of counts) (levels[facts.categories[each[0]][2]] ?? []).push(each);
  const ordered = levels.coarse.flatMap((coarse) => [
    coarse, ...levels.fine.filter((fine) => isBelow(fine, coarse)),
  ]);
  const placed = new Set(ordered);
  return [...ordered, ...levels.fine.filter((fine) => !placed.has(fine)), ...levels.overlapping];
}

function isBelow([fine], [coarse]) {
  return facts.categories[fine][3] === facts.categories[coarse][0];
}

function sayRange() {
  return `${state.least}\u2013${state.most} %`;
}

function makeGroups(counts) {
  const entries = counts.map(([group, count]) => makeGroup(group, count));
  const overlapping = entries.findIndex((entry) => entry.className === "overlapping");
  if (overlapping !== -1) entries.splice(overlapping, 0, make("li", "part", say("overlapping")));
  return entries;
}

function makeGroup(group, count) {
  const entry = make("li", groupsByCategory() ? facts.categories[group][2] : "");
  const button = makeButton("", () => {
    state.group = state.group === group ? null : group;
    update();
  });
  button.setAttribute("aria-pressed", String(state.group === group));
  button.append(
    make("bdi", "name", toVisible(nameOfGroup(group))),
    make("span", "number", wholeFormat.format(count)),
  );
  entry.append(button);
  return entry;
}

function showRange(found) {
  const counts = countRanges(found, RANGES);
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, range) => {
    const bar = make("span");
    bar.style.height = `${count === 0 ? 0 : Math.max(4, (100 * count) / most)}%`;
    const middle = ((range + 0.5) * 100) / RANGES;
    bar.classList.toggle("out", middle < state.least || middle > state.most);
    return bar;
  });
  byId("histogram").replaceChildren(...bars);
  byId("range-text").textContent = sayRange();
}

/** Shows the sliders where the range is. */
function placeSliders() {
  for (const id of ["least", "most"]) byId(id).value = state[id];
}

/** Neither end of the range passes the other. */
function takeRange(event) {
  const least = byId("least");
  const most = byId("most");
  if (Number(least.value) > Number(most.value)) {
    if (event.target === least) least.value = most.value;
    else most.value = least.value;
  }
  state.least = Number(least.value);
  state.most = Number(most.value);
  update();
}
