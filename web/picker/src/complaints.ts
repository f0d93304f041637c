/**
 * What is wrong with the options of a page, in sentences for its developer. Loaded when there is
 * something to complain of.
 */

import type { Complaint } from "./options.js";

/** Why an option of the protocol is not honored. */
export const REFUSED: Record<string, string> = {
  cropFiles: "only what is picked can be edited",
  customSourceContainer: "there is no custom source",
  customSourceName: "there is no custom source",
  customSourcePath: "there is no custom source",
  disableAltText: "there are no alternative texts to edit",
  failOverMaxFiles: "the limit is told before it is passed",
  googleDriveAppID: "there is no Google Drive",
  loadCss: "the picker's styles are its own; set its CSS variables",
  miniUploader: "there is one layout",
  multipleFileUpload: "maxFiles says how many",
  transformationsUI: "there is one editor",
  useSentryBreadcrumbs: "nothing is sent to third parties",
  videoResolution: "nothing is recorded",
  websearch: "there is no web search",
};

const SENTENCES: { [Kind in Complaint["kind"]]: (about: Complaint & { kind: Kind }) => string } = {
  refused: ({ name }) => `${name} is not honored: ${REFUSED[name] ?? "no such option"}`,
  number: ({ name, least, most, taken }) => `${name} must be a whole number from ${least} to ${most}; ${taken} is taken`,
  least: ({ minFiles, maxFiles }) => `minFiles (${minFiles}) is more than maxFiles (${maxFiles}): maxFiles counts`,
  background: () => "uploadInBackground is not honored: a picture can be edited until Upload is pressed, unless disableTransformer is true",
  store: ({ name }) => `storeTo.${name} is not honored: ${name === "workflows" ? "there are no workflows" : "the server's storage is its operator's choice"}`,
  container: ({ mode }) => `displayMode ${mode} needs a container; the picker opens as overlay`,
  mode: ({ mode }) => `displayMode ${mode} is not honored; the picker opens as overlay`,
  source: ({ name }) => `fromSources: ${name ?? "a source of the page's own"} is not offered`,
  sources: ({ offered }) => `fromSources names no source that is offered; all are: ${offered.join(", ")}`,
};

/** A complaint in words. */
export function inWords(complaint: Complaint): string {
  return (SENTENCES[complaint.kind] as (about: Complaint) => string)(complaint);
}
