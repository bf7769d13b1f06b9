/**
 * The kernels below the network level, on Float32Array and Float64Array.
 *
 * All are synchronous and run on the calling thread. The floating-point arrays of a call are all of one class, which is
 * also that of the result; an array may be longer than its shape. Results go to `out` where it is given, else to a new
 * array, and nothing else is allocated that outlives the call. An `out` may be an input where its comment says so, and
 * then exactly that memory; nothing that is written may overlap anything else. Arrays on a SharedArrayBuffer are fine.
 * A bad argument throws a SpecError and changes nothing.
 */

export * from './kernels/activations.ts'
export * from './kernels/elementwise.ts'
export * from './kernels/losses.ts'
export * from './kernels/optimizers.ts'
export * from './kernels/products.ts'
export * from './kernels/reductions.ts'
export * from './kernels/rows.ts'
export type { RowShape } from './kernels/call.ts'
export type { FloatArray } from './ops/arithmetic.ts'
