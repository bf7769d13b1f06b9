/** In browsers, in place of src/serialize.ts: there are no files. */

import { SpecError } from '../errors.ts'
import type { ModelFile } from '../serialize.ts'

/** Says what to do instead. */
export function writeModelFile(): Promise<void> {
  return Promise.reject(noFiles('save'))
}

/** Says what to do instead. */
export function readModelFile(): Promise<ModelFile> {
  return Promise.reject(noFiles('load'))
}

function noFiles(where: string): SpecError {
  return new SpecError({
    where,
    expected: 'Node, which has files',
    received: 'a browser',
    cure: 'Keep network.spec, network.parameters and network.state, and give them to new Network, setParameters and setState',
  })
}
