/* One answer on the page. It grows by the events of its stream, and is drawn the same way when it is read again. */
import { Feedback } from "./feedback.js";
import { offset, show } from "./markdown.js";
import { Sources } from "./sources.js";

export class Answer {
  #parts;
  #sources;
  #feedback;
  #marks = [];
  #drawing = 0;
  element = document.getElementById("answer-said").content.cloneNode(true).firstElementChild;
  message = "";
  text = "";

  /** `rate(message, rating)` keeps a rating; `drawn()` is called when the answer has grown on the page. */
  constructor({ rate, drawn = () => {} }) {
    const part = (name) => this.element.querySelector(`.${name}`);
    this.#parts = Object.fromEntries(["looking", "said", "stopped", "handoff", "failed"].map((name) => [name, part(name)]));
    this.#sources = new Sources(part("sources"));
    this.#feedback = new Feedback(part("feedback"), (rating) => rate(this.message, rating));
    this.drawn = drawn;
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

  token(text) {
    this.text += text;
    if (!this.#drawing) this.#drawing = requestAnimationFrame(() => this.#draw({ unfinished: true }));
  }

  citation(citation) {
    this.#marks.push(this.#mark(citation, this.text.length));
  }

  handoff(text) {
    this.#parts.handoff.textContent = text;
    this.#parts.handoff.hidden = false;
    this.drawn();
  }

  /** It did not work: the sentence for the customer, and a way to try again where that may help. */
  fail(sentence, again) {
    this.#settle();
    const [words, button] = this.#parts.failed.children;
    words.textContent = sentence;
    button.hidden = !again;
    button.onclick = again;
    this.#parts.failed.hidden = false;
    this.drawn();
  }

  /** The whole answer, as it is kept. */
  end({ text, citations, partial }) {
    const failed = !this.#parts.failed.hidden;
    this.#whole({ text, citations, partial: partial && !failed });
    if (text && this.message) this.#feedback.begin();
    this.drawn();
  }

  /** Its customer stopped it, and the server no longer says how it ends: what was read stands. */
  stop() {
    this.#settle();
    this.#parts.stopped.hidden = false;
    if (this.text && this.message) this.#feedback.begin();
    this.drawn();
  }

  get sources() {
    return this.#sources.titles;
  }

  #whole({ text, citations, partial }) {
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
    this.#draw();
  }

  #draw({ unfinished = false } = {}) {
    this.#drawing = 0;
    this.#parts.looking.hidden = !unfinished || this.text !== "";
    this.#parts.said.hidden = this.text === "";
    show(this.#parts.said, this.text, { marks: this.#marks, unfinished });
    this.drawn();
  }
}
