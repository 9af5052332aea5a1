var frame = document.getElementById("install"), said = document.getElementById("said");
var WORDS = {
  "pandium-save-sync": "Pandium says: the settings are saved.",
  "pandium-install-cancel": "Pandium says: the visitor does not want to go on."
};
addEventListener("message", function (event) {
  if (event.origin !== frame.dataset.origin || event.source !== frame.contentWindow || !event.data) return;
  var height = Number(event.data.height);
  if (event.data.type === "pandium-content-height-change" && height > 0 && height < 10000) {
    frame.style.height = Math.ceil(height) + "px";
  }
  if (Object.hasOwn(WORDS, event.data.type)) said.textContent = WORDS[event.data.type];
});
