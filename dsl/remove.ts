/**
 * Marks a removal among a transform's outputs. A registered symbol and no class: the copy of Weir in a transform's
 * bundle is another than the runtime's.
 */
export const REMOVED: unique symbol = Symbol.for("weir.removed");

/** A removal of the key `T`: the document of that key ends, in the collection and in every target. */
export interface Remove<T> {
  readonly [REMOVED]: T;
}

/** The fields at the key's paths, nested as they are in the document. */
export type KeyOf<D, P extends string> = string extends P
  ? object
  : { readonly [F in Head<P> & keyof D]: Tail<P, F> extends never ? D[F] : KeyOf<D[F], Tail<P, F>> };
type Head<P extends string> = P extends `${infer F}.${string}` ? F : P;
type Tail<P extends string, F> = P extends `${F & string}.${infer Rest}` ? Rest : never;

/**
 * What a transform returns or yields to remove a document: `remove({ customer: order.customer })`. It names all key
 * fields and nothing else, nested ones in their objects. What was combined under that key before is gone; what
 * follows begins anew.
 */
// `T` comes from where the removal is returned: so the key's mistakes are reported within it.
export function remove<T extends object>(key: NoInfer<T>): Remove<T> {
  return Object.freeze({ [REMOVED]: key });
}
