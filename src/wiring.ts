/** Which layer takes in which: names given, blocks laid out flat, sources found, the order in which layers run. */

import { describeValue } from './check.ts'
import { nearestName, SpecError } from './errors.ts'
import { layerNames, layerTypeOf, type LayerSpec } from './layers/index.ts'
import type { ParameterSpec } from './layers/layer.ts'
import type { Source } from './layers/merge.ts'

/** The name under which layers take in all inputs side by side. */
export const ALL_INPUTS = 'input'

/** A layer as it stands in a network's spec. */
export type NamedLayer = LayerSpec & { readonly name: string }

/** What a network says of its layers' connections. */
export interface Connections {
  readonly inputs: number
  /** Columns of the named inputs, in their order; together all inputs. */
  readonly inputColumns?: Readonly<Record<string, number>>
  readonly layers: readonly NamedLayer[]
}

/** A layer in its place. */
export interface WiredLayer {
  readonly layer: NamedLayer
  /** Names of the layers and inputs that it takes in. */
  readonly from: readonly string[]
  /** Features per row of each. */
  readonly inputs: readonly number[]
  readonly outputs: number
  /** Whether an output of the network depends on it; else it has no parameters and no part in any program. */
  readonly isUsed: boolean
  /** The layer whose parameters it uses, most often itself. */
  readonly owner: string
}

/**
 * Layers with a name each, the branches of merging layers laid out before them.
 *
 * @throws SpecError at what is no layer, and at a name that is none or given twice
 */
export function layOutLayers(layers: readonly LayerSpec[], inputNames: readonly string[]): NamedLayer[] {
  const names = new Set([ALL_INPUTS, ...inputNames])
  const counts = new Map<string, number>()
  const flat: NamedLayer[] = []
  const nameOf = (layer: LayerSpec, where: string): string => {
    const count = (counts.get(layer.type) ?? 0) + 1
    counts.set(layer.type, count)
    const name = layer.name ?? `${layer.type}${count}`
    if (typeof name !== 'string' || !/^[\w-]+$/.test(name) || names.has(name)) {
      throw new SpecError({
        code: 'HADAMARD_WIRING',
        where: `${where}.name`,
        expected: 'a name of letters, digits, _ and - that no input has and that no other layer has',
        received: describeValue(name),
      })
    }
    names.add(name)
    return name
  }
  // Gives the name of the last layer, or of what was before where there is none.
  const layOut = (list: readonly LayerSpec[], before: string, where: string): string => {
    let last = before
    list.forEach((layer, i) => {
      const place = `${where}[${i}]`
      checkLayer(layer, place)
      const from = Array.isArray(layer.from) ? (layer.from as readonly Source[]) : undefined
      const sources = from?.map((source, branch) =>
        Array.isArray(source)
          ? layOut(source as readonly LayerSpec[], last, `${place}.from[${branch}]`)
          : source,
      )
      const name = nameOf(layer, place)
      // Where a branch begins, the layer before in the flat list may belong to another branch.
      const isAstray = i === 0 && (flat.at(-1)?.name ?? ALL_INPUTS) !== last
      const found = sources ?? layer.from ?? (isAstray ? last : undefined)
      flat.push({ ...layer, name, ...(found === undefined ? {} : { from: found }) } as NamedLayer)
      last = name
    })
    return last
  }
  layOut(layers, ALL_INPUTS, 'layers')
  return flat
}

function checkLayer(layer: LayerSpec, where: string): void {
  if (typeof layer !== 'object' || (layer as unknown) === null || !layerNames.includes(layer.type)) {
    const received = describeValue((layer as { type?: unknown } | null)?.type ?? layer)
    throw new SpecError({
      code: 'HADAMARD_LAYER',
      where,
      expected: `a layer of type ${layerNames.join(', ')}`,
      received,
    })
  }
  layerTypeOf(layer).validate(layer, where)
}

/**
 * The layers in the order in which they run: those that the outputs depend on, each behind its sources, then the others. What
 * nothing uses has no influence on the order of the rest.
 *
 * @throws SpecError at an unknown name, a cycle, sizes that do not fit, and parameters that cannot be shared
 */
export function wire(network: Connections, outputs: readonly string[]): WiredLayer[] {
  const { layers } = network
  const byName = new Map(layers.map((layer, i) => [layer.name, { layer, before: layers.at(i - 1)?.name, i }]))
  const sizes = inputSizes(network)
  const wired: WiredLayer[] = []
  const visit = (name: string, path: readonly string[], isUsed: boolean): void => {
    const found = byName.get(name)
    if (found === undefined || sizes.has(name)) return
    const { layer, before, i } = found
    const where = `layers[${i}] (${name})`
    if (path.includes(name)) {
      throw new SpecError({
        code: 'HADAMARD_WIRING',
        where,
        expected: 'layers that lead forwards',
        received: `the cycle ${[...path.slice(path.indexOf(name)), name].reverse().join(' → ')}`,
      })
    }
    const from = sourcesOf(layer, i === 0 || before === undefined ? ALL_INPUTS : before, where)
    for (const source of from) {
      if (!byName.has(source) && !sizes.has(source)) {
        throw unknownName(`${where}: from`, source, [...byName.keys(), ...sizes.keys()])
      }
      visit(source, [...path, name], isUsed)
    }
    const inputs = from.map((source) => sizes.get(source) ?? 0)
    const type = layerTypeOf(layer)
    type.checkInputs?.(
      from.map((name, j) => ({ name, size: inputs[j] })),
      where,
    )
    const size = type.outputs(layer, ...inputs)
    sizes.set(name, size)
    wired.push({ layer, from, inputs, outputs: size, isUsed, owner: ownerOf(layer) ?? name })
  }
  for (const name of outputs) visit(name, [], true)
  for (const { name } of layers) visit(name, [], false)
  for (const sharing of wired) checkSharing(sharing, wired)
  return wired
}

/** First column and number of columns of every name under which layers take in inputs. */
export function inputSlices({ inputs, inputColumns = {} }: Connections): Map<string, [number, number]> {
  let first = 0
  const parts = Object.entries(inputColumns).map(([name, columns]): [string, [number, number]] => {
    first += columns
    return [name, [first - columns, columns]]
  })
  return new Map([[ALL_INPUTS, [0, inputs]], ...parts])
}

/** Parameters of a layer in its place, without the layer's name. */
export function ownParameters({ layer, inputs }: WiredLayer): readonly ParameterSpec[] {
  return layerTypeOf(layer).parameters(layer, inputs[0])
}

function inputSizes(network: Connections): Map<string, number> {
  return new Map([...inputSlices(network)].map(([name, [, columns]]) => [name, columns]))
}

function ownerOf(layer: NamedLayer): string | undefined {
  return 'shareWith' in layer ? layer.shareWith : undefined
}

function sourcesOf(layer: NamedLayer, before: string, where: string): readonly string[] {
  const { from = before } = layer
  const sources = (layerTypeOf(layer).checkInputs === undefined ? [from] : from) as readonly unknown[]
  return sources.map((source) => {
    if (typeof source === 'string') return source
    throw new SpecError({
      code: 'HADAMARD_WIRING',
      where: `${where}: from`,
      expected: 'the name of a layer or an input',
      received: describeValue(source),
      cure: Array.isArray(source) ? 'Bring several together with add or concat' : undefined,
    })
  })
}

function unknownName(where: string, name: string, known: readonly string[]): SpecError {
  const nearest = nearestName(name, known)
  return new SpecError({
    code: 'HADAMARD_WIRING',
    where,
    expected: `one of ${known.join(', ')}`,
    received: `'${name}'`,
    cure: nearest && `Did you mean '${nearest}'`,
  })
}

// The parameters of both must be the same arrays; what a layer keeps of batches is its own.
function checkSharing(sharing: WiredLayer, wired: readonly WiredLayer[]): void {
  const { layer, inputs, owner } = sharing
  if (owner === layer.name) return
  const where = `layer ${layer.name}: shareWith`
  const other = wired.find((candidate) => candidate.layer.name === owner)
  if (other === undefined) {
    const names = wired.map((candidate) => candidate.layer.name)
    throw unknownName(where, owner, names)
  }
  const shapes = (of: WiredLayer): string =>
    ownParameters(of)
      .map(({ name, shape }) => `${name} [${shape.join(', ')}]`)
      .join(' and ') || 'no parameters'
  const told = (of: WiredLayer): string => `${of.layer.type} with ${shapes(of)}`
  const hasState = (layerTypeOf(layer).state?.(layer, inputs[0]) ?? []).length > 0
  if (
    other.owner !== owner ||
    hasState ||
    ownParameters(sharing).length === 0 ||
    told(other) !== told(sharing)
  ) {
    throw new SpecError({
      code: 'HADAMARD_WIRING',
      where,
      expected: `a layer of the same type and sizes that shares with no other itself: ${told(sharing)}`,
      received:
        other.owner === owner ? `${owner}, ${told(other)}` : `${owner}, which shares with ${other.owner}`,
      cure: other.owner === owner ? undefined : `Use shareWith: '${other.owner}'`,
    })
  }
}
