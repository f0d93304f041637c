/** Style sheets that a part of the picker brings along when it is loaded. */

const sheets = new Map<string, CSSStyleSheet>();

/** Puts a sheet into the shadow root that an element lies in; once. */
export function adopt(css: string, element: Element | null): void {
  const root = element?.getRootNode();
  if (!(root instanceof ShadowRoot)) return;
  let sheet = sheets.get(css);
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    sheets.set(css, sheet);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
}
