// The preview shows what is typed before it is saved: the server makes the colours, the rest is set on the page in the frame.
const form = document.getElementById("appearance");
const preview = document.getElementById("preview");
let waiting = 0;

function draw() {
  const page = preview.contentDocument;
  if (page?.readyState === "loading") return; // of a page of which a part has come: its load is waited for
  const theme = page?.getElementById("theme");
  if (!theme) return;
  const typed = new FormData(form);
  for (const left of ["logo", "csrf_token"]) typed.delete(left);
  theme.href = `${form.dataset.theme}?${new URLSearchParams(typed)}`;
  page.documentElement.dataset.scheme = typed.get("scheme");
  page.querySelector("h1").textContent = typed.get("title") || form.elements.title.placeholder;
  begins(page, typed.get(`starters-${page.documentElement.lang}`) ?? "");
  asks(page);
}

// An empty chat has hardly a colour: a customer has asked in it.
function asks(page) {
  if (page.getElementById("sample")) return;
  const said = page.getElementById("question-said").content.firstElementChild.cloneNode(true);
  said.id = "sample";
  said.querySelector(".said").textContent = form.dataset.sample;
  page.getElementById("messages").firstElementChild.after(page.adoptNode(said));
}

function begins(page, lines) {
  const questions = lines.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, 4);
  page.getElementById("starters").replaceChildren(...questions.map((question) => {
    const item = page.createElement("li");
    item.append(Object.assign(page.createElement("button"), { type: "button", className: "ask-this", textContent: question }));
    return item;
  }));
}

form.addEventListener("input", (event) => {
  if (event.target.id === "accent_dark") form.elements.own_dark.checked = true;
  clearTimeout(waiting);
  waiting = setTimeout(draw, 120);
});
preview.addEventListener("load", draw);
draw();
