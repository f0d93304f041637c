import assert from "node:assert/strict";
import { test } from "node:test";
import { inWords } from "../src/complaints.js";
import { readOptions, storeOf } from "../src/options.js";

/** Every option of the protocol (filestack-js 4.3.8), with a value that asks for something. */
const PROTOCOL: Record<string, unknown> = {
  accept: ".pdf", acceptFn: () => undefined, allowManualRetry: true, cleanupImageExif: true, concurrency: 4,
  container: "#here", cropFiles: [], customAuthText: {}, customSourceContainer: "c", customSourceName: "n",
  customSourcePath: "p", customText: {}, disableAltText: false, disableDirectoryUpload: false, disableStorageKey: true,
  disableThumbnails: true, disableTransformer: false, displayMode: "overlay", dropPane: {}, errorsTimeout: 1,
  exposeOriginalFile: true, failOverMaxFiles: true, fromSources: ["dropbox"], globalDropZone: true,
  googleDriveAppID: "x", hideModalWhenUploading: true, imageDim: [1, 1], imageMax: [1, 1], imageMin: [1, 1],
  imageMinMaxBlock: true, lang: "de", loadCss: "x", maxFiles: 2, maxSize: 1, minFiles: 1, miniUploader: true,
  modalSize: [1, 1], multipleFileUpload: true, onCancel: () => undefined, onClose: () => undefined,
  onFileCropped: () => undefined, onFileSelected: () => undefined, onFileUploadCancel: () => undefined,
  onFileUploadFailed: () => undefined, onFileUploadFinished: () => undefined, onFileUploadProgress: () => undefined,
  onFileUploadStarted: () => undefined, onOpen: () => undefined, onUploadDone: () => undefined,
  onUploadStarted: () => undefined, pasteMode: {}, rootId: "r", startUploadingWhenMaxFilesReached: true,
  storeTo: { path: "in/" }, supportEmail: "a@b", transformations: {}, transformationsUI: true, uploadConfig: {},
  uploadInBackground: true, useSentryBreadcrumbs: true, videoResolution: "640x480", viewType: "grid", websearch: {},
};

function read(options: Record<string, unknown>) {
  const warnings: string[] = [];
  return { settings: readOptions(options, (about) => warnings.push(inWords(about))), warnings };
}

test("every option of the protocol is honored or refused by its name, with a reason", () => {
  for (const [name, value] of Object.entries(PROTOCOL)) {
    const { settings, warnings } = read({ [name]: value });
    const honored = name in settings;
    const refused = warnings.some((warning) => warning.startsWith(`${name} is not honored: `) && !warning.includes("no such option"));
    assert.notEqual(honored && warnings.length === 0, refused, `${name}: ${warnings.join(" ")}`);
  }
});

test("an option that asks for the absence of something absent is granted without a word", () => {
  assert.deepEqual(read({ disableTransformer: true, uploadInBackground: false, useSentryBreadcrumbs: false }).warnings, []);
});

test("uploads in the background need pictures that stay as they are", () => {
  assert.match(read({ uploadInBackground: true }).warnings.join(), /disableTransformer/);
  assert.deepEqual(read({ uploadInBackground: true, disableTransformer: true }).warnings, []);
});

test("an unknown option is told by its name", () => {
  assert.deepEqual(read({ maxFile: 3 }).warnings, ["maxFile is not honored: no such option"]);
});

test("numbers outside their limits are told and replaced", () => {
  const { settings, warnings } = read({ concurrency: 21, maxFiles: 0 });
  assert.equal(settings.concurrency, 4);
  assert.equal(settings.maxFiles, 1);
  assert.equal(warnings.length, 2);
  assert.equal(read({ concurrency: 20, maxFiles: 1_000_000 }).warnings.length, 0);
});

test("sources that are not there are told, and all are offered when none is left", () => {
  const { settings, warnings } = read({ fromSources: ["dropbox", "facebook"] });
  assert.deepEqual(settings.fromSources, ["dropbox"]);
  assert.match(warnings.join(), /facebook/);
  assert.deepEqual(read({ fromSources: ["box"] }).settings.fromSources, ["dropbox", "local_file_system", "url"]);
});

test("a store object has only what the server reads", () => {
  const { settings, warnings } = read({ storeTo: { location: "s3", path: "in/", region: "eu" }, disableStorageKey: true });
  assert.deepEqual(storeOf(settings), { path: "in/", disableStorageKey: true });
  assert.equal(warnings.length, 2);
});
