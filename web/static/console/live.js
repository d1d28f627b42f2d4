// Parts of a page that change by themselves: each [data-live] is taken anew from the address it names, as the
// server writes it; often while something in it is under way, else now and then.
const OFTEN = 1000; // milliseconds
const SELDOM = 5000;

// Returns whether something is under way.
async function look(part) {
  const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" } });
  if (answer.status === 401 || answer.redirected) part.removeAttribute("data-live"); // signed out: nothing more to see
  else if (answer.ok) put(part, await answer.text());
  return part.querySelector("[data-under-way]") !== null;
}

// What the reader has opened stays open, and what has the focus keeps it.
function put(part, text) {
  if (pressed || part.written === text) return;
  part.written = text;
  const fresh = new DOMParser().parseFromString(text, "text/html").body;
  for (const opened of part.querySelectorAll("details[open][id]")) {
    fresh.querySelector(`#${opened.id}`)?.setAttribute("open", "");
  }
  tellTimes(fresh);
  if (fresh.innerHTML.trim() === part.innerHTML.trim()) return;
  const refocus = focusIn(part);
  part.replaceChildren(...document.adoptNode(fresh).childNodes);
  refocus();
}

async function watch() {
  for (;;) {
    const parts = [...document.querySelectorAll("[data-live]")];
    if (!parts.length) return;
    let busy = false;
    try { if (!document.hidden) busy = (await Promise.all(parts.map(look))).some(Boolean); } catch { /* the server is away for a moment */ }
    await new Promise((resume) => setTimeout(resume, busy ? OFTEN : SELDOM));
  }
}

watch();
