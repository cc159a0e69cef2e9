/**
 * Every diagnostic code of the compiler, with its title. A code has a page in docs/diagnostics/ and a
 * case in test/compiler/cases/, and never changes its meaning.
 * WEIR0xxx project and evaluation, 1xxx schema and key, 2xxx materialization, 3xxx transform, 4xxx graph, 5xxx plan.
 */
export const REGISTRY = {
  WEIR0001: "TypeScript refuses the flow file",
  WEIR0002: "no flow file was found",
  WEIR0003: "the flow files declare nothing",
  WEIR0004: "strictNullChecks is off",
  WEIR0005: "an import cannot be resolved",
  WEIR0006: "a flow file fails while it is evaluated",
  WEIR0007: "a flow file reads the clock, randomness, the network, files or the environment",
  WEIR0008: "the evaluation of the flow files does not end",
  WEIR1001: "a key names no field that can be a key",
  WEIR1002: "a reduction names no field, or one that it does not fit",
  WEIR1003: "a schema cannot be turned into JSON Schema",
  WEIR1004: "a schema changes or refuses values beyond JSON Schema",
  WEIR1005: "a schema holds a type that JSON has not",
  WEIR1006: "a document is not an object",
  WEIR1007: "a key field is not a required string, integer or boolean",
  WEIR1008: "a key field has a reduction",
  WEIR1009: "a field has a reserved name",
  WEIR1010: "what a schema takes is not what it gives",
  WEIR1011: "a capture's provenance field does not fit the schema",
  WEIR1012: "a collection's partitions do not fit its key",
  WEIR1013: "a state's initial does not fit its schema",
  WEIR2001: "a target's options do not fit the collection",
  WEIR2002: "a key template does not name exactly the key fields",
  WEIR2003: "two materializations write one target",
  WEIR2004: "a target's old name is taken",
  WEIR2005: "a target cannot hold the collection",
  WEIR3001: "a transform's output does not fit the schema",
  WEIR3002: "a transform's output has a field that the schema has not",
  WEIR3003: "a transform uses a local variable of its surroundings",
  WEIR3004: "a transform uses a variable that can change",
  WEIR3005: "a transform is asynchronous",
  WEIR3006: "a transform has no source",
  WEIR3007: "a transform uses this",
  WEIR3008: "a transform reaches a module of Node",
  WEIR3009: "a transform reaches a declaration",
  WEIR3010: "a transform cannot be bundled",
  WEIR3011: "a transform is not deterministic",
  WEIR3012: "a value that a transform uses is changed",
  WEIR3013: "the shuffle keys of a derivation do not agree",
  WEIR3014: "a shuffle key names no field that can be part of one",
  WEIR3015: "a removal does not lead to the state",
  WEIR3016: "the handlers of a derivation are not those of its sources",
  WEIR3020: "a derivation cannot run in shards",
  WEIR3021: "a derivation has more shards than its sources have partitions",
  WEIR4001: "two collections have one name",
  WEIR4002: "a derivation's source is not declared",
  WEIR4003: "derivations form a cycle",
  WEIR4004: "nothing uses a collection",
  WEIR4005: "a where does not fit the partitions",
  WEIR4006: "the bounds of a read do not fit",
  WEIR4007: "a collection's old name is taken",
  WEIR5001: "there is no plan to read",
  WEIR5002: "a plan is not of this version of Weir",
  WEIR5003: "a plan's bundle is missing or is not the one that was built",
  WEIR5004: "a diff has no such base",
  WEIR5005: "a diff's base does not compile",
} as const;

export type DiagnosticCode = keyof typeof REGISTRY;

export function isDiagnosticCode(code: string): code is DiagnosticCode {
  return Object.hasOwn(REGISTRY, code);
}
