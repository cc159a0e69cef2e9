/**
 * Requests that a client repeats because it got no answer. A request may carry an `Idempotency-Key`
 * (IETF draft-ietf-httpapi-idempotency-key-header); the newest keys are the capture's cursor, committed in one
 * transaction with the documents, so that a repeat is recognised after a crash too.
 */
import { hash } from "node:crypto";
import type { Json } from "../../plan/plan.ts";

/** Keys that a capture remembers. A client that has at most this many requests unanswered can repeat any of them. */
export const REMEMBERED_KEYS = 256;
const LONGEST_KEY = 128;

export interface KeyedRequest {
  readonly key: string;
  /** Of the body: a key must not come back with other documents. */
  readonly digest: string;
}

export type Recognised =
  | { readonly kind: "new" }
  /** Stored before: `accepted` is what the first request was answered. */
  | { readonly kind: "repeat"; readonly accepted: number }
  | { readonly kind: "conflict" };

/** Undefined without the header; a sentence where the key cannot be used. */
export function keyedRequest(
  header: string | readonly string[] | undefined,
  body: Uint8Array,
): KeyedRequest | string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== "string" || header.length === 0 || header.length > LONGEST_KEY) {
    return `The Idempotency-Key must be one value of 1 to ${LONGEST_KEY} characters.`;
  }
  return { key: header, digest: hash("sha256", body).slice(0, 16) };
}

/** The newest keys of one capture. Requests must be stored one after the other. */
export class RepeatedRequests {
  /** By key, oldest first. */
  #known: ReadonlyMap<string, { readonly digest: string; readonly accepted: number }>;

  /** `cursor` is what an earlier instance handed to `append`, the last time that it was committed. */
  constructor(cursor: Json | undefined) {
    // Written by `store` below.
    const entries = (cursor ?? []) as [string, string, number][];
    this.#known = new Map(entries.map(([key, digest, accepted]) => [key, { digest, accepted }]));
  }

  recognise({ key, digest }: KeyedRequest): Recognised {
    const before = this.#known.get(key);
    if (before === undefined) return { kind: "new" };
    if (before.digest !== digest) return { kind: "conflict" };
    return { kind: "repeat", accepted: before.accepted };
  }

  /** Stores a new request: `append` gets the cursor to commit with its documents. Forgets the key if that fails. */
  async store(
    { key, digest }: KeyedRequest,
    accepted: number,
    append: (cursor: Json) => Promise<void>,
  ): Promise<number> {
    const entries = [...this.#known, [key, { digest, accepted }] as const].slice(-REMEMBERED_KEYS);
    await append(entries.map(([name, entry]) => [name, entry.digest, entry.accepted]));
    this.#known = new Map(entries);
    return accepted;
  }
}
