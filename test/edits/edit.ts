/** Edits of flows, as people make them: one thing here, one there, back to what was there before. */
import { SHORT_DEFINITION_HASH } from "../../plan/definition-hash.ts";
import { integer, oneOf } from "../faults/scenario.ts";
import {
  type Derivation,
  type Flow,
  fieldsOf,
  hasCollection,
  isOneByOne,
  made,
  nameOf,
  type Orders,
  REGIONS,
  type Strategy,
  sourcesOf,
  type Target,
} from "./model.ts";

type Random = () => number;

/** What the edits of one sequence share. */
export interface Editing {
  readonly random: Random;
  /** Of names: none is given twice, so that a `renamedFrom` means what it says. */
  count: number;
  /** Whether the orders lie, or lay, in several journals: see `made`. */
  scrambled: boolean;
  /** Which captured schemas the source documents fit. */
  readonly notes: "none" | "some" | "all";
  /** The hash of the definition that a derivation last ran with; undefined where it did not. */
  readonly hashOf: (name: string) => string | undefined;
}

export interface Edited {
  readonly flow: Flow;
  /** What was done, for people. */
  readonly says: string;
  /** The collection of which nothing is derived again, where that is all that was done. */
  readonly continued?: string;
}

export function firstFlow(editing: Editing): Flow {
  const { random } = editing;
  let flow: Flow = {
    orders: {
      name: "shop/orders",
      path: "a",
      open: editing.notes !== "none" || random() < 0.3,
      note: "absent",
      cents: "int",
      region: oneOf(random, ["string", "enum"] as const),
      key: oneOf(random, KEYS),
      partitionBy: random() < 0.3,
      partitions: random() < 0.3 ? 2 : 1,
      reduce: undefined,
    },
    events: { name: "shop/events", path: "a", partitions: 1 },
    derivations: [],
    targets: [],
  };
  const derivations = integer(random, 2, 3);
  while (flow.derivations.length < derivations) flow = addDerivation(flow, editing)?.flow ?? flow;
  for (let i = integer(random, 1, 3); i > 0; i--) flow = addTarget(flow, editing)?.flow ?? flow;
  return made(flow, false);
}

const KEYS = [["id"], ["region", "id"], ["id", "region"]] as const;
const STRATEGIES: readonly Strategy[] = ["sum", "min", "max", "first", "last"];

function strategy(random: Random): Strategy | undefined {
  return random() < 0.2 ? undefined : oneOf(random, STRATEGIES);
}

/** One to three changes at once. */
export function edit(flow: Flow, editing: Editing): Edited {
  const { random } = editing;
  for (;;) {
    // What was renamed before has its new name now.
    let next = withoutRenames(flow);
    const says: string[] = [];
    let continued: string | undefined;
    const asked = random() < 0.6 ? 1 : integer(random, 2, 3);
    for (let tries = 0; says.length < asked && tries < 30; tries++) {
      const done = oneOf(random, EDITS)(next, editing);
      if (done === undefined) continue;
      // Of what is continued and changed besides, older documents stay as they were: it is edited alone.
      if (done.continued !== undefined && asked > 1) continue;
      next = done.flow;
      says.push(done.says);
      continued = done.continued;
    }
    next = made(next, editing.scrambled);
    const kept = withoutRenames(flow);
    if (JSON.stringify(next) !== JSON.stringify(kept) && next.derivations.length > 0)
      return { flow: next, says: says.join("; "), ...(continued === undefined ? {} : { continued }) };
  }
}

/** And without what they continue: each was answered by the run that it was declared in. */
export function withoutRenames(flow: Flow): Flow {
  const bare = <T extends { renamedFrom?: string; continues?: string }>(each: T): T => {
    const { renamedFrom: _renamedFrom, continues: _continues, ...rest } = each;
    return rest as T; // both are optional
  };
  return {
    orders: bare(flow.orders),
    events: flow.events && bare(flow.events),
    derivations: flow.derivations.map(bare),
    targets: flow.targets.map(bare),
  };
}

/** A captured schema that no document fits: the rebuild halts at the first, and what stands stays. */
export function unfit(flow: Flow, { notes }: Editing): Edited {
  const orders: Orders =
    notes === "none" && flow.orders.note !== "required"
      ? { ...flow.orders, note: "required" }
      : { ...flow.orders, cents: "small" };
  return {
    flow: withoutRenames({ ...flow, orders }),
    says: "a captured schema that stored documents do not fit",
  };
}

type Edit = (flow: Flow, editing: Editing) => Edited | undefined;

const EDITS: readonly Edit[] = [
  ...Array<Edit>(5).fill(changeDerivation),
  ...Array<Edit>(3).fill(changeTarget),
  ...Array<Edit>(2).fill(changeOrders),
  changeEvents,
  ...[addDerivation, addTarget, removeDerivation, removeTarget],
  ...[renameCollection, renameTarget, rewrite],
];

function changeOrders(flow: Flow, { random, notes }: Editing): Edited | undefined {
  const { orders } = flow;
  const fits: readonly Orders["note"][] = { none: [], some: ["optional"], all: ["optional", "required"] }[
    notes
  ] as never;
  const with_ = (says: string, change: Partial<Orders>): Edited => ({
    flow: { ...flow, orders: { ...orders, ...change } },
    says: `orders: ${says}`,
  });
  switch (integer(random, 0, 7)) {
    case 0:
      return with_("another path", { path: orders.path === "a" ? "b" : "a" });
    case 1:
      return with_("another key", { key: oneOf(random, KEYS) });
    case 2:
      return with_("partitions", { partitions: integer(random, 1, 3) });
    case 3:
      return with_("partitionBy", { partitionBy: !orders.partitionBy, key: ["region", "id"] });
    case 4:
      return with_("reduction of cents", { reduce: strategy(random) });
    case 5:
      return with_("type of cents", { cents: orders.cents === "int" ? "number" : "int" });
    case 6:
      return with_("type of region", { region: orders.region === "enum" ? "string" : "enum" });
    default: {
      // Nothing may be sent that the schema does not take: a closed one names what is sent.
      const note = oneOf(random, ["absent", "optional", ...fits] as const);
      const open = note === "absent" && notes !== "none" ? true : random() < 0.5;
      return with_(`note ${note}, ${open ? "open" : "closed"}`, { note, open });
    }
  }
}

function changeEvents(flow: Flow, { random }: Editing): Edited | undefined {
  const { events } = flow;
  const isRead = flow.derivations.some((each) => sourcesOf(each).includes("events"));
  if (events === undefined)
    return {
      flow: { ...flow, events: { name: "shop/events", path: "a", partitions: 1 } },
      says: "events declared",
    };
  switch (integer(random, 0, 2)) {
    case 0:
      return {
        flow: { ...flow, events: { ...events, partitions: integer(random, 1, 2) } },
        says: "events: partitions",
      };
    case 1:
      return {
        flow: { ...flow, events: { ...events, path: events.path === "a" ? "b" : "a" } },
        says: "events: another path",
      };
    default:
      return isRead ? undefined : { flow: { ...flow, events: undefined }, says: "events no longer declared" };
  }
}

function addDerivation(flow: Flow, editing: Editing): Edited | undefined {
  const { random } = editing;
  if (flow.derivations.length >= 4) return undefined;
  const kind = oneOf(random, ["spend", "spend", "ledger", "chain", "sizes", "joined"] as const);
  const id = `d${++editing.count}`;
  const common = {
    id,
    name: `shop/${kind}-${editing.count}`,
    factor: integer(random, 1, 5),
    partitions: integer(random, 1, 2),
  };
  const of = (...kinds: readonly Derivation["kind"][]) =>
    flow.derivations.filter((each) => kinds.includes(each.kind)).map((each) => each.id);
  const add = (added: Derivation): Edited => ({
    flow: { ...flow, derivations: [...flow.derivations, added] },
    says: `${id} (${kind}) added`,
  });
  switch (kind) {
    case "spend":
      return add({
        ...common,
        kind,
        source: oneOf(random, ["orders", "orders", ...of("ledger")]),
        where: random() < 0.2 ? oneOf(random, REGIONS) : undefined,
        byRegion: random() < 0.3,
        bonus: random() < 0.3 ? integer(random, 1, 9) : undefined,
        reduce: strategy(random),
        counts: "sum",
        wide: random() < 0.3,
        tag: oneOf(random, ["absent", "optional", "required"] as const),
        removes: random() < 0.4,
      });
    case "ledger":
      return add({
        ...common,
        kind,
        reduce: strategy(random),
        key: oneOf(random, KEYS),
        partitionBy: random() < 0.4,
        removes: random() < 0.6,
        bonus: undefined,
      });
    case "chain": {
      const ledgers = of("ledger");
      if (ledgers.length === 0) return undefined;
      return add({
        ...common,
        kind,
        source: oneOf(random, ledgers),
        where: random() < 0.3 ? oneOf(random, REGIONS) : undefined,
        reduce: strategy(random),
        removed: random() < 0.6,
      });
    }
    case "sizes": {
      const sources = of("spend", "ledger");
      if (sources.length === 0) return undefined;
      return add({ ...common, kind, factor: integer(random, 2, 4), source: oneOf(random, sources) });
    }
    case "joined":
      return add({
        ...common,
        kind,
        sources: flow.events ? ["orders", "events"] : ["orders"],
        state: random() < 0.6 ? integer(random, 0, 3) : undefined,
      });
  }
}

function changeDerivation(flow: Flow, { random }: Editing): Edited | undefined {
  if (flow.derivations.length === 0) return undefined;
  const before = oneOf(random, flow.derivations);
  const [says, after] = changed(before, flow, random);
  const derivations = flow.derivations.map((each) => (each === before ? after : each));
  return { flow: { ...flow, derivations }, says: `${before.id}: ${says}` };
}

/** The same function in other words, of which the flow says that what was derived stays. */
function rewrite(flow: Flow, { random, hashOf }: Editing): Edited | undefined {
  const before = oneOf(random, flow.derivations);
  const hash = hashOf(before.name);
  if (before.kind === "sizes" || hash === undefined || before.continues !== undefined) return undefined;
  const after: Derivation = {
    ...before,
    rewritten: before.rewritten !== true,
    continues: hash.slice(0, SHORT_DEFINITION_HASH),
  };
  return {
    flow: { ...flow, derivations: flow.derivations.map((each) => (each === before ? after : each)) },
    says: `${before.id}: rewritten, and continued`,
    continued: before.name,
  };
}

function changed(each: Derivation, flow: Flow, random: Random): readonly [string, Derivation] {
  const others = (from: number, to: number, not: number) =>
    oneOf(
      random,
      Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((n) => n !== not),
    );
  const factor = (): readonly [string, Derivation] => [
    "factor",
    { ...each, factor: each.kind === "sizes" ? others(2, 4, each.factor) : others(-3, 6, each.factor) },
  ];
  const partitions = (): readonly [string, Derivation] => [
    "partitions",
    { ...each, partitions: 3 - each.partitions },
  ];
  const bonus = () => (random() < 0.3 ? undefined : integer(random, 1, 9));
  const where = () => (random() < 0.4 ? undefined : oneOf(random, REGIONS));
  switch (each.kind) {
    case "spend":
      switch (integer(random, 0, 9)) {
        case 0:
          return partitions();
        case 1:
          return ["params", { ...each, bonus: bonus() }];
        case 2:
          return ["reduction of total", { ...each, reduce: strategy(random) }];
        case 3:
          return [
            "reduction of count",
            { ...each, counts: random() < 0.3 ? undefined : oneOf(random, ["sum", "max"] as const) },
          ];
        case 4:
          return ["type of total", { ...each, wide: !each.wide }];
        case 5:
          return ["tag", { ...each, tag: oneOf(random, ["absent", "optional", "required"] as const) }];
        case 6:
          return ["removals", { ...each, removes: !each.removes }];
        case 7:
          return ["key", { ...each, byRegion: !each.byRegion }];
        case 8:
          return ["where", { ...each, where: where() }];
        default:
          return factor();
      }
    case "ledger":
      switch (integer(random, 0, 6)) {
        case 0:
          return partitions();
        case 1:
          return ["reduction of cents", { ...each, reduce: strategy(random) }];
        case 2:
          return ["key", { ...each, key: oneOf(random, KEYS) }];
        case 3:
          return ["partitionBy", { ...each, partitionBy: !each.partitionBy, key: ["region", "id"] }];
        case 4:
          return ["removals", { ...each, removes: !each.removes }];
        case 5:
          return ["params", { ...each, bonus: bonus() }];
        default:
          return factor();
      }
    case "chain":
      switch (integer(random, 0, 4)) {
        case 0:
          return partitions();
        case 1:
          return ["reduction of cents", { ...each, reduce: strategy(random) }];
        case 2:
          return ["removals", { ...each, removed: !each.removed }];
        case 3:
          return ["where", { ...each, where: where() }];
        default:
          return factor();
      }
    case "sizes": {
      const sources = flow.derivations.filter(({ kind }) => kind === "spend" || kind === "ledger");
      if (random() < 0.3) return ["source", { ...each, source: oneOf(random, sources).id }];
      return random() < 0.3 ? partitions() : factor();
    }
    case "joined": {
      const all = flow.events
        ? [["orders", "events"], ["events", "orders"], ["orders"], ["events"]]
        : [["orders"]];
      if (random() < 0.3) return ["sources", { ...each, sources: oneOf(random, all) as typeof each.sources }];
      if (random() < 0.4)
        return ["state", { ...each, state: random() < 0.5 ? undefined : integer(random, 0, 3) }];
      return random() < 0.3 ? partitions() : factor();
    }
  }
}

function removeDerivation(flow: Flow, { random }: Editing): Edited | undefined {
  if (flow.derivations.length < 2) return undefined;
  const gone = oneOf(random, flow.derivations);
  const next = made({ ...flow, derivations: flow.derivations.filter((each) => each !== gone) }, true);
  if (next.derivations.length === 0) return undefined;
  return {
    // What `made` fits to scrambled orders is not meant: only what reads the one that is gone goes with it.
    flow: {
      ...flow,
      derivations: flow.derivations.filter(({ id }) => next.derivations.some((each) => each.id === id)),
    },
    says: `${gone.id} removed, with what reads it`,
  };
}

function renameCollection(flow: Flow, editing: Editing): Edited | undefined {
  const id = oneOf(editing.random, ["orders", ...flow.derivations.map((each) => each.id)]);
  const before = nameOf(flow, id);
  const renamed = { name: `shop/renamed-${++editing.count}`, renamedFrom: before };
  const says = `${id}: ${before} renamed to ${renamed.name}`;
  if (id === "orders") {
    if (flow.orders.renamedFrom !== undefined) return undefined;
    return { flow: { ...flow, orders: { ...flow.orders, ...renamed } }, says };
  }
  if (flow.derivations.some((each) => each.id === id && each.renamedFrom !== undefined)) return undefined;
  const derivations = flow.derivations.map((each) => (each.id === id ? { ...each, ...renamed } : each));
  return { flow: { ...flow, derivations }, says };
}

function addTarget(flow: Flow, editing: Editing): Edited | undefined {
  const { random } = editing;
  if (flow.targets.length >= 4) return undefined;
  const id = `t${++editing.count}`;
  const collection = oneOf(random, [
    "orders",
    ...(flow.events ? ["events"] : []),
    ...flow.derivations.flatMap((each) => [each.id, each.id]),
  ]);
  const target: Target = {
    id,
    system: random() < 0.35 ? "redis" : "postgres",
    name: id,
    collection,
    where: random() < 0.3 ? oneOf(random, REGIONS) : undefined,
    mode: random() < 0.25 && isOneByOne(flow, collection) ? "delta" : "standard",
    as: oneOf(random, ["hash", "json"] as const),
    columns: {},
    backfill: 0,
    onSchemaChange: random() < 0.3 ? "backfill" : "halt",
  };
  return { flow: { ...flow, targets: [...flow.targets, target] }, says: `${id} added, of ${collection}` };
}

function changeTarget(flow: Flow, { random }: Editing): Edited | undefined {
  if (flow.targets.length === 0) return undefined;
  const before = oneOf(random, flow.targets);
  if (!hasCollection(flow, before.collection)) return undefined;
  const [says, change] = targetChange(before, flow, random);
  const targets = flow.targets.map((each) => (each === before ? { ...before, ...change } : each));
  return { flow: { ...flow, targets }, says: `${before.id}: ${says}` };
}

function targetChange(target: Target, flow: Flow, random: Random): readonly [string, Partial<Target>] {
  const backfill = { backfill: target.backfill + 1 };
  const where = { where: random() < 0.4 ? undefined : oneOf(random, REGIONS) };
  const columns = (): Pick<Target, "columns"> => {
    const names = fieldsOf(flow, target.collection).map(({ name }) => name);
    const field = oneOf(random, names);
    const { [field]: had, ...others }: Target["columns"] = target.columns;
    if (had !== undefined && random() < 0.5) return { columns: others };
    const column: Target["columns"][string] = random() < 0.3 ? false : `${field}_${integer(random, 1, 3)}`;
    return { columns: { ...others, [field]: column } };
  };
  switch (integer(random, 0, 7)) {
    case 0:
      return ["backfill", backfill];
    case 1:
      return ["backfill and where", { ...backfill, ...where }];
    case 2:
      return ["where", where];
    case 3:
      return target.system === "redis"
        ? ["as", { as: target.as === "hash" ? "json" : "hash" }]
        : ["mode", { mode: target.mode === "delta" ? "standard" : "delta" }];
    case 4:
      return ["onSchemaChange", { onSchemaChange: target.onSchemaChange === "halt" ? "backfill" : "halt" }];
    case 5: {
      const all = ["orders", ...flow.derivations.map(({ id }) => id)];
      return ["collection", { collection: oneOf(random, all), columns: {} }];
    }
    default:
      return ["columns", columns()];
  }
}

function removeTarget(flow: Flow, { random }: Editing): Edited | undefined {
  if (flow.targets.length < 2) return undefined;
  const gone = oneOf(random, flow.targets);
  return {
    flow: { ...flow, targets: flow.targets.filter((each) => each !== gone) },
    says: `${gone.id} removed`,
  };
}

function renameTarget(flow: Flow, editing: Editing): Edited | undefined {
  const targets = flow.targets.filter((each) => each.system === "postgres" && each.renamedFrom === undefined);
  if (targets.length === 0) return undefined;
  const before = oneOf(editing.random, targets);
  const name = `${before.id}_${++editing.count}`;
  const said = editing.random() < 0.7;
  const after: Target = said ? { ...before, name, renamedFrom: before.name } : { ...before, name };
  return {
    flow: { ...flow, targets: flow.targets.map((each) => (each === before ? after : each)) },
    says: `${before.id}: ${before.name} ${said ? "renamed to" : "becomes"} ${name}`,
  };
}
