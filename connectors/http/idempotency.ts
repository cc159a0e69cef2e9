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
  /** Stored, or being stored: `accepted` resolves to the first request's answer, or rejects with its failure. */
  | { readonly kind: "repeat"; readonly accepted: Promise<number> }
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

export class RepeatedRequests {
  /** By key, oldest first. */
  readonly #known = new Map<string, { readonly digest: string; readonly accepted: number }>();
  readonly #underWay = new Map<string, { readonly digest: string; readonly accepted: Promise<number> }>();

  /** `cursor` is what an earlier instance's `cursor()` committed. */
  constructor(cursor: Json | undefined) {
    // Written by `cursor` below.
    for (const [key, digest, accepted] of (cursor ?? []) as [string, string, number][]) {
      this.#known.set(key, { digest, accepted });
    }
  }

  recognise({ key, digest }: KeyedRequest): Recognised {
    const underWay = this.#underWay.get(key);
    const known = this.#known.get(key);
    const before = underWay ?? known;
    if (before === undefined) return { kind: "new" };
    if (before.digest !== digest) return { kind: "conflict" };
    return { kind: "repeat", accepted: Promise.resolve(before.accepted) };
  }

  /** Stores a new request: `append` gets the cursor to commit with its documents. */
  async store(
    { key, digest }: KeyedRequest,
    accepted: number,
    append: (cursor: Json) => Promise<void>,
  ): Promise<number> {
    this.#known.set(key, { digest, accepted });
    const [oldest] = this.#known.keys();
    if (this.#known.size > REMEMBERED_KEYS && oldest !== undefined) this.#known.delete(oldest);
    const cursor: Json = [...this.#known].map(([name, entry]) => [name, entry.digest, entry.accepted]);
    const storing = append(cursor).then(() => accepted);
    this.#underWay.set(key, { digest, accepted: storing });
    try {
      return await storing;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    } finally {
      this.#underWay.delete(key);
    }
  }
}
