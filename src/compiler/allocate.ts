/** The only place that invents offsets: drops dead nodes, shares memory in place, lays values out in the arena. */

import { InternalError } from '../errors.ts'
import { opNamed } from '../ops/index.ts'
import { elementsIn } from '../shape.ts'
import { placeBarriers } from './barriers.ts'
import { fuse } from './fuse.ts'
import { schedule } from './schedule.ts'
import {
  inputsOf,
  outputsOf,
  paddedLength,
  REGIONS,
  type Builder,
  type Node,
  type Step,
  type Value,
} from './builder.ts'
import { ALIGNMENT, bytesOf, type Instruction, type Place, type Program, type Slot } from './program.ts'

/** Compiles the builder's entries to a program. */
export function allocate(builder: Builder): Program {
  const entries = new Map(
    [...builder.entries].map(([name, steps]) => [name, schedule(fuse(withoutDeadNodes(steps)))]),
  )
  const shared = shareInPlace([...entries.values()])
  const layout = layOut(builder, [...entries.values()], shared)
  const compiled = new Map<string, readonly Instruction[]>()
  for (const [name, steps] of entries) {
    compiled.set(
      name,
      placeBarriers(
        steps.map((step) => toInstruction(step, layout.placeOf)),
        builder.dtype,
      ),
    )
  }
  return {
    dtype: builder.dtype,
    arenaBytes: layout.arenaBytes,
    rows: builder.rows,
    entries: compiled,
    slots: layout.slots,
    buffers: builder.buffers,
    functions: builder.functions,
  }
}

function toInstruction(step: Step, placeOf: (value: Value) => Place): Instruction {
  if (step.kind === 'repeat') return step
  const { signature } = opNamed(step.op)
  return {
    kind: 'op',
    op: step.op,
    dims: step.dims,
    scalars: signature.scalars.map((name) => {
      const scalar = step.scalars[name] as number | undefined
      if (scalar === undefined) throw new InternalError(`${step.op}: no value for ${name}`)
      return scalar
    }),
    places: step.operands.map(placeOf),
    names: step.operands.map((value) => value.name),
  }
}

/** The steps that count: which write something that is pinned or lies outside the activations, or is read by one that counts. */
export function withoutDeadNodes(steps: readonly Step[]): Step[] {
  const live = new Set<Value>()
  const kept: Step[] = []
  for (const step of [...steps].reverse()) {
    if (step.kind === 'op') {
      const isRoot = (value: Value): boolean =>
        value.isPinned ||
        live.has(value) ||
        value.home.kind !== 'region' ||
        value.home.region !== 'activations'
      if (!outputsOf(step).some(isRoot)) continue
      inputsOf(step).forEach((value) => live.add(value))
    }
    kept.push(step)
  }
  return kept.reverse()
}

// Maps a value to the one whose memory it takes over: an output that may be its op's input, where nothing else reads
// or writes that input afterwards.
function shareInPlace(entries: readonly (readonly Step[])[]): Map<Value, Value> {
  const shared = new Map<Value, Value>()
  for (const steps of entries) {
    const nodes = steps.filter((step): step is Node => step.kind === 'op')
    const lastUse = new Map<Value, number>()
    nodes.forEach((node, i) => node.operands.forEach((value) => lastUse.set(value, i)))
    nodes.forEach((node, i) => {
      const patterns = opNamed(node.op).signature.operands
      patterns.forEach((pattern, p) => {
        const output = node.operands[p]
        if (!pattern.isOutput || pattern.isInput || !isTemporary(output)) return
        for (const name of pattern.mayAlias) {
          const input = node.operands[patterns.findIndex((operand) => operand.name === name)]
          if (!isTemporary(input) || lastUse.get(input) !== i || input === output) continue
          shared.set(output, input)
          return
        }
      })
    })
  }
  return shared
}

function isTemporary(value: Value): boolean {
  return !value.isPinned && value.home.kind === 'region' && value.home.region === 'activations'
}

interface Layout {
  readonly arenaBytes: number
  readonly slots: Map<string, Slot>
  readonly placeOf: (value: Value) => Place
}

function layOut(builder: Builder, entries: readonly (readonly Step[])[], shared: Map<Value, Value>): Layout {
  const used = new Set<Value>()
  for (const steps of entries) {
    for (const step of steps) if (step.kind === 'op') step.operands.forEach((value) => used.add(value))
  }
  const offsets = new Map<Value, number>()
  const regionStart = new Map<string, number>()
  const slots = new Map<string, Slot>()
  let next = 0
  for (const region of REGIONS) {
    regionStart.set(region, next)
    for (const value of builder.values) {
      if (value.home.kind !== 'region' || value.home.region !== region || shared.has(value)) continue
      if (isTemporary(value) && !used.has(value)) continue
      const length = elementsIn(value.shape, builder.rows)
      offsets.set(value, next)
      if (!isTemporary(value)) slots.set(value.name, { offset: next, length, type: value.type })
      next +=
        Math.ceil((paddedLength(value, builder.rows) * bytesOf(value.type, builder.dtype)) / ALIGNMENT) *
        ALIGNMENT
    }
    const start = regionStart.get(region) ?? 0
    const isWhole = region === 'parameters' || region === 'gradients' || region === 'optimizer'
    if (isWhole)
      slots.set(region, { offset: start, length: (next - start) / bytesOf('f', builder.dtype), type: 'f' })
    if (region === 'metrics') slots.set(region, { offset: start, length: (next - start) / 8, type: 'f64' })
  }
  const placeOf = (value: Value): Place => {
    const { home } = value
    if (home.kind === 'buffer') return { buffer: home.index, offset: 0 }
    if (home.kind === 'wholeRegion') return { buffer: 0, offset: regionStart.get(home.region) ?? 0 }
    if (home.kind === 'view') {
      const { buffer, offset } = placeOf(home.of)
      return { buffer, offset: offset + home.byteOffset }
    }
    const base = shared.get(value)
    if (base !== undefined) return placeOf(base)
    const offset = offsets.get(value)
    if (offset === undefined) throw new InternalError(`${value.name} has no place in the arena`)
    return { buffer: 0, offset }
  }
  return { arenaBytes: Math.max(next, ALIGNMENT), slots, placeOf }
}
