import type { RowForm } from "./row-form.ts";
import { STORE_JSON } from "./scripts.ts";
import type { Template } from "./template.ts";

/** The whole document as a JSON text. */
export function jsonRows(template: Template): RowForm {
  return {
    type: "string",
    script: STORE_JSON,
    trial: [["1"], [""]],
    pattern: template.pattern,
    owns: template.owns,
    encode: (changes) => ({
      keys: changes.map((change) => template.render(change.key)),
      args: changes.map((change) => (change.op === "remove" ? "" : JSON.stringify(change.document))),
    }),
    load: async (redis, keys) => {
      if (keys.length === 0) return [];
      const texts = await redis.mget(keys.map(template.render));
      return texts.map((text) => (text === null ? undefined : JSON.parse(text)));
    },
  };
}
