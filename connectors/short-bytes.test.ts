import fc from "fast-check";
import { expect, it } from "vitest";
import { hasBytes, viewOf } from "./short-bytes.ts";

const bytes = fc.uint8Array({ maxLength: 30 });

it("finds the bytes where they stand, and no others, wherever their buffer's part begins and ends", () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.nat(30), fc.nat(255), (before, sought, after, place, change) => {
      const text = Buffer.concat([before, sought, after]);
      const other = Uint8Array.from(text, (byte, i) => (i === before.length + place ? byte ^ change : byte));
      const inside = Buffer.concat([Buffer.from([1]), text, sought]).subarray(1);
      const has = (a: Uint8Array) =>
        hasBytes(
          viewOf(a),
          before.length,
          viewOf(Buffer.concat([before, sought])),
          before.length,
          sought.length,
        );
      expect(has(text)).toBe(true);
      expect(has(inside)).toBe(true);
      expect(has(other)).toBe(change === 0 || place >= sought.length);
    }),
    { numRuns: 1_000 },
  );
});
