/* Who has the chat: the bot, or a person of the team, whom the customer asked for. What the server says of it is drawn whole each
 * time; while it is not the bot, the server's news are listened to. */
import { say } from "./words.js";

export class Person {
  #api;
  #hears;
  #listening = null;
  #cursor = "";
  #asked = 0; // for a person, or to leave them: an earlier answer that comes later counts no more
  #section = document.getElementById("standing");
  #ask = document.getElementById("person");
  #leave = document.getElementById("leave");
  #email = document.getElementById("email");
  state = { with: "bot", available: !this.#ask.hidden };

  /** `hears(event)` gets each message that comes in; `changed()` is called when somebody else has the chat. */
  constructor(api, { hears, changed }) {
    this.#api = api;
    this.#hears = hears;
    this.changed = changed;
    this.#ask.addEventListener("click", () => this.ask());
    this.#leave.addEventListener("click", () => this.#try(() => this.#api.leavePerson()));
    this.#email.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#email.reportValidity()) this.ask(this.#email.elements.address.value.trim());
    });
  }

  /** How things stand when the page begins, and behind which message the news begin. */
  begin({ state, cursor }) {
    if (this.#listening) return; // the news are newer
    this.#cursor = cursor ?? "";
    if (state) this.shows(state);
  }

  /** Whether the bot answers. */
  get away() {
    return this.state.with === "bot";
  }

  async ask(email = "") {
    document.getElementById("menu").hidePopover();
    await this.#try(() => this.#api.askPerson(email));
    if (!this.#email.hidden) this.#email.elements.address.focus();
  }

  shows(state) {
    const before = this.state.with;
    this.state = state;
    const [words] = this.#section.children;
    const typing = state.typing ? ` ${say("typing", { name: state.name || say("team") })}` : "";
    words.textContent = state.text + typing;
    this.#ask.hidden = !state.available || !this.away;
    this.#email.hidden = !state.email_wanted;
    this.#leave.hidden = this.away;
    this.#leave.textContent = say(state.with === "person" ? "leave_person" : "stop_waiting");
    this.#section.hidden = this.away && !state.text && !state.email_wanted;
    if (before !== state.with) this.changed();
    this.away ? this.stop() : this.#listen();
  }

  /** Nothing more is wanted of this conversation. */
  stop() {
    this.#listening?.abort();
    this.#listening = null;
  }

  forget() {
    this.#asked += 1;
    this.stop();
    this.shows({ ...this.state, with: "bot", text: "", email_wanted: false, typing: false });
  }

  async #listen() {
    if (this.#listening) return;
    const listening = (this.#listening = new AbortController());
    try {
      for await (const { event, data } of this.#api.news(this.#cursor, listening.signal)) {
        if (data.cursor) this.#cursor = data.cursor;
        if (event === "state") this.shows(data);
        else if (event === "message") this.#hears(data);
      }
    } catch (problem) {
      if (problem.name !== "AbortError") this.#fault(problem);
    } finally {
      if (this.#listening === listening) this.#listening = null;
    }
  }

  async #try(request) {
    const asked = ++this.#asked;
    this.#email.querySelector("[role=alert]").textContent = "";
    try {
      const state = await request();
      if (asked === this.#asked) this.shows(state);
    } catch (problem) {
      if (asked === this.#asked) this.#fault(problem);
    }
  }

  #fault(problem) {
    const sentence = problem.message || say("unavailable");
    if (!this.#email.hidden) this.#email.querySelector("[role=alert]").textContent = sentence;
    else this.#section.firstElementChild.textContent = sentence;
    this.#section.hidden = false;
  }
}
