// New elements; all text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function byId(id) {
  return document.getElementById(id);
}

export function make(tag, classes = "", text = null) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text !== null) element.textContent = text;
  return element;
}

export function makeButton(text, act, classes = "") {
  const button = make("button", classes, text);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}

/** A button that shows only a sign; its name is for screen readers and as a tip. */
export function makeIconButton(icon, name, act, classes = "") {
  const button = makeButton(null, act, `icon ${classes}`);
  button.setAttribute("aria-label", name);
  button.title = name;
  button.append(makeIcon(icon));
  return button;
}

/** A sign from those in the document. */
export function makeIcon(name) {
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("aria-hidden", "true");
  icon.setAttribute("class", "sign");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#sign-${name}`);
  icon.append(use);
  return icon;
}

/** A name from outside, which keeps its reading direction to itself. */
export function makeName(text, classes = "", tag = "bdi") {
  return make(tag, classes, toVisible(text));
}

/** Names with signs that are not seen, or that turn the reading direction, made visible. */
export function toVisible(text) {
  return String(text).replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu,
    (sign) => `\u27e8${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`,
  );
}

/** Sets a text only if it is another one: screen readers hear of each setting. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function fillSelect(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => {
    const option = make("option", "", text);
    option.value = value;
    return option;
  }));
  select.value = chosen;
}
