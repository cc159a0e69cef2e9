/** The lines of a stack that are of the user's own code. */

/** As stacks name this module's folder: with source maps, that is not where it was loaded from. */
const RUNTIME_FOLDER = folderOf(new Error().stack);
const MOST_FRAMES = 20;

/** `at transform (/project/flows/shop.flow.ts:12:5)`, innermost first. */
export function ownFrames(stack: string | undefined): readonly string[] {
  return framesOf(stack)
    .filter((line) => !line.includes("node:") && !(RUNTIME_FOLDER && line.includes(RUNTIME_FOLDER)))
    .slice(0, MOST_FRAMES);
}

function framesOf(stack: string | undefined): readonly string[] {
  return (stack ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at "));
}

/** `/…/runtime/task/`, of the folder above the one that the innermost frame's module is in. */
function folderOf(stack: string | undefined): string | undefined {
  const [frame = ""] = framesOf(stack);
  return /((?:\/|file:)[^()]*\/task\/)derivation\/[^/]*$/.exec(frame)?.[1]?.replace(/^file:\/\//, "");
}
