/**
 * A minifier gives short names by how often each letter occurs in a text, the old names included: to rename a variable
 * may give other short names. Here each gets one by where it first stands, so that texts which differ in nothing but the
 * names of their variables become equal. What comes out is to be hashed, not to be run.
 */
import ts from "typescript";

const FILE = "/bundle.mjs";

const OPTIONS: ts.CompilerOptions = {
  allowJs: true,
  noLib: true,
  noResolve: true,
  noEmit: true,
  types: [],
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
};

/** `code`: a module that imports nothing but packages. */
export function withCanonicalNames(code: string): string {
  const file = ts.createSourceFile(FILE, code, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
  const program = ts.createProgram([FILE], OPTIONS, hostOf(file));
  const checker = program.getTypeChecker();
  const names = new Map<ts.Symbol | string, string>();
  const nameFor = (key: ts.Symbol | string): string => {
    const known = names.get(key) ?? `@${names.size}`;
    names.set(key, known);
    return known;
  };
  const parts: string[] = [];
  let end = 0;
  const replace = (node: ts.Node, text: string): void => {
    parts.push(code.slice(end, node.getStart(file)), text);
    end = node.end;
  };
  const visit = (node: ts.Node): void => {
    if (ts.isPrivateIdentifier(node)) {
      replace(node, nameFor(node.text));
    } else if (ts.isIdentifier(node)) {
      const { parent } = node;
      if (isLabel(node)) replace(node, nameFor(`label ${node.text}`));
      const symbol = isLabel(node) || isFixedName(node) ? undefined : variableOf(checker, node);
      if (symbol === undefined) return;
      const isShorthand =
        ts.isShorthandPropertyAssignment(parent) ||
        (ts.isBindingElement(parent) &&
          parent.name === node &&
          parent.propertyName === undefined &&
          parent.dotDotDotToken === undefined &&
          ts.isObjectBindingPattern(parent.parent));
      replace(node, isShorthand ? `${node.text}:${nameFor(symbol)}` : nameFor(symbol));
    } else {
      ts.forEachChild(node, visit);
    }
  };
  visit(file);
  return parts.join("") + code.slice(end);
}

function hostOf(file: ts.SourceFile): ts.CompilerHost {
  return {
    getSourceFile: (name) => (name === FILE ? file : undefined),
    fileExists: (name) => name === FILE,
    readFile: () => undefined,
    writeFile: () => undefined,
    getDefaultLibFileName: () => "",
    getCurrentDirectory: () => "/",
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
  };
}

function isLabel({ parent }: ts.Identifier): boolean {
  return ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent);
}

/** Names of properties, and those that other modules know. */
function isFixedName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  if (ts.isExportSpecifier(parent)) return parent.propertyName !== undefined && parent.name === node;
  if (ts.isImportSpecifier(parent)) return parent.propertyName === node;
  if (ts.isMetaProperty(parent)) return true;
  const isMember =
    ts.isPropertyAssignment(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isAccessor(parent);
  return isMember && parent.name === node;
}

/** The variable of this file that a name stands for; undefined for a global. */
function variableOf(checker: ts.TypeChecker, node: ts.Identifier): ts.Symbol | undefined {
  const { parent } = node;
  const symbol = ts.isShorthandPropertyAssignment(parent)
    ? checker.getShorthandAssignmentValueSymbol(parent)
    : ts.isExportSpecifier(parent)
      ? checker.getExportSpecifierLocalTargetSymbol(parent)
      : checker.getSymbolAtLocation(node);
  return symbol?.declarations === undefined ? undefined : symbol;
}
