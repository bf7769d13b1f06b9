// Linear layers add nothing to one another: four of them are one, whatever their widths (Bishop, section 5.1).

import { dense, Network } from 'hadamard'

const layers = [dense(50), dense(20), dense(30), dense(2)]
const deep = new Network({ inputs: 3, layers, loss: 'squaredError', dtype: 'float64', seed: 1 })
const simple = deep.simplify()

const x = [[1, 2, 3], [-4, 5, -6]] // prettier-ignore
const [a, b] = [deep.predict(x), simple.predict(x)]
const count = ({ parameters }: typeof deep): number =>
  Object.values(parameters).reduce((sum, { data }) => sum + data.length, 0)
console.log('layers', deep.spec.layers.length, 'parameters', count(deep))
console.log('layers', simple.spec.layers.length, 'parameters', count(simple))
console.log('difference', Math.max(...a.map((value, i) => Math.abs(value - b[i]))).toExponential(1))
