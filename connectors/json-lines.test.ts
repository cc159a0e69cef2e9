import fc from "fast-check";
import { expect, it } from "vitest";
import { recogniserOf } from "./fixtures/recorded-capture.ts";
import { parseLines } from "./json-lines.ts";

const recognise = recogniserOf(/\{"n":\d\}/);

const validate = (document: object) => ("n" in document ? undefined : { path: "/n", rule: "is missing" });

it("takes and refuses the same lines, whether some are recognised or all are parsed", () => {
  const line = fc.constantFrom(
    ...['{"n":1}', '{"n":2}', '{"n":12}', ' {"n":3}', '{"n":4} ', '{ "n":5}', '{"n":"ü"}', "", "  "],
    ...['{"m":1}', '{"n":1', '{"n":6}\r', "[1]", '{"n":7}{"n":8}'],
  );
  const end = fc.constantFrom("\n", "\n", "\r\n", "");
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), end, fc.nat(4), (lines, last, spare) => {
      const bytes = Buffer.from(lines.join("\n") + last);
      const maxDocuments = 10 - spare;
      const parsed = parseLines(bytes, 0, { validate, maxDocuments });
      const recognised = parseLines(bytes, 0, { validate, recognise, maxDocuments });
      const shown = ({ batch, ...rest }: typeof parsed) => ({
        ...rest,
        count: batch.count,
        lines: Buffer.from(batch.lines).toString(),
      });
      expect(shown(recognised)).toEqual(shown(parsed));
      expect(parsed.batch.values).toHaveLength(parsed.batch.count);
    }),
    { numRuns: 500 },
  );
});

it("recognises nothing in what is not UTF-8", () => {
  const bytes = Buffer.concat([Buffer.from('{"n":1}\n{"n":"'), Buffer.from([0xff]), Buffer.from('"}\n')]);
  const { batch, problem } = parseLines(bytes, 0, {
    validate,
    recognise: () => ({ count: 2, end: bytes.length }),
    maxDocuments: 9,
  });
  expect([batch.count, problem?.rule]).toEqual([1, "the text is not UTF-8"]);
});
