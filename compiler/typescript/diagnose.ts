/** TypeScript's own errors as ours: lifted to a code of Weir's where they are about a declaring call. */
import ts from "typescript";
import { type Diagnostic, diagnostic, type Place, type RelatedPlace } from "../diagnostics/diagnostic.ts";
import { adviceOn } from "./advice.ts";
import { calleeName } from "./calls.ts";
import { type Lifted, lift } from "./lift.ts";
import { misfits } from "./misfits.ts";
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
  const errors = raw.filter((each) => each.category === ts.DiagnosticCategory.Error);
  const found = withoutConsequences(errors).flatMap((each) => fromTypeScript(flow, each, root));
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

/** "Is of type unknown" and "implicitly has an any type": where a source is wrong, nothing is known of its documents. */
const CONSEQUENCES = new Set([18046, 7006, 7031]);

/** Of the errors in one call of `derive` those that come of the others say nothing. */
function withoutConsequences(errors: readonly ts.Diagnostic[]): readonly ts.Diagnostic[] {
  const calls = errors.map(({ file, start }) =>
    file === undefined || start === undefined ? undefined : derivationAround(nodeAt(file, start)),
  );
  const wrong = new Set(calls.filter((_, i) => !CONSEQUENCES.has(errors[i]?.code ?? 0)));
  return errors.filter(
    ({ code }, i) => !CONSEQUENCES.has(code) || calls[i] === undefined || !wrong.has(calls[i]),
  );
}

function derivationAround(node: ts.Node): ts.CallExpression | undefined {
  for (let at = node; !ts.isSourceFile(at); at = at.parent) {
    if (ts.isCallExpression(at) && calleeName(at).getText() === "derive") return at;
  }
  return undefined;
}

function fromTypeScript(flow: FlowProgram, raw: ts.Diagnostic, root: Place): readonly Diagnostic[] {
  const { file, start, length } = raw;
  const message = flatten(raw.messageText);
  if (file === undefined || start === undefined) {
    return [diagnostic("WEIR0001", root, sentence(`${message} (TS${raw.code})`))];
  }
  const place = placeAt(file, start, start + Math.max(length ?? 0, 1));
  const node = nodeAt(file, start);
  const lifted = lift(flow, node, raw.code);
  if (lifted === undefined) {
    const text = sentence(`${message} (TS${raw.code})`);
    const fix = adviceOn(flow, node, raw.code);
    return [
      diagnostic("WEIR0001", place, text, {
        related: relatedPlaces(raw),
        ...(fix === undefined ? {} : { fix }),
      }),
    ];
  }
  if (lifted.isEcho) return [];
  const { code, fix } = lifted;
  const about = (text: string) => sentence(`${lifted.about}: ${withoutOwnTypes(text)} (TS${raw.code})`);
  const wrong = outputsOfLifted(flow, lifted);
  if (wrong.length > 0) return wrong.map((each) => diagnostic(code, each.place, about(each.what), { fix }));
  return [
    diagnostic(code, place, about(lifted.what ?? message), {
      // Where an expected type comes from is in Weir's own types.
      related: [...relatedPlaces(raw, THE_EXPECTED_TYPE), ...(lifted.related ?? [])],
      fix,
    }),
  ];
}

/**
 * What Weir's own generic types are made of is no news: `PgOptions` for `PgOptions<NoInfer<{ id: string; … }>, …>`. Nor are
 * whole types of functions, where it is told after them what does not fit.
 */
function withoutOwnTypes(text: string): string {
  if (text.includes('"this collection has no partitionBy"')) return "The collection has no partitionBy";
  const reason =
    /^(?:Type|Argument of type) '\(.* => .*'(?: is not assignable to .*)?': ((?:Type|Property) .*)$/s.exec(
      text,
    )?.[1];
  return (reason ?? text).replaceAll(/'(\w+)<[^']{40,}>'/g, "'$1'");
}

/** Where a function's block body is wrong, TypeScript points at its name and prints two function types. */
function outputsOfLifted(flow: FlowProgram, { output }: Lifted) {
  return output === undefined ? [] : misfits(flow, output);
}

/** TypeScript's code for "The expected type comes from …". */
const THE_EXPECTED_TYPE = new Set([6500, 6501, 6502]);

function relatedPlaces(raw: ts.Diagnostic, without = new Set<number>()): readonly RelatedPlace[] {
  return (raw.relatedInformation ?? []).flatMap(({ file, start, length, messageText, code }) => {
    if (without.has(code)) return [];
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
