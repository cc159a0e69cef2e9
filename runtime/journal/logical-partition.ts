/**
 * Logical partitions as Hive paths of percent-encoded values: `country=NL/shop=7`. These names are in stores and
 * heads: how a value is written must never change.
 */
import { createHash } from "node:crypto";
import type { JournalSpec, JournalState } from "../head/head.ts";

type PartitionValue = string | number | boolean;

/** Longest value that is written as it is, in encoded characters: file systems limit a name to 255 bytes. */
const MAX_VALUE_LENGTH = 128;

/** The path of these values of the fields, in their order. */
export function logicalPath(fields: readonly string[], values: readonly PartitionValue[]): string {
  return fields.map((field, i) => segment(field, values[i] ?? "")).join("/");
}

function segment(field: string, value: PartitionValue): string {
  return `${encode(field)}=${encodeValue(value)}`;
}

/** Of a long value the beginning and, after a `~`, which no other value has, its SHA-256. */
function encodeValue(value: PartitionValue): string {
  const text = String(value);
  const encoded = encode(text);
  if (encoded.length <= MAX_VALUE_LENGTH) return encoded;
  let beginning = "";
  for (const character of text) {
    const longer = beginning + encode(character);
    if (longer.length > MAX_VALUE_LENGTH / 2) break;
    beginning = longer;
  }
  return `${beginning}~${createHash("sha256").update(encoded).digest("hex").slice(0, 32)}`;
}

/** Everything but letters, digits, `-`, `_` and `.` of ASCII, as its UTF-8 bytes. */
function encode(text: string): string {
  return text.replace(/[^A-Za-z0-9_.-]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0; // a match has a character
    const isLoneSurrogate = code >= 0xd800 && code <= 0xdfff;
    // UTF-8 has none for lone surrogates; these are the bytes that its rule would give.
    const bytes = isLoneSurrogate
      ? [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]
      : [...Buffer.from(character)];
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
}

/** Tells which logical partitions have one of these values in each field that is named. */
export function partitionFilter(
  where: Readonly<Record<string, readonly PartitionValue[]>> = {},
): (logical: string) => boolean {
  const wanted = Object.entries(where).map(
    ([field, values]) => new Set(values.map((value) => segment(field, value))),
  );
  if (wanted.length === 0) return () => true;
  return (logical) => {
    const segments = logical.split("/");
    return wanted.every((one) => segments.some((part) => one.has(part)));
  };
}

/** Where a journal's objects are in the store, with its slash: `shop/orders/country=NL/p=00/`. */
export function journalFolder(journal: Pick<JournalState, "home" | "logical" | "partition">): string {
  return `${journal.home}/${partitionPath(journal)}/`;
}

/** A journal's place below its collection: `country=NL/p=00`. */
export function partitionPath({ logical, partition }: Pick<JournalSpec, "logical" | "partition">): string {
  const physical = `p=${String(partition).padStart(2, "0")}`;
  return logical === "" ? physical : `${logical}/${physical}`;
}

/** Whether a journal's path is this one or continues it. */
export function isWithin(journal: Pick<JournalSpec, "logical" | "partition">, path = ""): boolean {
  const folder = path.endsWith("/") || path === "" ? path : `${path}/`;
  return `${partitionPath(journal)}/`.startsWith(folder);
}
