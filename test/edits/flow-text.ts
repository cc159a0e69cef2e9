/** A flow as a user writes it. */
import {
  type Derivation,
  type Flow,
  fieldsOf,
  isByRegion,
  type Journals,
  keyOf,
  REGIONS,
  type Region,
  type Strategy,
  type Target,
} from "./model.ts";

export function flowText(flow: Flow): string {
  return [
    HEAD,
    ordersText(flow),
    eventsText(flow),
    ...inOrder(flow).map((each) => derivationText(flow, each)),
    ...flow.targets.map((each) => targetText(flow, each)),
  ].join("\n");
}

const HEAD = `import { capture, derive, env, remove } from "weir";
import { files } from "weir/files";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";

void [derive, env, remove, pg, redis];
`;

/** What is read before what reads it. */
function inOrder({ derivations }: Flow): readonly Derivation[] {
  const depth = (id: string): number => {
    const found = derivations.find((each) => each.id === id);
    if (found === undefined || found.kind === "ledger" || found.kind === "joined") return 0;
    return 1 + depth(found.source);
  };
  return [...derivations].sort((a, b) => depth(a.id) - depth(b.id));
}

function ordersText({ orders }: Flow): string {
  const { open, note, cents, region, reduce, path } = orders;
  const fields = [
    "id: z.int()",
    `region: ${region === "enum" ? `z.enum(${JSON.stringify(REGIONS)})` : "z.string()"}`,
    "customer: z.string()",
    `cents: ${{ int: "z.int()", number: "z.number()", small: "z.int().max(0)" }[cents]}`,
    "closes: z.boolean()",
    ...{ absent: [], optional: ["note: z.string().optional()"], required: ["note: z.string()"] }[note],
  ];
  return `export const orders = capture(${quoted(orders.name)}, files({ path: "orders-${path}.ndjson" }), {
  schema: z.${open ? "looseObject" : "object"}({ ${fields.join(", ")} }),
  ${keyText(orders.key)}${reduceText({ cents: reduce })}${journalsText(orders)}
})${renamed(orders.renamedFrom)};
`;
}

function eventsText({ events }: Flow): string {
  if (events === undefined) return "";
  return `export const events = capture(${quoted(events.name)}, files({ path: "events-${events.path}.ndjson" }), {
  schema: z.object({ no: z.int(), customer: z.string(), points: z.int() }),
  ${keyText(["no"])}${journalsText(events)}
})${renamed(events.renamedFrom)};
`;
}

function derivationText(flow: Flow, each: Derivation): string {
  const { id, name, factor } = each;
  const cents = times(each, each.kind === "chain" ? "cents" : "from.cents");
  const key = `${keyText(keyOf(flow, id))}${continuesText(each)}`;
  const begin = (source: string) => `export const ${id} = ${source}.derive(${quoted(name)}, {`;
  const end = `})${renamed(each.renamedFrom)};\n`;
  switch (each.kind) {
    case "spend": {
      const { source, where, byRegion, bonus, removes, wide, tag } = each;
      const fields = [
        ...["customer: z.string()", ...(byRegion ? ["region: z.string()"] : [])],
        ...[`total: ${wide ? "z.number()" : "z.int()"}`, "count: z.int()"],
        ...{ absent: [], optional: ["tag: z.string().optional()"], required: ["tag: z.string()"] }[tag],
      ];
      const region = byRegion ? ["region: from.region"] : [];
      const output = [
        ...["customer: from.customer", ...region],
        ...[`total: ${cents}${bonus === undefined ? "" : " + params.bonus"}`, "count: 1"],
        ...(tag === "absent" ? [] : [`tag: "t${factor}"`]),
      ].join(", ");
      const removal = `remove({ ${["customer: from.customer", ...region].join(", ")} })`;
      return `${begin(viewText(source, where))}
  schema: z.object({ ${fields.join(", ")} }),
  ${key}${reduceText({ total: each.reduce, count: each.counts })}${journalsText(each)}${paramsText(bonus)}
  transform: (from${bonus === undefined ? "" : ", { params }"}) => ${removes ? `from.closes ? ${removal} : ` : ""}({ ${output} }),
${end}`;
    }
    case "ledger": {
      const { reduce, removes, bonus } = each;
      const sum = `${cents}${bonus === undefined ? "" : " + params.bonus"}`;
      const removal = `remove({ ${keyOf(flow, id)
        .map((field) => `${field}: from.${field}`)
        .join(", ")} })`;
      return `${begin("orders")}
  schema: z.object({ id: z.int(), region: z.string(), customer: z.string(), cents: z.int() }),
  ${key}${reduceText({ cents: reduce })}${journalsText(each)}${paramsText(bonus)}
  transform: (from${bonus === undefined ? "" : ", { params }"}) => ${removes ? `from.closes ? ${removal} : ` : ""}({ id: from.id, region: from.region, customer: from.customer, cents: ${sum} }),
${end}`;
    }
    case "chain":
      return `${begin(viewText(each.source, each.where))}
  schema: z.object({ id: z.int(), cents: z.int() }),
  ${key}${reduceText({ cents: each.reduce })}${journalsText(each)}
  transform: ({ id, cents }) => ({ id, cents: ${cents} }),${each.removed ? "\n  removed: ({ id }) => remove({ id })," : ""}
${end}`;
    case "sizes": {
      const ofLedger = isOfLedger(flow, each.source);
      const sum = ofLedger ? "cents" : "total";
      const size = (document: string) =>
        `String(${ofLedger ? `${document}.id` : `Number(${document}.customer.slice(2))`} % ${factor})`;
      return `${begin(`${each.source}.reduced()`)}
  schema: z.object({ size: z.string(), accounts: z.int(), total: z.int() }),
  ${key}${reduceText({ accounts: "sum", total: "sum" })}${journalsText(each)}
  *transform({ before, after }) {
    if (before) yield { size: ${size("before")}, accounts: -1, total: -before.${sum} };
    if (after) yield { size: ${size("after")}, accounts: 1, total: after.${sum} };
  },
${end}`;
    }
    case "joined":
      return joinedText(each, key, end);
  }
}

function joinedText(each: Extract<Derivation, { kind: "joined" }>, key: string, end: string): string {
  const { state, sources } = each;
  const handlers = sources.map((source) => {
    const [cents, points] = source === "orders" ? [times(each, "from.cents"), "0"] : ["0", "from.points"];
    if (state === undefined)
      return `${source}: (from) => ({ customer: from.customer, cents: ${cents}, points: ${points} }),`;
    return `${source}: (from, { state }) => {
      state.cents += ${cents};
      state.points += ${points};
      return { customer: from.customer, cents: state.cents, points: state.points };
    },`;
  });
  const reduce = state === undefined ? reduceText({ cents: "sum", points: "sum" }) : "";
  const kept =
    state === undefined
      ? ""
      : `\n  state: { schema: z.object({ cents: z.int(), points: z.int() }), initial: { cents: ${state}, points: 0 } },`;
  return `export const ${each.id} = derive(${quoted(each.name)}, {
  from: { ${sources.map((source) => `${source}: ${source}.by("customer")`).join(", ")} },
  schema: z.object({ customer: z.string(), cents: z.int(), points: z.int() }),
  ${key}${reduce}${kept}${journalsText(each)}
  on: {
    ${handlers.join("\n    ")}
  },
${end}`;
}

function times({ factor, rewritten }: Derivation, cents: string): string {
  return rewritten ? `${factor} * ${cents}` : `${cents} * ${factor}`;
}

function continuesText({ continues }: Derivation): string {
  return continues === undefined ? "" : `\n  continues: ${quoted(continues)},`;
}

function isOfLedger(flow: Flow, id: string): boolean {
  return flow.derivations.some((each) => each.id === id && each.kind === "ledger");
}

function targetText(flow: Flow, target: Target): string {
  const { collection, where, backfill, onSchemaChange, renamedFrom, name } = target;
  const options = [
    ...(backfill === 0 ? [] : [`backfill: ${backfill}`]),
    ...(onSchemaChange === "halt" ? [] : [`onSchemaChange: "backfill"`]),
    ...(renamedFrom === undefined ? [] : [`renamedFrom: ${quoted(renamedFrom)}`]),
  ];
  const more = options.length === 0 ? "" : `, { ${options.join(", ")} }`;
  return `${viewText(collection, isByRegion(flow, collection) ? where : undefined)}.materializeTo(${
    target.system === "postgres"
      ? `pg({ url: env("DATABASE_URL"), table: ${quoted(name)}${columnsText(flow, target)}${target.mode === "delta" ? `, mode: "delta"` : ""} })`
      : `redis({ url: env("REDIS_URL"), key: ${quoted(keyTemplate(flow, target))}, as: ${quoted(target.as)} })`
  }${more});`;
}

/**
 * What the Redis keys of the target begin with. By their key fields: with others it is another target, and the keys of the one
 * before stay.
 */
export function keyPrefix(flow: Flow, { name, collection }: Target): string {
  return [name, ...keyFields(flow, collection)].join("-");
}

function keyFields(flow: Flow, collection: string): readonly string[] {
  return [...keyOf(flow, collection)].sort();
}

/** `t1-customer:{customer}` */
function keyTemplate(flow: Flow, target: Target): string {
  const fields = keyFields(flow, target.collection).map((field) => `{${field}}`);
  return [keyPrefix(flow, target), ...fields].join(":");
}

function columnsText(flow: Flow, { columns, collection }: Target): string {
  const own = fieldsOf(flow, collection).flatMap(({ name }) => {
    const column = columns[name];
    if (column === undefined) return [];
    return [`${name}: ${column === false ? "false" : `{ name: ${quoted(column)} }`}`];
  });
  return own.length === 0 ? "" : `, columns: { ${own.join(", ")} }`;
}

function viewText(source: string, where: Region | undefined): string {
  return where === undefined ? source : `${source}.where({ region: ${quoted(where)} })`;
}

function keyText(key: readonly string[]): string {
  return `key: ${JSON.stringify(key)},`;
}

function reduceText(strategies: Readonly<Record<string, Strategy | undefined>>): string {
  const own = Object.entries(strategies).flatMap(([field, strategy]) =>
    strategy === undefined ? [] : [`${field}: ${quoted(strategy)}`],
  );
  return own.length === 0 ? "" : `\n  reduce: { ${own.join(", ")} },`;
}

function journalsText({ partitionBy, partitions }: Journals): string {
  const by = partitionBy ? `\n  partitionBy: ["region"],` : "";
  return partitions === 1 ? by : `${by}\n  partitions: ${partitions},`;
}

function paramsText(bonus: number | undefined): string {
  return bonus === undefined ? "" : `\n  params: { bonus: ${bonus} },`;
}

function renamed(from: string | undefined): string {
  return from === undefined ? "" : `.renamedFrom(${quoted(from)})`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
