// Shows the insights of another period or other buyers. The numbers lie in the page as JSON; nothing is asked of the network.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("insight-data").textContent);
  const period = document.getElementById("choose-period");
  const buyers = document.getElementById("choose-buyers");
  const tables = [...document.querySelectorAll("#insights .insight")];

  const whole = (value) => {
    const size = Math.abs(value);
    const text =
      size >= 1e12 ? `${(size / 1e12).toFixed(2)} trillion`
      : size >= 1e9 ? `${(size / 1e9).toFixed(2)} billion`
      : Math.round(size).toLocaleString("en-US");
    return value < 0 && /[1-9]/.test(text) ? `\u2212${text}` : text;
  };
  const decimals = (value, count) => {
    const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: count, maximumFractionDigits: count });
    return value < 0 && /[1-9]/.test(text) ? `\u2212${text}` : text;
  };
  const forms = {
    text: (value) => String(value),
    count: whole,
    money: (value) => (Math.abs(value) >= 1000 ? whole(value) : decimals(value, 2)),
    share: (value) => (value > 0 && value < 0.0005 ? "<0.1\u00a0%" : `${decimals(value * 100, 1)}\u00a0%`),
    times: (value) => decimals(value, 1),
  };
  const worded = (value, form) => (value === null ? "\u2013" : forms[form](value));

  const element = (name, css, text) => {
    const made = document.createElement(name);
    if (css) made.className = css;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const row = (block, values, longest) => {
    const [label, remark, ...cells] = values;
    const line = element("tr");
    const head = element("th");
    head.scope = "row";
    head.append(element("bdi", "", data.words[label]));
    if (remark >= 0) {
      const quiet = element("span", "quiet");
      quiet.append(element("bdi", "", data.words[remark]));
      head.append(" ", quiet);
    }
    if (block.bar !== null) {
      const track = element("span", "track");
      const bar = element("i", "first");
      track.setAttribute("aria-hidden", "true");
      bar.style.width = `${((Math.max(cells[block.bar] ?? 0, 0) / longest) * 100).toFixed(1)}%`;
      track.append(bar);
      head.append(track);
    }
    line.append(head);
    cells.forEach((value, place) => {
      const form = block.columns[place][1];
      const cell = element("td", "n");
      if (block.bar === null && form === "share") {
        cell.classList.add("heat");
        if (value !== null) {
          cell.style.setProperty("--heat", `${((value / longest) * 100).toFixed(0)}%`);
          cell.textContent = worded(value, form);
        }
      } else {
        cell.textContent = worded(value, form);
      }
      line.append(cell);
    });
    return line;
  };

  const largest = (block, rows) => {
    const shown = block.columns.map(([, form], place) => (block.bar === null ? form === "share" : place === block.bar));
    return Math.max(0, ...rows.flatMap((values) => values.slice(2).filter((value, place) => shown[place] && value !== null))) || 1;
  };

  const show = () => {
    const chosen = [period.selectedIndex, buyers.selectedIndex];
    const figures = data.figures.rows[`${chosen[0]}.${chosen[1]}`];
    document.querySelectorAll("#figures dd").forEach((place, index) => {
      place.textContent = worded(figures ? figures[0][index + 2] : 0, data.figures.columns[index][1]);
    });
    document.getElementById("figures-scope").textContent = `${data.periods[chosen[0]]}, ${data.buyers[chosen[1]]}`;
    tables.forEach((place, index) => {
      const block = data.blocks[index];
      const body = place.querySelector("tbody");
      if (!body) return;
      const at = [block.byPeriod ? chosen[0] : 0, chosen[1] || block.buyers];
      const rows = block.rows[at.join(".")] ?? [];
      const longest = largest(block, rows);
      body.replaceChildren(...rows.map((values) => row(block, values, longest)));
      if (!rows.length) {
        const empty = element("td", "empty", "Nothing was sold to these buyers in this period.");
        empty.colSpan = block.columns.length + 1;
        const line = element("tr");
        line.append(empty);
        body.append(line);
      }
      place.querySelector(".scope").textContent = `${data.periods[at[0]]}, ${data.buyers[at[1]]}`;
    });
  };

  period.addEventListener("change", show);
  buyers.addEventListener("change", show);
  document.querySelector("#insights .choice").hidden = false;
})();
