// The form to search connections.
import { el } from "../look/dom.ts";

const fields = [
  ["sub", "User"],
  ["iss", "Issuer"],
  ["sid", "Session"],
] as const;

/** What is searched for. */
export interface SearchForm {
  element: HTMLElement;
  /** The parameters of GET /connections. */
  query(): URLSearchParams;
  /** Reports whether there is a filter. */
  filled(): boolean;
}

/** Makes the form. */
export function searchForm(search: () => void): SearchForm {
  const inputs = fields.map(() => el("input", { type: "search", autocomplete: "off", spellcheck: "false" }));
  const labels = fields.map(([name, label], n) =>
    el("label", { class: "field" }, el("span", {}, `${label} `, el("code", {}, name)), inputs[n]),
  );
  const filled = () => inputs.some(({ value }) => value.trim() !== "");

  function submit(event: Event): void {
    event.preventDefault();
    search();
  }

  function all(): void {
    for (const input of inputs) input.value = "";
    search();
  }

  const buttons = [
    el("button", { type: "submit", class: "primary" }, "Search"),
    el("button", { type: "button", onclick: all }, "Show all"),
  ];
  return {
    element: el(
      "form",
      { class: "find", role: "search", "aria-label": "Connections", autocomplete: "off", onsubmit: submit },
      ...labels,
      el("div", { class: "row" }, ...buttons),
    ),
    query() {
      const query = new URLSearchParams(filled() ? {} : { all: "true" });
      fields.forEach(([name], n) => {
        const value = inputs[n]?.value.trim();
        if (value) query.set(name, value);
      });
      return query;
    },
    filled,
  };
}
