/* Names the markers of notes at code, which the theme leaves without one, for those who listen to a page. */
(function () {
  function name() {
    document.querySelectorAll(".md-annotation__index:not([aria-label])").forEach(function (marker) {
      var number = marker.querySelector("[data-md-annotation-id]");
      marker.setAttribute("aria-label", "Note " + (number ? number.dataset.mdAnnotationId : ""));
    });
  }
  // The theme makes the markers when their code is about to be seen.
  new MutationObserver(name).observe(document.documentElement, { childList: true, subtree: true });
  name();
})();
