// The router's slider says at once what its budget buys, as the server wrote it for each point of the curve.
for (const part of document.querySelectorAll("[data-router]")) {
  const slider = part.querySelector("input[type=range]");
  const said = part.querySelector("output");
  const dot = part.querySelector("[data-dot]");
  const points = [...part.querySelectorAll("data")].map((point) => ({ spend: Number(point.value), text: point.textContent, d: point.dataset.d }));
  slider.addEventListener("input", () => {
    const bought = points.findLast((point) => point.spend <= Number(slider.value) + 1e-9) ?? points[0];
    said.textContent = bought.text;
    slider.setAttribute("aria-valuetext", bought.text);
    dot.setAttribute("d", bought.d);
  });
}
