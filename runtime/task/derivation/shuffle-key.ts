import { HaltError } from "../../../connectors/driver.ts";
import type { JsonObject } from "../../../plan/plan.ts";
import { valueAt } from "../removals.ts";
import type { SourceFunctions, UserFunction } from "./functions.ts";

/** What picks the state of a document: the JSON of a list of strings, integers and booleans. */
export type ShuffleKey = string;

/**
 * Of a document, or of the key fields of a removed one. Throws `ShuffleKeyError` for a value that no key may have.
 * Calls functions of the user: to be called under the guard.
 */
export type ReadShuffleKey = (document: JsonObject) => ShuffleKey;

/** `reader` is what begins a message: `The shuffle key of "orders" of "shop/enriched"`. */
export class ShuffleKeyError extends Error {
  readonly reader: string;
  constructor(reader: string, message: string) {
    super(message);
    this.reader = reader;
  }
}

export function compileShuffleKey(by: SourceFunctions["by"], title: string): ReadShuffleKey {
  const parts = by.map((part) => (typeof part === "string" ? pathPart(part, title) : functionPart(part)));
  return (document) => {
    const values: unknown[] = [];
    for (const part of parts) part(document, values);
    // Of scalars alone this is canonical, and unlike RFC 8785 it has a text for any string.
    return JSON.stringify(values);
  };
}

type Part = (document: JsonObject, values: unknown[]) => void;

function pathPart(path: string, title: string): Part {
  const names = path.split(".");
  return (document, values) => {
    const value = valueAt(document, names);
    if (!isKeyValue(value)) {
      throw new ShuffleKeyError(
        title,
        `"${path}" is ${value === undefined ? "missing" : shown(value)}, and must be a string, an integer or a boolean`,
      );
    }
    values.push(value);
  };
}

function functionPart({ call, title }: UserFunction): Part {
  return (document, values) => {
    const given = call(document);
    const several: readonly unknown[] = Array.isArray(given) ? given : [given];
    if (several.length === 0 || !several.every(isKeyValue)) {
      throw new ShuffleKeyError(
        title,
        `its function gave ${shown(given)}, and must give a string, an integer or a boolean, or a list of them`,
      );
    }
    for (const value of several) values.push(value);
  };
}

/** As keys of collections: numbers are integers, since fractions that print alike may differ. */
function isKeyValue(value: unknown): boolean {
  return typeof value === "string" || typeof value === "boolean" || Number.isInteger(value);
}

function shown(value: unknown): string {
  if (value === undefined || typeof value === "number" || typeof value === "bigint") return String(value);
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return (JSON.stringify(value) ?? String(value)).slice(0, 100);
}

/** Throws `HaltError` where a removal, which has the key fields alone, would not lead to the state of its document. */
export function assertOfKey(by: SourceFunctions["by"], key: readonly string[], title: string): void {
  if (by.every((part) => typeof part === "string" && key.includes(part))) return;
  throw new HaltError(
    `${title} cannot find the state of a removed document, of which there is only the key (${key.join(", ")}): shuffle by key fields, or read the source with reduced().`,
  );
}
