// Builds elements. Texts become text nodes and never markup: the pages require
// Trusted Types, and what they show may be from strangers.

/** What can stand inside of an element. What is absent is left out. */
export type Child = Node | string | undefined | false;

/** Attributes by their names. A function under `onclick` and the like listens, `true` is an attribute without a value, `false` and `undefined` are none. */
export type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

/** Makes an element. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  set(element, attributes);
  put(element, ...children);
  return element;
}

/** Makes an element of SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, attributes);
  put(element, ...children);
  return element;
}

/** Sets attributes of an element. */
export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Puts children into an element, in place of those that it has. */
export function put(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child) => child !== undefined && child !== false));
}

/** Sets a text, and touches nothing if it is there already: a live region would speak again. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
