/**
 * The export conditions that this process was started with (`--conditions`, `-C`): flow files must
 * resolve their imports as this process resolves its own.
 */
export function processConditions(): readonly string[] {
  const words = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
  return words.flatMap((word, index) => {
    const inline = /^(?:--conditions|-C)=(.+)$/.exec(word)?.[1];
    const next = word === "--conditions" || word === "-C" ? words[index + 1] : undefined;
    return inline ?? next ?? [];
  });
}
