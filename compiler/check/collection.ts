/** Checks of one collection: its schema, its key, its reductions. */
import { fieldAt, fieldsOf, type JsonType } from "../../plan/field-schema.ts";
import type { JsonSchema } from "../../plan/plan.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { EvaluatedCollection } from "../evaluate/evaluation.ts";
import type { AimAt } from "./graph.ts";
import { reduceComplaint } from "./reduction.ts";

export function checkCollection(
  collection: EvaluatedCollection,
  place: Place,
  aim: AimAt,
): readonly Diagnostic[] {
  const { name, schema } = collection;
  const found = schema.problems.map((problem) => {
    const subject =
      problem.path.length === 0 ? `The schema of ${name}` : `The field ${problem.path.join(".")} of ${name}`;
    return diagnostic(
      problem.code,
      aim(place, ["schema", ...problem.path]),
      `${subject} ${problem.complaint}.`,
      { fix: problem.fix },
    );
  });
  if (schema.json !== undefined) {
    found.push(
      ...checkKey(collection, schema.json, place, aim),
      ...checkReduce(collection, schema.json, place, aim),
    );
  }
  return found;
}

const KEY_TYPES: readonly JsonType[] = ["string", "integer", "boolean"];

function* checkKey(
  collection: EvaluatedCollection,
  schema: JsonSchema,
  place: Place,
  aim: AimAt,
): Generator<Diagnostic> {
  for (const [index, path] of collection.key.entries()) {
    const complaint = keyComplaint(schema, path);
    if (complaint === undefined) continue;
    yield diagnostic(
      "WEIR1007",
      aim(place, ["key", String(index)]),
      `The key field ${path} of ${collection.name} ${complaint.what}.`,
      { fix: complaint.fix },
    );
  }
}

function keyComplaint(schema: JsonSchema, path: string): { what: string; fix: string } | undefined {
  const field = fieldAt(schema, path);
  if (field === undefined) {
    const known = [...fieldsOf(schema).keys()].join(", ");
    return { what: "is not in its schema", fix: `Name fields of the schema: ${known || "it has none"}.` };
  }
  const { types, required } = field;
  if (!required) return { what: "may be missing", fix: "Make the field required: remove .optional()." };
  if (types.has("null")) return { what: "may be null", fix: "Make the field not nullable." };
  if (types.has("number"))
    return { what: "may hold fractions", fix: "Use z.int(): fractions are no reliable keys." };
  if (![...types].every((type) => KEY_TYPES.includes(type)) || types.size === 0) {
    return {
      what: `is of type ${[...types].join(" or ")}`,
      fix: "Name a field that holds strings, integers or booleans.",
    };
  }
  return undefined;
}

function* checkReduce(
  collection: EvaluatedCollection,
  schema: JsonSchema,
  place: Place,
  aim: AimAt,
): Generator<Diagnostic> {
  for (const [path, strategy] of Object.entries(collection.reduce)) {
    const here = aim(place, ["reduce", path]);
    if (collection.key.includes(path)) {
      yield diagnostic(
        "WEIR1008",
        here,
        `The key field ${path} of ${collection.name} has a reduction, but all documents of one key agree in it.`,
        {
          fix: `Remove ${path} from reduce.`,
        },
      );
      continue;
    }
    const complaint = reduceComplaint(schema, path, strategy);
    if (complaint !== undefined) {
      yield diagnostic(
        "WEIR1002",
        here,
        `The reduction of ${path} in ${collection.name} does not fit: ${complaint.what}.`,
        { fix: complaint.fix },
      );
    }
  }
}
