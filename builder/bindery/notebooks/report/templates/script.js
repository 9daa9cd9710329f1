"use strict";
// The page is whole without this: it unfolds what a link points into, and all folds at once.
const folds = () => document.querySelectorAll("details");
const reveal = () => {
  let place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const target = place;
  for (; place; place = place.parentElement) {
    if (place.tagName === "DETAILS") place.open = true;
  }
  if (target) target.scrollIntoView();
};
window.addEventListener("hashchange", reveal);
if (location.hash) reveal();
const button = document.getElementById("page.unfold");
if (button) {
  button.parentElement.hidden = false;
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(open));
    button.textContent = open ? "Fold what passed" : "Unfold everything";
    for (const fold of folds()) fold.open = open;
  });
}
