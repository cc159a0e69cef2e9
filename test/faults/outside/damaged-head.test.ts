/** Bits of the head's file change on the disk: what is asked of it is answered exactly, or with an error that names it. */
import { expect, it, onTestFinished } from "vitest";
import { randomFrom } from "../scenario.ts";
import { HeadDamage } from "./head-damage.ts";

const FLIPS = 60;

it("a flipped bit in the head's file never changes an answer: it is exact, or an error that says what is wrong", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomFrom(seed);
  const damage = new HeadDamage();
  onTestFinished(() => damage.close());
  await damage.prepare();
  const verdicts: string[] = [];
  for (let i = 0; i < FLIPS; i++) {
    const flip = damage.choose(random);
    const verdict = await damage.judge(flip);
    const place = `seed ${seed}, flip ${i}: bit ${flip.bit} of byte ${flip.at}`;
    verdicts.push(verdict.kind);
    switch (verdict.kind) {
      case "wrong":
        expect.fail(`${place}: ${verdict.differences.join("; ")}`);
        break;
      case "named":
        for (const error of verdict.errors) {
          expect(error, place).toMatch(/^The head('s| in)|^Journal .* has a gap at offset/);
        }
        break;
      case "ended":
        // A hang would have been ended by SIGKILL.
        expect(verdict.by, place).toMatch(/^SIG(SEGV|ABRT|BUS)$/);
        for (const error of verdict.next)
          expect(error, place).toMatch(/is damaged: LMDB itself ends with SIG|^The head/);
        break;
      case "right":
        break;
      default:
        verdict satisfies never;
    }
  }
  expect(verdicts).toContain("named");
}, 120_000);
