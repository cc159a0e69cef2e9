import { execFile } from "node:child_process";
import { join, relative } from "node:path";
import ts from "typescript";
import type { FoundError } from "./marks.ts";

export const ROOT = join(import.meta.dirname, "../..");
export const FIXTURES = join(import.meta.dirname, "fixtures");

/** Kinds of completion that a type gives: literals and members, not what else happens to be in scope. */
const TYPED: readonly string[] = [
  ts.ScriptElementKind.string,
  ts.ScriptElementKind.memberVariableElement,
  ts.ScriptElementKind.memberFunctionElement,
];

/** The language service of TypeScript 6, which editors use, over files that need not exist on disk. */
export class Editor {
  readonly #files = new Map<string, { version: number; text: string }>();
  readonly #service: ts.LanguageService;

  constructor() {
    const { config } = ts.readConfigFile(join(FIXTURES, "tsconfig.json"), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, FIXTURES);
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => [...this.#files.keys()],
      getScriptVersion: (path) => String(this.#files.get(path)?.version ?? 0),
      getScriptSnapshot: (path) => {
        const text = this.#files.get(path)?.text ?? ts.sys.readFile(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => ROOT,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      fileExists: ts.sys.fileExists,
      readFile: ts.sys.readFile,
      readDirectory: ts.sys.readDirectory,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
    });
  }

  /** Opens or changes a file. */
  write(path: string, text: string): void {
    this.#files.set(path, { version: (this.#files.get(path)?.version ?? 0) + 1, text });
  }

  errors(path: string): FoundError[] {
    return [
      ...this.#service.getSyntacticDiagnostics(path),
      ...this.#service.getSemanticDiagnostics(path),
    ].map(({ file, start, length, messageText }) => {
      if (file === undefined || start === undefined) throw new Error(`${path}: an error without a place`);
      const { line, character } = file.getLineAndCharacterOfPosition(start);
      return {
        file: relative(FIXTURES, file.fileName),
        line: line + 1,
        column: character + 1,
        length: length ?? 0,
        message: ts.flattenDiagnosticMessageText(messageText, "\n"),
      };
    });
  }

  /** The literals and members that completion offers at a position. */
  completions(path: string, position: number): string[] {
    const list = this.#service.getCompletionsAtPosition(path, position, {});
    return (list?.entries ?? [])
      .filter(({ kind }) => TYPED.includes(kind))
      .map(({ name }) => name.replaceAll('"', ""))
      .sort();
  }
}

/** Runs a compiler's `tsc`, whatever it answers. */
export function tsc(compiler: "typescript" | "typescript-7", ...args: readonly string[]): Promise<string> {
  const script = join(ROOT, "node_modules", compiler, "bin/tsc");
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [script, "--pretty", "false", ...args],
      { cwd: FIXTURES },
      (error, stdout, stderr) => {
        // Exit code 2 tells of errors in what was compiled; a compiler that does not run tells it on stderr.
        if (stderr !== "") reject(error ?? new Error(stderr));
        else resolve(stdout);
      },
    );
  });
}

/** The errors in a compiler's output, their continuation lines joined to them. */
export function parsedErrors(output: string): FoundError[] {
  const found: FoundError[] = [];
  for (const line of output.split("\n")) {
    const [, file, row, column, message] = /^(\S+?)\((\d+),(\d+)\): error TS\d+: (.*)$/.exec(line) ?? [];
    const last = found.at(-1);
    if (file !== undefined && message !== undefined) {
      found.push({ file, line: Number(row), column: Number(column), message });
    } else if (last !== undefined && line.startsWith("  ")) {
      found[found.length - 1] = { ...last, message: `${last.message}\n${line}` };
    } else if (line !== "") {
      throw new Error(`tsc said: ${line}`);
    }
  }
  return found;
}
