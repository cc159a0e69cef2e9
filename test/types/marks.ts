/** An error, as a fixture expects it or a compiler reports it. Line and column count from 1. */
export interface FoundError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Absent where the compiler's output does not say it. */
  readonly length?: number;
  readonly message: string;
}

const MARK = /^\s*\/\/ *(\^+) error: (.+)$/;

/** The errors that a fixture's `// ^^^^ error: text` lines announce for the nearest line above without one. */
export function marks(file: string, text: string): Required<FoundError>[] {
  const found: Required<FoundError>[] = [];
  let code = 0;
  for (const [index, line] of text.split("\n").entries()) {
    const [, carets, message] = MARK.exec(line) ?? [];
    if (carets === undefined || message === undefined) {
      code = index + 1;
      continue;
    }
    found.push({ file, line: code, column: line.indexOf("^") + 1, length: carets.length, message });
  }
  return found;
}

/** Compilers list the members of a union in orders of their own. */
export function withSortedUnions(message: string): string {
  const literal = /"[^"]*"|`[^`]*`/.source;
  const unions = new RegExp(`(?:${literal})(?: \\| (?:${literal}))+`, "g");
  return message.replaceAll(unions, (union) => union.split(" | ").sort().join(" | "));
}

/** What is wrong: expected errors that were not found as they should be, and errors that nobody expected. */
export function mismatches(
  expected: readonly Required<FoundError>[],
  actual: readonly FoundError[],
): readonly string[] {
  const rest = [...actual];
  const missing = expected.filter((mark) => {
    const index = rest.findIndex((error) => fits(mark, error));
    if (index >= 0) rest.splice(index, 1);
    return index < 0;
  });
  return [
    ...missing.map((mark) => `missing ${place(mark)} ${mark.message}`),
    ...rest.map((error) => `surplus ${place(error)} ${error.message}`),
  ];
}

function fits(mark: Required<FoundError>, error: FoundError): boolean {
  return (
    mark.file === error.file &&
    mark.line === error.line &&
    mark.column === error.column &&
    (error.length === undefined || error.length === mark.length) &&
    withSortedUnions(error.message).includes(withSortedUnions(mark.message))
  );
}

function place({ file, line, column, length }: FoundError): string {
  return `${file}:${line}:${column}${length === undefined ? "" : `+${length}`}`;
}
