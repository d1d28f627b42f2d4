/* Where an answer comes from: numbers in the text, and under it each source with the passage and the words that were used;
 * from there into the document, opened at those words. */
import { show } from "./markdown.js";
import { say } from "./words.js";

export class Sources {
  #section;
  #open;
  #byNumber = new Map(); // number → {item, quotes, draw, title}

  constructor(section, open) {
    this.#section = section;
    this.#open = open;
  }

  /** Take a citation in; returns the number that stands in the text for it. */
  add(citation) {
    const known = this.#byNumber.get(citation.number);
    if (!known) this.#list(citation);
    else if (!known.quotes.includes(citation.quote)) {
      known.quotes.push(citation.quote);
      known.draw();
    }
    return this.#mark(citation);
  }

  set hidden(isHidden) {
    this.#section.hidden = isHidden || this.#byNumber.size === 0;
  }

  get titles() {
    return [...this.#byNumber.values()].map(({ title }) => title);
  }

  #list(citation) {
    const item = document.getElementById("source-shown").content.cloneNode(true).firstElementChild;
    item.querySelector(".number").textContent = citation.number;
    item.querySelector(".title").textContent = citation.document;
    item.querySelector(".path").textContent = path(citation) || citation.source;
    const open = item.querySelector(".open");
    open.hidden = false;
    open.addEventListener("click", () => this.#open(citation.number));
    const quotes = [citation.quote];
    const draw = () => quoted(item.querySelector(".passage"), citation.text, quotes);
    draw();
    this.#byNumber.set(citation.number, { item, quotes, draw, title: citation.document });
    this.#section.querySelector("ol").append(item);
  }

  #mark(citation) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cite";
    button.textContent = citation.number;
    button.ariaLabel = say("cite", { number: citation.number, title: citation.document });
    button.addEventListener("click", () => this.#show(citation.number));
    return button;
  }

  #show(number) {
    const { item } = this.#byNumber.get(number);
    const details = item.querySelector("details");
    details.open = true;
    details.querySelector("summary").focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  }
}

/** Shows a document around a cited passage, at the quoted words. */
export function read({ document: title, changed, quotes, parts }) {
  const dialog = document.getElementById("document");
  const pages = dialog.querySelector(".pages");
  dialog.querySelector("h2").textContent = title;
  let before = "";
  const shown = parts.flatMap((part) => {
    const where = path(part);
    const heading = where && where !== before ? [Object.assign(document.createElement("h3"), { textContent: where })] : [];
    before = where;
    const passage = Object.assign(document.createElement("div"), { className: "passage", dir: "auto" });
    quoted(passage, part.text, part.cited ? quotes : [], true);
    return [...heading, passage];
  });
  const note = Object.assign(document.createElement("p"), { className: "state", textContent: changed ? say("changed") : "" });
  pages.replaceChildren(note, ...shown);
  dialog.showModal();
  const words = pages.querySelector("mark");
  (words ?? pages).scrollIntoView({ block: words ? "center" : "start" });
}

const path = ({ headings, page }) => [...headings, ...(page ? [say("page", { page })] : [])].join(" › ");

/**
 * The passage, with its quotes marked; a quote that is all of it is marked only where there is more around (`whole`).
 * The edges of a quote are marks in the Markdown; between them every text is wrapped.
 */
function quoted(target, text, quotes, whole = false) {
  const ranges = quotes
    .map((quote) => ({ from: text.indexOf(quote), length: quote.length }))
    .filter(({ from, length }) => from >= 0 && length > 0 && (whole || length < text.trim().length))
    .map(({ from, length }) => ({ opens: edge(from, true), closes: edge(from + length, false) }));
  const edges = ranges.flatMap(({ opens, closes }) => [opens, closes]);
  const drawn = document.createElement("div");
  show(drawn, text, { marks: edges });
  for (const { opens, closes } of ranges) wrap(drawn, opens.node, closes.node);
  for (const { node } of edges) node.remove();
  target.replaceChildren(...drawn.childNodes);
}

const edge = (at, opens) => ({ at, opens, node: document.createElement("i") });

function wrap(root, opens, closes) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const inside = [];
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const after = opens.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
    const before = closes.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_PRECEDING;
    if (after && before && text.data.trim()) inside.push(text);
  }
  for (const text of inside) {
    const mark = document.createElement("mark");
    text.replaceWith(mark);
    mark.append(text);
  }
}
