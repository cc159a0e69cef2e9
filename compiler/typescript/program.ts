/**
 * The one TypeScript program over the flow files. This folder is the only one that knows TypeScript's API:
 * the rest of the compiler speaks of files, lines and columns.
 */
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { Place } from "../diagnostics/diagnostic.ts";
import { type ProjectOptions, projectOptions } from "./options.ts";

export interface FlowProgram {
  readonly project: ProjectOptions;
  readonly program: ts.Program;
  readonly checker: ts.TypeChecker;
}

export function openProgram(projectDir: string, flowFiles: readonly string[]): FlowProgram {
  const project = projectOptions(projectDir);
  const program = ts.createProgram({
    rootNames: [...flowFiles, ...project.ambient],
    options: project.options,
    host: hostWithCache(project.options),
    configFileParsingDiagnostics: project.errors,
  });
  return { project, program, checker: program.getTypeChecker() };
}

/** Parsed declaration files of packages and of TypeScript itself, for the next program of this process. */
const declarationFiles = new Map<string, { readonly modified: number; readonly file: ts.SourceFile }>();

function hostWithCache(options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  // As the command line of TypeScript does: comments that say nothing of types are not parsed.
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseForTypeErrors;
  const parse = host.getSourceFile.bind(host);
  host.getSourceFile = (path, languageVersion, onError) => {
    if (!/\.d\.[cm]?ts$/.test(path)) return parse(path, languageVersion, onError);
    // How a file is parsed depends on these options too.
    const format = typeof languageVersion === "object" ? languageVersion : { languageVersion };
    const key = JSON.stringify([path, format.languageVersion, format.impliedNodeFormat]);
    const modified = ts.sys.getModifiedTime?.(path)?.getTime() ?? 0;
    const known = declarationFiles.get(key);
    if (known?.modified === modified) return known.file;
    const file = parse(path, languageVersion, onError);
    if (file !== undefined) declarationFiles.set(key, { modified, file });
    return file;
  };
  return host;
}

/** Absolute paths of what the program consists of: sources, declarations, and the project's configuration. */
export function programInputs({ program, project }: FlowProgram): readonly string[] {
  return [...program.getSourceFiles().map((file) => file.fileName), ...project.configFiles];
}

export interface SourceScope {
  readonly file: ts.SourceFile;
  readonly checker: ts.TypeChecker;
}

const singles = new WeakMap<FlowProgram, Map<string, SourceScope>>();

/**
 * A file with a checker for its symbols. One that the program does not hold (a package's JavaScript) gets a
 * small program of its own, of that file alone. Undefined where there is no such file.
 */
export function sourceScope(flow: FlowProgram, path: string): SourceScope | undefined {
  const file = flow.program.getSourceFile(path);
  if (file !== undefined && !file.isDeclarationFile) return { file, checker: flow.checker };
  const known = singles.get(flow) ?? new Map<string, SourceScope>();
  singles.set(flow, known);
  const found = known.get(path) ?? openSingle(path);
  if (found !== undefined) known.set(path, found);
  return found;
}

function openSingle(path: string): SourceScope | undefined {
  const options: ts.CompilerOptions = {
    noResolve: true,
    noLib: true,
    allowJs: true,
    noEmit: true,
    types: [],
  };
  const program = ts.createProgram([path], options);
  const file = program.getSourceFile(path);
  return file === undefined ? undefined : { file, checker: program.getTypeChecker() };
}

/** The user's own: neither a declaration, nor a package's, nor Weir's. */
export function isLocalSource(flow: FlowProgram, file: ts.SourceFile): boolean {
  if (file.isDeclarationFile || flow.program.isSourceFileFromExternalLibrary(file)) return false;
  return !file.fileName.includes("/node_modules/") && !isWeirSource(file.fileName);
}

/** Weir's own folders, where its sources are read as they are (the `weir-source` condition). */
const OWN_FOLDERS = ["dsl", "connectors", "plan"].map((folder) =>
  fileURLToPath(new URL(`../../${folder}/`, import.meta.url)).replaceAll("\\", "/"),
);

export function isWeirSource(path: string): boolean {
  return OWN_FOLDERS.some((folder) => path.startsWith(folder));
}

export function placeOf(node: ts.Node): Place {
  const file = node.getSourceFile();
  return placeAt(file, node.getStart(file), node.getEnd());
}

export function placeAt(file: ts.SourceFile, start: number, end: number): Place {
  const from = file.getLineAndCharacterOfPosition(start);
  const to = file.getLineAndCharacterOfPosition(end);
  return {
    file: file.fileName,
    line: from.line + 1,
    column: from.character + 1,
    endLine: to.line + 1,
    endColumn: to.character + 1,
  };
}

/** The offset of a place, or the file's end where the place lies beyond it. */
export function offsetOf(
  file: ts.SourceFile,
  place: { readonly line: number; readonly column: number },
): number {
  const starts = file.getLineStarts();
  const start = starts[place.line - 1] ?? file.end;
  return Math.min(start + place.column - 1, file.end);
}
