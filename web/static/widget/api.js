/* The customer API, and the one thing the browser remembers: the token that opens this customer's conversation.
 *
 * It is kept in the storage of our own origin, one for each site that shows the widget and each customer that site names; the page
 * around the frame cannot read it. Where storage is refused, it lives as long as the page.
 *
 * A stream that breaks is read on behind the event that came last; a question carries an id of its own, so that asking it once
 * more after a broken connection asks nothing twice.
 */
import { createParser } from "./vendor/eventsource-parser.js";

const PAUSES = [100, 400, 1000, 2000, 4000, 8000, 8000, 8000]; // milliseconds before each new try

/** The server said no, in a sentence for the customer. */
export class Refused extends Error {
  constructor(sentence, { retry = true, status = 0 } = {}) {
    super(sentence);
    this.retry = retry;
    this.status = status;
  }

  /** The token opens nothing any more: the conversation is gone. */
  get forgotten() {
    return [401, 403, 404, 410].includes(this.status);
  }
}

/** The stream ended without its last event. */
export class CutOff extends Error {}

export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Api {
  #site;
  #language;
  #key;
  #token;
  #stored = false; // whether the browser keeps it
  #opening = null; // while a conversation is being begun: whoever wants one meanwhile gets the same
  page = {}; // what the page around us tells of itself and its customer

  constructor({ site, language }) {
    this.#site = site;
    this.#language = language;
    this.knows(this.page);
  }

  /** The page tells who its customer is: each has a conversation of their own. Returns whether it is another one now. */
  knows(page) {
    this.page = page;
    const key = ["kotae", this.#site, signed(page.identity).id].filter(Boolean).join(":");
    const changed = this.#key !== undefined && key !== this.#key;
    if (changed) this.#opening = null;
    this.#key = key;
    this.#token = recall(key);
    this.#stored = this.#token !== "";
    return changed;
  }

  /** Another tab may have begun or left a conversation. Returns whether it is another one now. */
  recall() {
    const before = this.#token;
    const kept = recall(this.#key);
    if (kept || this.#stored) this.#token = kept;
    return before !== this.#token;
  }

  get key() {
    return this.#key;
  }

  /** Of the customer, as their site tells it. */
  get email() {
    return signed(this.page.identity).email ?? "";
  }

  get hasConversation() {
    return this.#token !== "";
  }

  forget() {
    if (recall(this.#key) === this.#token) keep(this.#key, ""); // another tab may have begun anew
    this.#token = "";
  }

  /** The messages so far, who has the chat, and where the news begin. */
  async history() {
    return (await this.#call("conversation")).json();
  }

  /** Ask, and read the events of the answer: `{event, data}` until `end`, `lost` whenever the connection broke. */
  async *ask(question, signal) {
    for (let first = true; ; first = false) {
      if (!this.hasConversation) await wanted(this.open(), signal);
      try {
        yield* this.#read(question.id, signal, question);
        return;
      } catch (problem) {
        if (!(problem instanceof Refused && problem.forgotten && first)) throw problem;
        this.forget(); // the server no longer knows this conversation: the question opens a new one
      }
    }
  }

  /** The answer to a question that was asked before, or in another tab. */
  readOn(id, signal) {
    return this.#read(id, signal);
  }

  async *#read(id, signal, question) {
    let last = "";
    for (let tries = 0; ; tries += 1) {
      try {
        const response = last || !question
          ? await this.#call(`messages/${id}/answer`, { signal, last })
          : await this.#call("messages", { body: tries ? { ...question, again: false } : question, signal });
        for await (const { event, data, id } of events(response)) {
          last = id || last;
          tries = 0;
          yield { event, data };
          if (event === "end") return;
        }
      } catch (problem) {
        if (problem.status === 404 && last && question) {
          last = ""; // the question itself never arrived
          continue;
        }
        const comesBack = problem instanceof Refused ? tries > 0 && (problem.status === 409 || problem.status >= 500) : broken(problem);
        if (!comesBack || tries >= PAUSES.length) throw problem;
        yield { event: "lost" };
        await pause(PAUSES[tries], signal);
      }
    }
  }

  /** What people of the team write, and how things stand, until the bot has the chat again. */
  async *news(cursor, signal) {
    for (let tries = 0; ; ) {
      try {
        const response = await this.#call("conversation/events", { signal, last: cursor });
        for await (const { event, data, id } of events(response)) {
          cursor = id || cursor;
          tries = 0;
          yield { event, data };
          if (event === "state" && data.with === "bot") return;
        }
      } catch (problem) {
        if (!broken(problem) && !(problem instanceof Refused && (problem.status === 429 || problem.status >= 500))) throw problem;
        await pause(PAUSES[Math.min(tries++, PAUSES.length - 1)], signal);
      }
    }
  }

  async stop(message) {
    await this.#call(`messages/${message}/stop`, { body: {} });
  }

  async rate(message, rating) {
    await this.#call(`messages/${message}/feedback`, { body: rating });
  }

  async followups(message) {
    return (await (await this.#call(`messages/${message}/followups`)).json()).questions;
  }

  async source(message, number) {
    return (await this.#call(`messages/${message}/sources/${number}`)).json();
  }

  async transcript() {
    return (await this.#call("conversation/transcript")).blob();
  }

  /** Have it sent to an address; the sentence that says so. */
  async mail(email) {
    return (await (await this.#call("conversation/transcript", { body: { email } })).json()).text;
  }

  async end(farewell) {
    await this.#call("conversation/end", { body: farewell });
  }

  /** Ask for a person, with an address where nobody is there. Returns how things stand. */
  async askPerson(email) {
    if (!this.hasConversation) await this.open();
    return (await this.#call("handoff", { body: email ? { email } : {} })).json();
  }

  async leavePerson() {
    return (await this.#call("handoff", { method: "DELETE" })).json();
  }

  open() {
    return (this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    }));
  }

  async #open() {
    const key = this.#key;
    const { page, title, about, identity, signature } = this.page;
    const told = Object.entries(about ?? {}).slice(0, 20).map(([name, value]) => [short(name, 100), short(value, 300)]);
    const seen = { page: short(page, 2000), title: short(title, 300), about: Object.fromEntries(told) };
    const body = { site: this.#site, language: this.#language, ...seen, identity, signature };
    const opened = await (await this.#call("conversations", { body })).json();
    if (key !== this.#key) throw new CutOff(); // the page has another customer now
    if (identity && !opened.known) console.warn("kotae: this customer's identity is not believed; see docs/embedding.md");
    this.#token = opened.token;
    this.#stored = keep(this.#key, this.#token);
  }

  async #call(path, { body, signal, last, method = body ? "POST" : "GET" } = {}) {
    const headers = { "Accept-Language": this.#language };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    if (body) headers["Content-Type"] = "application/json";
    if (last) headers["Last-Event-ID"] = last;
    const response = await fetch(new URL(`../api/${path}`, location.href), {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
      credentials: "omit",
      cache: "no-store",
    });
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

async function refusal(response) {
  const said = await response.json().catch(() => ({}));
  return new Refused(said.error ?? "", { retry: said.retry ?? response.status >= 500, status: response.status });
}

/** What a page says of itself, as text and no longer than the server takes it. */
const short = (value, most) => String(value ?? "").slice(0, most);

/** Whether it was the line, not the server, that failed. */
const broken = (problem) => problem instanceof CutOff || problem instanceof TypeError;

async function* events(response) {
  const waiting = [];
  const parser = createParser({ onEvent: (event) => waiting.push(event) });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new CutOff();
      parser.feed(value);
      for (const { event, data, id } of waiting.splice(0)) yield { event, data: JSON.parse(data), id };
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** What is waited for, as long as it is wanted. */
const wanted = (promise, signal) =>
  Promise.race([promise, new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }))]);

/** Wait, or until the device is connected again. */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const over = () => {
      clearTimeout(timer);
      window.removeEventListener("online", over);
      signal?.aborted ? reject(signal.reason) : resolve();
    };
    const timer = setTimeout(over, milliseconds);
    window.addEventListener("online", over);
    signal?.addEventListener("abort", over, { once: true });
  });
}

/** What their site has signed of the customer. */
function signed(identity) {
  try {
    return JSON.parse(identity || "{}") ?? {};
  } catch {
    return {};
  }
}

function recall(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

function keep(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
    return true;
  } catch {
    return false; // the browser keeps nothing for a frame of another site: the chat lives as long as the page
  }
}
