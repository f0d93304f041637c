import js from "@eslint/js";
import globals from "globals";
import tseslint from "typescript-eslint";

const TYPESCRIPT = ["{picker,portal}/src/**/*.{ts,tsx}", "{picker,portal}/tests/**/*.ts"];

export default [
  { ignores: ["node_modules/", "{picker,portal}/node_modules/", "picker/dist/"] },
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
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: TYPESCRIPT })),
  {
    files: TYPESCRIPT,
    languageOptions: { parserOptions: { project: ["./picker/tsconfig.json", "./portal/tsconfig.json"], tsconfigRootDir: import.meta.dirname } },
    rules: {
      "no-restricted-syntax": ["error", { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "write text" }],
      // Numbers in texts and in styles are what they look like.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // node:test awaits its own tests.
      "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: "test" }] }],
      // A map of what may come from outside is looked into with words from outside.
      "@typescript-eslint/no-unnecessary-condition": "off",
    },
  },
  { files: ["demo/**/*.js", "connect/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/**/*.mjs", "{picker,portal}/*.mjs", "*.{js,mjs}"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
];
