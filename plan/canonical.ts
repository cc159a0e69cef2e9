/**
 * The one way to write a JSON value: RFC 8785 (JSON Canonicalization Scheme). Two equal values give
 * the same bytes, so a hash of the bytes is a hash of the value.
 */
import { createHash } from "node:crypto";
import type { Plan } from "./plan.ts";

/**
 * No white space; names sorted by their UTF-16 code units (RFC 8785, 3.2.3); numbers and strings as
 * ECMAScript's `JSON.stringify` writes them (3.2.2). A property whose value is `undefined` is absent.
 * Throws a TypeError for what JSON cannot hold: NaN, the infinities, bigint, functions, lone surrogates.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return canonicalString(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`JSON has no ${value}.`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object") {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${canonicalString(name)}:${canonicalJson(member)}`).join(",")}}`;
  }
  throw new TypeError(`JSON cannot hold a value of type ${typeof value}.`);
}

function canonicalString(text: string): string {
  if (!text.isWellFormed())
    throw new TypeError("JSON text cannot hold a lone surrogate (RFC 8785, 3.2.2.2).");
  return JSON.stringify(text);
}

/** SHA-256, hex, of the UTF-8 bytes. */
export function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The plan's identity: SHA-256, hex, of its canonical JSON. */
export function planHash(plan: Plan): string {
  return sha256(canonicalJson(plan));
}
