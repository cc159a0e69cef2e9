import pc from "picocolors";

/** Colours for terminals alone: the log of a CI is none, which the library takes for one by itself. */
export type Paint = ReturnType<typeof pc.createColors>;

export const onStdout: Paint = paintFor(process.stdout);
export const onStderr: Paint = paintFor(process.stderr);

function paintFor({ isTTY }: { readonly isTTY?: boolean }): Paint {
  return pc.createColors(isTTY === true && !process.env.NO_COLOR);
}
