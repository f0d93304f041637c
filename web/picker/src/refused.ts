/** Options of the protocol that this picker does not honor, for the page's developer. */

/** Why an option is not honored. */
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
