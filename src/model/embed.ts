/** The front of a network for columns whose categories come as numbers: a learned row for each category. */

import type { Input } from '../data/input.ts'
import { inputWidth, isIndexed } from '../data/input.ts'
import { embedding } from '../layers/embedding.ts'
import type { LayerSpec } from '../layers/index.ts'
import { concat } from '../layers/merge.ts'

/**
 * Numbers that a category becomes.
 *
 * @source Holzmüller, Grinsztajn, Steinwart 2024, Better by Default, appendix A
 */
const UNITS = 8

/** Inputs of the network by name, and the layers that bring them together; plain inputs where no category comes as a number. */
export function embeddedInputs(inputs: readonly Input[]): {
  inputs: number | Record<string, number>
  layers: LayerSpec[]
} {
  const width = inputs.reduce((sum, input) => sum + inputWidth(input), 0)
  if (!inputs.some(isIndexed)) return { inputs: width, layers: [] }
  const columns: Record<string, number> = {}
  const sources: string[] = []
  const layers: LayerSpec[] = []
  let last: string | undefined
  inputs.forEach((input, i) => {
    if (isIndexed(input)) {
      const [from, name] = [`category${i + 1}`, `embedding${i + 1}`]
      columns[from] = 1
      layers.push(embedding(input.categories.length + 1, UNITS, { from, name }))
      sources.push(name)
      last = undefined
      return
    }
    if (last === undefined) {
      last = `columns${i + 1}`
      columns[last] = 0
      sources.push(last)
    }
    columns[last] += inputWidth(input)
  })
  return { inputs: columns, layers: sources.length > 1 ? [...layers, concat(sources)] : layers }
}
