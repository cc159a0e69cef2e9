/**
 * `schema.json` and the types of `plan.ts` say the same. The schema is written out as TypeScript types, and TypeScript
 * is asked whether each is identical (not just assignable) to the type of its name. What types cannot say
 * (`minItems`, `pattern`) is outside of the proof.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import ts from "typescript";
import { expect, test } from "vitest";

type Schema = { readonly [name: string]: unknown };
const schema: Schema & { readonly $defs: Readonly<Record<string, Schema>> } = JSON.parse(
  readFileSync(new URL("./schema.json", import.meta.url), "utf8"),
);

/** Their schemas are checked word by word below: a type may hold `undefined` where JSON has no property. */
const OPAQUE = ["Json", "JsonObject"];

function typeText(of: Schema): string {
  if (typeof of.$ref === "string") return of.$ref.replace("#/$defs/", "");
  if (of.const !== undefined) return JSON.stringify(of.const);
  if (Array.isArray(of.anyOf)) return of.anyOf.map((each) => typeText(Object(each))).join(" | ");
  if (Array.isArray(of.enum)) return of.enum.map((value) => JSON.stringify(value)).join(" | ");
  switch (of.type) {
    case "string":
    case "boolean":
      return of.type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return `readonly (${typeText(Object(of.items))})[]`;
    case "object":
      return objectText(of);
    default:
      throw new Error(`No type for ${JSON.stringify(of)}`);
  }
}

function objectText(of: Schema): string {
  const required = new Set(Array.isArray(of.required) ? of.required : []);
  const members = Object.entries(Object(of.properties)).map(
    ([name, member]) => `readonly ${name}${required.has(name) ? "" : "?"}: ${typeText(Object(member))};`,
  );
  if (of.additionalProperties === undefined) members.push("readonly [name: string]: unknown;");
  else if (of.additionalProperties !== false) {
    members.push(`readonly [name: string]: ${typeText(Object(of.additionalProperties))};`);
  }
  return `{ ${members.join(" ")} }`;
}

/** The errors of the proof: none if `defs` and the types are equal. */
function prove(defs: Readonly<Record<string, Schema>>): readonly string[] {
  const names = Object.keys(defs).filter((name) => !OPAQUE.includes(name));
  const interfaces = names.map((name) => `type ${name} = ${typeText(defs[name] ?? {})};`);
  const proofs = names.map((name) => `export const ${name}Proof: Equal<${name}, plan.${name}> = true;`);
  const text = `
    import type * as plan from "./plan.ts";
    import type { JsonObject } from "./plan.ts";
    type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
    ${[...interfaces, ...proofs].join("\n")}`;
  const path = fileURLToPath(new URL("./schema-proof.ts", import.meta.url));
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    allowImportingTsExtensions: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target) =>
    name === path ? ts.createSourceFile(name, text, target, true) : read(name, target);
  const program = ts.createProgram([path], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map((each) => ts.flattenDiagnosticMessageText(each.messageText, "\n"));
}

test("schema and types are equal", () => {
  expect(prove(schema.$defs)).toEqual([]);
});

test("every type of the plan has its schema", () => {
  const types = [
    ...readFileSync(new URL("./plan.ts", import.meta.url), "utf8").matchAll(/export interface (\w+)/g),
  ];
  // In a plan a reference to the environment is JSON; what connectors share is written out in each.
  const others = ["EnvReference", "ConnectorPlan"];
  const expected = types.map(([, name = ""]) => name).filter((name) => !others.includes(name));
  expect([...expected, "Json", "ReduceStrategy"].sort()).toEqual(Object.keys(schema.$defs).sort());
});

/** What the mutations touch. */
interface Definition {
  properties: Record<string, Definition>;
  required: string[];
  enum: string[];
  anyOf: Definition[];
  const: unknown;
  additionalProperties?: Definition;
  items?: Definition;
}
type Name = "Plan" | "ReduceStrategy" | "CapturePlan" | "DerivationSource" | "StatePlan" | "Guarantee";

const mutations: Readonly<Record<string, (defs: Record<Name, Definition>) => unknown>> = {
  "a property less": (defs) => delete defs.DerivationSource.properties.removed,
  "a property more": (defs) => Object.assign(defs.StatePlan.properties, { note: { type: "string" } }),
  "a property that need not be there": (defs) => defs.Plan.required.pop(),
  "another type": (defs) =>
    Object.assign(defs.DerivationSource.properties, {
      collection: { type: "array", items: { type: "string" } },
    }),
  "a strategy less": (defs) => defs.ReduceStrategy.anyOf[0]?.enum.pop(),
  "an object of a strategy less": (defs) => defs.ReduceStrategy.anyOf.pop(),
  "a flag that may be false": (defs) =>
    Object.assign(defs.DerivationSource.properties.reduced ?? {}, { const: false }),
  "a shuffle key without functions": (defs) => defs.DerivationSource.properties.by?.items?.anyOf.pop(),
  "a guarantee more": (defs) => defs.Guarantee.properties.delivery?.enum.push("maybe"),
  "another version": (defs) => Object.assign(defs.Plan.properties.formatVersion ?? {}, { const: 2 }),
  "an open object": (defs) => delete defs.CapturePlan.additionalProperties,
};
test.each(Object.keys(mutations))("the proof fails for %s", (name) => {
  const defs = structuredClone(schema.$defs);
  const before = JSON.stringify(defs);
  // The published schema has these definitions; `schema and types are equal` says so.
  mutations[name]?.(defs as unknown as Record<Name, Definition>);
  expect(JSON.stringify(defs)).not.toBe(before);
  expect(prove(defs)).not.toEqual([]);
});

test("JSON is any JSON", () => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  const json = ajv.compile({ $ref: "#/$defs/Json", $defs: schema.$defs });
  const object = ajv.compile({ $ref: "#/$defs/JsonObject", $defs: schema.$defs });
  for (const value of [null, true, 1.5, "a", [1, ["a", { b: null }]], { a: { b: [] } }])
    expect(json(value)).toBe(true);
  expect([object({ a: [1] }), object([]), object(null), object("a")]).toEqual([true, false, false, false]);
});
