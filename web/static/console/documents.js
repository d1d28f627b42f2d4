// The library's page: files are sent one by one as soon as they are dropped or chosen, and each document's steps are shown live.
const script = document.currentScript;
const form = document.getElementById("upload");
const list = document.getElementById("uploads");
const table = document.getElementById("documents");
const token = document.querySelector('meta[name="csrf-token"]').content;
const empty = document.getElementById("empty");
const reindexing = document.getElementById("reindexing");
const reindexButton = document.getElementById("reindex");
const AT_ONCE = 2;
const OFTEN = 700; // milliseconds
const SELDOM = 5000;
const EAGER_LOOKS = 4;
let waiting = [];
let sending = 0;
let watching = 0;

function say(line, text, bad) {
  line.textContent = text;
  line.classList.toggle("text-danger-emphasis", Boolean(bad));
}

// A file is known by its name, with its folders before it where two have the same.
function named(files) {
  const times = new Map();
  for (const { file } of files) times.set(file.name, (times.get(file.name) || 0) + 1);
  return files.map(({ file, way }) => ({ file, name: times.get(file.name) > 1 && way ? way.split("/").join(" › ") : file.name }));
}

function isHidden(way) {
  return way.split("/").some((part) => part.startsWith("."));
}

function send({ file, name }, line) {
  const body = new FormData();
  body.append("files", file, name);
  const request = new XMLHttpRequest(); // fetch tells nothing of an upload's progress
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRFToken", token);
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) say(line, `${name}: ${Math.round((100 * event.loaded) / event.total)} %`);
  };
  request.onload = () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* a proxy's page */ }
    const result = answer.results && answer.results[0];
    say(line, result ? result.sentence : `${name}: ${answer.error || script.dataset.failed}`, !result || result.error);
    done();
  };
  request.onerror = () => { say(line, `${name} ${script.dataset.failed}`, true); done(); };
  request.send(body);
}

function done() {
  sending -= 1;
  next();
  watch();
}

function next() {
  while (sending < AT_ONCE && waiting.length) {
    const { one, line } = waiting.shift();
    sending += 1;
    send(one, line);
  }
}

// `files` are {file, way}: a file, and its folders with its name where it came out of a folder.
function take(files) {
  for (const one of named(files.filter(({ way }) => !isHidden(way)))) {
    const line = document.createElement("li");
    say(line, `${one.name} ${script.dataset.sending}`);
    list.append(line);
    waiting.push({ one, line });
  }
  next();
}

function chosen(input) {
  return [...input.files].map((file) => ({ file, way: file.webkitRelativePath || file.name }));
}

// What was dropped, with everything in its folders; a browser gives a folder's entries a hundred at a time.
async function inside(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, way: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const one of some) found.push(...(await inside(one)));
  }
}

async function dropped(carried) {
  const entries = [...carried.items].map((item) => item.webkitGetAsEntry?.());
  if (entries.some((entry) => !entry)) return [...carried.files].map((file) => ({ file, way: file.name }));
  return (await Promise.all(entries.map(inside))).flat();
}

function update(row, shown) {
  const badge = row.querySelector("[data-state]");
  badge.textContent = shown.label;
  badge.className = `badge text-bg-${{ live: "success", failed: "danger", retired: "secondary" }[shown.state] || "primary"}`;
  const bar = row.querySelector("[data-progress]");
  bar.hidden = !shown.under_way;
  bar.value = shown.progress;
  row.querySelector("[data-error]").textContent = shown.error;
  row.querySelector("[data-passages]").textContent = shown.passages;
}

// A row that is new, or that has come to rest, has other buttons than before; all of that may happen between two looks.
function stale(row, shown) {
  return !row || row.hasAttribute("data-under-way") !== shown.under_way || row.hasAttribute("data-failed") !== (shown.state === "failed")
    || row.dataset.version !== String(shown.version);
}

// Returns whether something is under way. An older look whose answer comes late says nothing.
async function look(mine) {
  const answer = await fetch(table.dataset.stateUrl, { headers: { Accept: "application/json" } });
  if (answer.status === 401) watching += 1; // signed out: nothing more to see
  if (!answer.ok) throw new Error(String(answer.status));
  const { documents, reindex } = await answer.json();
  if (mine !== watching) return false;
  const rows = new Map([...table.tBodies[0].rows].map((row) => [row.dataset.id, row]));
  if (documents.some((shown) => stale(rows.get(shown.id), shown))) {
    if (!(await refresh(mine))) return true;
  } else for (const shown of documents) update(rows.get(shown.id), shown);
  for (const [id, row] of rows) if (!documents.some((shown) => shown.id === id)) row.remove();
  table.hidden = !documents.length;
  reindexButton.hidden = !documents.length && !("some" in table.dataset);
  empty.hidden = documents.length > 0;
  reindexing.hidden = !reindex.length;
  if (reindex.length) {
    reindexing.querySelector("progress").value = reindex[0].progress;
    reindexing.querySelector("[data-step]").textContent = reindex[0].step;
  }
  return reindex.length > 0 || documents.some((shown) => shown.under_way);
}

// Often while something happens or has just been asked for, else now and then.
async function watch() {
  const mine = ++watching; // a later call takes over
  for (let looks = 0; mine === watching; looks += 1) {
    let busy = looks < EAGER_LOOKS;
    try { if (!document.hidden) busy = (await look(mine)) || busy; } catch { busy = false; }
    await new Promise((resume) => setTimeout(resume, busy ? OFTEN : SELDOM));
  }
}

// New rows come from the server, so that a row is written in one place only. Returns whether there are.
async function refresh(mine) {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  if (pressed || mine !== watching) return false;
  const rows = document.adoptNode(page.getElementById("documents").tBodies[0]);
  const focused = document.activeElement.closest("tr");
  tellTimes(rows);
  table.tBodies[0].replaceWith(rows);
  if (focused && !focused.isConnected) rows.querySelector(`[data-id="${focused.dataset.id}"] a`)?.focus();
  return true;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  take(chosen(form.files));
  form.reset();
});
form.querySelector("button").hidden = true; // what is chosen is sent at once
document.getElementById("choose-folder").hidden = false;
for (const input of [form.files, document.getElementById("folder")]) {
  input.addEventListener("change", () => { take(chosen(input)); form.reset(); });
}
for (const kind of ["dragenter", "dragover"]) {
  form.addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
form.addEventListener("drop", async (event) => { event.preventDefault(); take(await dropped(event.dataTransfer)); });
watch();
