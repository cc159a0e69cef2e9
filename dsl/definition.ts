import type { CollectionDeclaration, UserFunction } from "./declarations.ts";
import { frozenJson, shown } from "./json.ts";
import { checkCollectionName } from "./names.ts";
import type { Reduce } from "./reduce.ts";
import type { Doc, Schema } from "./schema.ts";

/** The key's paths if they were inferred as literals, else nothing. */
export type Given<K extends readonly string[]> = number extends K["length"] ? never : K[number];

/** A collection's own part of its declaration. */
export interface CollectionDefinition<
  S extends Schema,
  K extends readonly string[],
  B extends readonly string[] = readonly string[],
> {
  /** Zod 4, anything that speaks Standard Schema with Standard JSON Schema, or TypeBox. */
  readonly schema: S;
  /** Paths of the fields that tell one row from another: required strings, integers or booleans. */
  readonly key: K;
  /** How the documents of one key combine, per field. A field without a strategy takes the newest value. */
  readonly reduce?: Reduce<Doc<S>, Given<NoInfer<K>>>;
  /**
   * Fields of the key by whose values the collection is cut into logical partitions, which `where` chooses from, each
   * stored under a path of its own: `shop/orders/country=NL/…`. Fields with few values.
   */
  readonly partitionBy?: B;
  /**
   * Journals of each logical partition, over which documents are spread by their key: how much can be read and written
   * side by side. An integer from 1 to 256, default 1.
   */
  readonly partitions?: number;
}

/** How a derivation is run. */
export interface DerivationOptions {
  /**
   * Threads that it is run by, each on some of its sources' partitions: an integer from 1 on, at most the number of
   * partitions. More than 1 only where the order of documents of different keys makes no difference. Without it as many
   * as suit the machine, where that is so.
   */
  readonly shards?: number;
  /**
   * Keeps what another definition derived, and uses this one from here on: the hash that `weir diff` shows for that
   * definition. Without it, or once something else has run, a change of what is derived derives all of it again.
   */
  readonly continues?: string;
}

/** `CollectionDefinition` without its types. */
interface WrittenDefinition {
  readonly schema: unknown;
  readonly key: readonly string[];
  readonly reduce?: object;
  readonly partitionBy?: readonly string[];
  readonly partitions?: number;
}

export interface DerivedDefinition extends WrittenDefinition {
  readonly params?: object;
  readonly shards?: number;
  readonly continues?: string;
  readonly onError?: OnError;
}

/** Stop at a document that cannot be worked on, or set it aside and go on. */
export type OnError = "halt" | "deadLetter";

const MOST_PARTITIONS = 256;

/**
 * The checked and frozen form of what the user wrote.
 * @throws Error for what the types cannot refuse, or what an untyped caller got past them.
 */
export function declared(
  call: "capture" | "derive",
  name: string,
  definition: WrittenDefinition,
): CollectionDeclaration {
  checkCollectionName(`${call}(${shown(name)})`, name);
  const place = `${call}("${name}")`;
  if (typeof definition !== "object" || definition === null) {
    throw new Error(`${place} has no definition. Give it { schema, key, … }.`);
  }
  const { schema, key, reduce, partitionBy = [], partitions = 1 } = definition;
  if (!isSchema(schema)) {
    throw new Error(`${place} has no schema. Give it one of Zod 4, of Standard Schema or of TypeBox.`);
  }
  checkKey(place, key);
  checkPartitionBy(place, key, partitionBy);
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MOST_PARTITIONS) {
    throw new Error(
      `${place}: partitions ${shown(partitions)} is not an integer from 1 to ${MOST_PARTITIONS}. Give one, or leave it out for 1.`,
    );
  }
  return Object.freeze({
    name,
    schema,
    key: Object.freeze([...key]),
    // `Reduce` has only strategies as values.
    reduce: frozenJson({ ...reduce }, `${name}: reduce`) as CollectionDeclaration["reduce"],
    partitionBy: Object.freeze([...partitionBy]),
    partitions,
  });
}

function checkPartitionBy(place: string, key: readonly string[], partitionBy: readonly string[]): void {
  if (!Array.isArray(partitionBy)) {
    throw new Error(
      `${place}: partitionBy is not a list. Name fields of the key, as in partitionBy: ["${key[0]}"].`,
    );
  }
  for (const [index, path] of partitionBy.entries()) {
    if (!key.includes(path)) {
      throw new Error(
        `${place} is partitioned by ${shown(path)}, which is not in its key: a document and its removal must ` +
          `meet. Name one of ${key.join(", ")}, or add the field to the key.`,
      );
    }
    if (partitionBy.indexOf(path) !== index) {
      throw new Error(`${place} names the partition field "${path}" twice. Name it once.`);
    }
  }
}

function checkKey(place: string, key: readonly string[]): void {
  if (
    !Array.isArray(key) ||
    key.length === 0 ||
    !key.every((path) => typeof path === "string" && path !== "")
  ) {
    throw new Error(`${place} has no key. Name its key fields as a list of paths, as in key: ["id"].`);
  }
  const repeated = key.find((path, index) => key.indexOf(path) !== index);
  if (repeated !== undefined) {
    throw new Error(`${place} names the key field "${repeated}" twice. Name each key field once.`);
  }
}

/** Some libraries' schemas are functions. */
export function isSchema(schema: unknown): boolean {
  return (typeof schema === "object" && schema !== null) || typeof schema === "function";
}

/** @throws Error naming the place of what JSON cannot hold. */
export function paramsOf(name: string, { params }: DerivedDefinition): object {
  return frozenJson(params ?? {}, `${name}: params`);
}

/** @throws Error for what is no number of shards. */
export function shardsOf(name: string, { shards }: DerivedDefinition): number | undefined {
  if (shards === undefined || (Number.isInteger(shards) && shards >= 1 && shards <= MOST_PARTITIONS)) {
    return shards;
  }
  throw new Error(
    `derive("${name}"): shards ${shown(shards)} is not an integer from 1 to ${MOST_PARTITIONS}. Give one, or leave it out.`,
  );
}

/** @throws Error for what is no beginning of a definition's hash. */
export function continuesOf(name: string, { continues }: DerivedDefinition): string | undefined {
  if (continues === undefined || (typeof continues === "string" && /^[0-9a-f]{12,64}$/.test(continues))) {
    return continues;
  }
  throw new Error(
    `derive("${name}"): continues ${shown(continues)} is not the hash of a definition. Give the 12 to 64 hex digits that weir diff shows, or leave it out.`,
  );
}

/** @throws Error for another value. */
export function onErrorOf(place: string, { onError = "halt" }: { readonly onError?: OnError }): OnError {
  if (onError === "halt" || onError === "deadLetter") return onError;
  throw new Error(
    `${place}: onError ${shown(onError)} is unknown. Give "halt" or "deadLetter", or leave it out for "halt".`,
  );
}

/** @throws Error if it is no function. */
export function functionOf(place: string, value: unknown): UserFunction {
  // What it takes is between the compiler and the user.
  if (typeof value === "function") return value as UserFunction;
  throw new Error(`${place} is no function. Give it a function from a document to its outputs.`);
}
