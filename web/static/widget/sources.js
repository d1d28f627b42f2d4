/* Where an answer comes from: numbers in the text, and under it each source with the passage and the words that were used. */
import { show } from "./markdown.js";
import { say } from "./words.js";

export class Sources {
  #section;
  #byNumber = new Map(); // number → {item, quotes}

  constructor(section) {
    this.#section = section;
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

  get titles() {
    return [...this.#byNumber.values()].map(({ title }) => title);
  }

  #list(citation) {
    const item = document.getElementById("source-shown").content.cloneNode(true).firstElementChild;
    item.querySelector(".number").textContent = citation.number;
    item.querySelector(".title").textContent = citation.document;
    item.querySelector(".path").textContent = path(citation);
    const quotes = [citation.quote];
    const draw = () => quoted(item.querySelector(".passage"), citation.text, quotes);
    draw();
    this.#byNumber.set(citation.number, { item, quotes, draw, title: citation.document });
    this.#section.querySelector("ol").append(item);
    this.#section.hidden = false;
  }

  #mark(citation) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cite";
    button.textContent = citation.number;
    button.ariaLabel = say("cite", { number: citation.number, title: citation.document });
    button.addEventListener("click", () => this.#open(citation.number));
    return button;
  }

  #open(number) {
    const { item } = this.#byNumber.get(number);
    const details = item.querySelector("details");
    details.open = true;
    details.querySelector("summary").focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  }
}

function path({ headings, page, source }) {
  const places = [...headings, ...(page ? [say("page", { page })] : [])];
  return places.length ? places.join(" › ") : source;
}

/** The passage, with its quotes marked. The edges of a quote are marks in the Markdown; between them every text is wrapped. */
function quoted(target, text, quotes) {
  const ranges = quotes
    .map((quote) => ({ from: text.indexOf(quote), length: quote.length }))
    .filter(({ from, length }) => from >= 0 && length < text.trim().length)
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
