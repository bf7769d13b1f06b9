/** The folder of the package, whichever of its files this code is run from. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Absolute path of the folder that holds package.json. */
export const PACKAGE_ROOT: string = findRoot(dirname(fileURLToPath(import.meta.url)))

// Sources and compiled files lie at different depths.
function findRoot(folder: string): string {
  const parent = dirname(folder)
  return existsSync(join(folder, 'package.json')) || parent === folder ? folder : findRoot(parent)
}
