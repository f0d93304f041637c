/** Questions in a window of their own, and secrets that are shown once. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Doing } from "../loading.js";
import { Line } from "./copy.js";
import { Trouble } from "./notice.js";

/** A window above the page; Escape closes it, and the focus returns to where it was. */
export function Window({ title, onClose, children, firm = false }: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  /** Not closed by Escape: what it shows is not shown again. */
  firm?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="window"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        if (!firm) onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** A question before something that cannot be taken back. */
export function Question({ title, children, yes, doing, onYes, onNo }: {
  title: string;
  children: ComponentChildren;
  yes: string;
  doing: Doing;
  onYes: () => void;
  onNo: () => void;
}) {
  return (
    <Window title={title} onClose={onNo}>
      {children}
      <Trouble text={doing.trouble} />
      <div class="actions end">
        <button type="button" class="plain" onClick={onNo}>Cancel</button>
        <button type="button" class="danger" disabled={doing.busy} onClick={onYes}>{yes}</button>
      </div>
    </Window>
  );
}

/** A secret, for the only time. */
export function Once({ title, lines, children, onClose }: {
  title: string;
  lines: { name: string; text: string }[];
  children: ComponentChildren;
  onClose: () => void;
}) {
  return (
    <Window title={title} onClose={onClose} firm>
      {children}
      {lines.map((line) => (
        <div class="once" key={line.name}>
          <p class="label">{line.name}</p>
          <Line text={line.text} name={line.name} />
        </div>
      ))}
      <div class="actions end">
        <button type="button" class="primary" onClick={onClose}>I have kept it</button>
      </div>
    </Window>
  );
}
