/** Checks of one derivation: how its sources are read, and by what shuffle keys. */
import { fieldAt, type JsonType } from "../../plan/field-schema.ts";
import type { JsonSchema } from "../../plan/plan.ts";
import type { Placed } from "../declared.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type { EvaluatedCollection, EvaluatedDerivation, EvaluatedSource } from "../evaluate/evaluation.ts";
import type { Aim } from "../typescript/calls.ts";
import type { AimAt } from "./graph.ts";
import { keyComplaint } from "./key-field.ts";
import { checkView } from "./view.ts";

/** `collections` by name; a source that is not among them is told elsewhere. */
export function* checkDerivation(
  derivation: Placed<EvaluatedDerivation>,
  collections: ReadonlyMap<string, EvaluatedCollection>,
  aim: AimAt,
): Generator<Diagnostic> {
  const { collection, sources, state, place } = derivation;
  for (const source of sources) {
    const from = collections.get(source.collection);
    const steps = source.name === undefined ? ["view"] : ["from", source.name];
    if (from !== undefined) {
      yield* checkView(from, source, place, steps, aim);
      yield* checkShuffleFields(from, source, place, steps, aim);
      if (state !== undefined) yield* checkRemoved(collection.name, from, source, place, aim);
    }
  }
  yield* checkAgreement(derivation, collections, aim);
}

function* checkShuffleFields(
  { name, schema }: EvaluatedCollection,
  { by = [] }: EvaluatedSource,
  place: Place,
  steps: Aim,
  aim: AimAt,
): Generator<Diagnostic> {
  if (schema.json === undefined) return;
  for (const [index, path] of by.entries()) {
    const complaint = typeof path === "string" ? keyComplaint(schema.json, path) : undefined;
    if (complaint === undefined) continue;
    yield diagnostic(
      "WEIR3014",
      aim(place, [...steps, "by", String(index)]),
      `The shuffle key of ${name} names ${path}, which ${complaint.what}.`,
      { fix: complaint.fix },
    );
  }
}

/** A removal has the key fields alone: with any other it finds no state. */
function* checkRemoved(
  derived: string,
  { name, key }: EvaluatedCollection,
  source: EvaluatedSource,
  place: Place,
  aim: AimAt,
): Generator<Diagnostic> {
  if (source.removed === undefined || source.name === undefined) return;
  const other = (source.by ?? []).find((part) => typeof part !== "string" || !key.includes(part));
  if (other === undefined) return;
  const what = typeof other === "string" ? `by ${other}` : "by a function";
  yield diagnostic(
    "WEIR3015",
    aim(place, ["removed", source.name]),
    `A removal of ${name} has only its key (${key.join(", ")}), and ${derived} finds its state ${what}.`,
    {
      fix: `Read ${source.name} by ${name}.reduced() instead: its handler gets { before, after } with after undefined, and knows every field from before.`,
    },
  );
}

function* checkAgreement(
  { collection, sources, place }: Placed<EvaluatedDerivation>,
  collections: ReadonlyMap<string, EvaluatedCollection>,
  aim: AimAt,
): Generator<Diagnostic> {
  const [first, ...others] = sources;
  if (first?.name === undefined) return;
  const expected = shuffleValues(first, collections);
  for (const source of others) {
    const found = disagreement(expected, shuffleValues(source, collections));
    if (found === undefined) continue;
    const { index, text } = found;
    const steps = ["from", source.name ?? "", "by", ...(index === undefined ? [] : [String(index)])];
    const related = aim(place, ["from", first.name, "by"]);
    yield diagnostic(
      "WEIR3013",
      aim(place, steps),
      `The shuffle keys of ${collection.name} do not agree: ${text(first.name, source.name ?? "")}.`,
      {
        related: [{ ...related, message: `The shuffle key of ${first.name} is here.` }],
        fix: "Give the sources shuffle keys of the same number and types: equal values meet in one state.",
      },
    );
  }
}

interface ShuffleValues {
  /** Up to the first function, which may give several; undefined where a type is not sure. */
  readonly types: readonly (JsonType | undefined)[];
  /** Undefined where there are functions: what those give is for the types. */
  readonly count: number | undefined;
}

function shuffleValues(
  { collection, by = [] }: EvaluatedSource,
  collections: ReadonlyMap<string, EvaluatedCollection>,
): ShuffleValues {
  const schema = collections.get(collection)?.schema.json;
  const computed = by.findIndex((part) => typeof part !== "string");
  const paths = by.slice(0, computed < 0 ? by.length : computed);
  return {
    types: paths.map((path) => (typeof path === "string" && schema ? typeAt(schema, path) : undefined)),
    count: computed < 0 ? by.length : undefined,
  };
}

/** `text` takes the sources' names. */
function disagreement(
  a: ShuffleValues,
  b: ShuffleValues,
): { readonly index?: number; readonly text: (first: string, second: string) => string } | undefined {
  if (a.count !== undefined && b.count !== undefined && a.count !== b.count) {
    const of = a.count === 1 ? "1 value" : `${a.count} values`;
    return { text: (first, second) => `that of ${first} has ${of}, that of ${second} ${b.count}` };
  }
  const index = b.types.findIndex((type, at) => type && a.types[at] && type !== a.types[at]);
  if (index < 0) return undefined;
  const text = (first: string, second: string) =>
    `value ${index + 1} is ${a.types[index]} in ${first} and ${b.types[index]} in ${second}`;
  return { index, text };
}

/** Undefined for a mixture, and for what is told as no part of a shuffle key. */
function typeAt(schema: JsonSchema, path: string): JsonType | undefined {
  if (keyComplaint(schema, path) !== undefined) return undefined;
  const [type, ...more] = fieldAt(schema, path)?.types ?? [];
  return more.length === 0 ? type : undefined;
}
