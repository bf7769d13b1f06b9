/**
 * A small assembler for WebAssembly: the bytes of a module with one function of numbers and vectors of 128 bits.
 *
 * It knows what the product kernels need and nothing else.
 *
 * @source WebAssembly Core Specification 2.0, section 5, Binary Format
 */

/** Instructions in binary form. */
export type Code = readonly number[]

/** The types of locals. */
export const I32 = 0x7f
export const V128 = 0x7b

const VOID = 0x40

/** An unsigned number in as many groups of seven bits as it takes, the lowest first. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

// The same with a sign, which bit 6 of the last group repeats.
function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}

const vector = (opcode: number, ...rest: Code): Code => [0xfd, ...unsigned(opcode), ...rest]

/** Pushes a local, pops into it, or copies the top of the stack into it. */
export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number): Code => [0x21, ...unsigned(local)]
export const tee = (local: number): Code => [0x22, ...unsigned(local)]

/** Pushes an integer. */
export const integer = (value: number): Code => [0x41, ...signed(value)]

/** Adds to a local. */
export const advance = (local: number, by: number): Code => [
  ...get(local),
  ...integer(by),
  0x6a,
  ...set(local),
]

/** Repeats a body as often as a local counts down to 0, at least once. */
export const repeat = (counter: number, body: Code): Code => [
  ...[0x03, VOID],
  ...body,
  ...[...get(counter), ...integer(-1), 0x6a, ...tee(counter)],
  ...[0x0d, 0, 0x0b],
]

/** One body where a local is not 0, another where it is. */
export const choose = (local: number, body: Code, other: Code): Code => [
  ...[...get(local), 0x04, VOID],
  ...body,
  0x05,
  ...other,
  0x0b,
]

// Alignment as a power of two, a hint, and the distance from the address on the stack.
const at = (offset: number): Code => [3, ...unsigned(offset)]

/** Loads two doubles, or one into both halves; stores two. The address is popped, for a store below the value. */
export const load = (offset: number): Code => vector(0x00, ...at(offset))
export const loadSplat = (offset: number): Code => vector(0x0a, ...at(offset))
export const store = (offset: number): Code => vector(0x0b, ...at(offset))

/** Two doubles +0, or no bits at all. */
export const ZERO = vector(0x0c, ...new Array<number>(16).fill(0))

/** Two doubles at once. */
export const MULTIPLY = vector(0xf2)
export const ADD = vector(0xf0)
export const SUBTRACT = vector(0xf1)
export const ABSOLUTE = vector(0xec)
/** All bits where the lower one on the stack is the greater, none with NaN. */
export const GREATER = vector(0x4a)
/** Rounds two doubles to floats and back. */
export const ROUND = [...vector(0x5e), ...vector(0x5f)]

/** Two integers of 64 bits at once. */
export const AND = vector(0x4e)
export const OR = vector(0x50)
export const XOR = vector(0x51)
export const ADD_INTEGERS = vector(0xce)
export const GREATER_INTEGER = vector(0xd9)
export const shiftRight = (bits: number): Code => [...integer(bits), ...vector(0xcd)]

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content]
const name = (text: string): Code => [text.length, ...Array.from(text, (c) => c.charCodeAt(0))]

/**
 * The bytes of a module that imports the memory `m.m` and exports one function `f` without results.
 *
 * @param parameters how many integers it takes; they are its first locals
 * @param integers how many further locals are integers
 * @param vectors how many after these are vectors
 */
export function moduleOf(
  { parameters, integers, vectors }: { parameters: number; integers: number; vectors: number },
  body: Code,
): Uint8Array<ArrayBuffer> {
  const locals = [2, ...unsigned(integers), I32, ...unsigned(vectors), V128]
  const code = [...locals, ...body, 0x0b]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...new Array<number>(parameters).fill(I32), 0]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, 0, 0]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('f'), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ])
}
