/* One answer on the page. It grows by the events of its stream, and is drawn the same way when it is read again. */
import { Feedback } from "./feedback.js";
import { offset, show } from "./markdown.js";
import { Sources } from "./sources.js";
import { say } from "./words.js";

export class Answer {
  #parts;
  #sources;
  #feedback;
  #options;
  #marks = [];
  #drawing = 0;
  element = document.getElementById("answer-said").content.cloneNode(true).firstElementChild;
  message = "";
  text = "";

  /**
   * `rate(message, rating)` keeps a rating, `open(message, number)` shows a source in its document, `person()` asks for one,
   * `drawn()` is called when the answer has grown on the page.
   */
  constructor(options) {
    const part = (name) => this.element.querySelector(`.${name}`);
    const names = ["looking", "said", "stopped", "lost", "handoff", "failed", "retry", "feedback", "next"];
    this.#options = options;
    this.#parts = Object.fromEntries(names.map((name) => [name, part(name)]));
    this.#sources = new Sources(part("sources"), (number) => options.open(this.message, number));
    this.#feedback = new Feedback(this.#parts.feedback, (rating) => options.rate(this.message, rating));
    this.#parts.feedback.querySelector("[data-copy]").addEventListener("click", () => this.#copy());
    this.#parts.handoff.querySelector("button").addEventListener("click", () => options.person());
  }

  /** An answer of an earlier visit. */
  static of(message, options) {
    const answer = new Answer(options);
    answer.message = message.id;
    answer.#whole(message);
    if (message.notice) message.handoff ? answer.handoff(message.notice) : answer.fail(message.notice, null);
    if (message.text) answer.#feedback.begin(message.feedback);
    return answer;
  }

  start(message) {
    if (this.message && this.message !== message) this.#whole({ text: "", citations: [] });
    this.message = message;
    this.lost = false;
  }

  token(text) {
    this.text += text;
    this.lost = false;
    if (!this.#drawing) this.#drawing = requestAnimationFrame(() => this.#draw({ unfinished: true }));
  }

  citation(citation) {
    this.#marks.push(this.#mark(citation, this.text.length));
  }

  /** Whether the connection is being made anew. */
  set lost(isLost) {
    this.#parts.lost.hidden = !isLost;
  }

  handoff(text) {
    const [words, button] = this.#parts.handoff.children;
    words.textContent = text;
    button.hidden = !this.#options.person;
    this.#parts.handoff.hidden = false;
    this.#options.drawn();
  }

  /** It did not work: the sentence for the customer, and a way to try again where that may help. */
  fail(sentence, again) {
    this.#settle();
    this.#parts.failed.firstElementChild.textContent = sentence;
    this.#parts.failed.hidden = false;
    this.again(again);
  }

  /** The whole answer, as it is kept. */
  end({ text, citations, partial }) {
    const failed = !this.#parts.failed.hidden;
    this.#whole({ text, citations, partial: partial && !failed });
    if (text && this.message) this.#feedback.begin();
    this.#options.drawn();
  }

  /** Its customer stopped it, and the server no longer says how it ends: what was read stands. */
  stop() {
    this.#settle();
    this.#parts.stopped.hidden = false;
    if (this.text && this.message) this.#feedback.begin();
    this.#options.drawn();
  }

  /** Offer another try. */
  again(again) {
    this.#parts.retry.hidden = !again;
    this.#parts.retry.onclick = again;
    this.#options.drawn();
  }

  /** What may be asked next. */
  suggest(questions, ask) {
    const items = questions.map((question) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "ask-this", dir: "auto", textContent: question });
      button.addEventListener("click", () => ask(question));
      item.append(button);
      return item;
    });
    this.#parts.next.querySelector("ul").replaceChildren(...items);
    this.#parts.next.hidden = items.length === 0;
    this.#options.drawn();
  }

  get sources() {
    return this.text.trim() ? this.#sources.titles : [];
  }

  async #copy() {
    const status = this.#parts.feedback.querySelector(".thanks");
    status.textContent = (await copied(this.text)) ? say("copied") : say("unavailable");
  }

  #whole({ text, citations, partial = false }) {
    this.text = text;
    this.#marks = citations.map((citation) => this.#mark(citation, offset(text, citation.at)));
    this.#settle();
    this.#parts.stopped.hidden = !partial;
  }

  #mark(citation, at) {
    return { at, node: this.#sources.add(citation), sticks: true };
  }

  #settle() {
    cancelAnimationFrame(this.#drawing);
    this.lost = false;
    this.#draw();
  }

  #draw({ unfinished = false } = {}) {
    this.#drawing = 0;
    const silent = this.text.trim() === "";
    this.#parts.looking.hidden = !unfinished || !silent;
    this.#parts.said.hidden = silent;
    this.#sources.hidden = silent; // nothing rests on them
    show(this.#parts.said, this.text, { marks: this.#marks, unfinished });
    this.#options.drawn();
  }
}

/** Put text on the clipboard, also where the page around us does not let us use the newer way. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const write = (event) => {
      event.clipboardData.setData("text/plain", text);
      event.preventDefault();
    };
    document.addEventListener("copy", write, { once: true });
    const done = document.execCommand("copy");
    document.removeEventListener("copy", write);
    return done;
  }
}
