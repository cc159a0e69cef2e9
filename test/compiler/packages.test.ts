/** Collections, helpers that declare flows, and connectors come from npm packages, built by themselves, with a Weir of their own or not. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBundle, type Project, project } from "./project.ts";

const PACKAGE = `import { z } from "zod";
import { capture, remove, source, type Target, target } from "weir";

const guarantee = { delivery: "at-least-once", mechanism: "It is a test." } as const;
export function feed(options: { readonly topic: string }) {
  return source({ connector: "feed", config: { ...options }, resource: options.topic, guarantee });
}
export function sink<D, K extends readonly string[], X extends string>(options: { readonly name: string }): Target<D, K, X> {
  return target({ connector: "sink", config: { ...options }, resource: options.name, guarantee });
}

export const orders = capture("kit/orders", feed({ topic: "orders" }), {
  schema: z.object({ id: z.string(), customer: z.string(), cents: z.int() }),
  key: ["id"],
});

const RATE = 10;
export function declareSpend(name: string, by: number) {
  return orders.derive(name, {
    schema: z.object({ customer: z.string(), cents: z.int() }),
    key: ["customer"],
    reduce: { cents: "sum" },
    params: { by },
    transform: (order, { params }) =>
      order.cents < 0
        ? remove({ customer: order.customer })
        : { customer: order.customer, cents: order.cents * RATE * params.by },
  });
}

export function declareWrong(name: string, by: number) {
  return orders.derive(name, {
    schema: z.object({ customer: z.string(), cents: z.int() }),
    key: ["customer"],
    transform: (order) => ({ customer: order.customer, cents: order.cents * by }),
  });
}
`;

const FLOW = `import { capture, derive, env } from "weir";
import { pg } from "weir/postgres";
import { z } from "zod";
import { declareSpend, feed, orders, sink } from "kit";

const customers = capture("shop/customers", feed({ topic: "customers" }), {
  schema: z.object({ id: z.string(), name: z.string() }),
  key: ["id"],
});
for (const by of [2, 3]) {
  declareSpend(\`shop/spend-\${by}\`, by)
    .materializeTo(sink({ name: \`spend_\${by}\` }))
    .materializeTo(pg({ url: env("DATABASE_URL"), table: \`spend_\${by}\`, columns: { cents: { name: "total" } } }));
}
derive("shop/named", {
  from: { orders: orders.by("customer"), customers: customers.by("id") },
  schema: z.object({ id: z.string(), name: z.string() }),
  key: ["id"],
  state: { schema: z.object({ name: z.string() }), initial: { name: "" } },
  on: {
    orders: (order, { state }) => ({ id: order.id, name: state.name }),
    customers(customer, { state }) {
      state.name = customer.name;
    },
  },
}).materializeTo(sink({ name: "named" }));
`;

const dsl = fileURLToPath(new URL("../../dsl/", import.meta.url));

/** JavaScript and declarations, as a package publishes them. */
function emit(entry: string, outDir: string): void {
  const program = ts.createProgram([entry], {
    strict: true,
    declaration: true,
    outDir,
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    customConditions: ["weir-source"],
    rewriteRelativeImportExtensions: true,
    types: [],
    // Of Weir's sources, which the package's program reads, nothing is to be written.
    rootDir: join(entry, ".."),
  });
  const own = (name: string) => name.startsWith(`${outDir}/`) && !name.includes("/../");
  program.emit(undefined, (name, text) => own(name) && ts.sys.writeFile(name, text), undefined, false);
}

/** A project with the package `kit` installed. */
function kit(ownWeir: boolean): Project {
  const manifest = (name: string) =>
    JSON.stringify({
      ...{ name, version: "1.0.0", type: "module" },
      exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    });
  const of = project({});
  const at = "node_modules/kit";
  of.write({ [`${at}/package.json`]: manifest("kit"), [`${at}/src/index.ts`]: PACKAGE });
  if (ownWeir) {
    of.write({ [`${at}/node_modules/weir/package.json`]: manifest("weir") });
    emit(join(dsl, "index.ts"), join(of.directory, at, "node_modules/weir/dist"));
  }
  emit(join(of.directory, at, "src/index.ts"), join(of.directory, at, "dist"));
  return of;
}

const copies = [
  ["the project's own Weir", false],
  ["a Weir of its own", true],
] as const;

describe.each(copies)("a package with %s", (_, ownWeir) => {
  let of: Project;
  beforeAll(() => {
    of = kit(ownWeir);
  });
  afterAll(() => of[Symbol.dispose]());

  test("gives collections, flows and connectors", async () => {
    of.write({ "main.flow.ts": FLOW });
    const build = await of.build();
    const { plan } = build;
    expect(plan.captures["shop/customers"]).toMatchObject({
      connector: "feed",
      config: { topic: "customers" },
    });
    expect(Object.keys(plan.materializations)).toContain("sink:spend_2");
    const [two, three] = ["shop/spend-2", "shop/spend-3"].map((name) => plan.derivations[name]);
    expect([two?.params, three?.params]).toEqual([{ by: 2 }, { by: 3 }]);
    // The transform is the package's own JavaScript, bundled once.
    expect(three?.sources).toEqual(two?.sources);
    const bundle = two?.sources[0]?.transform.bundle;
    const transform = await loadBundle(build, bundle);
    expect(transform({ customer: "a", cents: 3 }, { params: { by: 2 } })).toEqual({
      customer: "a",
      cents: 60,
    });
    const removal = Object(transform({ customer: "a", cents: -1 }, { params: { by: 2 } }));
    expect(removal[Symbol.for("weir.removed")]).toEqual({ customer: "a" });
    const found = build.bundles.find(({ hash }) => hash === bundle);
    expect(JSON.parse(found?.map ?? "{}").sources).toContain("node_modules/kit/dist/index.js");
    expect(found?.code).not.toContain("capture");
  });

  test("is told what is wrong where its flows are declared", async () => {
    const flow = `import { declareSpend, declareWrong, orders, sink } from "kit";
void orders;
declareSpend("shop/spend", 1).materializeTo(sink({ name: "spend" }));
declareSpend("shop/spend", 2).materializeTo(sink({ name: "spend" }));
declareSpend("shop/unused", 2);
declareWrong("shop/wrong", 2).materializeTo(sink({ name: "wrong", nmae: "x" }));
`;
    of.write({ "main.flow.ts": flow });
    const { diagnostics } = await of.compile();
    const shown = diagnostics.map(({ code, file, line, column }) => [
      code,
      file.slice(of.directory.length + 1),
      line,
      column,
    ]);
    const js = "node_modules/kit/dist/index.js";
    const wrong = ts.sys.readFile(join(of.directory, js))?.split("\n") ?? [];
    const captured = wrong.findIndex((text) => text.includes("* by }")) + 1;
    expect(shown).toEqual([
      // The second call, and the second target.
      ["WEIR4001", "main.flow.ts", 4, 1],
      ["WEIR2003", "main.flow.ts", 4, 45],
      ["WEIR4004", "main.flow.ts", 5, 1],
      ["WEIR2001", "main.flow.ts", 6, (flow.split("\n")[5] ?? "").indexOf("nmae") + 1],
      ["WEIR3003", js, captured, (wrong[captured - 1] ?? "").indexOf("by }") + 1],
    ]);
  });
});
