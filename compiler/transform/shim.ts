/**
 * What `weir` is inside a transform's bundle. Its text is frozen, so that no change of Weir's own code moves the hash of
 * a transform: extend it by new exports, in a text of their own, and never edit what stands.
 */

/** Stands for the shim among the modules of a slice. */
export const WEIR_SHIM = "weir-shim";

/** `dsl/remove.ts` says what it means; its symbol is registered, so that the runtime knows it. */
export const SHIM_TEXT = `export const remove = (key) => ({ [Symbol.for("weir.removed")]: key });
`;

export const SHIM_EXPORTS: ReadonlySet<string> = new Set(["remove"]);
