/* The chat inside the frame: asks, shows, and remembers which answer the customer is waiting for. */
import { Announcer } from "./announcer.js";
import { Answer } from "./answer.js";
import { Api, CutOff, Refused } from "./api.js";
import { Composer } from "./composer.js";
import { Host } from "./host.js";
import { say } from "./words.js";

const STOP_PATIENCE = 2000; // milliseconds the server has to end an answer that was stopped

class Chat {
  #page = document.getElementById("chat");
  #messages = document.getElementById("messages");
  #scroll = document.getElementById("scroll");
  #new = document.getElementById("new");
  #close = document.getElementById("close");
  #greeting = this.#messages.firstElementChild;
  #generation = 0; // of the question asked last: what arrives for an earlier one is dropped
  #waiting = null; // {answer, abort} while an answer is being written
  #remembered = Promise.resolve();
  #follows = true; // the newest words stay in view, unless the reader scrolled away from them

  constructor() {
    const { language, site, questionCharacters } = this.#page.dataset;
    this.api = new Api({ site, language });
    this.announcer = new Announcer(document.getElementById("announcer"), language);
    this.composer = new Composer({
      limit: Number(questionCharacters),
      ask: (text) => this.ask(text),
      stop: () => this.stop(),
    });
    this.host = new Host(site, { opened: () => this.composer.focus() });
    this.#close.hidden = !this.host.present;
    this.#close.addEventListener("click", () => this.host.close());
    this.#new.addEventListener("click", () => this.restart());
    this.#scroll.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
      this.#follows = scrollHeight - scrollTop - clientHeight < 48;
    });
    new ResizeObserver(() => this.#settleView()).observe(this.#scroll); // the question box grows, a keyboard slides in
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.host.close();
    });
  }

  /** Show what was said on an earlier visit; a question asked meanwhile waits for it. */
  remember() {
    this.#remembered = this.#remember();
  }

  async ask(text) {
    this.composer.answering = true;
    await this.#remembered;
    this.#follows = true;
    this.#new.hidden = false;
    this.#add(question(text));
    await this.#reply(text);
  }

  async stop() {
    if (!this.#waiting) return;
    const { answer, abort } = this.#waiting;
    const patience = setTimeout(() => abort.abort(), STOP_PATIENCE);
    abort.signal.addEventListener("abort", () => clearTimeout(patience));
    if (!answer.message) return abort.abort();
    await this.api.stop(answer.message).catch(() => abort.abort());
  }

  /** Leave this conversation and begin another. */
  restart() {
    this.#leave();
    this.api.forget();
    this.#messages.replaceChildren(this.#greeting);
    this.#new.hidden = true;
    this.composer.focus();
  }

  async #remember() {
    if (!this.api.hasConversation) return;
    const generation = this.#generation;
    try {
      const messages = await this.api.history();
      if (generation !== this.#generation) return;
      for (const message of messages) this.#add(message.role === "customer" ? question(message.text) : this.#earlier(message));
      this.#new.hidden = messages.length === 0;
    } catch (problem) {
      if (problem instanceof Refused && problem.forgotten) return this.api.forget();
      const answer = this.#answer();
      answer.fail(say("history"), () => {
        answer.element.remove();
        this.remember();
      });
    }
  }

  async #reply(text) {
    this.#leave();
    const generation = this.#generation;
    const answer = this.#answer();
    const abort = new AbortController();
    this.#waiting = { answer, abort };
    this.composer.answering = true; // also when it is tried again
    this.announcer.begin(say("looking"));
    const again = () => {
      answer.element.remove();
      this.#reply(text);
    };
    try {
      for await (const { event, data } of this.api.ask(text, abort.signal)) {
        if (generation !== this.#generation) return;
        this.#take(answer, event, data, again);
      }
    } catch (problem) {
      if (generation === this.#generation) this.#failed(answer, problem, again);
    } finally {
      if (generation === this.#generation) this.#settled();
    }
  }

  #take(answer, event, data, again) {
    switch (event) {
      case "start":
        answer.message = data.message;
        break;
      case "token":
        answer.token(data.text);
        this.announcer.follow(answer.text);
        break;
      case "citation":
        answer.citation(data);
        break;
      case "handoff":
        answer.handoff(data.text);
        this.announcer.say(data.text);
        break;
      case "error":
        answer.fail(data.text, data.retry ? again : null);
        this.announcer.say(data.text);
        break;
      case "end":
        answer.end(data);
        this.announcer.finish(data.text);
        if (answer.sources.length) this.announcer.say(say("sources", { titles: answer.sources.join(", ") }));
        break;
    }
  }

  #failed(answer, problem, again) {
    if (problem.name === "AbortError") return answer.stop();
    const [sentence, retry] = told(problem);
    answer.fail(sentence, retry ? again : null);
    this.announcer.say(sentence);
  }

  #settled() {
    this.#waiting = null;
    this.composer.answering = false;
  }

  /** Whatever still arrives for what was asked before is nobody's. */
  #leave() {
    this.#generation += 1;
    if (!this.#waiting) return;
    const { answer, abort } = this.#waiting;
    if (answer.message) this.api.stop(answer.message).catch(() => {});
    abort.abort();
    this.#settled();
  }

  #answer() {
    const answer = new Answer(this.#options);
    this.#add(answer.element);
    return answer;
  }

  #earlier(message) {
    return Answer.of(message, this.#options).element;
  }

  get #options() {
    return { rate: (message, rating) => this.api.rate(message, rating), drawn: () => this.#settleView() };
  }

  #add(element) {
    this.#messages.append(element);
    this.#settleView();
  }

  #settleView() {
    if (this.#follows) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }
}

function question(text) {
  const element = document.getElementById("question-said").content.cloneNode(true).firstElementChild;
  element.querySelector(".said").textContent = text;
  return element;
}

/** What the customer is told about a problem, and whether trying again may help. */
function told(problem) {
  if (problem instanceof Refused) return [problem.message || say("unavailable"), problem.retry];
  if (problem instanceof CutOff || problem instanceof TypeError) return [say("connection"), true];
  console.error(problem);
  return [say("unavailable"), true];
}

new Chat().remember();
