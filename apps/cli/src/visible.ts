/**
 * Text as it may go to a terminal or a log.
 *
 * Invariant: what it quotes, whoever wrote that, moves no cursor, begins no line of its own, changes no title or
 * clipboard, and does not turn the direction of what follows: such characters are shown as `\u001b` is here.
 */

/**
 * C0 and C1 controls and DEL; line and paragraph separators; the characters that embed, override or isolate a
 * direction (Unicode UAX #9, section 2); the byte order mark; interlinear annotations; and U+FFFD, which stands
 * where bytes were not UTF-8.
 */
const UNSEEN = /[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufffd]/gu;

/** @param kept characters that stay as they are, such as the tab between two columns of our own. */
export function visible(text: string, kept = ''): string {
  return text.replace(UNSEEN, (character) => (kept.includes(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
