// Asked for by an address that begins with a slash: whoever mounts the page below a path loses it.
document.documentElement.dataset.rooted = "yes";
