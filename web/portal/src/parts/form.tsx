/** Fields and buttons, each with its label and the reason why it is closed. */

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Doing } from "../loading.js";
import type { Role } from "../api/shapes.js";
import { reason, useApplication } from "../session.js";
import { Trouble } from "./notice.js";

/** What a field may be told beside its label and its text. */
interface Plain {
  autocomplete?: "username" | "current-password" | "new-password" | "one-time-code" | "name" | "off";
  inputMode?: "numeric" | "url";
  required?: boolean;
  autoFocus?: boolean;
  readOnly?: boolean;
  disabled?: boolean;
  minLength?: number;
  maxLength?: number;
  min?: number;
  placeholder?: string;
  spellcheck?: boolean;
  "data-filter"?: boolean;
}

/** A line to write in. */
export function Field({ label, hint, value, onValue, type = "text", ...rest }: Plain & {
  label: string;
  hint?: ComponentChildren;
  value: string;
  type?: "text" | "email" | "password" | "number" | "datetime-local";
  onValue: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...rest} id={id} {...({ type } as { type: "text" })} value={value} aria-describedby={hint ? `${id}-hint` : undefined} onInput={(event) => onValue(event.currentTarget.value)} />
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
    </div>
  );
}

/** A choice of few. */
export function Choice({ label, value, onValue, options, ...rest }: {
  label: string;
  value: string;
  onValue: (value: string) => void;
  options: [value: string, name: string][];
  disabled?: boolean;
  title?: string;
  hidden?: boolean;
  "data-filter"?: boolean;
}) {
  const id = useId();
  const { hidden, ...select } = rest;
  return (
    <div class="field">
      <label for={id} class={hidden ? "unseen" : undefined}>{label}</label>
      <select {...select} id={id} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {options.map(([one, name]) => <option key={one} value={one}>{name}</option>)}
      </select>
    </div>
  );
}

/** A box to tick. */
export function Tick({ label, checked, onChecked, hint, disabled = false }: {
  label: string;
  checked: boolean;
  onChecked: (checked: boolean) => void;
  hint?: string;
  disabled?: boolean;
}) {
  return (
    <label class="tick">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onChecked(event.currentTarget.checked)} />
      <span>{label}{hint && <small>{hint}</small>}</span>
    </label>
  );
}

/** A button that changes something of the application; closed, with the reason, to lower roles. */
export function Act({ needs, kind = "plain small", busy = false, disabled = false, onClick, children, submit = false }: {
  needs: Role;
  kind?: string;
  busy?: boolean;
  disabled?: boolean;
  submit?: boolean;
  onClick?: () => void;
  children: ComponentChildren;
}) {
  const { application } = useApplication();
  const why = reason(application.role, needs);
  return (
    <button type={submit ? "submit" : "button"} class={kind} disabled={!!why || busy || disabled} title={why || undefined} onClick={onClick}>
      {children}
    </button>
  );
}

/** A form that does one thing: its trouble stands above its button. */
export function Form({ doing, onSubmit, children, closed = false, label }: {
  doing: Doing;
  onSubmit: () => void;
  children: ComponentChildren;
  closed?: boolean;
  label?: string;
}) {
  return (
    <form
      class="form"
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <fieldset disabled={closed}>{children}</fieldset>
      <Trouble text={doing.trouble} />
    </form>
  );
}
