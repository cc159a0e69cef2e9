import { createHash } from "node:crypto";

/** What is remembered of an object that was put into the store. A type, not an interface: those are no JSON to the compiler. */
export type KnownObject = {
  /** See `digestOf`. */
  readonly digest: string;
  /** Of its text, uncompressed. */
  readonly textBytes: number;
};

/** Of an object's bytes: the first 16 hexadecimal digits of their SHA-256. */
export function digestOf(object: Uint8Array): string {
  return createHash("sha256").update(object).digest("hex").slice(0, 16);
}
