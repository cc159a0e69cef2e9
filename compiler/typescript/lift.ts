/** Which of Weir's codes an error of TypeScript's is, by its place within a call of Weir's. */
import ts from "typescript";
import type { RelatedPlace } from "../diagnostics/diagnostic.ts";
import type { DiagnosticCode } from "../diagnostics/registry.ts";
import { calleeName } from "./calls.ts";
import { isTransformNode, type TransformNode } from "./functions.ts";
import { outputsOf, singleOutputs } from "./outputs.ts";
import { type FlowProgram, isWeirSource, placeOf } from "./program.ts";

export interface Lifted {
  readonly code: DiagnosticCode;
  readonly about: string;
  readonly fix: string;
  /** Instead of TypeScript's own words. */
  readonly what?: string;
  readonly related?: readonly RelatedPlace[];
  /** The function whose output does not fit. */
  readonly output?: TransformNode;
  /** Said elsewhere already, and better. */
  readonly isEcho?: true;
}

const DEFINITION: Readonly<Record<string, Lifted>> = {
  key: {
    code: "WEIR1001",
    about: "This is not a legal key field",
    fix: "Name required fields of the schema that hold strings, integers (z.int()) or booleans.",
  },
  reduce: {
    code: "WEIR1002",
    about: "This reduction does not fit",
    fix: "Name a field of the schema that is not a key field, with a strategy that its type allows.",
  },
  provenance: {
    code: "WEIR1011",
    about: "This is no field for it",
    fix: "Name a required field of the schema: a string for file, an integer (z.int()) for row.",
  },
  partitionBy: {
    code: "WEIR1012",
    about: "This is not a field of the key",
    fix: "Name fields of the key, or add the field to the key: a document and its removal have to meet in one partition.",
  },
  partitions: {
    code: "WEIR1012",
    about: "This is no number of journals",
    fix: "Give an integer from 1 to 256, or leave it out for 1.",
  },
  shards: {
    code: "WEIR3021",
    about: "This is no number of shards",
    fix: "Give an integer from 1 to the number of the sources' partitions, or leave it out.",
  },
  onError: {
    code: "WEIR3017",
    about: "This is no onError",
    fix: 'Give a derivation or a capture of files "halt" or "deadLetter", or leave it out for "halt". HTTP refuses a bad document to its sender.',
  },
};

const STATE: Lifted = {
  code: "WEIR1013",
  about: "The initial state does not fit its schema",
  fix: "Give an initial that the state's schema takes, or make the field optional: .optional().",
};

const HANDLERS: Lifted = {
  code: "WEIR3016",
  about: "The handlers are not those of the sources",
  fix: "Give on a function for each source that from names, and no other.",
};

const SHUFFLE_KEYS: Lifted = {
  code: "WEIR3013",
  about: "The shuffle keys do not agree",
  fix: "Give the sources shuffle keys of the same number and types: equal values meet in one state.",
};

const SHUFFLE_KEY: Lifted = {
  code: "WEIR3014",
  about: "This can be no part of a shuffle key",
  fix: "Name a required field that holds strings, integers or booleans, or give a function of the document: (document) => … .",
};

const TARGET: Lifted = {
  code: "WEIR2001",
  about: "The target does not fit the collection",
  fix: "Give the target options that agree with the collection's schema and key.",
};

const OPTIONS: Lifted = {
  code: "WEIR2001",
  about: "The materialization has no such option",
  fix: 'Give it backfill (a whole number), onSchemaChange ("halt" or "backfill") or renamedFrom (the old name).',
};

const VIEW: Readonly<Record<string, Lifted>> = {
  where: {
    code: "WEIR4005",
    about: "This does not choose among the partitions",
    fix: "Name fields of the collection's partitionBy, each with a value or a list of values of its type.",
  },
  read: {
    code: "WEIR4006",
    about: "This is no bound of a read",
    fix: 'Give from and until as "2026-01-01" or "2026-01-01T12:00:00Z", priority as an integer, readDelay as "10m".',
  },
};

/** By the place of the error within a call of Weir's: of the innermost one that has something to say of it. */
export function lift(flow: FlowProgram, node: ts.Node, code: number): Lifted | undefined {
  const names: string[] = [];
  for (let at = node; !ts.isSourceFile(at); at = at.parent) {
    const { parent } = at;
    if (isNamed(parent)) names.unshift(parent.name.text);
    if (!ts.isCallExpression(parent)) continue;
    const index = parent.arguments.indexOf(at as ts.Expression);
    const call = index < 0 ? undefined : weirCall(flow, parent);
    if (call === "materializeTo") return index === 0 ? TARGET : OPTIONS;
    if (call === "by") return NOT_ASSIGNABLE.has(code) ? shuffleKey(flow, node, at) : undefined;
    if (call !== undefined && VIEW[call] !== undefined) return VIEW[call];
    if ((call === "capture" && index === 2) || (call === "derive" && index === 1)) {
      return NOT_ASSIGNABLE.has(code) ? inDefinition(flow, node, names, code) : byName(names);
    }
    names.length = 0;
  }
  return undefined;
}

function byName([first = "", second]: readonly string[]): Lifted | undefined {
  if (first === "state" && second === "initial") return STATE;
  return Object.hasOwn(DEFINITION, first) ? DEFINITION[first] : undefined;
}

function inDefinition(
  flow: FlowProgram,
  node: ts.Node,
  names: readonly string[],
  code: number,
): Lifted | undefined {
  const [first, second] = names;
  if (first === "from") return disagreement(flow, node) ?? SHUFFLE_KEYS;
  if (first !== "transform" && first !== "on" && first !== "removed") return byName(names);
  if (first === "on" && second === undefined) return missingHandlers(node);
  if (first !== "transform" && UNKNOWN_NAME.has(code) && isOwnName(node)) return unknownHandler(node, names);
  return output(
    node,
    first === "transform" ? "transform" : `${first === "on" ? "" : "removed "}handler ${second ?? ""}`.trim(),
  );
}

/** `node` is the name of `on`. */
function missingHandlers(node: ts.Node): Lifted {
  const definition = node.parent.parent;
  const from = memberNames(definition, "from");
  const on = new Set(memberNames(definition, "on"));
  const missing = from.filter((name) => !on.has(name));
  if (missing.length === 0) return HANDLERS;
  return { ...HANDLERS, what: `${missing.join(", ")} of from ${missing.length === 1 ? "has" : "have"} none` };
}

const REDUCED_REMOVALS =
  "Look for a removal in the function that gets its documents: there after is undefined, and before has all fields.";

/** `node` is the name of a member of `on` or `removed`, or `removed` itself where a single source is reduced. */
function unknownHandler(node: ts.Node, [option = "", name = ""]: readonly string[]): Lifted {
  if (name === "")
    return { ...HANDLERS, what: "a reduced source has no removals of its own", fix: REDUCED_REMOVALS };
  const from = memberNames(node.parent.parent.parent.parent, "from");
  if (from.length === 0) return HANDLERS;
  if (!from.includes(name)) return { ...HANDLERS, what: `${name} of ${option} is not in from` };
  return {
    ...HANDLERS,
    what: `${name} is read reduced, and has no removals of its own`,
    fix: REDUCED_REMOVALS,
  };
}

/** The names in the object literal that a definition has under a name. */
function memberNames(definition: ts.Node, option: string): readonly string[] {
  if (!ts.isObjectLiteralExpression(definition)) return [];
  const holder = definition.properties.find((each) => each.name?.getText() === option);
  const value = holder && ts.isPropertyAssignment(holder) ? holder.initializer : undefined;
  if (value === undefined || !ts.isObjectLiteralExpression(value)) return [];
  return value.properties.flatMap((each) =>
    each.name !== undefined && ts.isIdentifier(each.name) ? [each.name.text] : [],
  );
}

/** An error about what a function gives. One within its body that is about something else stays TypeScript's. */
function output(node: ts.Node, name: string): Lifted | undefined {
  const lifted: Lifted = {
    code: "WEIR3001",
    about: `The ${name} does not fit`,
    fix: "Return documents of the schema (or an array or generator of them, or nothing), each with every required field.",
  };
  const around = enclosingFunction(node);
  if (around === undefined) {
    const value = valueOfName(node);
    return value === undefined ? lifted : { ...lifted, output: value };
  }
  if (!isAboutOutput(node, around)) return undefined;
  // Of a part of an output TypeScript's own words say more.
  const isWhole = outputsOf(around)
    .flatMap((each) => [each, ...singleOutputs(each)])
    .some((each) => each.getStart() === node.getStart());
  return isWhole ? { ...lifted, output: around } : lifted;
}

function isAboutOutput(node: ts.Node, around: TransformNode): boolean {
  const outputs = new Set<ts.Node>(outputsOf(around));
  for (let at = node; at !== around; at = at.parent) {
    if (outputs.has(at)) return true;
    const { parent } = at;
    const argument = ts.isCallExpression(parent) && parent.arguments.some((each) => each === at);
    if (argument && calleeName(parent).getText() !== "remove") return false;
  }
  return false;
}

/** The function of the definition that holds a node in its body or is it. */
function enclosingFunction(node: ts.Node): TransformNode | undefined {
  for (let at = node; !ts.isSourceFile(at); at = at.parent) {
    if (isTransformNode(at) && at.body !== undefined && node.pos >= at.body.pos) return at;
    if (ts.isCallExpression(at) && at.arguments.some((each) => ts.isObjectLiteralExpression(each))) {
      const name = calleeName(at).getText();
      if (name === "derive") return undefined;
    }
  }
  return undefined;
}

/** Of a property's name: the function that is its value. */
function valueOfName({ parent }: ts.Node): TransformNode | undefined {
  if (ts.isMethodDeclaration(parent)) return parent;
  return ts.isPropertyAssignment(parent) && isTransformNode(parent.initializer)
    ? parent.initializer
    : undefined;
}

function isOwnName(node: ts.Node): boolean {
  const { parent } = node;
  return isNamed(parent) && parent.name === node;
}

/** What a shuffle key may name is in the argument's expected type; TypeScript does not print it. */
function shuffleKey(flow: FlowProgram, node: ts.Node, argument: ts.Node): Lifted | undefined {
  const around = enclosingFunction(node);
  if (around !== undefined && !isAboutOutput(node, around)) return undefined;
  if (!ts.isExpression(argument)) return SHUFFLE_KEY;
  const expected = flow.checker.getContextualType(argument);
  const names = (expected?.isUnion() ? expected.types : []).flatMap((type) =>
    type.isStringLiteral() ? [type.value] : [],
  );
  if (names.length === 0 || !ts.isStringLiteralLike(argument)) return SHUFFLE_KEY;
  return {
    ...SHUFFLE_KEY,
    what: `"${argument.text}" is not a required string, integer or boolean of the document`,
    fix: `Name ${names.length === 1 ? "" : "one of "}${names.join(", ")}, or give a function of the document: (document) => … .`,
  };
}

/** Of a source in `from`: its shuffle key's types, and those of another source. */
function disagreement(flow: FlowProgram, node: ts.Node): Lifted | undefined {
  const member = node.parent;
  if (!isNamed(member) || !ts.isObjectLiteralExpression(member.parent)) return undefined;
  if (shuffleTypes(flow, member) === undefined) {
    return {
      ...SHUFFLE_KEYS,
      what: `${member.name.text} has none`,
      fix: `Give it one, as in ${member.name.text}: orders.by("customer").`,
    };
  }
  const keys = member.parent.properties.flatMap((each) => {
    const text = shuffleTypes(flow, each);
    return text === undefined || each.name === undefined ? [] : [{ each, name: each.name.getText(), text }];
  });
  const mine = keys.find(({ each }) => each === member);
  const [first] = keys;
  if (mine === undefined || keys.every(({ text }) => text === mine.text)) return undefined;
  // A `by` that does not compile has no types. And TypeScript tells a disagreement at all sources: once is enough.
  if (first === undefined || keys.some(({ text }) => text === "[]") || first.text === mine.text)
    return { ...SHUFFLE_KEYS, isEcho: true };
  return {
    ...SHUFFLE_KEYS,
    what: `that of ${mine.name} is ${mine.text}, that of ${first.name} ${first.text}`,
    related: [{ ...placeOf(first.each), message: `The shuffle key of ${first.name} is here.` }],
  };
}

/** `[string, number]` of a member of `from`; undefined if it has no shuffle key. */
function shuffleTypes({ checker }: FlowProgram, member: ts.Node): string | undefined {
  const value = ts.isPropertyAssignment(member)
    ? member.initializer
    : ts.isShorthandPropertyAssignment(member)
      ? member.name
      : undefined;
  const type = value && checker.getTypeAtLocation(value);
  if (type?.symbol?.name !== "By") return undefined;
  // By<T, S, R>: S are the types of the shuffle key.
  const [, shuffle] = checker.getTypeArguments(type as ts.TypeReference);
  return shuffle && checker.typeToString(shuffle);
}

/** TypeScript's codes for "is not assignable", "has no such property here" and "misses a property". */
const NOT_ASSIGNABLE = new Set([2322, 2345, 2353, 2559, 2561, 2739, 2740, 2741, 2769, 2820, 1360]);

/** "Object literal may only specify known properties". */
const UNKNOWN_NAME = new Set([2353, 2561]);

function isNamed(node: ts.Node): node is ts.Node & { readonly name: ts.Identifier | ts.StringLiteral } {
  const named =
    ts.isPropertyAssignment(node) || ts.isShorthandPropertyAssignment(node) || ts.isMethodDeclaration(node);
  return named && (ts.isIdentifier(node.name) || ts.isStringLiteral(node.name)) && !insideFunction(node);
}

/** Names inside a transform's body are no steps of the definition. */
function insideFunction(node: ts.Node): boolean {
  for (let at = node.parent; !ts.isCallExpression(at) && !ts.isSourceFile(at); at = at.parent) {
    if (ts.isFunctionLike(at)) return true;
  }
  return false;
}

const CALLS = new Set(["capture", "derive", "materializeTo", "where", "read", "by"]);

/** The name of the call, if the function called is Weir's own. */
function weirCall(flow: FlowProgram, call: ts.CallExpression): string | undefined {
  const name = calleeName(call).getText();
  if (!CALLS.has(name)) return undefined;
  const declaration = flow.checker.getResolvedSignature(call)?.declaration;
  const file = declaration?.getSourceFile().fileName;
  return file === undefined || isWeirSource(file) || /\/weir\/dist\//.test(file) ? name : undefined;
}
