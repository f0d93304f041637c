/**
 * What comes after the picker's first screen: files of the device, what is selected, what is on
 * its way. One module that is loaded ahead (`ahead.ts`), so that the first screen is there sooner
 * and nobody waits for the second.
 */

export { EditScreen } from "./edit/screen.js";
export { Device } from "./sources/device/device.js";
export { default as styles } from "./styles/second.css?inline";
export { Selected } from "./views/selected.js";
export { Summary, SummaryFoot } from "./views/summary.js";
