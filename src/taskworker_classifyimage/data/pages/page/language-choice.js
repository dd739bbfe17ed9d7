// The lists from which the language of names is chosen.

import { announce } from "./dialogs.js";
import { fillSelect } from "./dom.js";
import { choices, chooseNames, languages, namesChanged, sayLanguage } from "./names.js";
import { say } from "./texts.js";

export function connectLanguageChoice(select) {
  select.addEventListener("change", change);
  namesChanged.listen(() => {
    fillSelect(select, languages.map((tag) => [tag, sayLanguage(tag)]), choices.language);
  });
}

async function change({ target }) {
  try {
    await chooseNames(target.value);
    announce(say("renamed", { language: sayLanguage(target.value) }));
  } catch {
    target.value = choices.language;
    announce(say("offline"));
  }
}
