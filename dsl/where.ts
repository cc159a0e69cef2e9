import type { CollectionDeclaration, ViewDeclaration } from "./declarations.ts";
import type { At, Scalar } from "./paths.ts";

/**
 * By partition field, the value or the values that are read. Where there is none, an error shows the type that no value
 * has: an empty object type would take anything.
 */
export type Where<D, P extends string> = [P] extends [never]
  ? { readonly [field: string]: { readonly "this collection has no partitionBy": never } }
  : { readonly [F in P]?: At<D, F> | readonly At<D, F>[] };

/** @throws Error naming what is no partition field, or no value of one. */
export function checkedWhere(
  { name, partitionBy }: CollectionDeclaration,
  filter: Readonly<Record<string, unknown>>,
): ViewDeclaration["where"] {
  const place = `${name}: where`;
  if (partitionBy.length === 0) {
    throw new Error(
      `${place} has nothing to choose by, since the collection has no logical partitions. Give it partitionBy, ` +
        "with fields of its key.",
    );
  }
  if (typeof filter !== "object" || filter === null) {
    throw new Error(`${place} has no filter. Give values of ${partitionBy.join(", ")}.`);
  }
  const chosen = Object.entries(filter).filter(([, values]) => values !== undefined);
  return Object.freeze(
    Object.fromEntries(
      chosen.map(([field, values]) => {
        if (!partitionBy.includes(field)) {
          throw new Error(
            `${place} names ${JSON.stringify(field)}, which is not in partitionBy. Name one of ${partitionBy.join(", ")}.`,
          );
        }
        return [field, scalars(`${place}: ${field}`, values)];
      }),
    ),
  );
}

function scalars(place: string, values: unknown): readonly Scalar[] {
  const list: readonly unknown[] = Array.isArray(values) ? values : [values];
  if (list.length === 0) throw new Error(`${place} is an empty list, which reads nothing. Give a value.`);
  if (!list.every(isScalar)) {
    throw new Error(`${place} is not of strings, integers or booleans. Give a value, or a list of values.`);
  }
  return Object.freeze([...new Set(list)]);
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value);
}
