/** Where files of the device are dropped, or the browser's own dialog is opened. */

import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../views/icons.js";
import type { Device } from "./device.js";

export function deviceView(device: Device) {
  return <DeviceView device={device} />;
}

function DeviceView({ device }: { device: Device }) {
  const { words, settings } = device.app;
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const [touch] = useState(() => matchMedia("(pointer: coarse)").matches);
  useEffect(() => {
    button.current?.focus({ preventScroll: true });
    // Not an attribute that types know: it lets whole folders be chosen.
    folder.current?.setAttribute("webkitdirectory", "");
  }, []);
  const taken = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    if (input.files && input.files.length > 0) void device.choose(input.files);
    // So that the same file can be chosen again.
    input.value = "";
  };
  const photographs = touch && acceptsPictures(settings.accept);
  return (
    <div class="source">
      <div class="screen">
        <div class="drop">
          <div class="mark"><Icon name="device" /></div>
          {touch ? null : <h2>{words.t("Drop your files anywhere")}</h2>}
          <div class="actions">
            <button ref={button} type="button" class="primary" onClick={() => files.current?.click()}>{words.t("Select Files to Upload")}</button>
            {photographs ? <button type="button" class="plain" onClick={() => camera.current?.click()}>{words.t("Take Photo")}</button> : null}
            {device.takesFolders && !touch ? <button type="button" class="plain" onClick={() => folder.current?.click()}>{words.t("Select a folder")}</button> : null}
          </div>
          {touch ? null : <p>{words.t("You can also paste them here.")}</p>}
          <input ref={files} type="file" id="fsp-fileUpload" class="unseen" tabIndex={-1} aria-label={words.t("Select Files to Upload")} multiple={settings.maxFiles > 1} accept={settings.accept.join(",")} onChange={taken} />
          <input ref={folder} type="file" class="unseen" tabIndex={-1} aria-hidden="true" onChange={taken} />
          {photographs ? <input ref={camera} type="file" class="unseen" tabIndex={-1} aria-hidden="true" accept="image/*" capture="environment" onChange={taken} /> : null}
        </div>
      </div>
    </div>
  );
}

function acceptsPictures(accept: string[]): boolean {
  return accept.length === 0 || accept.some((word) => /^(image\/|\*|\.?(jpe?g|heic|png)$)/i.test(word));
}
