/** Ends a command with exit code 1 and this message. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
