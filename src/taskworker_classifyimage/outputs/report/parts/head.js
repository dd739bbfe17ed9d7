// The head: what was run, how many pictures of each status there are, and what is going on.

const STATUSES = [
  [null, "all"], [OK, "ok"], [NO_PICTURE, "not_a_picture"], [FAILED, "failed"],
];

function sayRun() {
  const { model, started, finished } = facts.run;
  return say("summary", {
    model: toVisible(String(model ?? "?")),
    start: sayTime(String(started ?? "?")),
    end: sayTime(String(finished ?? "?")),
  });
}

function showHead() {
  byId("summary").textContent = sayRun();
  if (facts.categories.length > 0) {
    byId("search").placeholder = say("search_categories");
    byId("search").setAttribute("aria-label", say("search_categories"));
  }
  const list = byId("about");
  for (const [key, value] of Object.entries(facts.run)) {
    if (key === "failed_by_code" || value === null) continue;
    addRunFact(list, key, value);
  }
  list.append(make("dt", "", say("skipped")), make("dd", "", wholeFormat.format(facts.skipped)));
}

function addRunFact(list, key, value) {
  const text = Array.isArray(value) ? value.join("\n") : formatFact(key, value);
  const entry = make("dd");
  entry.append(make("bdi", "", text.split("\n").map(toVisible).join("\n")));
  list.append(make("dt", "", texts[`run_${key}`] ?? key.replaceAll("_", " ")), entry);
}

function formatFact(key, value) {
  if (key === "started" || key === "finished") return sayTime(String(value));
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  if (key === "min_probability") return sayPercent(value);
  if (key === "kind") return say(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function showTabs() {
  const counts = [index.count, facts.counts.ok, facts.counts.not_a_picture, facts.counts.failed];
  const tabs = STATUSES.map(([status, key], each) => {
    const tab = makeButton("", () => chooseStatus(status), `tab ${key}`);
    tab.append(
      make("span", "", say(key)), make("span", "number", wholeFormat.format(counts[each] ?? 0)),
    );
    tab.setAttribute("aria-pressed", String(state.status === status));
    tab.disabled = (counts[each] ?? 0) === 0 && state.status !== status;
    return tab;
  });
  byId("tabs").replaceChildren(...tabs);
}

/** Reasons are read in a list, pictures are looked at in a grid. */
function chooseStatus(status) {
  state.status = status;
  state.group = null;
  state.view = groupsByReason() ? "list" : "grid";
  update();
}

let announced = 0;

/** Says for some seconds what has been done, also to screen readers. */
function announce(text) {
  byId("count").textContent = text;
  clearTimeout(announced);
  announced = setTimeout(showCount, 4000);
}

function showCount() {
  clearTimeout(announced);
  const total = sayCount("pictures", index.count);
  const parts = [
    shown.length === index.count
      ? total
      : say("part", { n: wholeFormat.format(shown.length), total }),
  ];
  if (selected.size > 0) parts.push(sayCount("selected", selected.size));
  byId("count").textContent = parts.join(" \u00b7 ");
  byId("unselect").hidden = selected.size === 0;
  byId("reset").hidden = !isFiltered();
}
