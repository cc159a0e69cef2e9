/** Checks of how a collection is read: what types do not know of values and of times. */
import { instantMilliseconds } from "../../dsl/instant.ts";
import { fieldAt, type JsonType } from "../../plan/field-schema.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { EvaluatedCollection, EvaluatedView } from "../evaluate/evaluation.ts";
import type { Aim } from "../typescript/calls.ts";
import type { AimAt } from "./graph.ts";

/** `steps` lead to the view in the declaring call. */
export function* checkView(
  collection: EvaluatedCollection,
  view: EvaluatedView,
  place: Place,
  steps: Aim,
  aim: AimAt,
): Generator<Diagnostic> {
  yield* checkWhere(collection, view, place, steps, aim);
  const { from, until } = view;
  if (from === undefined || until === undefined) return;
  const [start, end] = [instantMilliseconds(from), instantMilliseconds(until)];
  if (start === undefined || end === undefined || start < end) return;
  yield diagnostic(
    "WEIR4006",
    aim(place, [...steps, "read", "until"]),
    `This reads nothing of ${collection.name}: until ${until} is not after from ${from}.`,
    { fix: "Give a later until, or leave it out to read on." },
  );
}

function* checkWhere(
  { name, schema }: EvaluatedCollection,
  { where }: EvaluatedView,
  place: Place,
  steps: Aim,
  aim: AimAt,
): Generator<Diagnostic> {
  if (schema.json === undefined) return;
  for (const [path, values] of Object.entries(where)) {
    const types = fieldAt(schema.json, path)?.types;
    const wrong = types && values.find((value) => !types.has(jsonTypeOf(value)));
    if (wrong === undefined) continue;
    yield diagnostic(
      "WEIR4005",
      aim(place, [...steps, "where", path]),
      `The partition field ${path} of ${name} is of type ${[...(types ?? [])].join(" or ")} and never ${JSON.stringify(wrong)}, so this reads nothing.`,
      { fix: `Give values of the field's type.` },
    );
  }
}

function jsonTypeOf(value: string | number | boolean): JsonType {
  return typeof value === "string" ? "string" : typeof value === "boolean" ? "boolean" : "integer";
}
