"use strict";
// Draws /ui/state anew every few seconds. Whatever comes from outside becomes text, never markup.
const every = 5000;
const colours = 8;
const svg = "http://www.w3.org/2000/svg";
const by = (id) => document.getElementById(id);
const opened = new Set(); // what was unfolded stays so
let timer = 0;

function add(parent, tag, attributes, ...children) {
  const namespace = parent.namespaceURI === svg || tag === "svg" ? svg : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  for (const child of children) element.append(String(child));
  parent.append(element);
  return element;
}

const sum = (list, of) => list.reduce((total, item) => total + (of(item) || 0), 0);
const title = (pool) => pool.namespace + "/" + pool.name;
const complaints = (pool) => pool.conditions.filter((condition) => condition.complaint);

// One bar: what is granted to each StoragePool, in it what is open, in that what is in use; then what is free
// and what is reserved for others.
function picture(parent, server) {
  const total = Math.max(server.serverMax || 0, server.granted + (server.reserved || 0), 1);
  const width = 1000;
  const x = (connections) => (connections / total) * width;
  const drawing = add(parent, "svg",
    { class: "picture", viewBox: "0 0 1000 50", preserveAspectRatio: "none", role: "img" });
  const usable = (server.serverMax || 0) - (server.reserved || 0);
  const words = server.serverMax
    ? `${server.granted} of ${usable} usable connections are granted, ${server.reserved} of ${server.serverMax} are reserved`
    : `${server.granted} connections are granted; the server's limits are not known yet`;
  add(drawing, "title", {}, words);
  add(drawing, "rect", { class: "free", x: 1, y: 6, width: width - 2, height: 38 });
  let at = 0;
  server.storagePools.forEach((pool, index) => {
    const group = add(drawing, "g", { class: "c" + (index % colours) });
    const bar = (name, connections, y, height) =>
      add(group, "rect", { class: name, x: x(at), y, width: Math.max(0, x(connections) - 1), height });
    const granted = bar("granted", pool.granted || 0, 6, 38);
    add(granted, "title", {}, `${title(pool)}: ${pool.granted || 0} granted`);
    bar("open", sum(pool.pods, (pod) => pod.open), 14, 30);
    bar("used", sum(pool.pods, (pod) => pod.inUse), 26, 18);
    at += pool.granted || 0;
  });
  if (server.serverMax) {
    add(drawing, "rect", { class: "reserved", x: x(usable), y: 6, width: x(server.reserved), height: 38 });
    add(drawing, "line", { class: "limit", x1: x(usable), x2: x(usable), y1: 0, y2: 50 });
  }
  add(parent, "p", { class: "caption" }, words);
}

function row(table, tag, cells) {
  const line = add(table, "tr");
  for (const cell of cells) add(line, tag, {}, cell === undefined ? "–" : cell);
  return line;
}

function pods(parent, pool) {
  const table = add(add(parent, "div", { class: "wide" }), "table");
  row(table, "th", ["pod", "limit", "open", "in use", "waiting", "waits so far", "generation", "journal", ""]);
  for (const pod of pool.pods) {
    const journal = pod.journal && `${pod.journal.waiting} waiting` +
      (pod.journal.setAside ? `, ${pod.journal.setAside} set aside` : "");
    const line = row(table, "td",
      [pod.name, pod.limit, pod.open, pod.inUse, pod.waiting, pod.waitCount, pod.generation, journal]);
    const words = [];
    if (pod.silent) words.push("says nothing: " + pod.silent);
    if (!pod.ready) words.push("not ready");
    words.push(...(pod.notReady || []));
    if (pod.journal && !pod.journal.takesEvents) words.push("journal: " + pod.journal.reason);
    add(line, "td", { class: words.length ? "words bad" : "words good" }, words.join("; ") || "ready");
  }
}

function storagePool(parent, pool, index) {
  const details = add(parent, "details", { class: "c" + (index % colours) });
  details.open = opened.has(title(pool));
  details.addEventListener("toggle", () => details.open ? opened.add(title(pool)) : opened.delete(title(pool)));
  const summary = add(details, "summary");
  add(summary, "span", { class: "key" });
  add(summary, "span", { class: "name" }, title(pool));
  const wrong = complaints(pool);
  add(summary, "span", { class: wrong.length ? "bad" : "good" },
    wrong.length ? [...new Set(wrong.map((condition) => condition.reason))].join(", ") : "Ready");
  add(summary, "span", { class: "quiet" },
    pool.granted === undefined ? "not looked at yet"
      : `pods ${pool.ready}, ${pool.perPod} connections each, ${sum(pool.pods, (pod) => pod.open)} open, ` +
        `${sum(pool.pods, (pod) => pod.inUse)} in use, ${sum(pool.pods, (pod) => pod.waiting)} waiting`);
  const list = add(details, "dl");
  for (const condition of pool.conditions) {
    add(list, "dt", { class: condition.complaint ? "bad" : "" },
      `${condition.type} ${condition.status}: ${condition.reason}`);
    if (condition.complaint) add(list, "dd", {}, condition.message);
  }
  pods(details, pool);
}

function draw(state) {
  const servers = by("servers");
  servers.replaceChildren();
  for (const server of state.servers) {
    const article = add(servers, "article");
    add(article, "h2", {}, "PostgreSQL " + server.name);
    picture(article, server);
    server.storagePools.forEach((pool, index) => storagePool(article, pool, index));
  }
  if (!state.servers.length) add(servers, "p", { class: "quiet" }, "There is no StoragePool.");
}

function say(text, bad) {
  by("news").textContent = text;
  by("news").className = bad ? "bad" : "";
}

function ask(why) {
  sessionStorage.removeItem("token");
  by("servers").replaceChildren();
  by("login").hidden = false;
  by("leave").hidden = true;
  say(why, why !== "");
}

async function refresh() {
  clearTimeout(timer);
  const token = sessionStorage.getItem("token");
  if (!token) return ask("");
  try {
    const answer = await fetch("/ui/state?namespace=" + encodeURIComponent(sessionStorage.getItem("namespace") || ""),
      { headers: { Authorization: "Bearer " + token }, signal: AbortSignal.timeout(35000) });
    const body = await answer.json();
    if (answer.status === 401 || answer.status === 403) return ask(body.detail);
    if (!answer.ok) throw new Error(body.detail || "status " + answer.status);
    by("login").hidden = true;
    by("leave").hidden = false;
    draw(body);
    say("as of " + new Date().toLocaleTimeString());
  } catch (error) {
    say("what is shown is old: " + error.message, true);
  }
  if (!document.hidden) timer = setTimeout(refresh, every);
}

by("login").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", by("token").value.trim());
  sessionStorage.setItem("namespace", by("namespace").value.trim());
  by("token").value = "";
  refresh();
});
by("leave").addEventListener("click", () => ask(""));
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
