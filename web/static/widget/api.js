/* The customer API, and the one thing the browser remembers: the token that opens this customer's conversation.
 *
 * It is kept in the storage of our own origin, one for each site that shows the widget; the page around the frame cannot
 * read it. Where storage is refused, it lives as long as the page.
 */
import { createParser } from "./vendor/eventsource-parser.js";

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

export class Api {
  #site;
  #language;
  #key;
  #token;

  constructor({ site, language }) {
    this.#site = site;
    this.#language = language;
    this.#key = `kotae:${site}`;
    this.#token = recall(this.#key);
  }

  get hasConversation() {
    return this.#token !== "";
  }

  forget() {
    this.#token = "";
    keep(this.#key, "");
  }

  /** The messages so far. */
  async history() {
    const response = await this.#call("conversation");
    return (await response.json()).messages;
  }

  /** Ask, and read the events of the answer: `{event, data}` until `end`. */
  async *ask(text, signal) {
    for (let first = true; ; first = false) {
      if (!this.hasConversation) await this.#open(signal);
      try {
        const response = await this.#call("messages", { text }, signal);
        yield* events(response);
        return;
      } catch (problem) {
        if (!(problem instanceof Refused && problem.forgotten && first)) throw problem;
        this.forget(); // the server no longer knows this conversation: the question opens a new one
      }
    }
  }

  async stop(message) {
    await this.#call(`messages/${encodeURIComponent(message)}/stop`, {});
  }

  async rate(message, rating) {
    await this.#call(`messages/${encodeURIComponent(message)}/feedback`, rating);
  }

  async #open(signal) {
    const response = await this.#call("conversations", { site: this.#site, language: this.#language }, signal);
    this.#token = (await response.json()).token;
    keep(this.#key, this.#token);
  }

  async #call(path, body, signal) {
    const headers = { "Accept-Language": this.#language };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    if (body) headers["Content-Type"] = "application/json";
    const response = await fetch(new URL(`../api/${path}`, location.href), {
      method: body ? "POST" : "GET",
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

async function* events(response) {
  const waiting = [];
  const parser = createParser({ onEvent: (event) => waiting.push(event) });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new CutOff();
      parser.feed(value);
      for (const { event, data } of waiting.splice(0)) {
        yield { event, data: JSON.parse(data) };
        if (event === "end") return;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
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
  } catch {
    // the browser keeps nothing for a frame of another site: the chat lives as long as the page
  }
}
