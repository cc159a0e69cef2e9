/** The form that a target's configuration chooses. */
import type { CollectionPlan, Json } from "../../plan/plan.ts";
import { HaltError, type ResolvedConfig } from "../driver.ts";
import { hashRows } from "./hash-rows.ts";
import { jsonRows } from "./json-rows.ts";
import { asidePrefix } from "./place.ts";
import type { RowForm } from "./row-form.ts";
import { sortedSetRows } from "./sorted-set-rows.ts";
import { compileKeys, compileTemplate } from "./template.ts";

/** Throws `HaltError` where Redis cannot hold the collection as it is configured. */
export function rowForm(config: ResolvedConfig, collection: CollectionPlan): RowForm {
  const { key, as = "hash" } = config;
  if (typeof key !== "string") throw new HaltError("A Redis target needs the string key, a template.");
  const template = compileKeys(key, collection, asidePrefix(config));
  if (as === "hash" || as === "json") {
    requireAll(collection, template.names, `the key template "${key}"`);
    return as === "hash" ? hashRows(collection, template) : jsonRows(template);
  }
  const { member, score } = sortedSetOf(as);
  const memberTemplate = compileTemplate(member, collection);
  const both = `the templates "${key}" and "${member}"`;
  requireAll(collection, [...template.names, ...memberTemplate.names], both);
  return sortedSetRows(collection, template, memberTemplate, score);
}

function sortedSetOf(as: Json): { member: string; score: string } {
  if (typeof as === "object" && as !== null && "sortedSet" in as) {
    const { sortedSet } = as;
    if (
      typeof sortedSet === "object" &&
      sortedSet !== null &&
      "member" in sortedSet &&
      "score" in sortedSet
    ) {
      const { member, score } = sortedSet;
      if (typeof member === "string" && typeof score === "string") return { member, score };
    }
  }
  throw new HaltError(
    'The form of a Redis target ("as") is "hash", "json" or { sortedSet: { member, score } }.',
  );
}

function requireAll(collection: CollectionPlan, names: readonly string[], where: string): void {
  const missing = collection.key.filter((field) => !names.includes(field));
  if (missing.length === 0) return;
  throw new HaltError(
    `The key field "${missing[0]}" is not in ${where}, so that different keys would be one row; add {${missing[0]}}.`,
  );
}
