/* The end of a chat: it asks how it was, keeps the answer, and begins anew. */
import { say } from "./words.js";

/** Ask in the conversation; `end(farewell)` keeps what is said. Returns whether the chat has ended. */
export function farewell(list, end) {
  const item = document.getElementById("farewell").content.cloneNode(true).firstElementChild;
  const form = item.querySelector("form");
  list.append(item);
  item.scrollIntoView({ block: "end" });
  form.elements[0].querySelector("input").focus();
  return new Promise((resolve) => {
    const leave = (ended) => {
      item.remove();
      resolve(ended);
    };
    form.querySelector("button[type=button]").addEventListener("click", () => leave(false));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const given = new FormData(form);
      const stars = given.get("stars");
      try {
        await end({ stars: stars ? Number(stars) : null, why: given.get("why").trim() });
        leave(true);
      } catch {
        form.querySelector("[role=alert]").textContent = say("feedback_failed");
      }
    });
  });
}
