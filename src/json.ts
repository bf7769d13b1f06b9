/** JSON from files that nobody vouches for: each name once, no deep nesting, no more parts than make sense. */

/** The deepest nesting that a model file has any use for is far below. */
const MAX_DEPTH = 32

/**
 * Parses JSON after a scan that takes no more memory than the names of the text.
 *
 * @param maxParts most values and names in all
 * @throws Error (SyntaxError where it is no JSON) saying what is wrong
 * @example
 * parseUntrusted('{"a":[1,2]}').a // [1, 2]
 */
export function parseUntrusted(text: string, maxParts = Infinity): unknown {
  scan(text, maxParts)
  return JSON.parse(text)
}

// Whether it is JSON at all is left to the parser: the scan only has to end, whatever the text.
function scan(text: string, maxParts: number): void {
  // The names of each object that is open; none for a list.
  const open: (Set<string> | undefined)[] = []
  let parts = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '"') {
      const start = at
      at = endOfString(text, at)
      if (open.at(-1) !== undefined && isBeforeColon(text, at + 1)) {
        const name = JSON.parse(text.slice(start, at + 1)) as string
        if (open.at(-1)?.has(name)) throw new Error(`the name '${shorten(name)}' twice`)
        open.at(-1)?.add(name)
      }
    } else if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined)
      if (open.length > MAX_DEPTH) throw new Error(`more than ${MAX_DEPTH} levels`)
    } else if (char === '}' || char === ']') open.pop()
    else if ((char === ',' || char === ':') && ++parts > maxParts)
      throw new Error(`more than ${maxParts} parts`)
  }
}

// The closing quote, or the last character where there is none.
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return Math.min(at, text.length - 1)
}

function isBeforeColon(text: string, start: number): boolean {
  let at = start
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}

function shorten(name: string): string {
  return name.length > 60 ? `${name.slice(0, 57)}...` : name
}
