import { dirname } from "node:path";
import ts from "typescript";
import { processConditions } from "../conditions.ts";

export interface ProjectOptions {
  readonly options: ts.CompilerOptions;
  /** Declaration files that the project's tsconfig.json includes: they may declare globals. */
  readonly ambient: readonly string[];
  readonly configFile: string | undefined;
  /** That one, and those that it extends. */
  readonly configFiles: readonly string[];
  readonly errors: readonly ts.Diagnostic[];
}

/** For a project without tsconfig.json: strict, and nothing to install besides Weir and a schema library. */
const DEFAULTS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2024,
  lib: ["lib.es2024.d.ts", "lib.es2025.iterator.d.ts"],
  module: ts.ModuleKind.ESNext,
  // Unlike nodenext, it asks for no "type": "module" in package.json.
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  resolveJsonModule: true,
  strict: true,
  types: [],
};

/** The nearest tsconfig.json's options, with what Weir needs whatever it says. */
export function projectOptions(projectDir: string): ProjectOptions {
  const configFile = ts.findConfigFile(projectDir, ts.sys.fileExists);
  const parsed = configFile === undefined ? undefined : parseConfig(configFile);
  const options = parsed?.options ?? DEFAULTS;
  return {
    configFile,
    configFiles: parsed === undefined || configFile === undefined ? [] : [configFile, ...extendedBy(parsed)],
    ambient: parsed?.fileNames.filter((name) => /\.d\.[cm]?ts$/.test(name)) ?? [],
    errors: parsed === undefined ? [] : ts.getConfigFileParsingDiagnostics(parsed).filter(isFault),
    options: {
      ...options,
      customConditions: [...new Set([...(options.customConditions ?? []), ...conditions(options)])],
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      // They concern what is emitted, and clash with noEmit or with checking a part of the project.
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      emitDeclarationOnly: false,
      isolatedDeclarations: false,
      rootDir: undefined,
      outDir: undefined,
      tsBuildInfoFile: undefined,
    },
  };
}

/** "No inputs were found in config file": the flow files are our inputs. */
const NO_INPUTS = 18003;

function isFault({ code }: ts.Diagnostic): boolean {
  return code !== NO_INPUTS;
}

function parseConfig(configFile: string): ts.ParsedCommandLine {
  const source = ts.readJsonConfigFile(configFile, ts.sys.readFile);
  return ts.parseJsonSourceFileConfigFileContent(source, ts.sys, dirname(configFile), undefined, configFile);
}

function extendedBy({ options }: ts.ParsedCommandLine): readonly string[] {
  // TypeScript keeps the file among the options, without a type.
  const { configFile } = options as { readonly configFile?: ts.TsConfigSourceFile };
  return configFile?.extendedSourceFiles ?? [];
}

/** Older module resolutions know no conditions, and TypeScript refuses the option there. */
function conditions(options: ts.CompilerOptions): readonly string[] {
  const resolution = options.moduleResolution;
  const old = resolution === ts.ModuleResolutionKind.Node10 || resolution === ts.ModuleResolutionKind.Classic;
  return old ? [] : processConditions();
}

export function strictNullChecksOff(options: ts.CompilerOptions): boolean {
  return (options.strictNullChecks ?? options.strict ?? true) === false;
}
