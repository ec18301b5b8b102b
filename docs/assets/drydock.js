/* Makes the page live where the course's own service has sent it. Everywhere else it stays the page that it is. */
(function () {
  var code = /^#c=([\w.-]+)$/.exec(location.hash);
  // First of all: the code must neither stay in the address nor get into the history.
  if (code) history.replaceState(null, "", location.pathname + location.search);
  if (!document.querySelector('meta[name="drydock-live"]')) return;
  import(new URL("live/main.js", document.currentScript.src).href).then(function (live) {
    live.start(code ? code[1] : "");
  });
})();

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

/* Lets the keyboard reach, and a screen reader name, what is wider than its page and so scrolls sideways: tables, which
   the theme's script frames; rows of tabs; and code, which the theme leaves out where no pointer can hover. */
(function () {
  var KINDS = { ".md-typeset__scrollwrap": "Table", ".tabbed-labels": "Choices", "pre > code": "Code" };
  var WIDE = Object.keys(KINDS).map(function (kind) { return ".md-typeset " + kind; }).join(", ");

  function kind(element) {
    return KINDS[Object.keys(KINDS).find(function (each) { return element.matches(each); })];
  }

  function about(element) {
    var caption = element.querySelector("caption");
    if (caption) return caption.textContent.trim();
    var heading = null;
    document.querySelectorAll("article :is(h1, h2, h3, h4, h5, h6)").forEach(function (each) {
      if (each.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) heading = each;
    });
    if (!heading) return document.title;
    var words = heading.cloneNode(true);
    words.querySelectorAll(".headerlink").forEach(function (link) { link.remove(); });
    return words.textContent.trim();
  }

  function reach(element) {
    var wide = element.scrollWidth > element.clientWidth;
    if (wide === element.hasAttribute("tabindex") && wide === element.hasAttribute("role")) return;
    if (wide) {
      element.setAttribute("tabindex", "0");
      // A region is a landmark. A page has dozens of blocks of code: too many to be landmarks.
      element.setAttribute("role", kind(element) === "Table" ? "region" : "group");
      element.setAttribute("aria-label", kind(element) + ": " + about(element));
    } else {
      ["tabindex", "role", "aria-label"].forEach(function (name) { element.removeAttribute(name); });
    }
  }

  // What is inside grows too: when a font has come, or a tab is chosen.
  var sizes = new ResizeObserver(function (changes) {
    changes.forEach(function (change) {
      var element = change.target.closest(WIDE);
      if (element) reach(element);
    });
  });

  function find() {
    document.querySelectorAll(WIDE).forEach(function (element) {
      sizes.observe(element);
      if (element.firstElementChild) sizes.observe(element.firstElementChild);
    });
  }

  // The theme makes the frames late, and may take back what was given to code.
  new MutationObserver(function (changes) {
    if (changes.some(function (change) { return change.type === "childList"; })) find();
    changes.forEach(function (change) {
      if (change.type === "attributes" && change.target.matches(WIDE)) reach(change.target);
    });
  }).observe(document.documentElement, { attributeFilter: ["tabindex"], childList: true, subtree: true });
  find();
})();
