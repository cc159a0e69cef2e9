/** What a benchmark measures, and how it is told. All of it is ratios of what ran side by side in one run. */

/** Sides that run several times, in turn, on the same data. One run of them serves all its cases. */
export interface Bench {
  readonly cases: readonly Case[];
  /** Absent where there is one size only. */
  readonly sizes?: {
    /** That of the cases. */
    readonly full: Size;
    /** Of `--short`, where the bench is one of those. */
    readonly short?: Size;
  };
  measure(report: (line: string) => void, size: Size): Promise<Measured>;
}

export interface Size {
  readonly documents: number;
  readonly rounds: number;
}

/** One side held against another. */
export interface Case {
  readonly name: string;
  readonly against: string;
  /** The sides, by their names in `Measured`: the ratio is of the first to the second. */
  readonly sides: readonly [string, string];
  /** The ratio may not be above it; below it where the figures are rates. */
  readonly must: number;
  /** What the project is after. */
  readonly aim: number;
}

export type Unit = "s" | "ms" | "MiB" | "µs/doc" | "docs/s";

export interface Measured {
  readonly unit: Unit;
  /** Figures of each run; or one number that stands as the limit. */
  readonly sides: Readonly<Record<string, readonly number[]>>;
}

export interface Result {
  readonly name: string;
  readonly against: string;
  readonly ratio: number;
  readonly must: number;
  readonly aim: number;
  readonly holds: boolean;
  readonly unit: Unit;
  /** Figures of both sides. */
  readonly figures: readonly [readonly number[], readonly number[]];
}

export function resultOf({ name, against, sides, must, aim }: Case, measured: Measured): Result {
  const [ours, others] = sides.map((side) => measured.sides[side] ?? []) as [number[], number[]];
  const ratio = median(ours) / median(others);
  const { unit } = measured;
  const holds = share(unit, ratio, must) <= 1;
  return { name, against, ratio, must, aim, holds, unit, figures: [ours, others] };
}

/** How much of what the bound allows a ratio takes up: up to 1 it is within it. */
export function share(unit: Unit, ratio: number, bound: number): number {
  return isRate(unit) ? bound / ratio : ratio / bound;
}

/** Of which more is better. */
export function isRate(unit: Unit): boolean {
  return unit === "docs/s";
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new Error("Nothing was measured.");
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** `1.32 s (1.30 to 1.41)`. */
export function spread(values: readonly number[], unit: string): string {
  const show = (value: number) =>
    value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
  const only = values.length === 1 ? "" : ` (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
  return `${show(median(values))} ${unit}${only}`;
}
