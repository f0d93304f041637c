import type { Texts } from "./words.js";

const texts: Texts = {};
export default texts;
