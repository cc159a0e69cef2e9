/**
 * Key templates: `spend:{customer}`. Two keys of the collection never give the same text: a value that another
 * placeholder follows has `%` and the first character of the text between the two written as `%` and hexadecimal bytes.
 * The last value, and so the only one of most templates, stands as it is.
 */
import type { CollectionPlan } from "../../plan/plan.ts";
import { HaltError, type KeyValues } from "../driver.ts";
import { isReserved, mayBeReserved } from "./place.ts";

export interface Template {
  /** Key paths that it names, in their order. */
  readonly names: readonly string[];
  render(key: KeyValues): string;
  /** A pattern of Redis' `SCAN … MATCH` that matches whatever `render` gives. */
  readonly pattern: string;
  /** Whether a key that matches may be one that `render` gives, and is none of Weir's own. */
  owns(key: string): boolean;
}

interface Placeholder {
  readonly name: string;
  /** Of the value, in the collection's key. */
  readonly index: number;
  /** The text behind it. */
  readonly after: string;
  /** What must not stand in the value as it is; undefined in the last one. */
  readonly delimiter: string | undefined;
}

/** A template of keys in a database. `aside`: what it begins with in a place of its own. */
export function compileKeys(text: string, collection: CollectionPlan, aside: string | undefined): Template {
  const template = compileTemplate(text, collection);
  if (aside !== undefined) return template;
  const [beginning = ""] = text.split("{");
  if (!mayBeReserved(beginning)) return template;
  return {
    ...template,
    owns: (key) => !isReserved(key),
    render: (values) => {
      const key = template.render(values);
      if (!isReserved(key)) return key;
      throw new HaltError(
        `The key "${key}" begins as only Weir's own keys may; begin the key template "${text}" with another text.`,
      );
    },
  };
}

/** Throws `HaltError` for a template that names other than key fields, or that cannot keep keys apart. */
export function compileTemplate(text: string, collection: CollectionPlan): Template {
  const [prefix = "", ...parts] = text.split(/\{([^{}]*)\}/);
  const placeholders: Placeholder[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const name = parts[i] ?? "";
    const after = parts[i + 1] ?? "";
    const index = collection.key.indexOf(name);
    if (index < 0) {
      throw new HaltError(
        `The template "${text}" names "${name}", which is no key field; the key is (${collection.key.join(", ")}).`,
      );
    }
    const last = i + 2 >= parts.length;
    placeholders.push({ name, index, after, delimiter: last ? undefined : delimiterOf(text, name, after) });
  }
  return {
    names: placeholders.map(({ name }) => name),
    render: (key) => placeholders.reduce((start, each) => start + value(key, each) + each.after, prefix),
    pattern: placeholders.reduce((start, each) => `${start}*${escapeGlob(each.after)}`, escapeGlob(prefix)),
    owns: () => true,
  };
}

function delimiterOf(template: string, name: string, after: string): string {
  const [first] = after;
  if (first !== undefined && first !== "%") return first;
  throw new HaltError(
    `In the template "${template}" a text that does not begin with "%" must stand between {${name}} and the next placeholder.`,
  );
}

function value(key: KeyValues, { index, name, delimiter }: Placeholder): string {
  const text = String(key[index]);
  if (!text.isWellFormed()) {
    throw new HaltError(
      `The key field "${name}" is ${JSON.stringify(text)}, half of a surrogate pair in it, which is no Unicode text; change it in a derivation.`,
    );
  }
  if (delimiter === undefined) return text;
  return text.replaceAll("%", percent("%")).replaceAll(delimiter, percent(delimiter));
}

function percent(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, "\\$&");
}
