/** What the flow files declare, each with its place in them: what all checks after the evaluation work on. */
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { Place } from "./diagnostics/diagnostic.ts";
import type {
  EvaluatedCapture,
  EvaluatedDerivation,
  EvaluatedMaterialization,
  EvaluatedRename,
  Evaluation,
} from "./evaluate/evaluation.ts";
import type { GeneratedPosition } from "./evaluate/generated-position.ts";

export type Placed<T> = T & { readonly place: Place };

export interface Declared {
  readonly captures: readonly Placed<EvaluatedCapture>[];
  readonly derivations: readonly Placed<EvaluatedDerivation>[];
  readonly materializations: readonly Placed<EvaluatedMaterialization>[];
  readonly renames: readonly Placed<EvaluatedRename>[];
}

export function declaredBy(evaluation: Evaluation, origins: Origins): Declared {
  const placed = <T extends { readonly frames: readonly GeneratedPosition[] }>(each: T): Placed<T> => ({
    ...each,
    place: origins.placeOfFrames(each.frames),
  });
  const declarations = evaluation.declarations;
  return {
    captures: declarations.flatMap((each) => (each.kind === "capture" ? [placed(each)] : [])),
    derivations: declarations.flatMap((each) => (each.kind === "derive" ? [placed(each)] : [])),
    materializations: declarations.flatMap((each) => (each.kind === "materialize" ? [placed(each)] : [])),
    renames: declarations.flatMap((each) => (each.kind === "rename" ? [placed(each)] : [])),
  };
}

/** Leads positions of the evaluated code back to the files. */
export class Origins {
  readonly #map: TraceMap;
  readonly #bundleUrl: string;
  readonly #projectDir: string;
  readonly #fallback: Place;

  constructor(map: string, bundleUrl: string, projectDir: string, fallback: Place) {
    this.#map = new TraceMap(map);
    this.#bundleUrl = bundleUrl;
    this.#projectDir = projectDir;
    this.#fallback = fallback;
  }

  /** Undefined for code of Node's own. */
  place({ url, line, column }: GeneratedPosition): Place | undefined {
    if (url !== this.#bundleUrl) {
      return url.startsWith("file://") ? { file: fileURLToPath(url), line, column } : undefined;
    }
    const origin = originalPositionFor(this.#map, { line, column: column - 1 });
    if (origin.source === null || origin.source.startsWith("<")) return undefined;
    return { file: resolve(this.#projectDir, origin.source), line: origin.line, column: origin.column + 1 };
  }

  /**
   * The innermost frame in the user's own files; for what a package declares, the innermost of the package;
   * else the project's first flow file.
   */
  placeOfFrames(frames: readonly GeneratedPosition[]): Place {
    for (const frame of frames) {
      const place = frame.url === this.#bundleUrl ? this.place(frame) : undefined;
      if (place !== undefined) return place;
    }
    // The innermost frames are those of Weir's own declaring calls.
    const [first] = frames;
    const folder = first?.url.replace(/[^/]*$/, "");
    const outside = frames.find((frame) => folder === undefined || !frame.url.startsWith(folder));
    return (outside === undefined ? undefined : this.place(outside)) ?? this.#fallback;
  }

  /** For messages: relative to the project. */
  display(file: string): string {
    return relative(this.#projectDir, file).replaceAll("\\", "/");
  }
}
