// Forms of the console: ask before what cannot be undone, and show that work is under way.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sure && !confirm(form.dataset.sure)) {
    event.preventDefault();
    return;
  }
  const button = form.querySelector("button");
  if (form.dataset.busy && button) {
    button.textContent = form.dataset.busy;
    button.setAttribute("aria-disabled", "true");
    form.addEventListener("submit", (again) => again.preventDefault()); // a second click
  }
});

// A page taken back from the browser's memory would still say "Warming up …".
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
