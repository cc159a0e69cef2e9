/**
 * What the declaring calls of a flow file report, and to whom. The compiler puts a `Collector` on
 * `globalThis[Symbol.for("weir.collector")]` while it evaluates the flow files once; without one
 * the calls record nothing. No module state and no `instanceof`: two copies of Weir may meet.
 */

export interface Collector {
  declare(declaration: Declaration): void;
}

export const COLLECTOR: unique symbol = Symbol.for("weir.collector") as never;

export type Declaration = CaptureDeclaration | DeriveDeclaration | MaterializeDeclaration | RenameDeclaration;

/** `schema` is the user's own schema value; the compiler turns it into JSON Schema. */
export interface CollectionDeclaration {
  readonly name: string;
  readonly schema: unknown;
  readonly key: readonly string[];
  /** Strategy by field path: JSON. */
  readonly reduce: Readonly<Record<string, string | object>>;
  /** Key fields by whose values the collection is cut into logical partitions, in order; empty for none. */
  readonly partitionBy: readonly string[];
  /** Journals of each logical partition, by hash of the key. */
  readonly partitions: number;
}

/** A user's own function; what it takes is between the compiler and the user. */
export type UserFunction = (...args: never) => unknown;

/** How a derivation or a materialization reads a collection. */
export interface ViewDeclaration {
  readonly collection: string;
  /** By partition field, the values that are read. A field that is not named is read whole. */
  readonly where: Readonly<Record<string, readonly (string | number | boolean)[]>>;
  /** Commit times, as the flow gives them: from the first on, and before the second. */
  readonly from: string | undefined;
  readonly until: string | undefined;
  /** Higher is read first. */
  readonly priority: number;
  /** As the flow gives it: `10m`. */
  readonly readDelay: string | undefined;
}

/** One source of a derivation, and what is done with its documents. */
export interface SourceDeclaration extends ViewDeclaration {
  /** Its name in the flow's `from`; undefined for `collection.derive(…)`. */
  readonly name: string | undefined;
  /** Whether functions get `{ before, after }` of the reduced document instead of the documents as appended. */
  readonly reduced: boolean;
  /** The shuffle key: paths of fields, and functions of the document. Undefined for `collection.derive(…)`. */
  readonly by: readonly (string | UserFunction)[] | undefined;
  /** Undefined only where a flow that does not compile lacks it. */
  readonly transform: UserFunction | undefined;
  readonly removed: UserFunction | undefined;
}

export interface StateDeclaration {
  /** The user's own schema value. */
  readonly schema: unknown;
  /** JSON. */
  readonly initial: object;
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
  /** What is done with a row that is no document of the schema. */
  readonly onError: "halt" | "deadLetter";
  /** Stack of the declaring call, for the diagnostic's place. */
  readonly stack: string;
}

export interface DeriveDeclaration {
  readonly kind: "derive";
  readonly collection: CollectionDeclaration;
  /** In the order that the flow gives. */
  readonly sources: readonly SourceDeclaration[];
  readonly state: StateDeclaration | undefined;
  readonly params: object;
  /** Undefined where it is left to the runtime. */
  readonly shards: number | undefined;
  /** The beginning of the hash of the definition whose documents stay. */
  readonly continues: string | undefined;
  /** What is done with a document that cannot be derived from. */
  readonly onError: "halt" | "deadLetter";
  readonly stack: string;
}

export interface MaterializeDeclaration {
  readonly kind: "materialize";
  readonly view: ViewDeclaration;
  /** The target's name within its system: the table, the key template. */
  readonly resource: string;
  readonly target: ConnectorDeclaration & { readonly mode: "standard" | "delta" };
  /** Counts how often the user has asked for the target to be filled anew. */
  readonly backfill: number;
  readonly onSchemaChange: "halt" | "backfill";
  /** The resource's name before it was renamed. */
  readonly renamedFrom: string | undefined;
  readonly stack: string;
}

/** `collection.renamedFrom(from)`: what is stored under the old name goes on under the new one. */
export interface RenameDeclaration {
  readonly kind: "rename";
  readonly collection: string;
  readonly from: string;
  readonly stack: string;
}
