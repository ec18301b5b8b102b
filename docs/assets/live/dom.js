/* Makes elements. Whatever comes from a lab is text, never markup. */

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key === "text") made.textContent = value;
    else if (key === "on") for (const [event, what] of Object.entries(value)) made.addEventListener(event, what);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((each) => each !== null && each !== undefined));
  return made;
}

/* A button that does something only when a person presses it: a script of another origin, or of a lesson, cannot. */
export function button(text, press, attributes = {}) {
  return element("button", {
    type: "button",
    text,
    on: {
      click: (event) => {
        if (!event.isTrusted || event.currentTarget.getAttribute("aria-disabled") === "true") return;
        press(event);
      },
    },
    ...attributes,
  });
}

/* A button that is busy keeps its place and the focus, and says what it does. */
export function busy(pressed, text, isBusy) {
  if (isBusy) pressed.setAttribute("aria-disabled", "true");
  else pressed.removeAttribute("aria-disabled");
  if (pressed.textContent !== text) pressed.textContent = text;
}
