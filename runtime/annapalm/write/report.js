"use strict";
(() => {
  const body = document.querySelector("#fields tbody");
  const mosaic = document.getElementById("mosaic");
  if (!body) return;
  const rows = [...body.rows];
  const tiles = new Map([...mosaic.children].map((tile) => [tile.dataset.n, tile]));
  const heads = [...document.querySelectorAll("#fields th button")];
  const find = document.getElementById("find");
  const grade = document.getElementById("grade");
  const count = document.getElementById("shown");
  let column = -1, up = true;

  const value = (row) => {
    const text = row.cells[column].dataset.v;
    return text === undefined ? null : column < 1 ? text : Number(text);
  };
  const order = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);  // nothing comes last
    const by = column < 1 ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
    return up ? by : -by;
  };
  const arrange = () => {
    body.append(...rows);
    mosaic.append(...rows.map((row) => tiles.get(row.dataset.n)));
  };
  const sort = (head) => {
    const at = heads.indexOf(head);
    up = at === column ? !up : at === 0;  // numbers: the largest first
    column = at;
    heads.forEach((each) => each.parentElement.removeAttribute("aria-sort"));
    head.parentElement.setAttribute("aria-sort", up ? "ascending" : "descending");
    rows.sort(order);
    arrange();
  };
  const filter = () => {
    const text = find.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = (!grade.value || row.dataset.grade === grade.value)
        && (!text || row.dataset.text.includes(text));
      row.hidden = tiles.get(row.dataset.n).hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  heads.forEach((head) => head.addEventListener("click", () => sort(head)));
  find.addEventListener("input", filter);
  grade.addEventListener("change", filter);
  document.getElementById("tools").hidden = false;
  filter();
})();
