/** What completion must offer at `|` in a flow: all of it and nothing else. */
export interface CompletionCase {
  readonly title: string;
  readonly flow: string;
  readonly offers: readonly string[];
}

export const PRELUDE = `
import { capture, env, remove } from "weir";
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
    offers: ["key", "reduce", "schema"],
  },
  {
    title: "a derivation's options",
    flow: `orders.derive("x", { | });`,
    offers: ["key", "params", "reduce", "schema", "transform"],
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
    offers: ["derive", "key", "materializeTo", "name"],
  },
  {
    title: "a Postgres target",
    flow: `orders.materializeTo(pg({ | }));`,
    offers: ["schema", "table", "url"],
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
