/* Markdown to tokens: CommonMark's blocks and inlines with GitHub's tables, strikethrough, check boxes and bare addresses.
 *
 * Six things are read otherwise, for support answers and Japanese: markup is text, four spaces make no listing, a line's end is a
 * line's end, one `~` is a range (10~20), an address ends at the first Japanese letter, and **「答え」**です is bold.
 * A link by reference (`[a][b]`) is text. The console's own reader (markdown-it) is what the tests hold this one against.
 */
const DEEPEST = 60; // lists and quotes inside each other; what lies deeper is a paragraph

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))??(?:[ \t]+#+)?[ \t]*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:([ \t]+)(.*)|[ \t]*)$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const COLUMNS = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const BLANK = /^[ \t]*$/;

/** The blocks of a text, each with the `raw` lines it was read from. */
export function read(text) {
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

function blocks(lines, depth) {
  const found = [];
  for (let at = 0; at < lines.length; ) {
    if (BLANK.test(lines[at])) {
      at += 1;
      continue;
    }
    const reader = depth < DEEPEST ? kind(lines, at) : paragraph;
    const [token, end] = reader(lines, at, depth);
    token.raw = lines.slice(at, end).join("\n");
    found.push(token);
    at = end;
  }
  return found;
}

/** Who reads what begins on this line. */
function kind(lines, at) {
  const line = lines[at];
  if (FENCE.test(line)) return fence;
  if (HEADING.test(line)) return heading;
  if (RULE.test(line)) return rule;
  if (QUOTE.test(line)) return quote;
  if (ITEM.test(line)) return list;
  return columns(lines, at) ? table : paragraph;
}

/** Whether a paragraph ends before this line, also without an empty one between. */
function interrupts(lines, at) {
  const item = ITEM.exec(lines[at]);
  const reader = kind(lines, at);
  if (reader === list) return Boolean(item[4]?.trim()) && !(/\d/.test(item[2]) && parseInt(item[2], 10) !== 1);
  return reader !== paragraph;
}

/** Whether the paragraph at the end of a quote or an item goes on in a line that lacks its sign or its indent. */
function goesOn(inside, lines, at) {
  const last = innermost(inside.at(-1));
  const fenced = inside.filter((line) => FENCE.test(line)).length % 2;
  return !fenced && ![BLANK, HEADING, RULE, FENCE].some((sign) => sign.test(last)) && !interrupts(lines, at);
}

/** A line without the signs of the quotes and items it begins. */
function innermost(line) {
  for (;;) {
    const item = RULE.test(line) ? null : ITEM.exec(line);
    if (QUOTE.test(line)) line = line.replace(QUOTE, "");
    else if (item) line = item[4] ?? "";
    else return line;
  }
}

function fence(lines, at) {
  const [, sign] = FENCE.exec(lines[at]);
  const closes = new RegExp(`^ {0,3}${sign[0]}{${sign.length},}[ \\t]*$`);
  const indent = lines[at].indexOf(sign);
  let end = at + 1;
  while (end < lines.length && !closes.test(lines[end])) end += 1;
  const text = lines.slice(at + 1, end).map((line) => line.replace(new RegExp(`^ {0,${indent}}`), ""));
  return [{ type: "code", text: text.join("\n") }, Math.min(end + 1, lines.length)];
}

function heading(lines, at) {
  const [, signs, text = ""] = HEADING.exec(lines[at]);
  return [{ type: "heading", depth: signs.length, tokens: inline(text) }, at + 1];
}

const rule = (_lines, at) => [{ type: "hr" }, at + 1];

function quote(lines, at, depth) {
  const inside = [];
  let end = at;
  for (; end < lines.length && !BLANK.test(lines[end]); end += 1) {
    if (!QUOTE.test(lines[end]) && !goesOn(inside, lines, end)) break;
    inside.push(lines[end].replace(QUOTE, ""));
  }
  return [{ type: "blockquote", tokens: blocks(inside, depth + 1) }, end];
}

function list(lines, at, depth) {
  const [, , sign] = ITEM.exec(lines[at]);
  const sort = sign.at(-1);
  const items = [];
  let end = at;
  let loose = false;
  for (;;) {
    let next = end; // past the empty lines before the next item
    while (next < lines.length && BLANK.test(lines[next])) next += 1;
    const begins = next < lines.length && !RULE.test(lines[next]) && ITEM.exec(lines[next]);
    if (!begins || begins[2].at(-1) !== sort) break;
    loose ||= next > end && items.length > 0;
    const [inside, after] = item(lines, next, begins);
    loose ||= spread(inside);
    items.push(inside);
    end = after;
  }
  const made = items.map((inside) => listed(inside, loose, depth));
  return [{ type: "list", ordered: /\d/.test(sign), start: parseInt(sign, 10), items: made }, end];
}

/** The lines of an item without its sign and its indent, and the line behind it. */
function item(lines, at, [, before, sign, space = " ", first = ""]) {
  const width = before.length + sign.length + (space.length > 4 || !first ? 1 : space.length);
  const inside = [space.length > 4 && first ? space.slice(1) + first : first];
  const indented = new RegExp(`^(?: {${width}}|\\t)`);
  let end = at + 1;
  while (end < lines.length) {
    let next = end;
    while (next < lines.length && BLANK.test(lines[next])) next += 1;
    if (next === lines.length) break;
    const belongs = indented.test(lines[next]) && (next === end || inside.length > 1 || first);
    const lazy = next === end && !ITEM.test(lines[next]) && goesOn(inside, lines, next);
    if (!belongs && !lazy) break;
    for (; end < next; end += 1) inside.push("");
    inside.push(lines[end].replace(indented, ""));
    end += 1;
  }
  return [inside, end];
}

/** Whether an empty line stands between two blocks of the item itself. */
function spread(inside) {
  let fenced = false;
  return inside.some((line, at) => {
    if (FENCE.test(line)) fenced = !fenced;
    return !fenced && at > 0 && BLANK.test(line) && !/^ {2,}|^\t/.test(inside[at + 1] ?? "  ");
  });
}

function listed(inside, loose, depth) {
  const box = /^\[([ xX])\][ \t]+(?=\S)/.exec(inside[0]);
  if (box) inside[0] = inside[0].slice(box[0].length);
  const tokens = blocks(inside, depth + 1);
  if (!loose) for (const token of tokens) if (token.type === "paragraph") token.type = "text";
  return { tokens: box ? [{ type: "checkbox", checked: box[1] !== " " }, ...tokens] : tokens };
}

/** The cells of the line's head, when the line below it makes a table of the two. */
function columns(lines, at) {
  if (!lines[at].includes("|") || !COLUMNS.test(lines[at + 1] ?? "") || !/[|:]/.test(lines[at + 1])) return null;
  const head = cells(lines[at]);
  return head.length === cells(lines[at + 1]).length ? head : null;
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(^|[^\\])\|$/, "$1");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function table(lines, at) {
  const head = columns(lines, at);
  const align = cells(lines[at + 1]).map((cell) => (/:$/.test(cell) ? (/^:/.test(cell) ? "center" : "right") : ""));
  const cell = (text, column) => ({ tokens: inline(text), align: align[column] });
  let end = at + 2;
  const rows = [];
  while (end < lines.length && !BLANK.test(lines[end]) && (lines[end].includes("|") || !interrupts(lines, end))) {
    const row = cells(lines[end]);
    rows.push(head.map((_, column) => cell(row[column] ?? "", column)));
    end += 1;
  }
  return [{ type: "table", header: head.map(cell), rows }, end];
}

function paragraph(lines, at, depth) {
  let end = at + 1;
  for (; end < lines.length && !BLANK.test(lines[end]); end += 1) {
    const underline = depth < DEEPEST && UNDERLINE.exec(lines[end]);
    if (underline) {
      const text = lines.slice(at, end).map((line) => line.trim());
      return [{ type: "heading", depth: underline[1][0] === "=" ? 1 : 2, tokens: inline(text.join("\n")) }, end + 1];
    }
    if (depth < DEEPEST && interrupts(lines, end)) break;
  }
  return [{ type: "paragraph", tokens: inline(lines.slice(at, end).join("\n")) }, end];
}

// ---- inside a line ------------------------------------------------------------------------------------------------------

const ESCAPABLE = /[!-/:-@[-`{-~]/;
const SPACE = /\s/;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー]/u;
const CODE = /`+/y;
const BREAK = /<br\s*\/?>/iy;
const ANGLED = /<(https?:\/\/[^\s<>]*)>/iy;
const TARGET = /\(\s*(?:<([^<>\n]*)>|([^\s()<][^\s()]*(?:\([^\s()]*\)[^\s()]*)*))?(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)/y;
const ADDRESS = /(?:https?:\/\/|www\.)[^\s<\u3000-\u30FF\u3400-\u9FFF\uFF00-\uFFFF]+/iy;
const PLAIN = /[^\\`\n<![\]*_~hHwW]+/y;

const at = (pattern, text, from) => {
  pattern.lastIndex = from;
  return pattern.exec(text);
};

/** The tokens inside a block. */
function inline(text) {
  const nodes = [];
  const brackets = []; // where a link may have begun
  const unclosed = new Set(); // lengths of backticks that nothing closes any more
  const say = (raw) => (nodes.at(-1)?.type === "text" ? (nodes.at(-1).raw += raw) : nodes.push({ type: "text", raw }));
  let here = 0;
  const passes = {
    "\\"() {
      const next = text[here + 1] ?? "";
      here += next === "\n" ? 1 : ESCAPABLE.test(next) ? 2 : 1;
      if (next === "\n") return;
      say(ESCAPABLE.test(next) && next ? next : "\\");
    },
    "`"() {
      const [signs] = at(CODE, text, here);
      const inside = unclosed.has(signs.length) ? null : closed(text, here + signs.length, signs.length);
      if (inside === null) unclosed.add(signs.length);
      here += signs.length;
      if (inside === null) return say(signs);
      here += inside.length + signs.length;
      const flat = inside.replaceAll("\n", " ");
      nodes.push({ type: "codespan", text: /^ .*[^ ].* $/.test(flat) ? flat.slice(1, -1) : flat });
    },
    "\n"() {
      const before = nodes.at(-1);
      if (before?.type === "text") before.raw = before.raw.replace(/[ \t]+$/, "");
      nodes.push({ type: "br" });
      here += 1;
      while (text[here] === " " || text[here] === "\t") here += 1;
    },
    "<"() {
      const line = at(BREAK, text, here);
      const address = at(ANGLED, text, here);
      here += (line ?? address ?? "<")[0].length;
      if (line) nodes.push({ type: "br" });
      else if (address) nodes.push(linked(address[1]));
      else say("<");
    },
    "!"() {
      if (text[here + 1] === "[") return open("![");
      here += 1;
      say("!");
    },
    "["() {
      open("[");
    },
    "]"() {
      const bracket = brackets.pop();
      const target = bracket?.active ? at(TARGET, text, here + 1) : null;
      here += 1;
      if (!target) return say("]");
      here += target[0].length;
      const inside = nodes.splice(bracket.at).slice(1);
      if (bracket.image) return nodes.push({ type: "image", text: plain(emphasized(inside)) });
      for (const earlier of brackets) earlier.active &&= earlier.image; // no link inside a link
      const href = (target[1] ?? target[2] ?? "").replace(/\\([!-/:-@[-`{-~])/g, "$1");
      nodes.push({ type: "link", href, tokens: emphasized(inside) });
    },
    "*": run,
    _: run,
    "~": run,
    h: address,
    w: address,
  };

  function open(sign) {
    brackets.push({ at: nodes.length, image: sign === "![", active: true });
    nodes.push({ type: "bracket", raw: sign });
    here += sign.length;
  }

  function run() {
    const mark = text[here];
    let length = 1;
    while (text[here + length] === mark) length += 1;
    nodes.push({ type: "run", mark, length, whole: length, ...flanks(text, here, here + length, mark) });
    here += length;
  }

  function address() {
    const found = /[\p{L}\p{N}]$/u.test(text.slice(Math.max(0, here - 2), here).replace(CJK, " ")) ? null : at(ADDRESS, text, here);
    if (!found) {
      say(text[here]);
      here += 1;
      return;
    }
    const shown = trimmed(found[0]);
    here += shown.length;
    nodes.push({ ...linked(shown), href: /^www/i.test(shown) ? `http://${shown}` : shown });
  }

  while (here < text.length) {
    const words = at(PLAIN, text, here);
    if (words) {
      say(words[0]);
      here += words[0].length;
    } else (passes[text[here]] ?? passes[text[here].toLowerCase()])();
  }
  return emphasized(nodes);
}

const linked = (href) => ({ type: "link", href, tokens: [{ type: "text", raw: href }] });

/** What stands between here and as many backticks again, or null. */
function closed(text, from, length) {
  const search = new RegExp(CODE, "g");
  search.lastIndex = from;
  for (let next = search.exec(text); next; next = search.exec(text)) {
    if (next[0].length === length) return text.slice(from, next.index);
  }
  return null;
}

/** A bare address without the sentence's own signs behind it. */
function trimmed(address) {
  for (;;) {
    const shorter = address.replace(/[?!.,:;*_~'"\uFFFC]+$/, "");
    const closes = shorter.endsWith(")") && shorter.split(")").length > shorter.split("(").length;
    if (!closes && shorter === address) return address;
    address = closes ? shorter.slice(0, -1) : shorter;
  }
}

/** Whether a run of signs may open and close emphasis, by what stands on its sides. */
function flanks(text, from, to, mark) {
  const before = [...text.slice(Math.max(0, from - 2), from)].at(-1) ?? " ";
  const after = String.fromCodePoint(text.codePointAt(to) ?? 32);
  const punctuates = (letter) => PUNCTUATION.test(letter) || (mark === "*" && CJK.test(letter));
  const left = !SPACE.test(after) && (!punctuates(after) || SPACE.test(before) || punctuates(before));
  const right = !SPACE.test(before) && (!punctuates(before) || SPACE.test(after) || punctuates(after));
  if (mark !== "_") return { opens: left, closes: right };
  return { opens: left && (!right || punctuates(before)), closes: right && (!left || punctuates(after)) };
}

/** The nodes with their runs paired, as CommonMark pairs them; a run without a partner is text. */
function emphasized(nodes) {
  const bottoms = {}; // below which a closer of a sort has found no opener
  for (let end = 0; end < nodes.length; end += 1) {
    const closer = nodes[end];
    if (closer.type !== "run" || !closer.closes || !closer.length) continue;
    const sort = `${closer.mark}${closer.opens}${closer.whole % 3}`;
    let begin = end - 1;
    while (begin >= (bottoms[sort] ?? 0) && !pairs(nodes[begin], closer)) begin -= 1;
    if (begin < (bottoms[sort] ?? 0)) {
      bottoms[sort] = end;
      continue;
    }
    const opener = nodes[begin];
    const size = Math.min(opener.length, closer.length, 2);
    const type = closer.mark === "~" ? "del" : size === 2 ? "strong" : "em";
    const made = { type, tokens: settled(nodes.slice(begin + 1, end)) };
    opener.length -= size;
    closer.length -= size;
    const left = [opener, made, closer].filter((node) => node.length !== 0);
    nodes.splice(begin, end - begin + 1, ...left);
    for (const known of Object.keys(bottoms)) bottoms[known] = Math.min(bottoms[known], begin);
    end = begin + left.length - 1 - (closer.length ? 1 : 0);
  }
  return settled(nodes);
}

function pairs(opener, closer) {
  if (opener.type !== "run" || opener.mark !== closer.mark || !opener.opens || !opener.length) return false;
  if (closer.mark === "~") return opener.length === 2 && closer.length === 2;
  const eitherWay = opener.closes || closer.opens;
  return !(eitherWay && (opener.whole + closer.whole) % 3 === 0 && (opener.whole % 3 || closer.whole % 3));
}

const settled = (nodes) =>
  nodes.map((node) => {
    if (node.type === "run") return { type: "text", raw: node.mark.repeat(node.length) };
    return node.type === "bracket" ? { type: "text", raw: node.raw } : node;
  });

const plain = (tokens) => tokens.map((token) => (token.tokens ? plain(token.tokens) : (token.text ?? token.raw ?? ""))).join("");
