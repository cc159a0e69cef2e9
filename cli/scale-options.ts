/** A whole number from 1 on, or `auto`. Throws an error that says so. */
export function parseShards(text: string): number | "auto" {
  if (text === "auto") return "auto";
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error("Give a whole number from 1 on, or auto.");
  return Number(text);
}
