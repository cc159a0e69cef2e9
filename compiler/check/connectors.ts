/** Checks of a connector's configuration against its collection, again: types can be cast away. */
import { fieldAt } from "../../plan/field-schema.ts";
import type { CollectionPlan, Json, JsonObject, JsonSchema } from "../../plan/plan.ts";
import type { Placed } from "../declared.ts";
import { type Diagnostic, diagnostic, type Place } from "../diagnostics/diagnostic.ts";
import type {
  EvaluatedCapture,
  EvaluatedCollection,
  EvaluatedConnector,
  EvaluatedMaterialization,
} from "../evaluate/evaluation.ts";
import type { AimAt } from "./graph.ts";

/** What a connector says, without asking a server, of a target that cannot hold its collection. */
export type TargetFit = (
  connector: string,
  collection: CollectionPlan,
  config: JsonObject,
  mode: "standard" | "delta",
) => readonly TargetMisfit[];

export interface TargetMisfit {
  /** Steps into the options of the connector's constructor. */
  readonly at: readonly string[];
  /** What is wrong, and what to do about it. */
  readonly message: string;
}

/** `collection` has passed its own checks. */
export function checkTargetFit(
  misfitsOf: TargetFit,
  collection: CollectionPlan,
  { connector, config, mode }: EvaluatedMaterialization["target"],
  place: Place,
  aim: AimAt,
): readonly Diagnostic[] {
  return misfitsOf(connector, collection, config, mode).map(({ at, message }) =>
    diagnostic("WEIR2005", aim(place, ["connector", ...at]), message),
  );
}

/** What file captures put into a field, and the JSON type that it needs. */
const PROVENANCE: Readonly<Record<string, "string" | "integer">> = { file: "string", row: "integer" };

export function* checkSource(
  { collection, source, onError, place }: Placed<EvaluatedCapture>,
  aim: AimAt,
): Generator<Diagnostic> {
  if (onError === "deadLetter" && source.connector === "http") {
    yield diagnostic(
      "WEIR3017",
      aim(place, ["onError"]),
      `The capture ${collection.name} is to set bad documents aside, but HTTP refuses them to their sender, with 422.`,
      { fix: "Leave onError out: nothing of such a request is taken, and the capture goes on." },
    );
  }
  const { provenance } = source.config;
  const schema = collection.schema.json;
  if (schema === undefined || !isRecord(provenance)) return;
  for (const [what, path] of Object.entries(provenance)) {
    const needed = Object.hasOwn(PROVENANCE, what) ? PROVENANCE[what] : undefined;
    if (needed === undefined || typeof path !== "string") continue;
    const complaint = provenanceComplaint(schema, path, needed);
    if (complaint === undefined) continue;
    yield diagnostic(
      "WEIR1011",
      aim(place, ["provenance", what]),
      `The field ${path} of ${collection.name} is to hold each document's ${what}, but ${complaint}.`,
      {
        fix: `Give the schema a field ${path} that holds ${needed === "integer" ? "integers (z.int())" : "strings"}.`,
      },
    );
  }
}

function provenanceComplaint(
  schema: JsonSchema,
  path: string,
  needed: "string" | "integer",
): string | undefined {
  const field = fieldAt(schema, path);
  if (field === undefined) return "the schema has no such field";
  const fits = field.types.has(needed) || (needed === "integer" && field.types.has("number"));
  return fits ? undefined : `it is of type ${[...field.types].join(" or ")}`;
}

/** Key templates: each name in braces is a key field, and each key field is named. */
export function* checkTarget(
  collection: EvaluatedCollection,
  target: EvaluatedConnector,
  place: Place,
  aim: AimAt,
): Generator<Diagnostic> {
  if (target.connector !== "redis" || typeof target.config.key !== "string") return;
  const { key: template, as } = target.config;
  const set = isRecord(as) && isRecord(as.sortedSet) ? as.sortedSet : undefined;
  const member = typeof set?.member === "string" ? set.member : "";
  const named = [...placeholders(template), ...placeholders(member)];
  const all = member === "" ? template : `${template} with its member ${member}`;
  const braced = collection.key.map((field) => `{${field}}`).join(", ");
  const surplus = named.filter((name) => !collection.key.includes(name));
  const missing = collection.key.filter((field) => !named.includes(field));
  const here = aim(place, ["connector", "key"]);
  const list = (names: readonly string[]) => names.map((name) => `{${name}}`).join(", ");
  const complaints = [
    ...(surplus.length > 0 ? [`names ${list(surplus)}, which is not of the key of ${collection.name}`] : []),
    ...(missing.length > 0
      ? [`leaves out ${list(missing)}, so several rows of ${collection.name} would share one key`]
      : []),
  ];
  if (complaints.length === 0) return;
  yield diagnostic("WEIR2002", here, `The key template ${all} ${complaints.join(", and ")}.`, {
    fix: `Name every key field, and nothing else: ${braced}.`,
  });
}

function placeholders(template: string): readonly string[] {
  return [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = ""]) => name);
}

function isRecord(value: Json | undefined): value is { readonly [name: string]: Json | undefined } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
