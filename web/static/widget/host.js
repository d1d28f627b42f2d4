/* Talking with the page around the frame: only its loader, only from the site that this frame was made for. */
export class Host {
  #site;

  constructor(site, { opened }) {
    this.#site = site;
    if (!this.present) return;
    window.addEventListener("message", (event) => {
      if (event.source !== window.parent || event.origin !== this.#site) return;
      if (event.data?.kotae === "opened") opened();
    });
    this.#tell("ready");
  }

  /** Whether there is a page around us to go back to. */
  get present() {
    return window.parent !== window && /^https?:\/\/[^/]+$/.test(this.#site);
  }

  close() {
    if (this.present) this.#tell("close");
  }

  #tell(type) {
    window.parent.postMessage({ kotae: type }, this.#site);
  }
}
