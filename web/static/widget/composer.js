/* The question box: Enter sends, Shift+Enter breaks the line, an input method (Japanese) keeps its own Enter. */
import { characters, say } from "./words.js";

const NEARLY = 0.8; // of the limit: from here on the count is shown

export class Composer {
  #box = document.getElementById("question");
  #send = document.getElementById("send");
  #stop = document.getElementById("stop");
  #counter = document.getElementById("counter");
  #offline = document.getElementById("offline");
  #editing = document.getElementById("editing");
  #limit;
  #answering = false;
  #replaces = ""; // the question that is being changed

  constructor({ limit, ask, stop }) {
    this.#limit = limit;
    const form = document.getElementById("ask");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.#ready) return;
      const text = this.#box.value.trim();
      const replaces = this.#replaces;
      this.edit("", "");
      ask(text, replaces);
    });
    this.#box.addEventListener("input", () => this.#update());
    this.#box.addEventListener("keydown", (event) => {
      const composing = event.isComposing || event.keyCode === 229; // 229: Safari ends a composition before this event
      if (event.key !== "Enter" || event.shiftKey || composing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.#editing.querySelector("button").addEventListener("click", () => this.edit("", ""));
    this.#stop.addEventListener("click", stop);
    for (const change of ["online", "offline"]) window.addEventListener(change, () => this.#update());
    this.#update();
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** Change a question that was asked: what is sent next takes its place. An empty id leaves it; null keeps what was typed. */
  edit(id, text) {
    this.#replaces = id;
    this.#editing.hidden = !id;
    if (text !== null) this.#box.value = text;
    this.#update();
    if (id || text !== null) this.focus();
  }

  /** While an answer is being written, its stop stands where send was. */
  set answering(isAnswering) {
    const hadFocus = [this.#send, this.#stop].includes(document.activeElement);
    this.#answering = isAnswering;
    this.#update();
    if (hadFocus) this.focus();
  }

  get answering() {
    return this.#answering;
  }

  get #ready() {
    const length = characters(this.#box.value.trim());
    return length > 0 && length <= this.#limit && !this.#answering && navigator.onLine;
  }

  #update() {
    const count = characters(this.#box.value.trim());
    const tooLong = count > this.#limit;
    const values = { count: count.toLocaleString(), limit: this.#limit.toLocaleString() };
    this.#counter.textContent = count < this.#limit * NEARLY ? "" : say(tooLong ? "too_long" : "left", values);
    this.#counter.classList.toggle("wrong", tooLong);
    this.#box.setAttribute("aria-invalid", String(tooLong));
    this.#offline.hidden = navigator.onLine;
    this.#send.hidden = this.#answering;
    this.#stop.hidden = !this.#answering;
    this.#send.disabled = !this.#ready;
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight}px`;
  }
}
