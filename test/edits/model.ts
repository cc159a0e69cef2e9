/** What a project's flows are, as values: what edits change, the oracle computes from, and `flow-text.ts` writes down. */

export type Strategy = "sum" | "min" | "max" | "first" | "last";
export type Region = "north" | "south" | "west";
export const REGIONS: readonly Region[] = ["north", "south", "west"];

export interface Flow {
  readonly orders: Orders;
  /** Undefined where it is not declared. */
  readonly events: Events | undefined;
  readonly derivations: readonly Derivation[];
  readonly targets: readonly Target[];
}

export interface Named {
  readonly name: string;
  readonly renamedFrom?: string;
}

/** The journals of a collection. */
export interface Journals {
  readonly partitionBy?: boolean;
  readonly partitions: number;
}

export interface Orders extends Named, Journals {
  readonly path: "a" | "b";
  /** Whether fields are allowed that the schema does not name. */
  readonly open: boolean;
  readonly note: "absent" | "optional" | "required";
  /** `small` takes no cents over 0: no orders fit that. */
  readonly cents: "int" | "number" | "small";
  readonly region: "string" | "enum";
  readonly key: readonly string[];
  readonly reduce: Strategy | undefined;
}

export interface Events extends Named, Journals {
  readonly path: "a" | "b";
}

interface Derived extends Named {
  /** Stays the same through renames. */
  readonly id: string;
  readonly factor: number;
  readonly partitions: number;
  /** Of two ways to write the same function. */
  readonly rewritten?: boolean;
  /** The hash of the definition whose documents it keeps: only ever of one that gives the same. */
  readonly continues?: string;
}

/** Orders, or a ledger's documents, by customer. */
export interface Spend extends Derived {
  readonly kind: "spend";
  /** `orders`, or the id of a ledger. */
  readonly source: string;
  readonly where: Region | undefined;
  readonly byRegion: boolean;
  readonly bonus: number | undefined;
  readonly reduce: Strategy | undefined;
  readonly counts: "sum" | "max" | undefined;
  readonly wide: boolean;
  readonly tag: "absent" | "optional" | "required";
  /** Whether an order that closes removes its customer. */
  readonly removes: boolean;
}

/** Each order, with its cents times the factor; one that closes removes it. */
export interface Ledger extends Derived, Journals {
  readonly kind: "ledger";
  readonly reduce: Strategy | undefined;
  readonly key: readonly string[];
  readonly removes: boolean;
  readonly bonus: number | undefined;
}

/** A ledger's documents, as they were appended, with its removals. */
export interface Chain extends Derived {
  readonly kind: "chain";
  readonly source: string;
  readonly where: Region | undefined;
  readonly reduce: Strategy | undefined;
  readonly removed: boolean;
}

/** Of reduced documents, how many and how much. `factor` is the number of sizes. */
export interface Sizes extends Derived {
  readonly kind: "sizes";
  readonly source: string;
}

/** Orders and events of a customer. */
export interface Joined extends Derived {
  readonly kind: "joined";
  readonly sources: readonly ("orders" | "events")[];
  /** What a customer begins with; undefined without state. */
  readonly state: number | undefined;
}

export type Derivation = Spend | Ledger | Chain | Sizes | Joined;

export interface Target {
  readonly id: string;
  readonly system: "postgres" | "redis";
  /** The table, or the beginning of the Redis keys. */
  readonly name: string;
  readonly renamedFrom?: string;
  /** `orders`, `events` or a derivation's id. */
  readonly collection: string;
  readonly where: Region | undefined;
  /** Of Postgres. */
  readonly mode: "standard" | "delta";
  /** Of Redis. */
  readonly as: "hash" | "json";
  /** Of Postgres: by field, its column's name, or false. */
  readonly columns: Readonly<Record<string, string | false>>;
  readonly backfill: number;
  readonly onSchemaChange: "halt" | "backfill";
}

export function derivationOf(flow: Flow, id: string): Derivation | undefined {
  return flow.derivations.find((each) => each.id === id);
}

export function hasCollection(flow: Flow, id: string): boolean {
  return id === "orders" || (id === "events" && flow.events !== undefined) || !!derivationOf(flow, id);
}

export function sourcesOf(derivation: Derivation): readonly string[] {
  switch (derivation.kind) {
    case "spend":
    case "chain":
    case "sizes":
      return [derivation.source];
    case "ledger":
      return ["orders"];
    case "joined":
      return derivation.sources;
  }
}

export function nameOf(flow: Flow, id: string): string {
  if (id === "orders") return flow.orders.name;
  if (id === "events" && flow.events) return flow.events.name;
  const found = derivationOf(flow, id);
  if (!found) throw new Error(`The flow has no collection ${id}.`);
  return found.name;
}

export interface Field {
  readonly name: string;
  readonly type: "string" | "int" | "number" | "boolean";
}

/** Those that the collection's schema names. */
export function fieldsOf(flow: Flow, id: string): readonly Field[] {
  const field = (name: string, type: Field["type"] = "int"): Field => ({ name, type });
  if (id === "orders") {
    const { note, cents } = flow.orders;
    return [
      ...[field("id"), field("region", "string"), field("customer", "string")],
      ...[field("cents", cents === "number" ? "number" : "int"), field("closes", "boolean")],
      ...(note === "absent" ? [] : [field("note", "string")]),
    ];
  }
  if (id === "events") return [field("no"), field("customer", "string"), field("points")];
  const derivation = derivationOf(flow, id);
  switch (derivation?.kind) {
    case undefined:
      return [];
    case "spend":
      return [
        field("customer", "string"),
        ...(derivation.byRegion ? [field("region", "string")] : []),
        ...[field("total", derivation.wide ? "number" : "int"), field("count")],
        ...(derivation.tag === "absent" ? [] : [field("tag", "string")]),
      ];
    case "ledger":
      return [field("id"), field("region", "string"), field("customer", "string"), field("cents")];
    case "chain":
      return [field("id"), field("cents")];
    case "sizes":
      return [field("size", "string"), field("accounts"), field("total")];
    case "joined":
      return [field("customer", "string"), field("cents"), field("points")];
  }
}

export function keyOf(flow: Flow, id: string): readonly string[] {
  if (id === "orders") return flow.orders.key;
  if (id === "events") return ["no"];
  const derivation = derivationOf(flow, id);
  switch (derivation?.kind) {
    case undefined:
      return [];
    case "spend":
      return derivation.byRegion ? ["customer", "region"] : ["customer"];
    case "ledger":
      return derivation.key;
    case "chain":
      return ["id"];
    case "sizes":
      return ["size"];
    case "joined":
      return ["customer"];
  }
}

/** Whether `where` can choose a region of it. */
export function isByRegion(flow: Flow, id: string): boolean {
  if (id === "orders") return flow.orders.partitionBy === true;
  const derivation = derivationOf(flow, id);
  return derivation?.kind === "ledger" && derivation.partitionBy === true;
}

/**
 * Whether it has the same documents in every run, so that a row for each of them can be compared. Not where it was derived of what
 * is reduced, or of several sources, which are read as they come; nor where it has a reduction, by which the documents of a
 * transaction are combined, however many these are.
 */
export function isOneByOne(flow: Flow, id: string): boolean {
  const derivation = derivationOf(flow, id);
  switch (derivation?.kind) {
    case undefined:
      return true;
    case "spend":
      return derivation.reduce === undefined && derivation.counts === undefined;
    case "ledger":
    case "chain":
      return derivation.reduce === undefined;
    default:
      return false;
  }
}

/**
 * Takes out what cannot be, or what no rule promises: where orders lie in several journals, or once did, the order of those
 * with different keys is not kept (docs/diff.md, `partitions`), so nothing may be made of it.
 */
export function made(flow: Flow, scrambled: boolean): Flow {
  const { key } = flow.orders;
  const orders: Orders = {
    ...flow.orders,
    partitionBy: flow.orders.partitionBy === true && key.includes("region"),
  };
  const ordered = !scrambled && isOneJournal(orders);
  let next: Flow = { ...flow, orders };
  for (let count = -1; count !== next.derivations.length; ) {
    count = next.derivations.length;
    const derivations = next.derivations.filter((each) =>
      sourcesOf(each).every((source) => hasCollection(next, source)),
    );
    next = { ...next, derivations };
  }
  const divided = next.derivations.map(
    (each): Derivation =>
      each.kind === "ledger"
        ? { ...each, partitionBy: each.partitionBy === true && each.key.includes("region") }
        : each,
  );
  next = { ...next, derivations: divided };
  const derivations = divided.map((each): Derivation => {
    if (each.kind !== "spend") return each;
    const ledger = divided.find(({ id }) => id === each.source);
    const inOrder = ordered && (ledger === undefined || isOneJournal(ledger));
    const reduce = inOrder || isOfAnyOrder(each.reduce) ? each.reduce : "sum";
    const removes = each.removes && inOrder && each.source === "orders";
    return { ...each, reduce, removes, where: isByRegion(next, each.source) ? each.where : undefined };
  });
  next = { ...next, derivations };
  next = { ...next, derivations: next.derivations.map((each) => withoutCounting(each, next)) };
  next = {
    ...next,
    derivations: next.derivations.map((each) => (each.kind === "chain" ? chained(each, next) : each)),
  };
  const targets = next.targets.flatMap((each): Target[] => {
    const { collection } = each;
    if (!hasCollection(next, collection)) return [];
    const key = keyOf(next, collection);
    const names = fieldsOf(next, collection).map(({ name }) => name);
    const columns = Object.entries(each.columns).filter(
      ([name]) => names.includes(name) && !key.includes(name),
    );
    return [
      {
        ...each,
        where: isByRegion(next, collection) ? each.where : undefined,
        mode: each.system === "postgres" && isOneByOne(next, collection) ? each.mode : "standard",
        columns: Object.fromEntries(columns),
      },
    ];
  });
  return { ...next, targets };
}

function isOneJournal({ partitions, partitionBy }: Journals): boolean {
  return partitions === 1 && !partitionBy;
}

/** Who counts a ledger's documents must get each of them. */
function withoutCounting(each: Derivation, { derivations }: Flow): Derivation {
  if (each.kind !== "ledger") return each;
  const counted = derivations.some((reader) => reader.kind === "spend" && reader.source === each.id);
  return counted ? { ...each, reduce: undefined } : each;
}

/** Of documents that were combined by the ledger's reduction, only the same one says the same, and only with their removals. */
function chained(each: Chain, flow: Flow): Chain {
  const ledger = derivationOf(flow, each.source);
  if (ledger?.kind !== "ledger") return each;
  const where = isByRegion(flow, each.source) ? each.where : undefined;
  if (ledger.reduce === undefined) return { ...each, where };
  const factor = Math.max(1, each.factor);
  return { ...each, where, factor, reduce: ledger.reduce, removed: each.removed || ledger.removes };
}

export function isOfAnyOrder(strategy: Strategy | undefined): boolean {
  return strategy === "sum" || strategy === "min" || strategy === "max";
}
