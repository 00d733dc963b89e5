"use strict";
// Inside Airflow's frame a link to one of Airflow's own pages goes to Airflow's router, since a frame may not navigate
// the page around it. Everything else on the page works without this file.
document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a[data-airflow]") : null;
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || window.parent === window) {
    return;
  }
  event.preventDefault();
  window.parent.history.pushState({}, "", link.href);
  window.parent.dispatchEvent(new PopStateEvent("popstate"));
});
