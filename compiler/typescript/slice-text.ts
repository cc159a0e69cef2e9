/** The text of a sliced module: what is kept stands where it stood, the rest is blank. */
import ts from "typescript";
import { bareExpression, isGenerator, type TransformNode, topLevelStatement } from "./functions.ts";

/** The name under which the slice exports the transform. */
export const TRANSFORM_EXPORT = "$w";

export interface KeptParts {
  readonly statements: Set<ts.Statement>;
  /** Elements of import and export lists; their statements are kept for them, without the other elements. */
  readonly bindings: Set<ts.Node>;
  /** Statements that another module of the slice imports from. */
  readonly exports: Set<ts.Statement>;
  transform: TransformNode | undefined;
}

export function sliceText(file: ts.SourceFile, parts: KeptParts): string {
  const page = new Page(file.text);
  for (const statement of file.statements) {
    const list = listElements(statement);
    if (parts.statements.has(statement)) page.keep(statement.getStart(file), statement.end);
    else if (list.some((each) => parts.bindings.has(each))) keepList(page, file, statement, list, parts);
  }
  if (parts.transform !== undefined) exportTransform(page, file, parts.transform, parts);
  return page.text();
}

/** A text of which all is blank but what is kept, with line breaks at their places. */
class Page {
  readonly #source: string;
  readonly #characters: string[];
  #tail = "";

  constructor(source: string) {
    this.#source = source;
    this.#characters = source.replaceAll(/[^\r\n\u2028\u2029]/g, " ").split("");
  }

  keep(start: number, end: number): void {
    for (let at = start; at < end; at++) this.#characters[at] = this.#source.charAt(at);
  }

  blank(start: number, end: number): void {
    for (let at = start; at < end; at++)
      if (!/[\r\n\u2028\u2029]/.test(this.#source.charAt(at))) this.#characters[at] = " ";
  }

  isBlank(start: number, end: number): boolean {
    return this.#characters.slice(start, end).every((character) => character === " ");
  }

  /** Puts text in front of an offset: over blanks before it on its line, else pushing the line's rest to the right. */
  putBefore(offset: number, text: string): void {
    const start = offset - text.length;
    if (start >= 0 && this.isBlank(start, offset)) {
      for (const [index, character] of [...text].entries()) this.#characters[start + index] = character;
    } else {
      this.#characters[offset] = text + (this.#characters[offset] ?? "");
    }
  }

  append(text: string): void {
    this.#tail += text;
  }

  text(): string {
    return this.#characters.join("") + this.#tail;
  }
}

/** The names that an import or export list holds. */
function listElements(statement: ts.Statement): readonly ts.Node[] {
  if (ts.isExportDeclaration(statement)) {
    const { exportClause } = statement;
    return exportClause !== undefined && ts.isNamedExports(exportClause) ? exportClause.elements : [];
  }
  if (!ts.isImportDeclaration(statement) || statement.importClause === undefined) return [];
  const { importClause } = statement;
  const { namedBindings } = importClause;
  const named =
    namedBindings === undefined
      ? []
      : ts.isNamespaceImport(namedBindings)
        ? [namedBindings]
        : namedBindings.elements;
  return importClause.name === undefined ? named : [importClause, ...named];
}

function keepList(
  page: Page,
  file: ts.SourceFile,
  statement: ts.Statement,
  list: readonly ts.Node[],
  parts: KeptParts,
): void {
  page.keep(statement.getStart(file), statement.end);
  const { text } = file;
  for (const element of list) {
    if (parts.bindings.has(element)) continue;
    if (ts.isImportClause(element)) {
      const { name } = element;
      if (name !== undefined) page.blank(name.getStart(file), text.indexOf(",", name.end) + 1);
    } else if (ts.isNamespaceImport(element)) {
      page.blank(text.lastIndexOf(",", element.getStart(file)), element.end);
    } else {
      const comma = /^\s*,/.exec(text.slice(element.end));
      page.blank(element.getStart(file), element.end + (comma?.[0].length ?? 0));
    }
  }
}

function exportTransform(page: Page, file: ts.SourceFile, transform: TransformNode, parts: KeptParts): void {
  const statement = topLevelStatement(transform);
  const name = declaredName(statement, transform);
  if (name !== undefined) {
    // The declaration is reached by nothing else than the transform itself.
    page.keep(statement.getStart(file), statement.end);
    page.append(`\nexport { ${name} as ${TRANSFORM_EXPORT} };\n`);
    return;
  }
  const start = headOf(file, transform);
  const prefix =
    ts.isArrowFunction(transform) || ts.isFunctionExpression(transform)
      ? `export const ${TRANSFORM_EXPORT} =`
      : `export function${isGenerator(transform) ? "*" : ""} ${TRANSFORM_EXPORT}`;
  if (parts.statements.has(statement)) {
    // The transform's surroundings are reached as well: a second copy, at the cost of its lines.
    page.append(`\n${prefix} ${file.text.slice(start, transform.end)}\n`);
    return;
  }
  page.keep(start, transform.end);
  page.putBefore(start, `${prefix} `);
  // A statement of its own, whatever follows.
  page.append("\n;");
}

/** Where the kept text begins: a method's and a declaration's own name is replaced. */
function headOf(file: ts.SourceFile, transform: TransformNode): number {
  if (ts.isArrowFunction(transform) || ts.isFunctionExpression(transform)) return transform.getStart(file);
  const [typeParameter] = transform.typeParameters ?? [];
  const first = typeParameter ?? transform.parameters[0];
  const bracket = typeParameter === undefined ? "(" : "<";
  const from = transform.name?.end ?? transform.getStart(file);
  return file.text.indexOf(bracket, first === undefined ? from : Math.min(from, first.pos));
}

/** The name of a top-level declaration that is nothing but the transform. */
function declaredName(statement: ts.Statement, transform: TransformNode): string | undefined {
  if (statement === transform)
    return transform.name !== undefined && ts.isIdentifier(transform.name) ? transform.name.text : undefined;
  if (!ts.isVariableStatement(statement)) return undefined;
  const [declaration, ...others] = statement.declarationList.declarations;
  if (declaration?.initializer === undefined || others.length > 0 || !ts.isIdentifier(declaration.name))
    return undefined;
  return bareExpression(declaration.initializer) === transform ? declaration.name.text : undefined;
}
