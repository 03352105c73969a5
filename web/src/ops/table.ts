// A table whose rows the style makes cards of on narrow screens: the roles hold there, too.
import { type Child, el } from "../look/dom.ts";

/** Makes a table of rows. The caption is for those who do not see it. */
export function table(caption: string, columns: string[], body: HTMLElement): HTMLElement {
  return el(
    "table",
    { class: "connections", role: "table" },
    el("caption", { class: "unseen" }, caption),
    el(
      "thead",
      { role: "rowgroup" },
      el(
        "tr",
        { role: "row" },
        ...columns.map((name) => el("th", { scope: "col", role: "columnheader" }, name)),
      ),
    ),
    body,
  );
}

/** Makes the body of a table. */
export function rowGroup(...rows: HTMLElement[]): HTMLElement {
  return el("tbody", { role: "rowgroup" }, ...rows);
}

/** Makes a row of cells, each with the name of its column. */
export function row(cells: [string, ...Child[]][]): HTMLElement {
  return el(
    "tr",
    { role: "row" },
    ...cells.map(([name, ...content]) => el("td", { role: "cell", "data-name": name }, ...content)),
  );
}
