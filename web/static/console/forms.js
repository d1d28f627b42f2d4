// Forms of the console: ask before what cannot be undone, send once, and show that work is under way. It is loaded before
// there is anything to press.
const sent = new WeakSet();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.hasAttribute("data-quiet")) return; // another script sends it
  if (sent.has(form)) return event.preventDefault(); // a second press
  if (form.dataset.sure && !confirm(form.dataset.sure)) return event.preventDefault();
  if (form.method === "get" && isHere(form)) {
    event.preventDefault(); // a browser would go to the place on this page, and ask nothing
    return location.reload();
  }
  if (form.method === "get" && !form.dataset.busy) return; // it may bring a file
  sent.add(form);
  const button = form.querySelector("button");
  if (!form.dataset.busy || !button) return;
  button.textContent = form.dataset.busy;
  button.setAttribute("aria-disabled", "true");
});

// Whether a form asks for the page as it is.
function isHere(form) {
  const asked = new URL(form.action);
  asked.search = new URLSearchParams(new FormData(form));
  return asked.hash !== "" && asked.pathname === location.pathname && asked.search === location.search;
}

// A page taken back from the browser's memory would still say "Warming up …".
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
