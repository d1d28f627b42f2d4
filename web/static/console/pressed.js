// Parts of a page that are written anew wait while this is true: a button that is taken away while it is
// pressed would do nothing.
let pressed = false;
addEventListener("pointerdown", () => { pressed = true; }, true);
for (const ends of ["pointerup", "pointercancel"]) addEventListener(ends, () => setTimeout(() => { pressed = false; }), true);
