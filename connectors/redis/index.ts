import { type Target, target } from "../../dsl/connector.ts";
import type { EnvReference } from "../../dsl/env.ts";
import type { RequiredPath } from "../../dsl/paths.ts";
import { checkUrl } from "../../dsl/url.ts";

/** `D` and `K` are the collection's document and key; `T` and `M` the templates as they were written. */
export interface RedisOptions<
  D = unknown,
  K extends readonly string[] = readonly string[],
  T extends string = string,
  M extends string = never,
> {
  /** `redis://host:6379/0`. Where it holds a password: `env("REDIS_URL")`. */
  readonly url: string | EnvReference;
  /**
   * The Redis key, with key fields of the collection in braces: `spend:{customer}`. Without `sortedSet`
   * every key field must be there.
   */
  readonly key: [M] extends [never] ? Template<T, K, Placeholder<T>> : Named<T, K>;
  /** A hash with a field per field of the document (the default), the document as JSON, or a set's member. */
  readonly as?: "hash" | "json" | SortedSet<D, K, T, M>;
}

export interface SortedSet<D, K extends readonly string[], T extends string, M extends string> {
  /** One sorted set for each value of `key`, one member for each row. */
  readonly sortedSet: {
    /** The member, with the key fields in braces that `key` does not have: `{customer}`. */
    readonly member: Template<M, K, Placeholder<T> | Placeholder<M>>;
    /** A required number field. Redis keeps scores as doubles. */
    readonly score: RequiredPath<D, number>;
  };
}

/** The names in braces. */
type Placeholder<T> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholder<Rest> : never;

/** `T` if it names only key fields and, with what else is `Used`, all of them; otherwise what it could be. */
type Template<T extends string, K extends readonly string[], Used> = string extends T
  ? T
  : [Exclude<Placeholder<T>, K[number]>] extends [never]
    ? [Exclude<K[number], Used>] extends [never]
      ? T
      : Completed<T, K, Used>
    : Repaired<T, K[number], Fitting<K[number], Used>>;

/** `T` if it names only key fields; otherwise what it could be. */
type Named<T extends string, K extends readonly string[]> = string extends T
  ? T
  : [Exclude<Placeholder<T>, K[number]>] extends [never]
    ? T
    : Repaired<T, K[number], Fitting<K[number], Placeholder<T>>>;

/** The key fields that are not used yet, or all if there is none. */
type Fitting<F extends string, Used> = [Exclude<F, Used>] extends [never] ? F : Exclude<F, Used>;

/** With the missing key fields at its end. */
type Completed<T extends string, K extends readonly string[], Used> = K extends readonly [
  infer F extends string,
  ...infer Rest extends readonly string[],
]
  ? Completed<F extends Used ? T : T extends "" ? `{${F}}` : `${T}:{${F}}`, Rest, Used>
  : T;

/** With each name that is not one of the fields `F` replaced by one of `By`. */
type Repaired<
  T extends string,
  F extends string,
  By extends string,
> = T extends `${infer Head}{${infer Name}}${infer Tail}`
  ? `${Head}{${Name extends F ? Name : By}}${Repaired<Tail, F, By>}`
  : T;

/**
 * Keeps Redis in step with a collection: one value per key of the collection, fully reduced.
 * @throws Error for an empty key, a template that is not one, or a URL that holds a password.
 */
export function redis<
  D,
  K extends readonly string[],
  X extends string,
  const T extends string,
  const M extends string = never,
>(options: RedisOptions<NoInfer<D>, NoInfer<K>, T, M>): Target<D, K, X> {
  const { url, as = "hash" } = options;
  // The conditional type of `key` is `T` in every call that compiles.
  const key = options.key as string;
  checkUrl("redis", url, ["redis", "rediss"]);
  checkRepresentation(key, as);
  return target({
    connector: "redis",
    config: { url, key, as: typeof as === "string" ? as : { sortedSet: { ...as.sortedSet } } },
    resource: key,
    guarantee: {
      delivery: "exactly-once",
      mechanism:
        "One atomic script checks fence and position and writes absolute values with the new position; writes " +
        "that the server acknowledged and then lost (a crash, a failover) are not covered.",
    },
  });
}

type Representation =
  | "hash"
  | "json"
  | { readonly sortedSet: { readonly member: string; readonly score: string } };

function checkRepresentation(key: string, as: Representation): void {
  const named = placeholders("key", key);
  if (as === "hash" || as === "json") {
    checkVaries("key", key, named);
    return;
  }
  if (typeof as !== "object" || typeof as?.sortedSet !== "object") {
    throw new Error(
      `redis: ${JSON.stringify(as)} is not a representation. Use "hash", "json" or { sortedSet: { member, score } }.`,
    );
  }
  const { member, score } = as.sortedSet;
  checkVaries("member", member, placeholders("member", member));
  if (typeof score !== "string" || score === "") {
    throw new Error(
      'redis: the score is empty. Name a number field of the collection, as in score: "cents".',
    );
  }
}

function checkVaries(option: string, template: string, named: readonly string[]): void {
  if (named.length > 0) return;
  throw new Error(
    `redis: the ${option} "${template}" is the same for all documents. Put the collection's key fields into it in braces.`,
  );
}

function placeholders(option: string, template: unknown): readonly string[] {
  if (typeof template !== "string" || template === "") {
    throw new Error(`redis: the ${option} is empty. Give a template, as in "spend:{customer}".`);
  }
  const names = [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = ""]) => name);
  if (names.includes("") || /[{}]/.test(template.replaceAll(/\{[^{}]*\}/g, ""))) {
    throw new Error(
      `redis: in the ${option} "${template}" the braces do not match. Write {field} for each key field.`,
    );
  }
  return names;
}
