// The inbox: the server says when something has changed, and the list and the chat are taken anew as it writes them.
const own = document.currentScript.dataset;
const token = document.querySelector('meta[name="csrf-token"]').content;
const list = document.getElementById("list");
const chat = document.getElementById("chat");
const reply = document.getElementById("reply");
const say = document.getElementById("say");
const canned = document.getElementById("canned");
const draft = document.getElementById("draft");
const title = document.title;
const CALM = 700; // milliseconds between two looks
const SELDOM = 10000; // … when the server takes no more streams
const TYPING = 3000;

// ---- what has changed ----

let looking = false;
let again = false;

async function look() {
  if (looking) { again = true; return; }
  looking = true;
  do {
    again = false;
    try {
      await Promise.all([list, chat].filter(Boolean).map(take));
    } catch { /* the server is away for a moment: the stream tells when it is back */ }
    tellRead();
    await new Promise((resume) => setTimeout(resume, CALM));
  } while (again);
  looking = false;
}

async function take(part) {
  const answer = await fetch(part.dataset.part, { headers: { Accept: "text/html" } });
  if (answer.redirected || answer.status === 401) location.reload(); // signed out
  if (!answer.ok) return;
  const text = await answer.text();
  if (part.written === text) return;
  if (pressed) { again = true; return; }
  part.written = text;
  const fresh = new DOMParser().parseFromString(text, "text/html").body;
  tellTimes(fresh);
  if (fresh.innerHTML.trim() !== part.innerHTML.trim()) put(part, fresh);
}

// What has the focus keeps it, what was chosen stays so, and the newest line stays in view.
function put(part, fresh) {
  const before = part.querySelector("#lines");
  const follows = before && before.scrollHeight - before.scrollTop - before.clientHeight < 60;
  const refocus = focusIn(part);
  const outcome = part.querySelector("#outcome")?.value;
  const scrolled = before?.scrollTop;
  part.replaceChildren(...document.adoptNode(fresh).childNodes);
  if (outcome && part.querySelector("#outcome")) part.querySelector("#outcome").value = outcome;
  const after = part.querySelector("#lines");
  if (after) after.scrollTop = follows ? after.scrollHeight : scrolled;
  refocus();
  if (part === chat) standing();
  count();
}

function standing() {
  const { mine } = chat.querySelector("[data-mine]").dataset;
  if (reply.hidden === (mine === "yes")) {
    reply.hidden = mine !== "yes";
    if (!reply.hidden) say.focus();
  }
}

let known = null;
function count() {
  const { waiting, unread } = list.querySelector("[data-waiting]").dataset;
  const sum = Number(waiting) + Number(unread);
  document.title = sum ? `(${sum}) ${title}` : title;
  if (known !== null && sum > known) {
    document.getElementById("told").textContent = Number(unread) ? own.fresh : own.waiting.replace("{n}", waiting);
  }
  known = sum;
}

let read = 0;
function tellRead() {
  if (!chat || document.hidden) return;
  const to = Number(chat.querySelector("[data-read-to]").dataset.readTo);
  if (to <= read) return;
  read = to;
  post(own.looking, { read_to: to }).catch(() => {});
}

function listen() {
  const away = document.getElementById("away");
  const source = new EventSource(own.events);
  source.addEventListener("open", () => { away.hidden = true; look(); });
  source.addEventListener("changed", look);
  source.addEventListener("error", () => {
    away.hidden = navigator.onLine && source.readyState !== EventSource.CLOSED;
    if (source.readyState !== EventSource.CLOSED) return;
    look(); // it is full: look now and then instead
    setTimeout(listen, SELDOM);
  });
  addEventListener("pagehide", () => source.close());
}

// ---- what is sent ----

function post(url, fields, headers = {}) {
  const body = new URLSearchParams(fields);
  return fetch(url, { method: "POST", body, headers: { "X-CSRFToken": token, Accept: "application/json", ...headers } });
}

function fault(sentence) {
  const box = document.getElementById("fault");
  box.textContent = sentence;
  box.hidden = !sentence;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.hasAttribute("data-quiet")) return;
  event.preventDefault();
  if (form.busy) return;
  form.busy = true;
  fault("");
  try {
    const field = form.elements.text;
    const written = field?.value;
    const answer = await post(form.action, new FormData(form));
    if (!answer.ok) fault((await answer.json().catch(() => ({}))).error || own.failed);
    else if (form.hasAttribute("data-clears")) {
      if (field.value.startsWith(written)) field.value = field.value.slice(written.length).trimStart(); // what was typed since stays
      draft.replaceChildren();
    }
  } catch {
    fault(own.failed);
  }
  form.busy = false;
  look();
});

document.getElementById("ask-draft")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.busy) return;
  form.busy = true;
  draft.textContent = form.dataset.busyText;
  try {
    const answer = await post(form.action, new FormData(form), { "X-Part": "draft", Accept: "text/html" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
    draft.replaceChildren(...document.adoptNode(fresh).childNodes);
  } catch {
    draft.textContent = form.dataset.failed;
  }
  form.busy = false;
});

draft?.addEventListener("click", (event) => {
  const words = event.target.dataset?.use;
  if (words === undefined) return;
  say.value = say.value.trim() ? `${say.value.trimEnd()}\n\n${words}` : words; // what was typed is not thrown away
  draft.replaceChildren();
  say.focus();
});

let typed = 0;
say?.addEventListener("input", () => {
  suggest();
  if (Date.now() - typed < TYPING) return;
  typed = Date.now();
  post(own.looking, { typing: "1" }).catch(() => {});
});

// ---- by keyboard ----

list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...list.querySelectorAll(".list-group a")];
  const at = links.indexOf(document.activeElement);
  if (!step || at < 0) return;
  event.preventDefault();
  links[Math.min(Math.max(at + step, 0), links.length - 1)].focus();
});

const options = canned ? [...canned.children] : [];
let chosen = -1;

// The word behind the slash at the caret, or null.
function slashed() {
  return /(?:^|\s)\/([^\s/]*)$/.exec(say.value.slice(0, say.selectionStart))?.[1] ?? null;
}

function suggest() {
  const word = slashed();
  let shown = 0;
  for (const option of options) {
    option.hidden = word === null || !option.dataset.name.toLowerCase().startsWith(word.toLowerCase());
    if (!option.hidden) shown += 1;
  }
  canned.hidden = !shown;
  const matches = document.getElementById("matches");
  matches.textContent = !shown ? "" : shown === 1 ? matches.dataset.one : matches.dataset.many.replace("{n}", shown);
  choose(shown ? options.findIndex((option) => !option.hidden) : -1);
}

function choose(at) {
  options[chosen]?.setAttribute("aria-selected", "false");
  chosen = at;
  options[chosen]?.setAttribute("aria-selected", "true");
  options[chosen]?.scrollIntoView({ block: "nearest" });
  if (at >= 0) say.setAttribute("aria-activedescendant", options[at].id);
  else say.removeAttribute("aria-activedescendant");
}

function putIn(option) {
  const caret = say.selectionStart;
  const begin = caret - slashed().length - 1;
  say.setRangeText(option.dataset.text, begin, caret, "end");
  canned.hidden = true;
  choose(-1);
  say.focus();
}

say?.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    reply.requestSubmit();
    return;
  }
  if (canned.hidden) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    const visible = options.filter((option) => !option.hidden);
    const at = visible.indexOf(options[chosen]);
    choose(options.indexOf(visible[(at + step + visible.length) % visible.length]));
  } else if (event.key === "Enter" || event.key === "Tab") {
    event.preventDefault();
    putIn(options[chosen]);
  } else if (event.key === "Escape") {
    canned.hidden = true;
    choose(-1);
  }
});
canned?.addEventListener("mousedown", (event) => {
  event.preventDefault();
  const option = event.target.closest("[role=option]");
  if (option) putIn(option);
});

// ---- begin ----

const said = document.getElementById("lines");
if (said) said.scrollTop = said.scrollHeight;
count();
tellRead();
listen();
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
