// Joins the parts: what changes the state calls `update`.

/** Filters, sorts and draws anew. */
function update() {
  const found = findMatches();
  const kept = keepGroup(found);
  shown = sortPictures(kept === found ? found.slice() : kept);
  keepShownSelected();
  grid.scrollTop = 0;
  byId("nothing").hidden = shown.length > 0;
  showTabs();
  byId("range").hidden = groupsByReason();
  showRange(found);
  showGroups(found);
  for (const view of ["grid", "list"]) {
    byId(`view-${view}`).setAttribute("aria-pressed", String(state.view === view));
  }
  for (const by of ["class", "category"]) {
    byId(`by-${by}`).setAttribute("aria-pressed", String(state.by === by));
  }
  redraw();
  showCount();
}

function showSelection() {
  draw();
  showCount();
}

/** Lays out anew, and keeps in view what was at the top. */
function redrawInPlace() {
  const place = active !== NONE ? active : lines.starts[findLast(lines.tops, viewTop())] ?? 0;
  redraw();
  if (shown.length > 0) bringIntoView(place);
  draw();
}

/** Calls at most once in some milliseconds, with what came last. */
function delay(act, milliseconds) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

function takeSearch() {
  state.words = toSearched(byId("search").value).split(/\s+/).filter(Boolean);
  update();
}

function reset() {
  Object.assign(state, { group: null, words: [], ...defaultRange() });
  byId("search").value = "";
  placeSliders();
  update();
}

function change(values) {
  Object.assign(state, values);
  update();
}

function groupBy(by) {
  Object.assign(state, { by, group: null });
  Object.assign(state, defaultRange());
  placeSliders();
  update();
}

function switchTheme() {
  const root = document.documentElement.dataset;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  root.theme = (root.theme ?? (isDark ? "dark" : "light")) === "dark" ? "light" : "dark";
}

function switchPart(button, part, name) {
  const isOpen = part.classList.toggle(name);
  button.setAttribute("aria-expanded", String(isOpen));
  redrawInPlace();
}

function connect() {
  const clicks = {
    theme: switchTheme,
    "about-button": () => switchPart(byId("about-button"), byId("about"), "open"),
    "filter-button": () => switchPart(byId("filter-button"), document.body, "filtering"),
    "help-button": () => byId("help").showModal(),
    "help-close": () => byId("help").close(),
    "view-grid": () => change({ view: "grid" }),
    "view-list": () => change({ view: "list" }),
    "by-class": () => groupBy("class"),
    "by-category": () => groupBy("category"),
    "more-groups": () => { showsAllGroups = true; update(); },
    csv: exportCsv,
    copy: copyPaths,
    print: printChosen,
    reset,
    unselect: () => { clearSelection(); showSelection(); },
  };
  for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", () => act());
  byId("search").addEventListener("input", delay(takeSearch, 120));
  byId("sort").addEventListener("change", (event) => change({ sort: event.target.value }));
  for (const id of ["least", "most"]) byId(id).addEventListener("input", takeRange);
  grid.addEventListener("scroll", drawSoon, { passive: true });
  grid.addEventListener("click", takeClick);
  grid.addEventListener("keydown", takeGridKey);
  document.addEventListener("keydown", takeKey);
  window.addEventListener("resize", delay(redrawInPlace, 100));
  window.addEventListener("beforeprint", prepareQuickPrint);
  window.addEventListener("afterprint", clearPaper);
}

showHead();
showKeys();
connect();
placeSliders();
update();
