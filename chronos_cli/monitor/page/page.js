"use strict";
// All that comes from outside becomes text nodes: none of it is ever read as HTML.

const EVERY = 2000;      // milliseconds from an answer to the next question
const PATIENCE = 8000;   // milliseconds that an answer may take
const get = (id) => document.getElementById(id);
const panel = get("history");   // moves about: below the row of its job
const [heading, closing, about, runs] = panel.children;

let status = null;       // the last answer of /api/status
let order = { key: "due", down: false };
let chosen = named(location.hash.slice(1));
let token = sessionStorage.getItem("token");
let answeredAt = null;
let timer = null;

// The job in an address; null for none, and for what is no text in percent escapes.
function named(hash) {
  try {
    return decodeURIComponent(hash) || null;
  } catch {
    return null;
  }
}

// Characters that cannot be seen, or that turn the direction of writing, are written out.
function visible(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`);
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const child of children) {
    made.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
  return made;
}

function span(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left}s`;
  if (left < 3600) return `${Math.floor(left / 60)}m ${left % 60}s`;
  if (left < 86400) return `${Math.floor(left / 3600)}h ${Math.floor(left % 3600 / 60)}m`;
  return `${Math.floor(left / 86400)}d ${Math.floor(left % 86400 / 3600)}h`;
}

const took = (ms) => !ms ? "" : ms < 1000 ? `, ${Math.ceil(ms)} ms` : `, ${span(ms / 1000)}`;
const now = () => Date.parse(status.time) / 1000;
const seconds = (time) => Date.parse(time) / 1000;
const ago = (time) => `${span(now() - seconds(time))} ago`;
const local = (time) => new Date(time).toLocaleString("sv");   // 2027-01-04 09:00:00, for everybody
const isFailure = (name) => !["succeeded", "skipped", "running"].includes(name);
const words = (name, code) => name.replaceAll("_", " ") + (code ? ` ${code}` : "");
const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

function shade(name) {
  if (name === "succeeded") return "good";
  if (name === "running") return "busy";
  return name === "skipped" ? "soft" : "bad";
}

async function ask(path) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status === 401) throw new Error("token");
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.error || `status ${answer.status}`);
  return data;
}

async function refresh() {
  clearTimeout(timer);
  try {
    status = await ask(`/api/status?q=${encodeURIComponent(get("filter").value)}`);
    answeredAt = Date.now();
    get("trouble").hidden = get("login").hidden = true;
    get("main").hidden = false;
    if (getSelection().isCollapsed) draw();   // else somebody is about to copy something
    if (chosen) await refreshHistory();
  } catch (error) {
    if (error.message === "token") askForToken();
    else trouble(error);
  }
  clearTimeout(timer);
  if (!document.hidden && get("login").hidden) timer = setTimeout(refresh, EVERY);
}

function askForToken() {
  get("login-failed").textContent = token ? "This is not the token." : "";
  get("login").hidden = false;
  get("main").hidden = true;
}

function trouble(error) {
  const since = answeredAt ? `What is shown is of ${local(answeredAt)}. ` : "";
  get("trouble").textContent = visible(`No answer from the scheduler. ${since}(${error.message})`);
  get("trouble").hidden = false;
}

function draw() {
  const loop = status.loop, totals = status.totals;
  get("state").textContent = loop.state;
  get("state").className = `badge ${loop.state === "running" ? "good" : "bad"}`;
  const parts = [count(totals.jobs, "job"), `${totals.running} running`, `${totals.waiting} waiting`];
  get("totals").textContent = parts.join(", ");
  const cluster = loop.cluster, host = cluster ? ` · ${cluster.host}, one of ${count(cluster.hosts, "host")}` : "";
  get("fresh").textContent = visible(`${local(status.time)}${host} · pid ${loop.pid} · ${loop.version}`);
  drawWarnings(loop);
  drawJobs();
}

function drawWarnings(loop) {
  const refused = loop.reload_refused, place = get("refused");
  place.hidden = !refused && !loop.state_failure;
  if (place.hidden) return;
  const said = [loop.state_failure, refused && `Reload refused ${ago(refused.time)}: ${refused.message}`];
  place.firstElementChild.textContent = visible(said.filter(Boolean).join(" · "));
  const problems = refused ? refused.problems : [];
  place.lastElementChild.replaceChildren(...problems.map((line) => element("li", "", line)));
}

const last = (job) => job.outcomes[job.outcomes.length - 1];
const KEYS = {
  job_id: (job) => job.job_id,
  due: (job) => job.running ? -2 : job.waiting ? -1 : job.next ? seconds(job.next) : Infinity,
  last: (job) => last(job) ? (isFailure(last(job).status) ? 0 : 1e12) - seconds(last(job).time) : Infinity,
};

function sorted(jobs) {
  const key = KEYS[order.key], way = order.down ? -1 : 1;
  const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
  return [...jobs].sort((a, b) => way * compare(key(a), key(b)) || compare(a.job_id, b.job_id));
}

function drawJobs() {
  const { matching } = status.totals, shown = status.jobs.length;
  get("shown").textContent = shown < matching ? `${shown} of ${count(matching, "job")} shown` : count(matching, "job");
  const kept = document.activeElement && document.activeElement.dataset.job;
  const rows = sorted(status.jobs).map(row);
  document.querySelector("#jobs tbody").replaceChildren(...rows);
  placePanel();
  for (const button of kept ? document.querySelectorAll(".open") : []) {
    if (button.dataset.job === kept) button.focus();
  }
}

function placePanel() {
  const above = document.querySelector("#jobs tr.chosen");
  if (!above) {
    get("main").append(panel);
    return;
  }
  const place = element("td", "", panel);
  place.colSpan = 6;
  above.after(element("tr", "detail", place));
}

function cell(label, ...children) {
  const made = element("td", "", element("div", "", ...children));
  made.dataset.label = label;
  return made;
}

function row(job) {
  const made = element("tr", job.job_id === chosen ? "chosen" : "",
    cell("Job", ...jobWords(job)), cell("Schedule", ...scheduleWords(job)), cell("Next", ...nextWords(job)),
    cell("Now", ...nowWords(job)), cell("Outcomes", strip(job)), cell("Last", ...lastWords(job)));
  made.dataset.job = job.job_id;
  return made;
}

function jobWords(job) {
  const open = element("button", "open", job.job_name);
  open.dataset.job = job.job_id;
  open.setAttribute("aria-expanded", job.job_id === chosen);
  const tags = Object.entries(job.tags).map(([key, value]) => element("span", "tag", `${key}=${value}`));
  return [open, element("div", "soft", `${job.protocol} · ${job.target}`), ...tags];
}

function scheduleWords(job) {
  return [element("code", "", [job.schedule].flat().join(" | ")),
    element("div", "soft", `${job.schedule_words} · ${job.timezone}`)];
}

function nextWords(job) {
  if (!job.enabled) return [element("span", "soft", "disabled")];
  if (job.paused) return pausedWords(job.paused);
  if (!job.next) return [element("span", "soft", "never")];
  return [`in ${span(seconds(job.next) - now())}`, element("div", "soft", local(job.next))];
}

function pausedWords(pause) {
  const until = pause.until ? ` until ${local(pause.until)}` : "";
  return [element("strong", "", `paused${until}`),
    element("div", "soft", `by ${visible(pause.by)}${pause.reason ? `: ${visible(pause.reason)}` : ""}`)];
}

function nowWords(job) {
  const lines = job.executions.map((one) => element("div", "busy",
    `running ${span(now() - seconds(one.started_at))}${one.attempt > 1 ? `, attempt ${one.attempt}` : ""}`));
  const more = job.running - job.executions.length;
  if (more > 0) lines.push(element("div", "busy", `and ${more} more`));
  if (job.waiting) lines.push(element("div", "soft", `${job.waiting} waiting`));
  return lines;
}

function strip(job) {
  const made = element("span", "strip");
  for (const one of job.outcomes) {
    const bar = element("i", isFailure(one.status) ? "failed" : one.status);
    bar.title = visible(`${words(one.status, one.code)}, ${local(one.time)}${took(one.duration_ms)}`);
    made.append(bar);
  }
  const failed = job.outcomes.filter((one) => isFailure(one.status)).length;
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", `${failed} of the last ${job.outcomes.length} failed`);
  return made;
}

function lastWords(job) {
  const one = last(job);
  if (!one) return [element("span", "soft", "none yet")];
  return [element("span", shade(one.status), words(one.status, one.code)),
    element("div", "soft", `${ago(one.time)}${took(one.duration_ms)}`)];
}

async function refreshHistory() {
  const asked = chosen;
  try {
    const found = await ask(`/api/history?job=${encodeURIComponent(asked)}`);
    if (asked === chosen) drawHistory(found.results);
  } catch (error) {
    if (error.message === "token") throw error;
    if (asked === chosen) drawHistory([], error.message);
  }
}

function drawHistory(entries, failure = "") {
  const job = status.jobs.find((one) => one.job_id === chosen);
  panel.hidden = false;
  heading.textContent = visible(job ? job.job_name : chosen);
  const facts = job ? [["ID", job.job_id], ["Description", job.description], ["Target", job.target]] : [];
  about.replaceChildren(...facts.filter((fact) => fact[1])
    .flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  const lines = entries.map(runWords);
  if (!lines.length) lines.push(element("li", "soft", failure || "nothing recorded yet"));
  runs.replaceChildren(...lines);
}

function runWords(run) {
  const head = [element("span", shade(run.status), words(run.status, run.code)), " ",
    `${local(run.started_at)}${took(run.duration_ms)}`,
    element("div", "soft", `${run.origin} · ${run.execution_id}`)];
  if (run.message) head.push(element("div", "", run.message));
  const attempts = element("ol", "soft", ...run.attempts.map(attemptWords));
  attempts.start = run.attempts_left_out + 1;
  const isTold = run.attempts.length > 1 || run.attempts_left_out > 0;
  return element("li", "", ...head, ...(isTold ? [attempts] : []));
}

function attemptWords(attempt) {
  return element("li", "", `${words(attempt.status, attempt.code)}, `,
    `${local(attempt.started_at)}${took(attempt.duration_ms)}${attempt.message ? `: ${attempt.message}` : ""}`);
}

function choose(job) {
  chosen = job;
  history.replaceState(null, "", job ? `#${encodeURIComponent(job)}` : location.pathname);
  panel.hidden = !job;
  if (status) drawJobs();
  if (!job) return;
  drawHistory([], "asking …");
  refreshHistory().then(() => panel.scrollIntoView({ block: "nearest" }), trouble);
}

function sortBy(key) {
  order = { key, down: order.key === key && !order.down };
  get("sort").value = key;
  for (const head of document.querySelectorAll("th[aria-sort]")) {
    const isIt = head.firstElementChild.dataset.sort === key;
    head.setAttribute("aria-sort", !isIt ? "none" : order.down ? "descending" : "ascending");
  }
  drawJobs();
}

document.querySelector("#jobs thead").addEventListener("click", (event) => {
  const key = event.target.dataset.sort;
  if (key) sortBy(key);
});
document.querySelector("#jobs tbody").addEventListener("click", (event) => {
  const job = event.target.dataset.job;
  if (job && event.target.className === "open") choose(job === chosen ? null : job);
});
get("sort").addEventListener("change", (event) => sortBy(event.target.value));
closing.addEventListener("click", () => choose(null));
get("filter").addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(refresh, 200);
});
get("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = get("token").value;
  sessionStorage.setItem("token", token);
  get("login").hidden = true;
  refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
