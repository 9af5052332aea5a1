addEventListener("message", function (event) {
  var frame = document.getElementById("install");
  if (event.origin !== frame.dataset.origin || event.source !== frame.contentWindow) return;
  if (!event.data || event.data.type !== "pandium-content-height-change") return;
  var height = Number(event.data.height);
  if (height > 0 && height < 10000) frame.style.height = Math.ceil(height) + "px";
});
