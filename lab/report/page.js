// The time line's scrubber. Without it, the page shows all of the run.
const run = JSON.parse(document.getElementById("data").textContent);
const slider = document.getElementById("at"), clock = document.getElementById("clock");
const now = document.getElementById("now"), play = document.getElementById("play");
const rows = [...document.getElementById("rows").rows].map(row => ({ row, at: Number(row.dataset.at) }));
const list = run.nodes.map(node => document.getElementById("nodes").appendChild(document.createElement("li")));
const until = (times, t) => { // how many are not later than t
  let low = 0, high = times.length;
  while (low < high) { const mid = (low + high) >> 1; if (times[mid] <= t) low = mid + 1; else high = mid; }
  return low;
};

function show(t, follow) {
  slider.value = t;
  clock.textContent = (t / 1000).toFixed(1) + " s";
  slider.setAttribute("aria-valuetext", clock.textContent);
  const x = run.left + t / run.took * (run.width - run.left);
  now.setAttribute("x1", x);
  now.setAttribute("x2", x);
  now.setAttribute("visibility", "visible");
  run.nodes.forEach((node, i) => {
    const runs = node.lives.some(([from, to]) => from <= t && t < to);
    const told = node.told.filter(e => e.at <= t).pop();
    let text = node.name + ": ";
    if (node.does) text += node.does + " " + until(node.lines, t) + " of " + node.lines.length;
    else text += runs ? "runs" : "does not run";
    if (told) text += ", " + told.text;
    list[i].textContent = text;
    list[i].className = runs ? "" : told && told.bad ? "down" : "over";
  });
  let current = null;
  for (const { row, at } of rows) {
    row.className = at > t ? "later" : "";
    if (at <= t) current = row;
  }
  if (current) {
    current.className = "current";
    const box = current.closest(".rows");
    if (follow) box.scrollTop = current.offsetTop - box.clientHeight / 2;
  }
}

let last = 0; // when the playing was drawn last; 0: it is not playing
function frame(time) {
  if (!last) return;
  const t = Math.min(run.took, Number(slider.value) + Math.max(0, time - last));
  last = time;
  show(t, true);
  if (t < run.took) requestAnimationFrame(frame); else stop();
}
function stop() { last = 0; play.textContent = "Play"; }
play.addEventListener("click", () => {
  if (last) return stop();
  if (Number(slider.value) >= run.took) show(0, true);
  play.textContent = "Stop";
  last = performance.now();
  requestAnimationFrame(frame);
});
slider.addEventListener("input", () => { stop(); show(Number(slider.value), true); });
document.getElementById("line").addEventListener("click", event => {
  const box = event.currentTarget.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * run.width;
  stop();
  show(Math.min(run.took, Math.max(0, (x - run.left) / (run.width - run.left) * run.took)), true);
});
document.getElementById("rows").addEventListener("click", event => {
  const row = event.target.closest("tr");
  if (row) { stop(); show(Number(row.dataset.at), false); }
});
document.getElementById("scrub").hidden = false;
show(run.took, false);
