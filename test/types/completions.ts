/** What completion must offer at `|` in a flow: all of it and nothing else. */
export interface CompletionCase {
  readonly title: string;
  readonly flow: string;
  readonly offers: readonly string[];
}

export const PRELUDE = `
import { capture, derive, env, remove } from "weir";
import { files } from "weir/files";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";
import { z } from "zod";

const source = http({ path: "/orders" });
const schema = z.object({
  id: z.string(),
  customer: z.string().optional(),
  cents: z.int(),
  rate: z.number(),
  paid: z.boolean(),
  kind: z.enum(["big", "small"]),
  address: z.object({ city: z.string(), floor: z.number() }),
});
const rich = z.object({
  id: z.string(),
  total: z.string(),
  tags: z.object({ add: z.array(z.string()).optional(), remove: z.array(z.string()).optional() }),
  items: z.array(z.object({ sku: z.string(), size: z.object({ eu: z.int() }), n: z.int().optional() })),
});
const orders = capture("orders", source, { schema, key: ["id", "cents"] });
const url = env("URL");
const visits = capture("visits", source, {
  schema: z.object({ country: z.enum(["NL", "DE"]), shop: z.object({ id: z.int() }), id: z.string(), open: z.boolean().nullable() }),
  key: ["country", "shop.id", "id"],
  partitionBy: ["country", "shop.id"],
});
const from = { orders: orders.by("kind"), visits: visits.reduced().by("id") };
const state = { schema: z.object({ seen: z.int(), kind: z.enum(["a", "b"]) }), initial: { seen: 0, kind: "a" } } as const;
`;

const KEYS = ["address.city", "cents", "id", "kind", "paid"];
const FIELDS = [
  "address",
  "address.city",
  "address.floor",
  "cents",
  "customer",
  "id",
  "kind",
  "paid",
  "rate",
];

export const COMPLETIONS: readonly CompletionCase[] = [
  {
    title: "a capture's key",
    flow: `capture("x", source, { schema, key: ["|"] });`,
    offers: KEYS,
  },
  {
    title: "a capture's key, before the quotes",
    flow: `capture("x", source, { schema, key: [|] });`,
    offers: KEYS,
  },
  {
    title: "a key's second element",
    flow: `capture("x", source, { schema, key: ["id", "|"] });`,
    offers: KEYS,
  },
  {
    title: "a key that is half written",
    flow: `capture("x", source, { schema, key: ["addr|"] });`,
    offers: KEYS,
  },
  {
    title: "a derivation's key",
    flow: `orders.derive("x", { schema, key: ["|"], transform: (order) => order });`,
    offers: KEYS,
  },
  {
    title: "a reduction's fields, without the key's",
    flow: `capture("x", source, { schema, key: ["id"], reduce: { | } });`,
    offers: FIELDS.filter((field) => field !== "id"),
  },
  {
    title: "a reduction's fields, without those of a nested key",
    flow: `capture("x", source, { schema, key: ["address.city", "kind"], reduce: { | } });`,
    offers: FIELDS.filter((field) => field !== "address.city" && field !== "kind"),
  },
  {
    title: "a derivation's reduction, without those that are named already",
    flow: `orders.derive("x", { schema, key: ["id"], reduce: { cents: "sum", | }, transform: (order) => order });`,
    offers: FIELDS.filter((field) => field !== "id" && field !== "cents"),
  },
  {
    title: "strategies of an integer",
    flow: `capture("x", source, { schema, key: ["id"], reduce: { cents: "|" } });`,
    offers: ["first", "last", "max", "min", "sum"],
  },
  {
    title: "strategies of a fraction inside an object",
    flow: `capture("x", source, { schema, key: ["id"], reduce: { "address.floor": "|" } });`,
    offers: ["first", "last", "max", "min", "sum"],
  },
  {
    title: "strategies of an optional string",
    flow: `capture("x", source, { schema, key: ["id"], reduce: { customer: "|" } });`,
    offers: ["first", "last", "max", "min"],
  },
  {
    title: "strategies of a boolean",
    flow: `orders.derive("x", { schema, key: ["id"], reduce: { paid: "|" }, transform: (order) => order });`,
    offers: ["first", "last"],
  },
  {
    title: "strategies of an object",
    flow: `capture("x", source, { schema, key: ["id"], reduce: { address: "|" } });`,
    offers: ["first", "last", "merge"],
  },
  {
    title: "strategies of an array of objects",
    flow: `capture("x", source, { schema: rich, key: ["id"], reduce: { items: "|" } });`,
    offers: ["append", "first", "last"],
  },
  {
    title: "strategies with options, of an array of objects",
    flow: `capture("x", source, { schema: rich, key: ["id"], reduce: { items: { | } } });`,
    offers: ["merge"],
  },
  {
    title: "fields that tell the elements of an array apart",
    flow: `capture("x", source, { schema: rich, key: ["id"], reduce: { items: { merge: { key: ["|"] } } } });`,
    offers: ["size.eu", "sku"],
  },
  {
    title: "exact sums of strings",
    flow: `capture("x", source, { schema: rich, key: ["id"], reduce: { total: { sum: "|" } } });`,
    offers: ["decimal", "int64"],
  },
  {
    title: "strategies of a set",
    flow: `capture("x", source, { schema: rich, key: ["id"], reduce: { tags: "|" } });`,
    offers: ["first", "last", "merge", "set"],
  },
  {
    title: "what a file capture knows",
    flow: `capture("x", files({ path: "a" }), { schema, key: ["id"], provenance: { | } });`,
    offers: ["file", "row"],
  },
  {
    title: "what a file capture does with a bad row",
    flow: `capture("x", files({ path: "a" }), { schema, key: ["id"], onError: "|" });`,
    offers: ["deadLetter", "halt"],
  },
  {
    title: "what a derivation does with a document that it cannot derive from",
    flow: `orders.derive("x", { schema, key: ["id"], onError: "|", transform: (order) => order });`,
    offers: ["deadLetter", "halt"],
  },
  {
    title: "fields for the file's name",
    flow: `capture("x", files({ path: "a" }), { schema, key: ["id"], provenance: { file: "|" } });`,
    offers: ["id"],
  },
  {
    title: "fields for the row's number",
    flow: `capture("x", files({ path: "a" }), { schema, key: ["id"], provenance: { row: "|" } });`,
    offers: ["cents"],
  },
  {
    title: "a capture's options, without provenance where there is none",
    flow: `capture("x", source, { | });`,
    offers: ["key", "partitionBy", "partitions", "reduce", "schema"],
  },
  {
    title: "a derivation's options",
    flow: `orders.derive("x", { | });`,
    offers: [
      "continues",
      "key",
      "onError",
      "params",
      "partitionBy",
      "partitions",
      "reduce",
      "removed",
      "schema",
      "shards",
      "transform",
    ],
  },
  {
    title: "the options of a derivation of reduced documents, without removed",
    flow: `orders.reduced().derive("x", { | });`,
    offers: [
      "continues",
      "key",
      "onError",
      "params",
      "partitionBy",
      "partitions",
      "reduce",
      "schema",
      "shards",
      "transform",
    ],
  },
  {
    title: "the document's fields",
    flow: `orders.derive("x", { schema, key: ["id"], transform: (order) => order.| });`,
    offers: ["address", "cents", "customer", "id", "kind", "paid", "rate"],
  },
  {
    title: "an output's fields",
    flow: `orders.derive("x", { schema, key: ["id"], transform: (order) => ({ | }) });`,
    offers: ["address", "cents", "customer", "id", "kind", "paid", "rate"],
  },
  {
    title: "the fields of a removal",
    flow: `orders.derive("x", { schema, key: ["id", "address.city"], transform: (order) => remove({ | }) });`,
    offers: ["address", "id"],
  },
  {
    title: "the fields inside a removal",
    flow: `orders.derive("x", { schema, key: ["id", "address.city"], transform: (o) => remove({ id: "", address: { | } }) });`,
    offers: ["city"],
  },
  {
    title: "an output's enum",
    flow: `orders.derive("x", { schema, key: ["id"], transform: (order) => ({ ...order, kind: "|" }) });`,
    offers: ["big", "small"],
  },
  {
    title: "params",
    flow: `orders.derive("x", { schema, key: ["id"], params: { limit: 1 }, transform: (o, { params }) => params.| });`,
    offers: ["limit"],
  },
  {
    title: "a collection",
    flow: `orders.|`,
    offers: ["by", "derive", "key", "materializeTo", "name", "read", "reduced", "renamedFrom", "where"],
  },
  {
    title: "some partitions of a collection",
    flow: `visits.where({}).|`,
    offers: ["by", "derive", "materializeTo", "read", "reduced"],
  },
  {
    title: "a collection that is read within bounds",
    flow: `orders.read({}).|`,
    offers: ["by", "derive", "reduced"],
  },
  {
    title: "reduced documents",
    flow: `orders.reduced().|`,
    offers: ["by", "derive"],
  },
  {
    title: "partition fields of a capture, which are of its key",
    flow: `capture("x", source, { schema, key: ["id", "kind"], partitionBy: ["|"] });`,
    offers: ["id", "kind"],
  },
  {
    title: "partition fields of a derivation, which are of its key",
    flow: `orders.derive("x", { schema, key: ["id", "kind"], partitionBy: ["id", "|"], transform: (order) => order });`,
    offers: ["id", "kind"],
  },
  {
    title: "what where may name",
    flow: `visits.where({ | });`,
    offers: ["country", "shop.id"],
  },
  {
    title: "what else where may name",
    flow: `visits.where({ country: "NL", | });`,
    offers: ["shop.id"],
  },
  {
    title: "values of a partition field",
    flow: `visits.where({ country: "|" });`,
    offers: ["DE", "NL"],
  },
  {
    title: "values of a partition field, in a list",
    flow: `visits.where({ country: ["NL", "|"] });`,
    offers: ["DE", "NL"],
  },
  {
    title: "nothing to choose by where there are no partitions",
    flow: `orders.where({ | });`,
    offers: [],
  },
  {
    title: "how a source is read",
    flow: `orders.read({ | });`,
    offers: ["from", "priority", "readDelay", "until"],
  },
  {
    title: "a shuffle key",
    flow: `orders.by("|");`,
    offers: KEYS,
  },
  {
    title: "a shuffle key's second part",
    flow: `orders.reduced().by("id", "|");`,
    offers: KEYS,
  },
  {
    title: "fields in a computed shuffle key",
    flow: `visits.by((visit) => [visit.|]);`,
    offers: ["country", "id", "open", "shop"],
  },
  {
    title: "the options of a derivation of several sources",
    flow: `derive("x", { | });`,
    offers: [
      "continues",
      "from",
      "key",
      "on",
      "onError",
      "params",
      "partitionBy",
      "partitions",
      "reduce",
      "removed",
      "schema",
      "shards",
      "state",
    ],
  },
  {
    title: "the key of a derivation of several sources",
    flow: `derive("x", { from, schema, key: ["|"], on: { orders() {}, visits() {} } });`,
    offers: KEYS,
  },
  {
    title: "the reduction of a derivation of several sources",
    flow: `derive("x", { from, schema, key: ["id"], reduce: { paid: "|" }, on: { orders() {}, visits() {} } });`,
    offers: ["first", "last"],
  },
  {
    title: "the sources that want a handler",
    flow: `derive("x", { from, schema, key: ["id"], on: { | } });`,
    offers: ["orders", "visits"],
  },
  {
    title: "the sources that want a handler, where from is written in place",
    flow: `derive("x", { from: { one: orders.by("id"), two: visits.by("id") }, schema, key: ["id"], on: { one() {}, | } });`,
    offers: ["two"],
  },
  {
    title: "the sources whose removals can be handled, which are not reduced",
    flow: `derive("x", { from, schema, key: ["id"], on: { orders() {}, visits() {} }, removed: { | } });`,
    offers: ["orders"],
  },
  {
    title: "a document's fields in a handler",
    flow: `derive("x", { from, schema, key: ["id"], on: { orders(order) { order.| }, visits() {} } });`,
    offers: ["address", "cents", "customer", "id", "kind", "paid", "rate"],
  },
  {
    title: "a change in a handler",
    flow: `derive("x", { from, schema, key: ["id"], on: { orders() {}, visits: (change) => change.| } });`,
    offers: ["after", "before"],
  },
  {
    title: "a removed document's key in a handler",
    flow: `derive("x", { from, schema, key: ["id"], on: { orders() {}, visits() {} }, removed: { orders: (key) => key.| } });`,
    offers: ["cents", "id"],
  },
  {
    title: "an output's fields in a handler",
    flow: `derive("x", { from, schema, key: ["id"], on: { orders: () => ({ | }), visits() {} } });`,
    offers: ["address", "cents", "customer", "id", "kind", "paid", "rate"],
  },
  {
    title: "an output's enum in a handler",
    flow: `derive("x", { from, schema, key: ["id"], on: { orders: (order) => ({ ...order, kind: "|" }), visits() {} } });`,
    offers: ["big", "small"],
  },
  {
    title: "what a handler gets without state",
    flow: `derive("x", { from, schema, key: ["id"], on: { orders(order, context) { context.| }, visits() {} } });`,
    offers: ["params"],
  },
  {
    title: "what a handler gets with state",
    flow: `derive("x", { from, schema, key: ["id"], state, on: { orders(order, context) { context.| }, visits() {} } });`,
    offers: ["params", "state"],
  },
  {
    title: "fields of the state in a handler",
    flow: `derive("x", { from, schema, key: ["id"], state, on: { orders(order, { state }) { state.| }, visits() {} } });`,
    offers: ["kind", "seen"],
  },
  {
    title: "a field's values of the state",
    flow: `derive("x", { from, schema, key: ["id"], state, on: { orders(order, { state }) { state.kind = "|"; }, visits() {} } });`,
    offers: ["a", "b"],
  },
  {
    title: "what state is made of",
    flow: `derive("x", { from, schema, key: ["id"], state: { | }, on: { orders() {}, visits() {} } });`,
    offers: ["initial", "schema"],
  },
  {
    title: "fields of the initial state",
    flow: `derive("x", { from, schema, key: ["id"], state: { schema: state.schema, initial: { | } }, on: { orders() {}, visits() {} } });`,
    offers: ["kind", "seen"],
  },
  {
    title: "how a target is kept in step",
    flow: `orders.materializeTo(pg({ url, table: "a" }), { | });`,
    offers: ["backfill", "onSchemaChange", "renamedFrom"],
  },
  {
    title: "what to do where a schema changes",
    flow: `orders.materializeTo(pg({ url, table: "a" }), { onSchemaChange: "|" });`,
    offers: ["backfill", "halt"],
  },
  {
    title: "strategies of a nullable integer",
    flow: `capture("x", source, { schema: z.object({ id: z.string(), n: z.int().nullable() }), key: ["id"], reduce: { n: "|" } });`,
    offers: ["first", "last", "max", "min", "sum"],
  },
  {
    title: "a Postgres target",
    flow: `orders.materializeTo(pg({ | }));`,
    offers: ["columns", "mode", "schema", "table", "url"],
  },
  {
    title: "a Redis target",
    flow: `orders.materializeTo(redis({ | }));`,
    offers: ["as", "key", "url"],
  },
  {
    title: "Redis representations",
    flow: `orders.materializeTo(redis({ url, key: "{id}:{cents}", as: "|" }));`,
    offers: ["hash", "json"],
  },
  {
    title: "a Redis key that names what is not a key field",
    flow: `orders.materializeTo(redis({ url, key: "order:{id}:{cent|}" }));`,
    offers: ["order:{id}:{cents}"],
  },
  {
    title: "a sorted set's scores",
    flow: `orders.materializeTo(redis({ url, key: "o", as: { sortedSet: { member: "{id}:{cents}", score: "|" } } }));`,
    offers: ["address.floor", "cents", "rate"],
  },
  {
    title: "file formats",
    flow: `files({ path: "a", format: "|" });`,
    offers: ["csv", "json", "ndjson"],
  },
];
