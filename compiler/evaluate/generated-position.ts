/** Position in the bundle or a package's module; line and column from 1. */
export interface GeneratedPosition {
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

/** V8's text of a stack, taken apart. Frames without a file are left out. */
export function framesOf(stack: string): readonly GeneratedPosition[] {
  return stack.split("\n").flatMap((line) => {
    const match = /\(?((?:file:\/\/|node:|\/|[A-Za-z]:\\).*?):(\d+):(\d+)\)?$/.exec(
      line
        .trim()
        .replace(/^at (?:async )?/, "")
        .replace(/^.*? \((?=file:)/, "("),
    );
    const [, url, row, column] = match ?? [];
    return url === undefined ? [] : [{ url, line: Number(row), column: Number(column) }];
  });
}
