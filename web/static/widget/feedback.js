/* A thumb on an answer, kept at once; a thumb down also asks for a reason and words. */
import { say } from "./words.js";

export class Feedback {
  #group;
  #rate;
  #value = null;
  #kept = null; // the value that the server has
  #presses = 0;
  #why = null; // the form that asks for a reason
  #sent = Promise.resolve(); // one after the other: what was pressed last is what is kept

  /** `rate` sends a rating and fails when it was not kept. */
  constructor(group, rate) {
    this.#group = group;
    this.#rate = rate;
    for (const thumb of this.#thumbs) thumb.addEventListener("click", () => this.#press(thumb.dataset.value));
  }

  /** Show it, with the rating that was given before. */
  begin(value = null) {
    this.#group.hidden = false;
    this.#kept = value;
    this.#show(value);
  }

  get #thumbs() {
    return this.#group.querySelectorAll("button[data-value]");
  }

  async #press(pressed) {
    const value = this.#value === pressed ? null : pressed; // a second press takes it back
    const press = ++this.#presses;
    this.#why?.remove();
    this.#show(value);
    if (value === "down") this.#askWhy();
    const isKept = await this.#send({ value }, value === "up" ? "thanks" : "");
    if (isKept || press !== this.#presses) return;
    this.#why?.remove();
    this.#show(this.#kept);
  }

  #show(value) {
    this.#value = value;
    for (const thumb of this.#thumbs) thumb.ariaPressed = String(thumb.dataset.value === value);
  }

  async #send(rating, thanks) {
    const status = this.#group.querySelector(".thanks");
    try {
      await (this.#sent = this.#sent.catch(() => {}).then(() => this.#rate(rating)));
      this.#kept = rating.value;
      status.textContent = thanks && say(thanks);
      return true;
    } catch {
      status.textContent = say("feedback_failed");
      return false;
    }
  }

  #askWhy() {
    const form = (this.#why = document.getElementById("reasons").content.cloneNode(true).firstElementChild);
    const back = this.#group.querySelector('[data-value="down"]');
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const given = new FormData(form);
      const rating = { value: "down", reason: given.get("reason") ?? "", comment: given.get("comment").trim() };
      if (!(await this.#send(rating, "thanks"))) return;
      form.remove();
      back.focus();
    });
    form.querySelector("button[type=button]").addEventListener("click", () => {
      form.remove();
      back.focus();
    });
    this.#group.after(form);
    form.scrollIntoView({ block: "nearest" });
  }
}
