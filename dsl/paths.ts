/** Dotted paths of a document's fields, with which keys, reductions and targets name them. */

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Without index signatures: only fields with names. */
type Named<D> = string extends keyof D
  ? { [F in keyof D as string extends F ? never : number extends F ? never : F]: D[F] }
  : D;

/** Whether it is an object with fields of its own. */
type IsNested<V> = [V] extends [object]
  ? [V] extends [readonly unknown[] | ((...args: never) => unknown)]
    ? false
    : true
  : false;

/** Recursive documents have endless paths; types follow them this far. */
type TooDeep = 5;

/**
 * Paths whose value is a `Leaf` in every document: required, not nullable, and so are the objects
 * that lead there. Of a union: those that every member has.
 */
export type RequiredPath<D, Leaf> = IsAny<D> extends true ? string : RequiredPathOf<Named<D>, Leaf, []>;
// `keyof D & string` rather than `keyof D`: a homomorphic mapped type would look at a union's members one by one.
type RequiredPathOf<D, Leaf, Depth extends unknown[]> = Depth["length"] extends TooDeep
  ? never
  : {
      [F in keyof D & string]: [D[F]] extends [Leaf]
        ? F
        : IsNested<D[F]> extends true
          ? `${F}.${RequiredPathOf<Named<D[F]>, Leaf, [...Depth, 0]>}`
          : never;
    }[keyof D & string];

/** What a key may hold. */
export type Scalar = string | number | boolean;

/**
 * Paths that may be key fields: required strings, integers and booleans. `X` are the fractional ones; where it is any
 * `string`, nothing is known of them.
 */
export type KeyPath<D, X extends string = never> = Exclude<
  RequiredPath<D, Scalar>,
  string extends X ? never : X
>;

/** All paths: of objects, optional or not, and of what is in them. Arrays are leaves. Of a union: every member's. */
export type FieldPath<D> = IsAny<D> extends true ? string : FieldPathOf<D, []>;
type FieldPathOf<D, Depth extends unknown[]> = D extends unknown ? FieldPathIn<Named<D>, Depth> : never;
type FieldPathIn<D, Depth extends unknown[]> = Depth["length"] extends TooDeep
  ? never
  : {
      [F in keyof D & string]: IsNested<NonNullable<D[F]>> extends true
        ? F | `${F}.${FieldPathOf<NonNullable<D[F]>, [...Depth, 0]>}`
        : F;
    }[keyof D & string];

/** The type at a path, of every document that has it. */
export type At<D, P extends string> = D extends unknown
  ? P extends keyof D
    ? D[P]
    : P extends `${infer F}.${infer Rest}`
      ? F extends keyof D
        ? At<NonNullable<D[F]>, Rest>
        : never
      : never
  : never;
