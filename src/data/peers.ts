/** Libraries that read other formats: optional peers, loaded only where a file asks for them. */

import { DataError } from '../errors.ts'

/** What each is needed for. */
const peers = {
  '@duckdb/node-api': 'Parquet files and SQL are read',
  'apache-arrow': 'Arrow files are read',
  fzstd: 'zstd is unpacked on Node before 22.15',
} as const

/** A peer by its package name. */
export type PeerName = keyof typeof peers

/**
 * Loads a peer.
 *
 * @param where what is to be read, for the message
 * @throws DataError that says how it is installed, where it is absent
 */
export async function loadPeer<T>(name: PeerName, where: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    throw absent(name, where, error)
  }
}

function absent(name: PeerName, where: string, error: unknown): DataError {
  const { code, message } = error as NodeJS.ErrnoException
  const isAbsent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  return new DataError(
    {
      code: 'HADAMARD_PEER_MISSING',
      where,
      expected: `the package ${name}, with which ${peers[name]}`,
      received: isAbsent ? 'none' : `one that cannot be loaded (${message.split('\n')[0]})`,
      cure: `Install it beside hadamard: npm install ${name}`,
    },
    { cause: error },
  )
}
