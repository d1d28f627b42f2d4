/* What a screen reader says while an answer is being written: whole sentences, once each, never tokens. */
export class Announcer {
  #region;
  #sentences;
  #said = 0; // how much of the answer was announced

  constructor(region, language) {
    this.#region = region;
    this.#sentences = globalThis.Intl?.Segmenter ? new Intl.Segmenter(language, { granularity: "sentence" }) : null;
  }

  /** A new answer begins. */
  begin(sentence) {
    this.#said = 0;
    this.#region.replaceChildren();
    this.say(sentence);
  }

  say(sentence) {
    const spoken = plain(sentence);
    if (!spoken) return;
    const line = document.createElement("p");
    line.textContent = spoken;
    this.#region.append(line);
  }

  /** The answer so far: its finished sentences that were not said yet. */
  follow(text) {
    if (!this.#sentences) return;
    const pieces = [...this.#sentences.segment(text.slice(this.#said))];
    for (const { segment } of pieces.slice(0, -1)) {
      this.#said += segment.length;
      this.say(segment);
    }
  }

  /** The answer is whole: what remains of it. */
  finish(text) {
    this.follow(text);
    this.say(text.slice(this.#said));
    this.#said = text.length;
  }
}

/** Markdown without the signs that nobody reads aloud. */
const plain = (text) =>
  text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^[ \t]*(?:#{1,6}|[-+*>])\s+/gm, "")
    .replace(/[*`~]+/g, "")
    .replace(/\||:?-{3,}:?/g, " ")
    .replace(/\s+/g, " ")
    .trim();
