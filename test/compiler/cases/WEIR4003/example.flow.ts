import { z } from "zod";

/** What an untyped caller, or another version of Weir, could report. */
const collector = Reflect.get(globalThis, Symbol.for("weir.collector"));

for (const [name, source] of [
  ["shop/a", "shop/b"],
  ["shop/b", "shop/a"],
]) {
  collector?.declare({
    kind: "derive",
    collection: {
      name,
      schema: z.object({ customer: z.string() }),
      key: ["customer"],
      reduce: {},
      partitionBy: [],
      partitions: 1,
    },
    sources: [
      { collection: source, where: {}, priority: 0, reduced: false, transform: (order: { customer: string }) => order },
    ],
    params: {},
    stack: new Error().stack,
  });
}
