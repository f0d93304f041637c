import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["node_modules/"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "max-lines": ["error", 500],
      "max-lines-per-function": ["error", { max: 90, skipBlankLines: true, skipComments: true }],
      // File names and all other words from outside are only ever text.
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({
          property,
          message: "write text with textContent",
        })),
      ],
    },
  },
  { files: ["demo/**/*.js", "connect/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/**/*.mjs", "*.js"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
