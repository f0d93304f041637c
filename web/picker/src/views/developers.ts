/** Sentences for the developer of a page, which nobody else is shown. */

/**
 * Those that only the page's developer can mend, in English as the documentation is; visitors get
 * one sentence in their language.
 */
export const DEVELOPERS: Record<string, [title: string, text: string]> = {
  "dropbox-not-configured": ["No Dropbox app is set up", "Give the application a Dropbox app key and secret, or set LONGSHORE_DROPBOX_APP_KEY and LONGSHORE_DROPBOX_APP_SECRET for all."],
  "dropbox-app-misconfigured": ["The Dropbox app is not set up right", "Compare its permissions in the Dropbox App Console with docs/dropbox-app.md."],
  "unknown-apikey": ["This API key is not known", "Compare it with the one that was made for the application."],
  "origin-not-allowed": ["This page may not use the picker", "Add the page's origin to the application's allowed origins."],
  "policy-required": ["A policy is required", "The application's security is on: give the picker a policy and its signature."],
  "invalid-policy": ["The policy is not valid", "Compare how it is made with docs/API.md: the signature is over the base64 text."],
  "not-allowed": ["The policy does not allow this", "It has to allow the call, the path and the container."],
};
