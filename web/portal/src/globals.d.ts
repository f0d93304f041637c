/** What the bundler takes in beside scripts. */

declare module "*.css";
