/** The layer table. */

import { InternalError } from '../errors.ts'
import { activationLayer, type ActivationSpec } from './activation.ts'
import { batchNormLayer, type BatchNormSpec } from './batch-norm.ts'
import { denseLayer, type DenseSpec } from './dense.ts'
import { dropoutLayer, type DropoutSpec } from './dropout.ts'
import { embeddingLayer, type EmbeddingSpec } from './embedding.ts'
import { layerNormLayer, type LayerNormSpec } from './layer-norm.ts'
import type { LayerType } from './layer.ts'
import { mergeLayers, type MergeSpec } from './merge.ts'
import { scaleLayer, type ScaleSpec } from './scale.ts'

/** Any layer as plain data. */
export type LayerSpec =
  | DenseSpec
  | DropoutSpec
  | ActivationSpec
  | BatchNormSpec
  | LayerNormSpec
  | ScaleSpec
  | EmbeddingSpec
  | MergeSpec

const layerTypes: ReadonlyMap<string, LayerType<never>> = new Map<string, LayerType<never>>([
  ['dense', denseLayer],
  ['dropout', dropoutLayer],
  ['activation', activationLayer],
  ['batchNorm', batchNormLayer],
  ['layerNorm', layerNormLayer],
  ['scale', scaleLayer],
  ['embedding', embeddingLayer],
  ...Object.entries(mergeLayers),
])

/** Names of the layer types. */
export const layerNames: readonly string[] = [...layerTypes.keys()]

/** The row of a layer's type, which must be known. */
export function layerTypeOf(spec: LayerSpec): LayerType<LayerSpec> {
  const type = layerTypes.get(spec.type)
  if (type === undefined) throw new InternalError(`no layer type is called ${spec.type}`)
  return type
}
