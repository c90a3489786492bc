// Controls (escape sequences, line breaks), format characters (bidirectional overrides), line and paragraph separators,
// halves of surrogate pairs.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/**
 * What a store has said, made fit for a terminal and a log: characters that would act there instead of being shown
 * become escapes like `\u{1b}`.
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
