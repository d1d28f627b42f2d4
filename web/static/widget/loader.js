/* The one line a site needs:
 *
 *   <script src="https://kotae.example/widget.js" data-language="en" data-position="right" async></script>
 *
 * It puts a launcher in the corner and, once opened, the chat in a frame from the address this script came from. It needs
 * nothing of the page but script-src and frame-src for that address: the styles are a constructed sheet in a shadow root.
 * `window.kotae` is the page's handle: `kotae.open()`, `kotae.close()`.
 */
(() => {
  "use strict";
  const script = document.currentScript;
  if (!script || window.kotae) return;

  const WORDS = {
    en: { open: "Open chat", close: "Close chat", title: "Chat", failed: "The chat cannot be shown just now. Please try again later." },
    ja: { open: "チャットを開く", close: "チャットを閉じる", title: "チャット", failed: "現在チャットを表示できません。しばらくしてからもう一度お試しください。" },
  };
  const NARROW = matchMedia("(max-width: 479.98px)");
  const PATIENCE = 15000; // milliseconds a frame may take before we say that it does not come

  const address = new URL(script.src);
  const language = [script.dataset.language, document.documentElement.lang, navigator.language]
    .map((tag) => (tag || "").slice(0, 2).toLowerCase())
    .find((tag) => tag in WORDS) || "en";
  const words = WORDS[language];

  const STYLE = `
    :host { all: initial; position: fixed; z-index: 2147483000; bottom: max(20px, env(safe-area-inset-bottom)); right: 20px; }
    :host([data-position="left"]) { right: auto; left: 20px; }
    button { box-sizing: border-box; min-width: 44px; height: 44px; border: 0; padding: 0; cursor: pointer; color: #fff;
      background: #0b5566; font: 600 16px/1.4 system-ui, sans-serif; }
    button:hover { background: #0a4452; }
    button:focus-visible { outline: 3px solid #fff; outline-offset: -5px; box-shadow: 0 0 0 3px #0b5566, 0 6px 24px #0005; }
    svg { display: block; margin: auto; width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 1.9;
      stroke-linecap: round; stroke-linejoin: round; }
    .launcher { display: block; width: 60px; height: 60px; border-radius: 50%; box-shadow: 0 4px 16px #0004; }
    dialog { box-sizing: border-box; position: fixed; inset: auto 20px calc(max(20px, env(safe-area-inset-bottom)) + 72px) auto;
      width: 390px; height: min(660px, calc(100dvh - 120px)); max-width: none; max-height: none; margin: 0; padding: 0; overflow: hidden;
      border: 1px solid #8885; border-radius: 16px; background: Canvas; color: CanvasText; color-scheme: light dark;
      box-shadow: 0 12px 48px #0004; }
    :host([data-position="left"]) dialog { inset-inline: 20px auto; left: 20px; right: auto; }
    dialog::backdrop { background: Canvas; }
    iframe { display: block; width: 100%; height: 100%; border: 0; }
    .failed { padding: 24px; font: 16px/1.6 system-ui, sans-serif; }
    .failed button { padding: 0 20px; border-radius: 22px; }
    [hidden] { display: none; }
    @media (max-width: 479.98px) {
      dialog, :host([data-position="left"]) dialog { inset: 0; width: 100%; height: 100dvh; border: 0; border-radius: 0; }
    }
    @media (prefers-reduced-motion: no-preference) {
      .launcher { transition: background-color .15s; }
      dialog[open] { animation: rise .18s ease-out; }
      @keyframes rise { from { opacity: 0; translate: 0 12px; } }
    }
    @media (forced-colors: active) { button { border: 2px solid ButtonText; } }
    @media print { :host { display: none; } }`;
  const BUBBLE = "M21 11.5a8.4 8.4 0 0 1-9 8.4 9.6 9.6 0 0 1-4-.9L3 20.5l1.6-4.3A8.2 8.2 0 0 1 3 11.5a8.7 8.7 0 0 1 9-8.4 8.7 8.7 0 0 1 9 8.4zM8.5 10h7M8.5 13.5h4.5";
  const CROSS = "M6 6l12 12M18 6L6 18";

  const host = document.createElement("div");
  host.dataset.position = script.dataset.position === "left" ? "left" : "right";
  host.lang = language;
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
  const panel = element("dialog", { ariaLabel: words.title });
  const failed = element("div", { className: "failed", hidden: true });
  const leave = element("button", { type: "button", textContent: words.close });
  failed.append(element("p", { textContent: words.failed }), leave);
  panel.append(failed);
  root.append(launcher, panel);

  let frame = null;
  let ready = false;
  let opener = launcher; // where the focus goes back to

  function element(name, properties) {
    return Object.assign(document.createElement(name), properties);
  }

  function show(isOpen) {
    launcher.ariaLabel = isOpen ? words.close : words.open;
    launcher.ariaExpanded = String(isOpen);
    drawing.setAttribute("d", isOpen ? CROSS : BUBBLE);
  }

  function load() {
    const source = new URL("widget/frame", address); // beside this script, also where Kotae lives under a path
    source.searchParams.set("language", language);
    source.searchParams.set("site", location.origin);
    frame = element("iframe", { src: source.href, title: words.title, referrerPolicy: "no-referrer" });
    panel.prepend(frame);
    setTimeout(() => {
      frame.hidden = !ready;
      failed.hidden = ready;
    }, PATIENCE);
  }

  function tell(type) {
    if (ready) frame.contentWindow.postMessage({ kotae: type }, address.origin);
  }

  function open() {
    if (panel.open) return;
    const active = document.activeElement;
    opener = active && active !== host && active !== document.body ? active : launcher;
    if (!frame) load();
    if (NARROW.matches) panel.showModal();
    else panel.show();
    show(true);
    frame.focus();
    tell("opened");
  }

  function close() {
    if (panel.open) panel.close();
  }

  function closed() {
    show(false);
    (opener.isConnected ? opener : launcher).focus();
  }

  function receive(event) {
    if (!frame || event.origin !== address.origin || event.source !== frame.contentWindow) return;
    switch (event.data && event.data.kotae) {
      case "ready":
        ready = true;
        frame.hidden = false;
        failed.hidden = true;
        if (panel.open) tell("opened");
        break;
      case "close":
        close();
        break;
    }
  }

  launcher.addEventListener("click", () => (panel.open ? close() : open()));
  leave.addEventListener("click", close);
  panel.addEventListener("close", closed);
  panel.addEventListener("keydown", (event) => event.key === "Escape" && close());
  launcher.addEventListener("keydown", (event) => event.key === "Escape" && close());
  window.addEventListener("message", receive);
  window.kotae = Object.freeze({ open, close });

  show(false);
  if (document.body) document.body.append(host);
  else document.addEventListener("DOMContentLoaded", () => document.body.append(host));
})();
