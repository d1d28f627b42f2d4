// The library's page: files are sent one by one as soon as they are dropped or chosen, and each document's steps are shown live.
const script = document.currentScript;
const form = document.getElementById("upload");
const list = document.getElementById("uploads");
const table = document.getElementById("documents");
const token = document.querySelector('meta[name="csrf-token"]').content;
const AT_ONCE = 2;
let waiting = [];
let sending = 0;
let watching = 0;

function say(line, text, bad) {
  line.textContent = text;
  line.classList.toggle("text-danger-emphasis", Boolean(bad));
}

function send(file, line) {
  const body = new FormData();
  body.append("files", file, file.name);
  const request = new XMLHttpRequest(); // fetch tells nothing of an upload's progress
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRFToken", token);
  request.setRequestHeader("Accept", "application/json");
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) say(line, `${file.name}: ${Math.round((100 * event.loaded) / event.total)} %`);
  };
  request.onload = () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* a proxy's page */ }
    const result = answer.results && answer.results[0];
    say(line, result ? result.sentence : `${file.name}: ${answer.error || script.dataset.failed}`, !result || result.error);
    done();
  };
  request.onerror = () => { say(line, `${file.name} ${script.dataset.failed}`, true); done(); };
  request.send(body);
}

function done() {
  sending -= 1;
  next();
  watch();
}

function next() {
  while (sending < AT_ONCE && waiting.length) {
    const { file, line } = waiting.shift();
    sending += 1;
    send(file, line);
  }
}

function take(files) {
  for (const file of files) {
    const line = document.createElement("li");
    say(line, `${file.name} ${script.dataset.sending}`);
    list.append(line);
    waiting.push({ file, line });
  }
  next();
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

async function look() {
  const answer = await fetch(table.dataset.stateUrl, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  const { documents, reindex } = await answer.json();
  const rows = new Map([...table.tBodies[0].rows].map((row) => [row.dataset.id, row]));
  const unknown = documents.some((shown) => !rows.has(shown.id));
  for (const shown of documents) if (rows.has(shown.id)) update(rows.get(shown.id), shown);
  for (const [id, row] of rows) if (!documents.some((shown) => shown.id === id)) row.remove();
  const box = document.getElementById("reindexing");
  box.hidden = !reindex.length;
  if (reindex.length) {
    box.querySelector("progress").value = reindex[0].progress;
    box.querySelector("[data-step]").textContent = reindex[0].step;
  }
  return { unknown, busy: reindex.length > 0 || documents.some((shown) => shown.under_way) };
}

async function watch() {
  const mine = ++watching; // a later call takes over
  for (let quiet = 0; quiet < 3 && mine === watching; ) {
    try {
      const { unknown, busy } = await look();
      if (unknown && !sending && !waiting.length) await refresh();
      quiet = busy || sending ? 0 : quiet + 1;
    } catch { quiet += 1; }
    await new Promise((resume) => setTimeout(resume, 700));
  }
}

// New rows come from the server, so that a row is written in one place only.
async function refresh() {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  table.tBodies[0].replaceWith(document.adoptNode(page.getElementById("documents").tBodies[0]));
  table.hidden = false;
  document.getElementById("empty").hidden = true;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  take(form.files.files);
  form.reset();
});
form.files.addEventListener("change", () => { take(form.files.files); form.reset(); });
for (const kind of ["dragenter", "dragover"]) {
  form.addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
form.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files); });
watch();
