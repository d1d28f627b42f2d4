/* Talking with the page around the frame: only its loader, only from the site that this frame was made for. */
const PATIENCE = 600; // milliseconds a loader may take to say what its page tells; without one we go on

export class Host {
  #site;
  #met;

  /** `opened` is called when the page shows the chat, `knows` when it tells of itself and its customer, `asks` with a question of it. */
  constructor(site, { opened, knows, asks }) {
    this.#site = site;
    if (!this.present) return;
    const { promise, resolve } = Promise.withResolvers();
    this.#met = promise;
    setTimeout(resolve, PATIENCE);
    window.addEventListener("message", (event) => {
      if (event.source !== window.parent || event.origin !== this.#site) return;
      const { kotae: type, ...page } = event.data ?? {};
      if (type === "page" || (type === "opened" && page.page)) knows(page);
      if (type === "page") resolve();
      if (type === "opened") opened();
      if (type === "opened" && page.question) asks(String(page.question));
    });
    this.#tell("ready");
  }

  /** Whether there is a page around us to go back to. */
  get present() {
    return window.parent !== window && /^https?:\/\/[^/]+$/.test(this.#site);
  }

  /** When the page has told who its customer is. */
  get met() {
    return this.#met;
  }

  close() {
    if (this.present) this.#tell("close");
  }

  /** Something was said: `{role, text, id}`. */
  hears(message) {
    if (this.present) this.#tell("message", message);
  }

  #tell(type, detail = {}) {
    window.parent.postMessage({ kotae: type, ...detail }, this.#site);
  }
}
