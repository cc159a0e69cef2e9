/** What a benchmark measures, and how it is told. All of it is ratios of what ran side by side in one run. */

export interface Case {
  readonly name: string;
  readonly against: string;
  /** The ratio may not be above it. */
  readonly must: number;
  /** What the project is after. */
  readonly aim: number;
  /** Runs both sides several times, in turn. */
  measure(report: (line: string) => void): Promise<Measured>;
}

export interface Measured {
  /** Of each run, in the unit that `unit` names. */
  readonly weir: readonly number[];
  /** Of the other side, run in turn with it; or one number that stands as the limit. */
  readonly other: readonly number[];
  readonly unit: "s" | "ms" | "MiB";
}

export interface Result {
  readonly name: string;
  readonly against: string;
  readonly ratio: number;
  readonly must: number;
  readonly aim: number;
  readonly holds: boolean;
}

export function resultOf({ name, against, must, aim }: Case, { weir, other }: Measured): Result {
  const ratio = median(weir) / median(other);
  return { name, against, ratio, must, aim, holds: ratio <= must };
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
  const show = (value: number) => value.toPrecision(3);
  return `${show(median(values))} ${unit} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}
