// Thumbnails and details, in blocks: they are in the page, or in script files of the folder.

const MOST_BLOCKS = 100;
const MOST_LOADING = 4;
const blocks = new Map();
const loading = new Map();

// The files of the folder call this.
if (facts.folder !== null) globalThis.takeBlock = keepBlock;

/** The details of a picture, or undefined if its block has to be loaded first. */
function peekDetail(at) {
  const number = Math.floor(at / facts.block);
  let block = blocks.get(number);
  if (block === undefined) {
    if (facts.folder !== null) return undefined;
    block = readJson(`block-${number}`);
  }
  keepBlock(number, block);
  return toDetail(block[at % facts.block]);
}

/** Promises the details of a picture; all are null if its block is missing. */
async function loadDetail(at) {
  const known = peekDetail(at);
  if (known !== undefined) return known;
  await loadBlock(Math.floor(at / facts.block));
  return peekDetail(at) ?? toDetail([]);
}

/** What an act returns for each picture, in their order; each block is loaded once. */
async function mapDetails(pictures, act) {
  const results = new Array(pictures.length);
  const places = pictures.map((_, place) => place);
  places.sort((one, other) => pictures[one] - pictures[other]);
  for (const place of places) {
    const at = pictures[place];
    results[place] = act(at, peekDetail(at) ?? await loadDetail(at));
  }
  return results;
}

function toDetail([thumbnail, size, modified, sha256, predictions, categories, warnings, error]) {
  return {
    thumbnail: thumbnail ? `data:image/jpeg;base64,${thumbnail}` : null,
    size: size ?? null,
    modified: modified ?? null,
    sha256: sha256 ?? null,
    predictions: toPairs(predictions).map(([number, probability]) => ({
      class: facts.classes[number][0], name: facts.classes[number][1], probability,
    })),
    categories: toPairs(categories).map(([number, probability]) => {
      const [id, name, level] = facts.categories[number];
      return { id, name, level, probability };
    }),
    warnings: warnings ?? [],
    error: error ?? null,
  };
}

function toPairs(flat = []) {
  return flat.flatMap((value, at) => (at % 2 ? [] : [[value, flat[at + 1]]]));
}

/** Keeps a block; of too many, the one that was not used for the longest time goes. */
function keepBlock(number, block) {
  blocks.delete(number);
  blocks.set(number, block);
  if (blocks.size > MOST_BLOCKS) blocks.delete(blocks.keys().next().value);
}

function loadBlock(number) {
  if (!loading.has(number)) {
    loading.set(number, runScript(number).finally(() => loading.delete(number)));
  }
  return loading.get(number);
}

/** Runs a file of the folder; a page in a file may load scripts and nothing else. */
function runScript(number) {
  return new Promise((resolve) => {
    const script = make("script");
    script.src = `${encodeURIComponent(facts.folder)}/${number}.js`;
    script.onload = resolve;
    script.onerror = () => {
      // It is not asked for again: the folder is not beside the page.
      keepBlock(number, new Array(facts.block).fill([]));
      byId("missing").hidden = false;
      resolve();
    };
    script.addEventListener("load", () => script.remove());
    document.head.append(script);
  });
}
