/* A form that is asked in the conversation, such as how it was at its end. */
import { say } from "./words.js";

/** Show the template `id` with what is known, and `send(given)` what is filled in. Returns what `send` does, or nothing when it is left. */
export function fill(id, list, send, known = {}) {
  const item = document.getElementById(id).content.cloneNode(true).firstElementChild;
  const form = item.querySelector("form");
  for (const [name, value] of Object.entries(known)) form.elements[name].value = value;
  list.append(item);
  item.scrollIntoView({ block: "end" });
  form.querySelector("input").focus();
  return new Promise((resolve) => {
    const leave = (result) => {
      if (!item.isConnected) return; // another conversation has begun meanwhile
      item.remove();
      resolve(result);
    };
    form.querySelector("button[type=button]").addEventListener("click", () => leave());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      button.disabled = true;
      try {
        leave(await send(new FormData(form)));
      } catch (problem) {
        form.querySelector("[role=alert]").textContent = (problem.status && problem.message) || say("feedback_failed");
        button.disabled = false;
      }
    });
  });
}
