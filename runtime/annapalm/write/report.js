(() => {
  "use strict";
  const table = document.querySelector("table.all");
  if (!table) return;
  const body = table.tBodies[0], mosaic = document.querySelector(".mosaic");
  const tools = document.querySelector(".tools");
  const find = tools.querySelector("input"), count = tools.querySelector("output");
  const chips = Array.from(tools.querySelectorAll("button[data-tag]"));
  const tiles = new Map();
  if (mosaic) for (const tile of mosaic.children) tiles.set(tile.dataset.i, tile);
  const rows = Array.from(body.rows, (row) => ({
    row,
    tile: tiles.get(row.dataset.i),
    name: row.cells[1].textContent,
    tag: row.dataset.tag,
    text: row.textContent.toLowerCase(),
    v: row.dataset.v.split(",").map((x) => (x === "" ? NaN : Number(x))),
  }));
  const FIELD = 1, VERDICT = 2; // columns; the values of the latter are the order worst first
  const names = new Intl.Collator(undefined, { numeric: true });
  const state = { column: VERDICT, up: true, find: "", tags: new Set() };

  const compare = (a, b) => {
    const way = state.up ? 1 : -1;
    if (state.column === FIELD) return way * names.compare(a.name, b.name);
    const x = a.v[state.column], y = b.v[state.column];
    if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y) || a.v[VERDICT] - b.v[VERDICT];
    return way * (x - y) || a.v[VERDICT] - b.v[VERDICT]; // what has no value comes last either way
  };
  const heads = Array.from(table.tHead.rows[0].cells);

  const sort = () => {
    rows.sort(compare);
    body.append(...rows.map((r) => r.row));
    if (mosaic) mosaic.append(...rows.map((r) => r.tile));
    heads.forEach((head, at) => {
      if (at === state.column) head.setAttribute("aria-sort", state.up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };
  const filter = () => {
    const wanted = state.find.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const r of rows) {
      const tag = !state.tags.size || state.tags.has(r.tag);
      const here = tag && wanted.every((word) => r.text.includes(word));
      r.row.hidden = !here;
      if (r.tile) r.tile.hidden = !here;
      shown += here;
    }
    for (const chip of chips) chip.setAttribute("aria-pressed", state.tags.has(chip.dataset.tag));
    const all = rows.length.toLocaleString("en");
    count.textContent = shown === rows.length ? `${all} fields` : `${shown.toLocaleString("en")} of ${all} fields`;
  };
  // Kept in the address, so that coming back from a field finds the table as it was left.
  const remember = () => {
    const kept = new URLSearchParams();
    if (state.column !== VERDICT || !state.up) kept.set("sort", (state.up ? "" : "-") + state.column);
    if (state.find) kept.set("find", state.find);
    for (const tag of state.tags) kept.append("only", tag);
    try { history.replaceState(null, "", `#${kept}`); } catch { /* not where pages are sandboxed */ }
  };
  const recall = () => {
    const kept = new URLSearchParams(location.hash.slice(1)), sorted = kept.get("sort");
    if (sorted !== null && heads[Math.abs(sorted)]) {
      state.column = Math.abs(sorted);
      state.up = !sorted.startsWith("-");
    }
    state.find = find.value = kept.get("find") || "";
    const known = new Set(chips.map((chip) => chip.dataset.tag));
    state.tags = new Set(kept.getAll("only").filter((tag) => known.has(tag)));
  };

  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      state.up = at === state.column ? !state.up : head.dataset.first === "up";
      state.column = at;
      sort();
      remember();
    });
    head.append(button);
  });
  for (const chip of chips) {
    chip.disabled = false;
    chip.addEventListener("click", () => {
      if (!state.tags.delete(chip.dataset.tag)) state.tags.add(chip.dataset.tag);
      filter();
      remember();
    });
  }
  find.addEventListener("input", () => { state.find = find.value; filter(); remember(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== find) { event.preventDefault(); find.focus(); }
    if (event.key === "Escape" && document.activeElement === find) { find.value = state.find = ""; filter(); remember(); }
  });
  addEventListener("hashchange", () => { // a link to a field that the filter hides
    const target = document.getElementById(location.hash.slice(1));
    if (!target || !target.hidden) return;
    find.value = state.find = "";
    state.tags.clear();
    filter();
    target.scrollIntoView();
  });
  for (const part of tools.querySelectorAll("[hidden]")) part.hidden = false;
  recall();
  if (state.column !== VERDICT || !state.up) sort();
  filter();
})();
