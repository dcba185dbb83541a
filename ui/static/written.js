// A text field shows what the server has of it. A browser by itself keeps what somebody wrote there,
// whatever the page says from then on.

import { follow } from "./follow.js";

const known = new WeakMap(); // what the page said last

follow(() => {
  for (const field of document.querySelectorAll("textarea[data-set], input[data-rename]")) {
    const said = field.defaultValue;
    if (known.has(field) && known.get(field) !== said) field.value = said;
    known.set(field, said);
  }
});
