if (parent !== window) {
  var last = 0, report = function () {
    var height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    if (height !== last) parent.postMessage({ type: "pandium-content-height-change", height: last = height }, "*");
  };
  new ResizeObserver(report).observe(document.documentElement);
  report();
}
