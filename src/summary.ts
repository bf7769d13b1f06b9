/** A network as text: a row per input and layer, and a line on the whole. */

import { layerTypeOf } from './layers/index.ts'
import { elementsIn } from './shape.ts'
import { describeLoss, isChain, parametersOf, wireNetwork, type NetworkSpec } from './spec.ts'

/** Layers with output shapes and parameters, loss and seed. */
export function summarize(spec: NetworkSpec): string {
  const parameters = parametersOf(spec)
  const table = summaryTable(spec)
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)))
  const last = widths.length - 1
  const lines = table.map((row) =>
    row.map((cell, i) => (i === last ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  '),
  )
  const total = parameters.reduce((sum, p) => sum + elementsIn(p.shape, 1), 0)
  const depth = spec.layers.filter((layer) => parameters.some((p) => p.layer === layer.name)).length
  const { l1, l2, seed } = spec
  return [
    ...lines,
    `${total.toLocaleString('en')} parameters in ${depth} layers; loss ${describeLoss(spec)}${l2 > 0 ? `, l2 ${l2}` : ''}${l1 > 0 ? `, l1 ${l1}` : ''}; seed ${seed}`,
  ].join('\n')
}

// A row per input and layer; where layers do more than follow one another, a column tells what each takes in.
function summaryTable(spec: NetworkSpec): string[][] {
  const parameters = parametersOf(spec)
  const wired = new Map(wireNetwork(spec).map((each) => [each.layer.name, each]))
  const inputs = Object.entries(spec.inputColumns ?? { input: spec.inputs })
  const rows = spec.layers.map((layer) => {
    const place = wired.get(layer.name)
    const count = parameters
      .filter((p) => p.layer === layer.name)
      .reduce((sum, p) => sum + elementsIn(p.shape, 1), 0)
    const shared = place?.owner === layer.name ? '' : ` (weights of ${place?.owner ?? ''})`
    return [
      layer.name,
      `${place?.from.join(', ') ?? ''}${shared}${place?.isUsed === true ? '' : ' (unused)'}`,
      layerTypeOf(layer).describe(layer),
      `[batch, ${place?.outputs ?? 0}]`,
      count.toLocaleString('en'),
    ]
  })
  const table = [
    ['layer', 'from', 'activation', 'output', 'parameters'],
    ...inputs.map(([name, columns]) => [name, '', '', `[batch, ${columns}]`, '0']),
    ...rows,
  ]
  return isChain(spec) ? table.map((row) => row.filter((_, column) => column !== 1)) : table
}
