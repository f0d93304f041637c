/** What a page says: something went wrong, there is nothing yet, it is loading. */

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "../../../picker/src/views/icons.js";
import { useApplication, reason } from "../session.js";
import type { Role } from "../api/shapes.js";

/** Why something did not work, with the way on. Room is made only when there is something to say. */
export function Trouble({ text, again }: { text: string; again?: () => void }) {
  if (!text) return null;
  return (
    <div class="trouble" role="alert">
      <Icon name="warning" />
      <p>{text}</p>
      {again && <button type="button" class="plain small" onClick={again}>Try again</button>}
    </div>
  );
}

/** What will be here, and the one step that brings it. */
export function Empty({ icon = "empty", title, children }: { icon?: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="mark"><Icon name={icon} /></span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Rows of the right height while they load. */
export function Ghosts({ rows = 5 }: { rows?: number }) {
  return (
    <div class="ghosts" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => <i key={index} />)}
    </div>
  );
}

/** Says once on a page what the reader's role does not allow. */
export function RoleNote({ needs, what }: { needs: Role; what: string }) {
  const { application } = useApplication();
  if (!reason(application.role, needs)) return null;
  const article = needs === "owner" ? "An" : "A";
  return (
    <p class="note">
      <Icon name="lock" />
      <span>{article} {needs} can {what}. Your role here is {application.role}, so it is shown but not open to you.</span>
    </p>
  );
}
