/* The one line a site needs:
 *
 *   <script src="https://kotae.example/widget.js" data-language="en" async></script>
 *
 * It puts a launcher in the corner and, once opened, the chat in a frame from the address this script came from; with
 * data-mode="inline" the chat itself stands in the page. It needs nothing of the page but script-src and frame-src for that
 * address: the styles are a constructed sheet in a shadow root. `window.kotae` is the page's handle; docs/embedding.md has it all.
 */
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.kotae) return;
  const THEME = {};

  const WORDS = {
    en: { open: "Open chat", close: "Close chat", title: "Chat", news: "new", failed: "The chat cannot be shown just now. Please try again later." },
    ja: { open: "チャットを開く", close: "チャットを閉じる", title: "チャット", news: "新着", failed: "現在チャットを表示できません。しばらくしてからもう一度お試しください。" },
  };
  const NARROW = matchMedia("(max-width: 479.98px)");
  const PATIENCE = 15000; // milliseconds a frame may take before we say that it does not come

  const given = script.dataset;
  const address = new URL(script.src);
  const language = [given.language, document.documentElement.lang, navigator.language]
    .map((tag) => (tag || "").slice(0, 2).toLowerCase())
    .find((tag) => tag in WORDS) || "en";
  const words = WORDS[language];
  const direction = given.dir || document.documentElement.dir || "ltr";
  const inline = given.mode === "inline";
  const scheme = given.theme || THEME.scheme || "auto";
  const side = given.position || (direction === "rtl" ? { right: "left", left: "right" }[THEME.side] : THEME.side) || "right";
  const colours = ([back, text]) => `--back: ${back}; --text: ${text};`;
  const light = colours(THEME.light || ["#0b5566", "#fff"]);
  const dark = colours(THEME.dark || ["#7ed0e2", "#000"]);

  const STYLE = `
    :host { all: initial; ${scheme === "dark" ? dark : light}
      color-scheme: ${scheme === "auto" ? "light dark" : scheme}; ${inline ? "display: block; height: 100%; min-height: 420px;" : `position: fixed; z-index: 2147483000;
      bottom: max(20px, env(safe-area-inset-bottom)); ${side}: 20px;`} }
    ${scheme === "auto" ? `@media (prefers-color-scheme: dark) { :host { ${dark} } }` : ""}
    button { box-sizing: border-box; min-width: 44px; height: 44px; border: 0; padding: 0; cursor: pointer; color: var(--text);
      background: var(--back); font: 600 16px/1.4 system-ui, sans-serif; }
    button:hover { filter: brightness(1.12); }
    button:focus-visible { outline: 3px solid var(--text); outline-offset: -5px; box-shadow: 0 0 0 3px var(--back), 0 6px 24px #0005; }
    svg { display: block; margin: auto; width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 1.9;
      stroke-linecap: round; stroke-linejoin: round; }
    .launcher { display: block; width: 60px; height: 60px; border-radius: 50%; box-shadow: 0 4px 16px #0004; }
    .news::after { content: ""; position: absolute; inset: 0 0 auto auto; width: 16px; height: 16px; border-radius: 50%; border: 2px solid Canvas; background: #d22; }
    dialog { box-sizing: border-box; position: fixed; inset: auto auto calc(max(20px, env(safe-area-inset-bottom)) + 72px) auto; ${side}: 20px;
      width: 390px; height: min(660px, calc(100dvh - 120px)); max-width: none; max-height: none; margin: 0; padding: 0; overflow: hidden;
      border: 1px solid #8885; border-radius: ${THEME.radius ?? 14}px; background: Canvas; color: CanvasText; box-shadow: 0 12px 48px #0004; }
    dialog::backdrop { background: Canvas; }
    .inline, iframe { display: block; width: 100%; height: 100%; border: 0; }
    .failed { padding: 24px; font: 16px/1.6 system-ui, sans-serif; }
    .failed button { padding: 0 20px; border-radius: 22px; }
    [hidden] { display: none; }
    @media (max-width: 479.98px) { dialog { inset: 0; width: 100%; height: 100dvh; border: 0; border-radius: 0; } }
    @media (prefers-reduced-motion: no-preference) {
      dialog[open] { animation: rise .18s ease-out; }
      @keyframes rise { from { opacity: 0; translate: 0 12px; } }
    }
    @media (forced-colors: active) { button { border: 2px solid ButtonText; } }
    @media print { :host { display: none; } }`;
  const BUBBLE = "M21 11.5a8.4 8.4 0 0 1-9 8.4 9.6 9.6 0 0 1-4-.9L3 20.5l1.6-4.3A8.2 8.2 0 0 1 3 11.5a8.7 8.7 0 0 1 9-8.4 8.7 8.7 0 0 1 9 8.4zM8.5 10h7M8.5 13.5h4.5";
  const CROSS = "M6 6l12 12M18 6L6 18";

  const element = (name, properties) => Object.assign(document.createElement(name), properties);
  const host = element("div", { lang: language, dir: direction });
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const launcher = element("button", { type: "button", className: "launcher" });
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const drawing = icon.appendChild(document.createElementNS(icon.namespaceURI, "path"));
  launcher.append(icon);
  const panel = inline ? element("div", { open: true, className: "inline" }) : element("dialog", { ariaLabel: words.title });
  const failed = element("div", { className: "failed", hidden: true });
  const leave = element("button", { type: "button", textContent: words.close, hidden: inline });
  failed.append(element("p", { textContent: words.failed }), leave);
  panel.append(failed);
  root.append(...(inline ? [panel] : [launcher, panel]));

  const told = { page: location.href, title: document.title, about: { ...parsed(given.about) }, identity: given.identity, signature: given.signature };
  const listeners = {};
  let frame = null;
  let ready = false;
  let shown = false; // the panel's own word that it was closed may come when it is open again
  let opener = launcher; // where the focus goes back to
  let question = ""; // that the page asks for its customer, until the frame takes it

  function parsed(text) {
    try {
      return JSON.parse(text || "{}");
    } catch {
      return console.error("kotae: data-about is no JSON");
    }
  }

  function show(isOpen, news = false) {
    launcher.ariaLabel = (isOpen ? words.close : words.open) + (news ? ` (${words.news})` : "");
    launcher.ariaExpanded = String(isOpen);
    launcher.classList.toggle("news", news);
    drawing.setAttribute("d", isOpen ? CROSS : BUBBLE);
  }

  function load() {
    const source = new URL("widget/frame", address); // beside this script, also where Kotae lives under a path
    const asked = { language, site: location.origin, scheme, dir: direction, mode: given.mode || "" };
    for (const name in asked) source.searchParams.set(name, asked[name]);
    frame = element("iframe", { src: source.href, title: words.title, referrerPolicy: "no-referrer", allow: "clipboard-write" });
    panel.prepend(frame);
    setTimeout(() => {
      frame.hidden = !ready;
      failed.hidden = ready;
    }, PATIENCE);
  }

  function tell(type) {
    if (!ready) return;
    frame.contentWindow.postMessage({ kotae: type, ...told, page: location.href, title: document.title, question }, address.origin);
    if (type === "opened") question = "";
  }

  function emit(name, detail) {
    for (const hear of listeners[name] || []) hear(detail);
  }

  /** Open the chat with a question, and ask it. */
  function ask(text) {
    question = String(text ?? "").trim();
    open();
  }

  function open() {
    if (inline || panel.open) {
      if (inline || question) tell("opened");
      return;
    }
    const active = document.activeElement;
    opener = active && active !== host && active !== document.body ? active : launcher;
    if (!frame) load();
    if (NARROW.matches) panel.showModal();
    else panel.show();
    shown = true;
    show(true);
    frame.focus();
    tell("opened");
    emit("open");
  }

  function close() {
    if (inline || !panel.open) return;
    panel.close();
    closed();
  }

  function closed() {
    if (!shown || panel.open) return;
    shown = false;
    show(false);
    (opener.isConnected ? opener : launcher).focus();
    emit("close");
  }

  function receive(event) {
    if (!frame || event.origin !== address.origin || event.source !== frame.contentWindow) return;
    const { kotae: type, ...detail } = event.data || {};
    if (type === "ready") {
      ready = true;
      frame.hidden = false;
      failed.hidden = true;
      tell("page");
      if (panel.open && (!inline || question)) tell("opened");
    } else if (type === "close") close();
    else if (type === "message") {
      if (!panel.open && detail.role !== "customer") show(false, true);
      emit("message", detail);
    }
  }

  /** What the page tells of itself and its customer; the next question carries it. */
  function know(more) {
    Object.assign(told, more);
    tell("page");
  }

  function on(name, hear) {
    (listeners[name] ||= new Set()).add(hear);
    return () => listeners[name].delete(hear);
  }

  launcher.addEventListener("click", () => (panel.open ? close() : open()));
  leave.addEventListener("click", close);
  panel.addEventListener("close", closed);
  for (const part of [panel, launcher]) part.addEventListener("keydown", (event) => event.key === "Escape" && close());
  window.addEventListener("message", receive);
  document.addEventListener("click", ({ target }) => {
    const asks = target.closest?.("[data-kotae-ask]");
    if (asks) ask(asks.dataset.kotaeAsk || asks.textContent);
  });
  window.kotae = Object.freeze({ open, close, ask, on, about: (about) => know({ about }), identify: (identity, signature) => know({ identity, signature }) });

  show(false);
  function settle() {
    const target = inline ? document.querySelector(given.target || "#kotae") || script.parentNode : document.body;
    (target === document.head ? document.body : target).append(host);
    if (inline) load();
    window.dispatchEvent(new Event("kotae:ready"));
  }
  if (document.body && (!inline || document.readyState !== "loading")) settle();
  else document.addEventListener("DOMContentLoaded", settle);
})();
