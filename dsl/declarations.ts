/**
 * What the declaring calls of a flow file report, and to whom. The compiler puts a `Collector` on
 * `globalThis[Symbol.for("weir.collector")]` while it evaluates the flow files once; without one
 * the calls record nothing. No module state and no `instanceof`: two copies of Weir may meet.
 */

export interface Collector {
  declare(declaration: Declaration): void;
}

export const COLLECTOR: unique symbol = Symbol.for("weir.collector") as never;

export type Declaration = CaptureDeclaration | DeriveDeclaration | MaterializeDeclaration;

/** `schema` is the user's own schema value; the compiler turns it into JSON Schema. */
export interface CollectionDeclaration {
  readonly name: string;
  readonly schema: unknown;
  readonly key: readonly string[];
  /** Strategy by field path: JSON. */
  readonly reduce: Readonly<Record<string, string | object>>;
}

export interface ConnectorDeclaration {
  readonly connector: string;
  /** JSON, with `{ $env: "NAME" }` where the flow wrote `env("NAME")`. */
  readonly config: object;
  readonly guarantee: { readonly delivery: "exactly-once" | "at-least-once"; readonly mechanism: string };
}

export interface CaptureDeclaration {
  readonly kind: "capture";
  readonly collection: CollectionDeclaration;
  readonly source: ConnectorDeclaration;
  /** Stack of the declaring call, for the diagnostic's place. */
  readonly stack: string;
}

export interface DeriveDeclaration {
  readonly kind: "derive";
  readonly collection: CollectionDeclaration;
  readonly source: string;
  readonly transform: (...args: never) => unknown;
  readonly params: object;
  readonly stack: string;
}

export interface MaterializeDeclaration {
  readonly kind: "materialize";
  readonly collection: string;
  /** The target's name within its system: the table, the key template. */
  readonly resource: string;
  readonly target: ConnectorDeclaration;
  readonly stack: string;
}
