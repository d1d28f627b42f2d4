// Parts of a page that are written anew wait while this is true: a button that is taken away while it is
// pressed would do nothing.
let pressed = false;
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const ends of ["pointerup", "pointercancel"]) addEventListener(ends, () => setTimeout(() => { pressed = false; }), true);

// What has the focus in a part that is written anew gets it again: what does the same, wherever it stands by then.
// Nothing takes the place of what is gone.
function focusIn(part) {
  const active = document.activeElement;
  if (!part.contains(active)) return () => {};
  const does = (it) => it.id || it.getAttribute("href") || (it.form ? it.form.action + it.textContent : it.parentElement.id || it.textContent).trim();
  const known = does(active);
  return () => [...part.querySelectorAll(active.tagName)].find((it) => does(it) === known)?.focus({ preventScroll: true });
}
