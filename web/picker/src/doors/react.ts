/**
 * React wrappers, as an entry of their own so that pages without React carry none of it. The
 * picker opens when the component comes into the page and closes when it leaves.
 */

import { createElement, useEffect, useRef, type ReactElement } from "react";
import type { PickerOptions } from "../options.js";
import { Picker } from "../picker.js";
import type { Security } from "../server/server.js";

export interface PickerProps extends PickerOptions {
  apikey: string;
  /** The Longshore server's origin. */
  url: string;
  security?: Security;
}

/** Options as a picker gets them, with callbacks that always are the latest ones. */
function latest(props: { current: PickerProps }): PickerOptions {
  const own = ["apikey", "url", "security"];
  const options = Object.fromEntries(Object.entries(props.current).filter(([name]) => !own.includes(name))) as PickerOptions;
  const callbacks = Object.keys(options).filter((name) => /^on[A-Z]/.test(name));
  const forwarding = callbacks.map((name) => [name, (...args: unknown[]) => {
    const now = (props.current as unknown as Record<string, unknown>)[name];
    return typeof now === "function" ? (now as (...args: unknown[]) => unknown)(...args) : undefined;
  }]);
  return { ...options, ...(Object.fromEntries(forwarding) as PickerOptions) };
}

function usePicker(props: PickerProps, place: () => Partial<PickerOptions>): void {
  const current = useRef(props);
  current.current = props;
  const { apikey, url } = props;
  useEffect(() => {
    const picker = new Picker({ apikey, url, security: current.current.security }, { ...latest(current), ...place() });
    void picker.open();
    return () => void picker.close();
  }, [apikey, url]);
}

/** A picker over the page, open for as long as the component is there. */
export function PickerOverlay(props: PickerProps): null {
  usePicker(props, () => ({ displayMode: "overlay" }));
  return null;
}

/** A picker within the page. */
export function PickerInline({ className, height = 500, ...props }: PickerProps & { className?: string; height?: number | string }): ReactElement {
  const place = useRef<HTMLDivElement>(null);
  usePicker(props, () => (place.current ? { displayMode: "inline", container: place.current } : {}));
  return createElement("div", { ref: place, className, style: { height } });
}
