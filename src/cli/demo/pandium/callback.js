// To a page of our own origin alone: proxied, it has another, and hears nothing.
if (opener) opener.postMessage({ type: "signed-in" }, location.origin);
close();
