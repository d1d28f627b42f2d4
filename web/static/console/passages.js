// A document's passages: the chosen one is in view on both sides, and a change that is taken over shows itself.
const marked = document.getElementById("marked");
const beside = document.getElementById("document");
const underWay = document.getElementById("under-way");
const OFTEN = 700; // milliseconds

if (marked && beside.scrollHeight > beside.clientHeight) {
  beside.scrollTop = marked.offsetTop - beside.offsetTop - beside.clientHeight / 4;
}

// Whoever is on the way to another page, by a form or a link, is not called back.
let isLeaving = false;
addEventListener("beforeunload", () => { isLeaving = true; });

// What was typed and not saved is not thrown away; the page then says that there is something new.
function isDirty() {
  const typed = document.querySelectorAll("#chosen textarea, #chosen input[name=question], #q");
  return [...typed].some((field) => field.value !== field.defaultValue);
}

async function watch() {
  for (;;) {
    await new Promise((resume) => setTimeout(resume, OFTEN));
    let answer;
    try { answer = await fetch(underWay.dataset.stateUrl, { headers: { Accept: "application/json" } }); } catch { continue; }
    if (!answer.ok) return;
    const { under_way: busy } = await answer.json();
    if (busy) continue;
    if (!isLeaving && !isDirty()) location.reload();
    return;
  }
}

if (!underWay.hidden) watch();
