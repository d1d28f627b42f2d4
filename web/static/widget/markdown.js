/* Markdown to DOM, safely and while it is still being written.
 *
 * reading.js reads the text; the nodes are made here, one by one, with `textContent`: no string ever becomes markup. Text that
 * came from a document or a customer and looks like HTML is shown as what it is, text.
 *
 * Things that stand *in* the text (a citation, the edge of a quote) are marks: `{at, node}` with an offset into the Markdown.
 * In the text that is read, U+FFFC OBJECT REPLACEMENT CHARACTER keeps each mark's place. A mark `opens` what follows it or closes
 * what stands before it; one that `sticks` stays on the line of the word before.
 */
import { read } from "./reading.js";

const OBJECT = "\uFFFC";

/** What an element shows now: the source of each of its blocks. */
const shown = new WeakMap();

/**
 * Show Markdown in `target`. Blocks that did not change keep their nodes, so text that was read stays still (and selected).
 * `unfinished` says that more is coming: half a mark-up is then held back or closed, so that it never flashes past.
 */
export function show(target, text, { marks = [], unfinished = false } = {}) {
  const ordered = [...marks].sort((one, other) => one.at - other.at);
  const placed = place(text, ordered);
  const tokens = read(unfinished ? steady(placed) : placed);
  const before = shown.get(target) ?? [];
  const same = tokens.findIndex((token, i) => token.raw !== before[i]);
  const kept = same < 0 ? Math.min(tokens.length, before.length) : same;
  while (target.childNodes.length > kept) target.lastChild.remove();

  const passed = tokens.slice(0, kept).reduce((sum, token) => sum + token.raw.split(OBJECT).length - 1, 0);
  const waiting = ordered.slice(passed);
  for (const token of tokens.slice(kept)) target.append(block(token, waiting));
  shown.set(target, tokens.map((token) => token.raw));
}

/** The offset in UTF-16 units of an offset in characters, as Python and people count them. */
export function offset(text, characters) {
  let at = 0;
  for (let n = 0; n < characters && at < text.length; n += 1) at += text.codePointAt(at) > 0xffff ? 2 : 1;
  return at;
}

// ---- marks ------------------------------------------------------------------------------------------------------------

function place(text, marks) {
  const clean = text.replaceAll(OBJECT, "\uFFFD");
  let placed = "";
  let from = 0;
  for (const mark of marks) {
    const at = Math.max(from, (mark.opens ? opening : closing)(clean, Math.min(mark.at, clean.length)));
    placed += clean.slice(from, at) + (afterFence(clean, at) ? `\n\n${OBJECT}` : OBJECT);
    from = at;
  }
  return placed + clean.slice(from);
}

/** Where a mark goes that belongs to what stands before it: behind its last word, inside a table's last cell. */
function closing(text, at) {
  const before = text.slice(0, at).trimEnd();
  const row = /\n?[ \t]*(\|[^\n]*?)[ \t]*\|$/.exec(before.slice(before.lastIndexOf("\n") + 1));
  return row && !/^[|:\-\s]*$/.test(row[1]) ? before.length - 1 : before.length;
}

/** Where a mark goes that belongs to what follows: behind the signs that make a list, a heading, a quote or a table's row. */
function opening(text, at) {
  const startsLine = text.slice(text.lastIndexOf("\n", at - 1) + 1, at).trim() === "";
  const signs = /^\s*(?:(?:[-*+]|\d{1,9}[.)]|#{1,6}|>)\s+|\|\s*)*/.exec(text.slice(at));
  return startsLine ? at + signs[0].length : at;
}

const afterFence = (text, at) => /(?:^|\n)[ \t]*(?:`{3,}|~{3,})$/.test(text.slice(0, at));

// ---- half a sentence of Markdown ----------------------------------------------------------------------------------------

function steady(text) {
  if (insideFence(text)) return text.replace(/\n[`~]{1,2}$/, "");
  const settled = text
    .replace(/(^|\n)\|(?![|:\-\t ]*(?:\n|$))[^\n]*(?:\n[|:\-\t ]*)?$/, "$1") // a table's head, until its rule is complete
    .replace(/(^|\n)[ \t]*(?:#{1,6}|[-+*=]+|\d{1,9}[.)]?)[ \t]*$/, "$1") // a list's or a heading's sign, alone
    .replace(/!?\[([^\]\n]*)(?:\](?:\([^)\n]*)?)?$/, "$1") // a link without its end
    .replace(/[*_~`]+$/, ""); // a mark that opens or closes: the next letter tells
  const last = settled.slice(settled.lastIndexOf("\n\n") + 1);
  if (count(last, /`/g) % 2) return `${settled}\``;
  return count(last, /\*\*/g) % 2 ? `${settled.trimEnd()}**` : settled;
}

const insideFence = (text) => count(text, /^[ \t]*(?:```|~~~)/gm) % 2 === 1;
const count = (text, pattern) => (text.match(pattern) ?? []).length;

// ---- nodes --------------------------------------------------------------------------------------------------------------

function block(token, marks) {
  switch (token.type) {
    case "heading":
      return element(`h${Math.min(token.depth + 2, 6)}`, inline(token.tokens, marks));
    case "paragraph":
      return element("p", inline(token.tokens, marks));
    case "blockquote":
      return element("blockquote", token.tokens.map((inner) => block(inner, marks)));
    case "list":
      return list(token, marks);
    case "code":
      return scrolling("pre", [element("code", words(token.text, marks))]);
    case "table":
      return table(token, marks);
    default:
      return element("hr");
  }
}

function list(token, marks) {
  const made = element(token.ordered ? "ol" : "ul", token.items.map((item) => element("li", listed(item, marks))));
  if (token.ordered && token.start !== 1) made.start = token.start;
  return made;
}

function listed(item, marks) {
  return item.tokens.flatMap((token) => {
    if (token.type === "text") return inline(token.tokens, marks);
    return token.type === "checkbox" ? [token.checked ? "☑ " : "☐ "] : [block(token, marks)];
  });
}

function table(token, marks) {
  const row = (cells, kind) => element("tr", cells.map((cell) => {
    const made = element(kind, inline(cell.tokens, marks));
    if (cell.align) made.classList.add(cell.align);
    if (kind === "th") made.scope = "col";
    return made;
  }));
  const made = element("table", [
    element("thead", [row(token.header, "th")]),
    element("tbody", token.rows.map((cells) => row(cells, "td"))),
  ]);
  const around = scrolling("div", [made]);
  around.className = "table";
  return around;
}

/** What may be wider than the chat: a region that scrolls is reached by keyboard. */
function scrolling(kind, children) {
  const made = element(kind, children);
  made.tabIndex = 0;
  return made;
}

function inline(tokens, marks) {
  return tokens.flatMap((token) => {
    switch (token.type) {
      case "strong":
      case "em":
      case "del":
        return [element(token.type, inline(token.tokens, marks))];
      case "codespan":
        return [element("code", words(token.text, marks))];
      case "br":
        return [element("br")];
      case "link":
        return [link(token, marks)];
      case "image": // never fetched: it would tell a stranger who is reading
        return words(token.text, marks);
      default:
        return words(token.raw, marks);
    }
  });
}

function link(token, marks) {
  const inside = inline(token.tokens, marks);
  const address = URL.canParse(token.href) ? new URL(token.href) : null;
  if (!address || !["http:", "https:"].includes(address.protocol)) return element("span", inside);
  const made = element("a", inside);
  made.href = address.href;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  return made;
}

/** Text, with the next marks where their places are. */
function words(text, marks) {
  const [first, ...rest] = text.split(OBJECT);
  const made = [first];
  for (const piece of rest) {
    const mark = marks.shift();
    if (mark?.sticks) made.push(...together(made.pop(), mark.node), piece);
    else made.push(mark?.node ?? "", piece);
  }
  return made.filter((node) => node !== "");
}

/** A mark and the character before it in one piece: a browser would start a line with a button, but not with a full stop. */
function together(before, node) {
  const last = /[^]$/u.exec(before);
  if (!last) return [before, node];
  const piece = element("span", [last[0], node]);
  piece.className = "together";
  return [before.slice(0, last.index), piece];
}

function element(name, children = []) {
  const made = document.createElement(name);
  made.append(...children);
  return made;
}
