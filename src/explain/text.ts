/** Numbers and sums as explanations show them. */

/** Seven significant digits; a negative number has a minus sign, not a hyphen. */
export function number(value: number): string {
  return String(Number(value.toPrecision(7))).replace(/^-/, '−')
}

/** A number as a factor or summand: negative ones in brackets. */
export function operand(value: number): string {
  return value < 0 ? `(${number(value)})` : number(value)
}

/** Texts with plus signs between them. */
export function sum(terms: readonly string[]): string {
  return terms.join(' + ')
}

/** `[1, 2]`. */
export function rowVector(values: ArrayLike<number>): string {
  return `[${Array.from(values, number).join(', ')}]`
}

/** `[[1, 2], [3, 4]]`, of values [rows, columns]. */
export function matrix(values: Float64Array, columns: number): string {
  const rows = Array.from({ length: values.length / columns }, (_, i) =>
    rowVector(values.subarray(i * columns, (i + 1) * columns)),
  )
  return `[${rows.join(', ')}]`
}
