/** `--from`: an offset, or a time as µs since 1970 UTC. */
export type From = { readonly offset: number } | { readonly time: number };

export function parseFrom(text: string): From {
  if (/^\d+$/.test(text)) return { offset: Number(text) };
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new Error("Give an offset such as 1200, or an ISO 8601 time such as 2026-11-23T08:00:00Z.");
  }
  return { time: ms * 1000 };
}

export function parseLimit(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error("Give a whole number from 1 on.");
  return Number(text);
}
