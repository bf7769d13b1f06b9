import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it that are missing.
 *
 * Not by mkdir's `recursive`: where a file system takes no folders, as /proc, Node 20 tries for ever.
 */
export async function makeFolder(path: string): Promise<void> {
  if ((await failureOf(path)) !== 'ENOENT') return
  const parent = dirname(path)
  if (parent !== path) await makeFolder(parent)
  // Fails for good where the folder above was not what is missing.
  await mkdir(path)
}

async function failureOf(path: string): Promise<string | undefined> {
  try {
    await mkdir(path)
    return undefined
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'EEXIST') return code
    throw error
  }
}
