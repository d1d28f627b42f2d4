// Light or dark, as the reader's system prefers; before the page is painted.
const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
dark.addEventListener("change", dress);
dress();
