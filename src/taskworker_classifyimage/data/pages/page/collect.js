// Files that people choose, drop or paste, also whole folders.

// What systems leave in folders, and what programs hide there.
const SYSTEM = /^(\..*|thumbs\.db|desktop\.ini|@eadir|__macosx|\$recycle\.bin|#recycle|system volume information)$/i;
// Pictures that browsers do not know as such.
const PICTURES = /\.(3fr|ari|arw|avif|bay|bmp|cap|cr2|cr3|crw|cur|dcr|dds|dng|erf|fff|gif|heic|heif|hif|ico|iiq|j2k|jfif|jp2|jpe?g|jpf|jpx|jxl|k25|kdc|mef|mos|mrw|nef|nrw|orf|pbm|pcx|pef|pgm|png|pnm|ppm|psd|ptx|pxn|raf|raw|rw2|rwl|sr2|srf|srw|tga|tiff?|webp|x3f)$/i;

/** Chosen files as [file, folder]; those of a folder are sorted out. */
export function collectChosen(files) {
  const found = { files: [], skipped: 0 };
  for (const file of files) {
    const path = file.webkitRelativePath || "";
    if (path === "") found.files.push([file, ""]);
    else takeFromFolder(found, file, path.split("/").slice(0, -1));
  }
  return found;
}

/** Dropped files and folders; has to be called while the drop is handled. */
export async function collectDropped(transfer) {
  const found = { files: [], skipped: 0 };
  const entries = [];
  const loose = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    // What is dragged from a page or an archive has no entry.
    const entry = item.webkitGetAsEntry?.() ?? null;
    if (entry?.isDirectory) entries.push(entry);
    else loose.push(item.getAsFile());
  }
  for (const file of loose) if (file !== null) found.files.push([file, ""]);
  for (const entry of entries) await walk(found, entry, [entry.name]);
  return found;
}

export function collectPasted(transfer) {
  return { files: [...transfer.files].map((file) => [file, ""]), skipped: 0 };
}

async function walk(found, folder, path) {
  for (const entry of await readFolder(folder)) {
    if (SYSTEM.test(entry.name)) {
      found.skipped += 1;
    } else if (entry.isDirectory) {
      await walk(found, entry, [...path, entry.name]);
    } else {
      const file = await readEntry(entry);
      if (file === null) found.skipped += 1;
      else takeFromFolder(found, file, path);
    }
  }
}

/** All entries of a folder: browsers give them in pieces of a hundred, until a piece is empty. */
async function readFolder(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const piece = await new Promise((resolve) => {
      reader.readEntries(resolve, () => resolve([]));
    });
    if (piece.length === 0) return entries;
    entries.push(...piece);
  }
}

function readEntry(entry) {
  return new Promise((resolve) => { entry.file(resolve, () => resolve(null)); });
}

function takeFromFolder(found, file, folders) {
  const isHidden = [...folders.slice(1), file.name].some((name) => SYSTEM.test(name));
  if (isHidden || !mayBePicture(file)) found.skipped += 1;
  else found.files.push([file, folders.join("/")]);
}

/** Whether a file of a folder may be a picture: browsers know the types of the usual files. */
function mayBePicture(file) {
  if (PICTURES.test(file.name)) return true;
  return file.type === "" ? !file.name.includes(".") : file.type.startsWith("image/");
}
