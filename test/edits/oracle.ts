/**
 * What the collections of a flow must hold, in plain loops over the source documents. It knows nothing of plans, journals or
 * the runtime's reductions.
 */
import { type Event, events, type Notes, type Order, orders } from "./documents.ts";
import {
  type Derivation,
  derivationOf,
  type Flow,
  fieldsOf,
  isByRegion,
  keyOf,
  type Region,
  type Strategy,
  type Target,
} from "./model.ts";

export interface Sources {
  readonly orders: number;
  readonly events: number;
  readonly notes: Notes;
}

export type Document = Readonly<Record<string, string | number | boolean | undefined>>;

/** A document as it was appended, or the removal of its key. */
export interface Appended {
  readonly removed: boolean;
  readonly document: Document;
}

/** The documents of the collection, in an order in which a run may append them. */
export function appendedOf(flow: Flow, id: string, sources: Sources): readonly Appended[] {
  if (id === "orders")
    return orders(flow.orders.path, sources.orders, sources.notes).map((order: Order) => ({
      removed: false,
      document: { ...order },
    }));
  if (id === "events" && flow.events)
    return events(flow.events.path, sources.events).map((event: Event) => ({
      removed: false,
      document: { ...event },
    }));
  const derivation = derivationOf(flow, id);
  if (derivation === undefined) throw new Error(`The flow has no collection ${id}.`);
  return derived(flow, derivation, sources);
}

function derived(flow: Flow, each: Derivation, sources: Sources): readonly Appended[] {
  const read = (id: string, where?: Region) =>
    appendedOf(flow, id, sources).filter(({ document }) => where === undefined || document.region === where);
  switch (each.kind) {
    case "spend":
      return read(each.source, each.where).flatMap(({ removed, document }): Appended[] => {
        if (removed) return [];
        const key = {
          customer: document.customer,
          ...(each.byRegion ? { region: document.region } : {}),
        };
        if (each.removes && document.closes) return [{ removed: true, document: key }];
        const total = Number(document.cents) * each.factor + (each.bonus ?? 0);
        const tag = each.tag === "absent" ? {} : { tag: `t${each.factor}` };
        return [{ removed: false, document: { ...key, total, count: 1, ...tag } }];
      });
    case "ledger":
      return read("orders").map(({ document }) => {
        const { id, region, customer } = document;
        if (each.removes && document.closes)
          return { removed: true, document: each.key.includes("region") ? { id, region } : { id } };
        const cents = Number(document.cents) * each.factor + (each.bonus ?? 0);
        return { removed: false, document: { id, region, customer, cents } };
      });
    case "chain":
      return read(each.source, each.where).flatMap(({ removed, document: { id, cents } }): Appended[] => {
        if (removed) return each.removed ? [{ removed: true, document: { id } }] : [];
        return [{ removed: false, document: { id, cents: Number(cents) * each.factor } }];
      });
    case "sizes":
      return sizes(flow, each.source, each.factor, sources);
    case "joined": {
      const totals = new Map<string, { cents: number; points: number }>();
      return each.sources.flatMap((source) =>
        read(source).map(({ document }) => {
          const customer = String(document.customer);
          const [cents, points] =
            source === "orders" ? [Number(document.cents) * each.factor, 0] : [0, Number(document.points)];
          if (each.state === undefined) return { removed: false, document: { customer, cents, points } };
          const before = totals.get(customer) ?? { cents: each.state, points: 0 };
          const after = { cents: before.cents + cents, points: before.points + points };
          totals.set(customer, after);
          return { removed: false, document: { customer, ...after } };
        }),
      );
    }
  }
}

function sizes(flow: Flow, source: string, count: number, sources: Sources): readonly Appended[] {
  const isLedger = derivationOf(flow, source)?.kind === "ledger";
  const sizeOf = (document: Document) =>
    String((isLedger ? Number(document.id) : Number(String(document.customer).slice(2))) % count);
  const sumOf = (document: Document) => Number(isLedger ? document.cents : document.total);
  const reduction = new Reduction(flow, source);
  return appendedOf(flow, source, sources).flatMap((appended) => {
    const { before, after } = reduction.add(appended);
    return [
      ...(before
        ? [{ removed: false, document: { size: sizeOf(before), accounts: -1, total: -sumOf(before) } }]
        : []),
      ...(after
        ? [{ removed: false, document: { size: sizeOf(after), accounts: 1, total: sumOf(after) } }]
        : []),
    ];
  });
}

/** The rows of the collection, one for each key. */
export function rowsOf(flow: Flow, id: string, sources: Sources, where?: Region): readonly Document[] {
  const reduction = new Reduction(flow, id);
  for (const appended of appendedOf(flow, id, sources)) {
    if (where === undefined || appended.document.region === where) reduction.add(appended);
  }
  return reduction.rows;
}

class Reduction {
  readonly #key: readonly string[];
  readonly #strategies: Readonly<Record<string, Strategy | undefined>>;
  readonly #rows = new Map<string, Document>();

  constructor(flow: Flow, id: string) {
    this.#key = keyOf(flow, id);
    this.#strategies = strategiesOf(flow, id);
  }

  get rows(): readonly Document[] {
    return [...this.#rows.values()];
  }

  add({ removed, document }: Appended): { before: Document | undefined; after: Document | undefined } {
    const key = JSON.stringify(this.#key.map((field) => document[field]));
    const before = this.#rows.get(key);
    if (removed) {
      this.#rows.delete(key);
      return { before, after: undefined };
    }
    const after = before === undefined ? document : this.#combined(before, document);
    this.#rows.set(key, after);
    return { before, after };
  }

  #combined(before: Document, document: Document): Document {
    const row: Record<string, Document[string]> = { ...document };
    for (const [field, strategy] of Object.entries(this.#strategies)) {
      const [old, value] = [Number(before[field]), Number(document[field])];
      if (strategy === "sum") row[field] = old + value;
      if (strategy === "min") row[field] = Math.min(old, value);
      if (strategy === "max") row[field] = Math.max(old, value);
      if (strategy === "first") row[field] = old;
    }
    return row;
  }
}

function strategiesOf(flow: Flow, id: string): Readonly<Record<string, Strategy | undefined>> {
  if (id === "orders") return { cents: flow.orders.reduce };
  const derivation = derivationOf(flow, id);
  switch (derivation?.kind) {
    case "spend":
      return { total: derivation.reduce, count: derivation.counts };
    case "ledger":
    case "chain":
      return { cents: derivation.reduce };
    case "sizes":
      return { accounts: "sum", total: "sum" };
    case "joined":
      return derivation.state === undefined ? { cents: "sum", points: "sum" } : {};
    case undefined:
      return {};
  }
}

/** The rows of a target by the names of fields: all of those that it holds, undefined where there is no value. */
export function targetRows(flow: Flow, target: Target, sources: Sources): readonly Document[] {
  const { collection, mode, columns } = target;
  const where = isByRegion(flow, collection) ? target.where : undefined;
  const left = (name: string) => target.system === "postgres" && columns[name] === false;
  const fields = fieldsOf(flow, collection).filter(({ name }) => !left(name));
  const held = (document: Document) =>
    Object.fromEntries(fields.map(({ name }) => [name, document[name]] as const));
  if (mode === "standard") return rowsOf(flow, collection, sources, where).map(held);
  return appendedOf(flow, collection, sources)
    .filter(({ document }) => where === undefined || document.region === where)
    .map(({ removed, document }) => ({ ...held(document), weir_removed: removed }));
}
