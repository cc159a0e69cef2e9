/** Checks of one collection: its schema, its key, its reductions. */
import type { JsonSchema } from "../../plan/plan.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { EvaluatedCollection } from "../evaluate/evaluation.ts";
import type { SchemaProblem } from "../schema/problem.ts";
import type { Aim } from "../typescript/calls.ts";
import type { AimAt } from "./graph.ts";
import { keyComplaint } from "./key-field.ts";
import { reduceComplaint } from "./reduction.ts";

export function checkCollection(
  collection: EvaluatedCollection,
  place: Place,
  aim: AimAt,
): readonly Diagnostic[] {
  const { name, schema } = collection;
  const found = [...schemaDiagnostics(schema.problems, name, place, ["schema"], aim)];
  if (schema.json !== undefined) {
    found.push(
      ...checkKey(collection, schema.json, place, aim),
      ...checkReduce(collection, schema.json, place, aim),
    );
  }
  return found;
}

/** `steps` lead to the schema in the declaring call. */
export function* schemaDiagnostics(
  problems: readonly SchemaProblem[],
  of: string,
  place: Place,
  steps: Aim,
  aim: AimAt,
): Generator<Diagnostic> {
  for (const { code, path, complaint, fix } of problems) {
    const subject = path.length === 0 ? `The schema of ${of}` : `The field ${path.join(".")} of ${of}`;
    yield diagnostic(code, aim(place, [...steps, ...path]), `${subject} ${complaint}.`, { fix });
  }
}

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

function* checkReduce(
  collection: EvaluatedCollection,
  schema: JsonSchema,
  place: Place,
  aim: AimAt,
): Generator<Diagnostic> {
  for (const [path, strategy] of Object.entries(collection.reduce)) {
    const here = () => aim(place, ["reduce", path]);
    if (collection.key.includes(path)) {
      yield diagnostic(
        "WEIR1008",
        here(),
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
        here(),
        `The reduction of ${path} in ${collection.name} does not fit: ${complaint.what}.`,
        { fix: complaint.fix },
      );
    }
  }
}
