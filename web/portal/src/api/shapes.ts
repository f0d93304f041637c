/** What the management API answers, as the portal reads it; the whole is in `/openapi.json`. */

export type Role = "viewer" | "developer" | "owner";

/** A page of a list; `next` is the cursor of the following one. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Account {
  email: string;
  name: string;
  operator: boolean;
  second_factor: boolean;
  created_at: number;
}

export interface Session {
  account: Account;
  session: number;
  csrf: string;
}

export interface SeenSession {
  id: number;
  agent: string;
  created_at: number;
  seen_at: number;
  present: boolean;
}

/** What a link invites to. */
export interface Invited {
  email: string;
  role: Role;
  application: string | null;
  invited_by: string | null;
  expires_at: number;
}

export interface Application {
  apikey: string;
  name: string;
  security: boolean;
  allowed_origins: string[];
  dropbox_app_key: string | null;
  storage_path: string;
  role: Role;
}

export interface Token {
  id: string;
  name: string;
  role: Role;
  made_by: string;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
  revoked_at: number | null;
}

export interface Endpoint {
  id: number;
  url: string;
  event: string;
  description: string;
  state: "enabled" | "disabled" | "disabled_by_us" | "deleted";
  disabled_reason: string;
  rotation: "none" | "pending" | "retiring";
  rotation_ends_at: number | null;
  last_success_at: number | null;
  failing_since: number | null;
  failures: number;
  created_at: number;
}

export interface MadeEndpoint {
  id: number;
  event: string;
  url: string;
  secret: string;
}

export type DeliveryState = "pending" | "delivered" | "exhausted" | "cancelled" | "held";

export interface Delivery {
  id: number;
  event_id: number;
  action: string;
  handle: string;
  endpoint_id: number;
  state: DeliveryState;
  attempts: number;
  manual: number;
  first_at: number | null;
  next_at: number | null;
  last_status: number | null;
  last_error: string;
  created_at: number;
  updated_at: number;
}

export interface Attempt {
  number: number;
  manual: boolean;
  started_at: number;
  duration_ms: number;
  status: number | null;
  error: string;
  response_headers: Record<string, string>;
  response_body: string;
}

export interface DeliveryWithAttempts extends Delivery {
  attempt_log: Attempt[];
}

export interface LoggedEvent {
  id: number;
  action: string;
  handle: string;
  created_at: number;
  text: unknown;
}

export interface StoredFile {
  handle: string;
  url: string;
  filename: string;
  mimetype: string;
  size: number;
  kind: "stored" | "symlink";
  client: string;
  container: string;
  key: string;
  access: "private" | "public";
  content_hash: string;
  width: number | null;
  height: number | null;
  upload_tags: Record<string, string> | null;
  source_path: string;
  source_rev: string;
  version: number;
  created_at: number;
  modified_at: number;
}

export interface Member {
  id: number;
  email: string;
  name: string;
  role: Role;
  second_factor: boolean;
  since: number;
}

export interface Invitation {
  id: number;
  email: string;
  role: Role;
  invited_by: string;
  expires_at: number;
}

export interface LoggedChange {
  id: number;
  actor: string;
  action: string;
  subject: string;
  detail: string;
  at: number;
}

export interface Usage {
  since: number;
  until: number;
  files: { count: number; bytes: number; more: boolean };
  events: Record<string, number>;
  deliveries: Record<string, number>;
}
