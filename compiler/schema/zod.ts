/**
 * Zod's own conversion to JSON Schema passes over refinements, trims, coercions, defaults and the like, or
 * throws at the first thing it cannot say. So a Zod schema is walked, by the structure that Zod documents for
 * library authors (https://zod.dev/library-authors: `_zod.def`), and each such place is named.
 */
import type { SchemaProblem } from "./problem.ts";

interface Definition {
  readonly type: string;
  readonly [name: string]: unknown;
}

interface ZodValue {
  readonly _zod: { readonly def: Definition };
}

/** Types that change or refuse values beyond JSON Schema, with what to write. */
const CHANGING: Readonly<Record<string, readonly [complaint: string, fix: string]>> = {
  transform: [
    "transforms its value",
    "Describe the value as it is stored, and compute the other one in a derivation's transform.",
  ],
  pipe: [
    "transforms its value (pipe, transform, preprocess or codec)",
    "Describe the value as it is stored, and compute the other one in a derivation's transform.",
  ],
  default: ["fills in a default", "Use .optional(), and give the default in a derivation's transform."],
  prefault: ["fills in a default", "Use .optional(), and give the default in a derivation's transform."],
  catch: [
    "replaces wrong values by .catch()",
    "Remove .catch(): a wrong value is refused with its path and rule.",
  ],
  custom: [
    "is checked by a function of its own",
    "Use a type that JSON Schema describes; check the rest in a derivation's transform.",
  ],
  success: ["turns its value into true or false", "Use z.boolean()."],
};

/** Types that JSON has not. */
const UNREPRESENTABLE: Readonly<Record<string, readonly [complaint: string, fix: string]>> = {
  date: ["is a Date", "JSON has no dates: use z.iso.datetime() or z.iso.date()."],
  bigint: [
    "is a bigint",
    "JSON has no bigints: use z.int(), or a string of digits such as z.string().regex(/^-?\\d+$/).",
  ],
  symbol: ["is a symbol", "Use z.string()."],
  undefined: ["is undefined", "Leave the field out, or make another type optional with .optional()."],
  void: ["is void", "Leave the field out."],
  nan: ["is NaN", "Use z.number(): JSON has no NaN."],
  map: ["is a Map", "Use z.record(z.string(), …)."],
  set: ["is a Set", "Use z.array(…)."],
  function: ["is a function", "Leave the field out: a document is data."],
  promise: ["is a promise", "Leave the field out: a document is data."],
  file: ["is a file", "Store the file elsewhere and keep its URL: z.url()."],
};

/** Checks that JSON Schema says as well. Of `string_format`, all: Zod writes their pattern. */
const DECLARATIVE_CHECKS = new Set([
  "less_than",
  "greater_than",
  "multiple_of",
  "number_format",
  "max_length",
  "min_length",
  "length_equals",
  "string_format",
]);

/** Empty for what is not a Zod schema. */
export function zodProblems(schema: unknown): readonly SchemaProblem[] {
  return isZod(schema) ? [...walk(schema, [], new Set())] : [];
}

function* walk(schema: ZodValue, path: readonly string[], above: Set<unknown>): Generator<SchemaProblem> {
  // A schema within itself was told already; one that makes new schemas without end is left to its conversion.
  if (above.has(schema) || above.size > 64) return;
  const inside = new Set(above).add(schema);
  const { def } = schema._zod;
  const changing = CHANGING[def.type];
  if (changing !== undefined) {
    yield { code: "WEIR1004", path, complaint: changing[0], fix: changing[1] };
    return;
  }
  const unrepresentable = UNREPRESENTABLE[def.type];
  if (unrepresentable !== undefined) {
    yield { code: "WEIR1005", path, complaint: unrepresentable[0], fix: unrepresentable[1] };
    return;
  }
  yield* checkProblems(def, path);
  for (const [step, child] of children(def)) {
    if (isZod(child)) yield* walk(child, step === undefined ? path : [...path, step], inside);
  }
}

function* checkProblems(def: Definition, path: readonly string[]): Generator<SchemaProblem> {
  if (def.coerce === true) {
    const fix = "Use the type without coerce: documents hold JSON's own numbers, strings and booleans.";
    yield { code: "WEIR1004", path, complaint: "converts its value (coerce)", fix };
  }
  if (def.normalize === true) {
    yield { code: "WEIR1004", path, complaint: "rewrites its value (normalize)", fix: "Remove normalize." };
  }
  for (const check of Array.isArray(def.checks) ? def.checks : []) {
    const inner = isZod(check) ? check._zod.def : undefined;
    const kind = String(inner?.check);
    if (kind === "overwrite") {
      const fix = "Remove trim(), toLowerCase() and the like; do it in a derivation's transform.";
      yield {
        code: "WEIR1004",
        path,
        complaint: "rewrites its value (trim, toLowerCase, normalize or the like)",
        fix,
      };
    } else if (kind === "string_format" && inner?.normalize === true) {
      yield { code: "WEIR1004", path, complaint: "rewrites its value (normalize)", fix: "Remove normalize." };
    } else if (!DECLARATIVE_CHECKS.has(kind)) {
      const fix =
        "Use checks that JSON Schema has (min, max, length, regex, multipleOf); filter the rest in a derivation's transform.";
      yield {
        code: "WEIR1004",
        path,
        complaint: "is checked by a function (refine, superRefine or check)",
        fix,
      };
    }
  }
}

function* children(def: Definition): Generator<readonly [step: string | undefined, child: unknown]> {
  switch (def.type) {
    case "object": {
      const shape = def.shape;
      if (typeof shape === "object" && shape !== null) yield* Object.entries(shape);
      yield ["*", def.catchall];
      return;
    }
    case "array":
      yield ["[]", def.element];
      return;
    case "tuple":
      for (const item of listOf(def.items)) yield ["[]", item];
      yield ["[]", def.rest];
      return;
    case "record":
      yield ["*", def.keyType];
      yield ["*", def.valueType];
      return;
    case "union":
      for (const option of listOf(def.options)) yield [undefined, option];
      return;
    case "intersection":
      yield [undefined, def.left];
      yield [undefined, def.right];
      return;
    case "lazy":
      yield [undefined, typeof def.getter === "function" ? def.getter() : undefined];
      return;
    default:
      // optional, nullable, nonoptional, readonly
      yield [undefined, def.innerType];
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isZod(value: unknown): value is ZodValue {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const internals: unknown = Reflect.get(value, "_zod");
  return typeof internals === "object" && internals !== null && "def" in internals;
}
