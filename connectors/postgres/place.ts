/** The names of what stands beside a table: filled to take its place, or kept after it has lost it. */
import { createHash } from "node:crypto";
import type { JsonObject } from "../../plan/plan.ts";
import { HaltError, type ResolvedConfig } from "../driver.ts";
import { MAX_IDENTIFIER_BYTES } from "./identifiers.ts";

/** What a configuration says of such a table. */
export interface Aside {
  /** The table in whose place readers look, in the same schema. */
  readonly of: string;
  readonly label: string;
}

/** The same target in another table of its schema, which is made like the one that serves where that is declared elsewhere. */
export function asideConfig(config: JsonObject, label: string): JsonObject {
  const { table } = config;
  if (typeof table !== "string") throw new HaltError("A Postgres target needs the string table.");
  return { ...config, table: asideName(table, label), aside: { of: table, label } };
}

export function readAside({ aside }: ResolvedConfig): Aside | undefined {
  if (typeof aside !== "object" || aside === null || !("of" in aside) || !("label" in aside))
    return undefined;
  return { of: String(aside.of), label: String(aside.label) };
}

/** `orders` under the label `2` is `orders__weir_2`; of a long name a part is a hash, so that it still fits and differs. */
export function asideName(name: string, label: string): string {
  const end = `__weir_${label}`;
  if (Buffer.byteLength(name + end) <= MAX_IDENTIFIER_BYTES) return name + end;
  const shortEnd = `_${createHash("sha256").update(name).digest("hex").slice(0, 10)}${end}`;
  return cut(name, MAX_IDENTIFIER_BYTES - Buffer.byteLength(shortEnd)) + shortEnd;
}

/** As many whole characters as fit. */
function cut(text: string, bytes: number): string {
  let kept = "";
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    kept += character;
  }
  return kept;
}
