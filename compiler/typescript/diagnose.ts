/** TypeScript's own errors as ours: lifted to a code of Weir's where they are about a declaring call. */
import ts from "typescript";
import { type Diagnostic, diagnostic, type Place, type RelatedPlace } from "../diagnostics/diagnostic.ts";
import type { DiagnosticCode } from "../diagnostics/registry.ts";
import { calleeName } from "./calls.ts";
import { strictNullChecksOff } from "./options.ts";
import { type FlowProgram, isLocalSource, isWeirSource, placeAt } from "./program.ts";

/** Of the user's files only: flow files and the modules they import. */
export function typeDiagnostics(flow: FlowProgram, projectDir: string): readonly Diagnostic[] {
  const { program, project } = flow;
  const raw: ts.Diagnostic[] = [
    ...program.getConfigFileParsingDiagnostics(),
    ...program.getOptionsDiagnostics(),
  ];
  for (const file of program.getSourceFiles()) {
    if (!isLocalSource(flow, file)) continue;
    raw.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
  }
  const root: Place = { file: project.configFile ?? projectDir, line: 0, column: 0 };
  const found = raw
    .filter((each) => each.category === ts.DiagnosticCategory.Error)
    .map((each) => fromTypeScript(flow, each, root));
  if (strictNullChecksOff(project.options)) {
    found.push(
      diagnostic(
        "WEIR0004",
        { ...root, line: 1, column: 1 },
        "The option strictNullChecks is off, so types cannot tell a required field from one that may be missing.",
        {
          fix: 'Set "strict": true in tsconfig.json.',
        },
      ),
    );
  }
  return found;
}

function fromTypeScript(flow: FlowProgram, raw: ts.Diagnostic, root: Place): Diagnostic {
  const { file, start, length } = raw;
  const message = flatten(raw.messageText);
  if (file === undefined || start === undefined) {
    return diagnostic("WEIR0001", root, sentence(`${message} (TS${raw.code})`));
  }
  const place = placeAt(file, start, start + Math.max(length ?? 0, 1));
  const lifted = lift(flow, nodeAt(file, start), raw.code);
  const text = lifted === undefined ? message : `${lifted.about}: ${message}`;
  return diagnostic(lifted?.code ?? "WEIR0001", place, sentence(`${text} (TS${raw.code})`), {
    related: relatedPlaces(raw),
    ...(lifted === undefined ? {} : { fix: lifted.fix }),
  });
}

function relatedPlaces(raw: ts.Diagnostic): readonly RelatedPlace[] {
  return (raw.relatedInformation ?? []).flatMap(({ file, start, length, messageText }) => {
    // Where Weir's own types come from is no news to the user.
    if (file === undefined || start === undefined || file.isDeclarationFile || isWeirSource(file.fileName))
      return [];
    return [{ ...placeAt(file, start, start + (length ?? 1)), message: flatten(messageText) }];
  });
}

/** The first and the innermost sentence of TypeScript's chain: what is wrong, and why. */
function flatten(text: string | ts.DiagnosticMessageChain): string {
  if (typeof text === "string") return text;
  const chain = [text.messageText];
  let next = text.next?.[0];
  for (; next !== undefined; next = next.next?.[0]) chain.push(next.messageText);
  // "No overload matches this call" and the like say nothing by themselves.
  const [first = "", ...rest] = chain.filter((each) => !/^No overload matches|^Overload \d+ of/.test(each));
  const last = rest.at(-1);
  return last === undefined ? first : `${first.replace(/\.$/, "")}: ${last}`;
}

function sentence(text: string): string {
  return text.replace(/\.? (\(TS\d+\))$/, " $1.");
}

interface Lifted {
  readonly code: DiagnosticCode;
  readonly about: string;
  readonly fix: string;
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
  transform: {
    code: "WEIR3001",
    about: "The transform does not fit",
    fix: "Return documents of the schema (or an array or generator of them, or nothing), each with every required field.",
  },
};

const TARGET: Lifted = {
  code: "WEIR2001",
  about: "The target does not fit the collection",
  fix: "Give the target options that agree with the collection's schema and key.",
};

/** By the place of the error within a call of `capture`, `derive` or `materializeTo`. */
function lift(flow: FlowProgram, node: ts.Node, code: number): Lifted | undefined {
  const names: string[] = [];
  for (let at = node; !ts.isSourceFile(at); at = at.parent) {
    const { parent } = at;
    if (isNamed(parent)) names.unshift(parent.name.text);
    if (!ts.isCallExpression(parent)) continue;
    const index = parent.arguments.indexOf(at as ts.Expression);
    const call = index < 0 ? undefined : weirCall(flow, parent);
    if (call === "materializeTo") return TARGET;
    if ((call === "capture" && index === 2) || (call === "derive" && index === 1)) {
      // A mistake within the body that is not about the output stays TypeScript's.
      if (names[0] === "transform" && !NOT_ASSIGNABLE.has(code)) return undefined;
      return DEFINITION[names[0] ?? ""];
    }
    names.length = 0;
  }
  return undefined;
}

/** TypeScript's codes for "is not assignable", "has no such property here" and "misses a property". */
const NOT_ASSIGNABLE = new Set([2322, 2345, 2353, 2561, 2739, 2740, 2741, 2769, 2820, 1360]);

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

const DECLARING = new Set(["capture", "derive", "materializeTo"]);

/** The name of a declaring call, if the function called is Weir's own. */
function weirCall(flow: FlowProgram, call: ts.CallExpression): string | undefined {
  const name = calleeName(call).getText();
  if (!DECLARING.has(name)) return undefined;
  const declaration = flow.checker.getResolvedSignature(call)?.declaration;
  const file = declaration?.getSourceFile().fileName;
  return file === undefined || isWeirSource(file) || /\/weir\/dist\//.test(file) ? name : undefined;
}

function nodeAt(file: ts.SourceFile, offset: number): ts.Node {
  let found: ts.Node = file;
  const visit = (node: ts.Node): void => {
    if (offset < node.getStart(file) || offset >= node.end) return;
    found = node;
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(file, visit);
  return found;
}
