// Shows that new letters came, on pages that ask for it. Without scripts a reload does the same.
"use strict";
const note = document.getElementById("live");
if (note) {
  new EventSource(note.dataset.events).onmessage = () => { note.hidden = false; };
}
