/* The chat inside the frame: asks, shows, and remembers which answer the customer is waiting for. */
import { Announcer } from "./announcer.js";
import { Answer } from "./answer.js";
import { Api, CutOff, newId, Refused } from "./api.js";
import { Composer } from "./composer.js";
import { fill } from "./form.js";
import { Host } from "./host.js";
import { show } from "./markdown.js";
import { Person } from "./person.js";
import { read } from "./sources.js";
import { say } from "./words.js";

const STOP_PATIENCE = 2000; // milliseconds the server has to end an answer that was stopped
const SAVING = 60000; // … a browser has to save a file
const page = (id) => document.getElementById(id);

class Chat {
  #messages = page("messages");
  #scroll = page("scroll");
  #greeting = this.#messages.firstElementChild;
  #shown = new Set(); // ids of the messages on the page
  #last = null; // {id, text, element} of the question asked last
  #generation = 0; // of the question asked last: what arrives for an earlier one is dropped
  #waiting = null; // {answer, abort} while an answer is being written
  #remembered = Promise.resolve();
  #looks = 0; // at what was said: only the newest counts, since an older one may come later
  #missed = false; // whether another tab had news while an answer was being written
  #opened = 0; // sources: only the one that was asked for last is shown
  #follows = true; // the newest words stay in view, unless the reader scrolled away from them
  #tabs = new BroadcastChannel("kotae");

  constructor() {
    const { language, site, questionCharacters, inline } = page("chat").dataset;
    this.api = new Api({ site, language });
    this.announcer = new Announcer(page("announcer"), language);
    this.composer = new Composer({
      limit: Number(questionCharacters),
      ask: (text, replaces) => this.ask(text, replaces),
      stop: () => this.stop(),
    });
    this.person = new Person(this.api, { hears: (message) => this.#hear(message), changed: () => this.#offer() });
    this.host = new Host(site, { opened: () => this.composer.focus(), knows: (told) => this.#knows(told), asks: (text) => this.#choose(text) });
    page("close").hidden = !this.host.present || inline !== undefined;
    page("close").addEventListener("click", () => this.host.close());
    page("new").addEventListener("click", () => this.restart());
    page("end").addEventListener("click", () => this.end());
    page("transcript").addEventListener("click", () => this.save());
    page("letter")?.addEventListener("click", () => this.mail());
    page("document-close").addEventListener("click", () => page("document").close());
    for (const starter of page("starters").querySelectorAll("button")) {
      starter.addEventListener("click", () => this.#choose(starter.textContent));
    }
    const consent = page("consent");
    if (consent) show(consent, consent.textContent);
    this.#scroll.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
      this.#follows = scrollHeight - scrollTop - clientHeight < 48;
      page("newest").hidden = this.#follows;
    });
    page("newest").addEventListener("click", () => {
      this.composer.focus();
      this.#follows = true;
      this.#settleView();
    });
    new ResizeObserver(() => this.#settleView()).observe(this.#scroll); // the question box grows, a keyboard slides in
    document.addEventListener("keydown", (event) => {
      const inner = document.querySelector("dialog[open], :popover-open");
      if (event.key === "Escape" && !event.isComposing && !inner) this.host.close();
    });
    this.#tabs.addEventListener("message", ({ data }) => data === this.api.key && this.#catchUp());
    // A message to this tab may come before what the other one has stored is to be read here.
    window.addEventListener("storage", ({ key }) => key === this.api.key && this.#catchUp());
    this.#offer();
  }

  /** Show what was said on an earlier visit; a question asked meanwhile waits for it. */
  remember() {
    this.#remembered = this.#remember();
  }

  async ask(text, replaces = "") {
    this.composer.answering = true;
    await this.#remembered;
    if (this.#waiting) return this.composer.edit(replaces, text); // what was asked before the page was loaded anew
    this.#follows = true;
    if (replaces) this.#drop(replaces);
    await this.#reply(this.#put({ id: newId(), text }), { replaces });
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
    this.#clear();
    this.composer.focus();
    this.#tell();
  }

  /** Say good-bye, and how it was. */
  async end() {
    page("menu").hidePopover();
    if (document.querySelector("[name=stars]")) return;
    const ended = await fill("farewell", this.#messages, async (given) => {
      const stars = given.get("stars");
      await this.api.end({ stars: stars ? Number(stars) : null, why: given.get("why").trim() });
      return true;
    });
    if (!ended) return this.composer.focus();
    this.restart();
    this.announcer.begin(say("ended"));
  }

  /** Save the chat as a file. */
  async save() {
    page("menu").hidePopover();
    try {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await this.api.transcript()), download: "chat.txt" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), SAVING); // some browsers read it only then
    } catch (problem) {
      this.#answer().fail(told(problem)[0], null);
    }
  }

  /** Have the chat sent to an address. */
  async mail() {
    page("menu").hidePopover();
    if (document.querySelector("[name=email]")) return;
    this.#follows = true;
    const email = this.person.state.email || this.api.email;
    const told = await fill("letter-form", this.#messages, (given) => this.api.mail(given.get("email").trim()), { email });
    this.composer.focus();
    if (!told) return;
    this.#add(Object.assign(document.createElement("li"), { className: "note", textContent: told, dir: "auto" }));
    this.announcer.begin(told);
  }

  async #remember() {
    const look = ++this.#looks;
    const generation = this.#generation;
    const stale = () => look !== this.#looks || generation !== this.#generation;
    await this.host.met;
    if (stale() || !this.api.hasConversation) return;
    try {
      const told = await this.api.history();
      if (stale()) return;
      this.#draw(told.messages);
      this.person.begin(told);
      this.#resume(told.messages);
    } catch (problem) {
      if (stale()) return;
      if (problem instanceof Refused && problem.forgotten) return this.api.forget();
      const answer = this.#answer();
      answer.fail(say("history"), () => {
        answer.element.remove();
        this.remember();
      });
    }
  }

  /** Another tab has asked, or begun anew. */
  async #catchUp() {
    if (this.api.recall()) {
      this.#leave();
      this.#clear();
    }
    this.#missed = Boolean(this.#waiting);
    if (!this.#missed && this.api.hasConversation) this.remember();
  }

  /** What was said and is not on the page. */
  #draw(messages) {
    for (const message of messages.filter(({ id }) => !this.#shown.has(id))) {
      if (message.role === "customer") this.#put(message);
      else if (message.role === "operator") this.#hear(message, { earlier: true });
      else this.#add(Answer.of(message, this.#options).element, message.id);
    }
    this.#offer();
  }

  /** A question without an answer is being answered, here or in another tab. */
  #resume(messages) {
    const last = messages.at(-1);
    const waits = last?.role === "customer" && last.id === this.#last?.id && !this.#last.element.nextElementSibling;
    if (waits && this.person.away && !this.#waiting) this.#reply(this.#last, { resumes: true });
  }

  async #reply(question, { replaces = "", again = false, resumes = false } = {}) {
    this.#leave();
    const generation = this.#generation;
    const answer = this.#answer();
    const abort = new AbortController();
    this.#waiting = { answer, abort };
    this.composer.answering = true; // also when it is tried again
    this.announcer.begin(say("looking"));
    const retry = () => {
      answer.element.remove();
      this.#reply(question, { again: true });
    };
    const asked = { id: question.id, text: question.text, replaces, again };
    const events = resumes ? this.api.readOn(question.id, abort.signal) : this.api.ask(asked, abort.signal);
    if (!resumes) this.host.hears({ role: "customer", text: question.text, id: question.id });
    try {
      for await (const { event, data } of events) {
        if (generation !== this.#generation) return;
        this.#take(answer, event, data, retry);
        if (event === "start" && !resumes) this.#tell();
      }
    } catch (problem) {
      if (generation !== this.#generation) return;
      if (resumes && problem.status === 404) this.#failed(answer, new CutOff(), retry);
      else this.#failed(answer, problem, retry);
    } finally {
      if (generation === this.#generation) this.#settled();
      if (!this.#waiting && this.#missed) this.#catchUp();
    }
  }

  #take(answer, event, data, retry) {
    switch (event) {
      case "start":
        answer.start(data.message);
        this.#shown.add(data.message);
        break;
      case "token":
        answer.token(data.text);
        this.announcer.follow(answer.text);
        break;
      case "citation":
        answer.citation(data);
        break;
      case "lost":
        answer.lost = true;
        this.announcer.say(say("lost"));
        break;
      case "handoff":
        answer.handoff(data.text);
        this.announcer.say(data.text);
        break;
      case "error":
        answer.fail(data.text, data.retry ? retry : null);
        this.announcer.say(data.text);
        break;
      case "kept": // a person reads it; the bot is silent
        answer.element.remove();
        this.announcer.begin("");
        this.#tell();
        break;
      case "state":
        this.person.shows(data);
        break;
      case "end":
        if (answer.message) this.#ended(answer, data, retry);
        break;
    }
  }

  #ended(answer, data, retry) {
    answer.end(data);
    if (data.partial) answer.again(retry);
    this.announcer.finish(data.text);
    if (answer.sources.length) this.announcer.say(say("sources", { titles: answer.sources.join(", ") }));
    this.host.hears({ role: "bot", text: data.text, id: data.message });
    if (answer.sources.length && !data.partial) this.#suggest(answer);
  }

  async #suggest(answer) {
    const generation = this.#generation;
    const questions = await this.api.followups(answer.message).catch(() => []);
    if (generation === this.#generation) answer.suggest(questions, (question) => this.#choose(question));
  }

  /** A message of the team, or of this customer in another tab. */
  #hear(message, { earlier = false } = {}) {
    if (this.#shown.has(message.id)) return;
    if (message.role === "customer") return this.#put(message);
    if (message.role === "bot") return this.#add(Answer.of(message, this.#options).element, message.id);
    const element = page("person-said").content.cloneNode(true).firstElementChild;
    const name = message.name || this.person.state.name || say("team");
    element.querySelector(".who").textContent = name;
    show(element.querySelector(".said"), message.text);
    this.#add(element, message.id);
    if (earlier) return;
    this.announcer.begin(`${name}:`);
    this.announcer.finish(message.text);
    this.host.hears({ role: message.role, text: message.text, id: message.id });
  }

  #failed(answer, problem, retry) {
    if (problem.name === "AbortError") {
      answer.stop();
      return answer.again(retry);
    }
    const [sentence, again] = told(problem);
    answer.fail(sentence, again ? retry : null);
    this.announcer.say(sentence);
  }

  #settled() {
    this.#waiting = null;
    this.composer.answering = false;
    this.#offer();
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

  /** What can be done with the chat as it is now. */
  #offer() {
    const begun = this.#messages.children.length > 1;
    page("starters").hidden = begun;
    page("new").hidden = !begun;
    for (const id of ["transcript", "letter", "end"]) if (page(id)) page(id).disabled = !begun || !this.api.hasConversation;
    for (const edit of this.#messages.querySelectorAll(".edit")) {
      edit.hidden = edit.parentElement !== this.#last?.element || Boolean(this.#waiting) || !this.person.away;
    }
    for (const offer of this.#messages.querySelectorAll(".handoff button")) {
      offer.hidden = !this.person.state.available || !this.person.away;
    }
  }

  /** The page around us tells of itself; when its customer is another one, so is the chat. */
  #knows(told) {
    if (!this.api.knows(told)) return;
    this.#leave();
    this.#clear();
    this.remember();
  }

  /** A question that is offered, here or on the page around us; one that comes while an answer is written waits in the box. */
  #choose(text) {
    this.composer.focus();
    if (this.composer.answering) this.composer.edit("", text);
    else this.ask(text);
  }

  #put({ id, text }) {
    const element = page("question-said").content.cloneNode(true).firstElementChild;
    element.querySelector(".said").textContent = text;
    element.querySelector(".edit").addEventListener("click", () => this.composer.edit(id, text));
    this.#last = { id, text, element };
    this.#add(element, id);
    return this.#last;
  }

  /** A question that is asked in other words, and all that was said to it. */
  #drop(id) {
    if (this.#last?.id !== id) return;
    while (this.#last.element.nextElementSibling) this.#last.element.nextElementSibling.remove();
    this.#last.element.remove();
  }

  #clear() {
    this.#messages.replaceChildren(this.#greeting);
    this.#shown.clear();
    this.#last = null;
    this.composer.edit("", null);
    this.person.forget();
    this.#offer();
  }

  #answer() {
    const answer = new Answer(this.#options);
    this.#add(answer.element);
    return answer;
  }

  get #options() {
    return {
      rate: (message, rating) => this.api.rate(message, rating),
      open: (message, number) => this.#open(message, number),
      person: this.person.state.available ? () => this.person.ask() : null,
      drawn: () => this.#settleView(),
    };
  }

  /** A source in its document. */
  async #open(message, number) {
    const opened = ++this.#opened;
    const generation = this.#generation;
    const stale = () => opened !== this.#opened || generation !== this.#generation;
    try {
      const source = await this.api.source(message, number);
      if (!stale()) read(source);
    } catch (problem) {
      if (!stale()) this.#answer().fail(told(problem)[0], null);
    }
  }

  #add(element, id) {
    if (id) this.#shown.add(id);
    this.#messages.append(element);
    this.#offer();
    this.#settleView();
  }

  /** The other tabs look again. */
  #tell() {
    this.#tabs.postMessage(this.api.key);
  }

  #settleView() {
    if (this.#follows) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }
}

/** What the customer is told about a problem, and whether trying again may help. */
function told(problem) {
  if (problem instanceof Refused) return [problem.message || say("unavailable"), problem.retry];
  if (problem instanceof CutOff || problem instanceof TypeError) return [say("connection"), true];
  console.error(problem);
  return [say("unavailable"), true];
}

new Chat().remember();
