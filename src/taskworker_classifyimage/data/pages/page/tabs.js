// Buttons that choose one of some groups, each with how many are in it.

import { make, makeButton, setText } from "./dom.js";
import { say, sayNumber } from "./texts.js";

/** Takes the names of the groups; their texts are KEY_NAME. */
export function makeTabs(host, names, key, choose) {
  const buttons = names.map((name) => {
    const button = makeButton(null, () => choose(name), `tab ${name}`);
    button.append(make("span", "text"), make("span", "number"));
    return button;
  });
  host.append(...buttons);

  function show(counts, chosen) {
    names.forEach((name, at) => {
      const button = buttons[at];
      setText(button.firstChild, say(`${key}_${name}`));
      setText(button.lastChild, sayNumber(counts[name]));
      button.setAttribute("aria-pressed", String(name === chosen));
      button.classList.toggle("none", counts[name] === 0);
    });
  }

  return { show };
}
