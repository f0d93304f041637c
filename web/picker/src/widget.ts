/** The widget's module, as both script doors load it. */

export { keptToken, pick, Picker } from "./picker.js";
