/* The sentences that scripts say, in the reader's language; the page brings them along. */
const words = JSON.parse(document.getElementById("words").textContent);

/** A sentence with its {places} filled. */
export function say(name, values = {}) {
  return words[name].replace(/\{(\w+)\}/g, (place, key) => values[key] ?? place);
}

/** How long a text is to people and to the server: in characters, where an emoji is one. */
export const characters = (text) => [...text].length;
