/** Shows the editor, which is loaded when the first picture is edited. */

import { useEffect, useState } from "preact/hooks";
import type { App } from "../app.js";
import type { Device } from "../sources/device/device.js";
import type { Item } from "../sources/source.js";
import { Skeleton } from "../views/list.js";
import type * as EditorModule from "./editor.js";

export function EditScreen({ app, device, item }: { app: App; device: Device; item: Item }) {
  const { words } = app;
  const [loaded, setLoaded] = useState<typeof EditorModule | undefined>(undefined);
  useEffect(() => {
    import("./editor.js").then(setLoaded, () => {
      app.tell(words.t("The server cannot be reached"));
      app.go("selected");
    });
  }, []);
  if (!loaded || !item.file) return <div class="source"><Skeleton label={words.t("Loading")} /></div>;
  return (
    <loaded.Editor
      words={words}
      file={item.file}
      name={item.name}
      edit={item.edited?.edit}
      can={device.abilities}
      onDone={(edit, size) => void device.edit(item, edit, size)}
      onCancel={() => app.go("selected")}
      onTrouble={() => {
        app.tell(words.t("This picture cannot be shown here"));
        app.go("selected");
      }}
    />
  );
}
