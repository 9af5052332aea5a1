// What a page like Pandium's does in a browser. Each address is relative to the page's own, so that
// it does not matter where that is mounted; `rooted.js` and the API's full address show what does.
"use strict";

const main = document.querySelector("main");
const { id, own } = main.dataset;
const root = new URL("../../", location.href);
const state = document.getElementById("state");

/** A line of "What the browser lets this page do". */
function need(name, good, text) {
  const line = document.querySelector(`[data-need="${name}"]`);
  line.className = good ? "good" : "bad";
  line.querySelector("span").textContent = text;
}

/** Tells the page around the frame. */
function tell(type) {
  if (parent !== window) parent.postMessage({ type }, "*");
}

function showConnected(connected) {
  state.textContent = connected ? "Connected" : "Not connected yet";
  document.getElementById("connect").hidden = connected;
  document.getElementById("disconnect").hidden = !connected;
}

async function install(base, method = "GET") {
  const answer = await fetch(new URL(`api/installs/${id}`, base), { method, credentials: "include" });
  if (!answer.ok) throw new Error(`answered with ${answer.status}`);
  return answer.json();
}

async function tryApi(name, base) {
  try {
    await install(base);
    need(name, true, "works");
  } catch (error) {
    // A `TypeError` is all that the browser tells of an answer that it withholds.
    need(name, false, error instanceof TypeError ? "withheld: this origin is not registered" : error.message);
  }
}

function trySocket() {
  const address = new URL(`live/${id}`, root);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.onopen = () => socket.send(JSON.stringify({ hello: id }));
  socket.onerror = () => need("socket", false, "does not come about");
  socket.onmessage = ({ data }) => {
    const { hello, done } = JSON.parse(data);
    if (hello === id) need("socket", true, "works");
    if (!done) return;
    document.getElementById("progress").value = done;
    document.getElementById("done").textContent = done < 100 ? `${done} %` : "up to date";
    if (done === 100) socket.close();
  };
}

/** Signs in elsewhere: the pop-up says that it is done, or we ask when it has gone. */
function connect() {
  const popup = open(new URL(`oauth/start/${id}`, root), "sign-in", "popup,width=480,height=560");
  let told = false;
  // Who sent it is not to be compared: a window that has closed is nobody.
  const listen = ({ origin, data }) => {
    if (origin === location.origin && data.type === "signed-in") told = true;
  };
  addEventListener("message", listen);
  const waiting = setInterval(async () => {
    if (popup && !popup.closed) return;
    clearInterval(waiting);
    const { connected } = await install(root);
    removeEventListener("message", listen);
    need("popup", told, told ? "came" : "did not come: its origin is another");
    showConnected(connected);
  }, 100);
}

need("relative", true, "work");
const rooted = document.documentElement.dataset.rooted === "yes";
need("rooted", rooted, rooted ? "works" : "is somebody else’s here");
showConnected(main.dataset.connected === "yes");
tryApi("api", root);
tryApi("api-full", own);
trySocket();
if (main.dataset.saved === "yes") tell("pandium-save-sync");
document.getElementById("connect").onclick = connect;
document.getElementById("disconnect").onclick = async () => showConnected((await install(root, "DELETE")).connected);
document.getElementById("cancel").onclick = () => tell("pandium-install-cancel");
