/** `hadamard init`: writes a small TypeScript project that trains on a CSV. It asks nothing and overwrites nothing. */

import { spawn } from 'node:child_process'
import { access, constants, copyFile, readFile, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { reasonOf } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { PACKAGE_ROOT } from '../package-root.ts'
import { CommandError } from './outcome.ts'

const COPIED = {
  'train.ts': join('examples', 'starter', 'train.ts'),
  'penguins.csv': join('examples', 'data', 'penguins.csv'),
} as const

const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
  },
  include: ['*.ts'],
}

/** Adds the command. */
export function addInit(program: Command): void {
  program
    .command('init')
    .summary('write a small TypeScript project that trains on a CSV')
    .description(
      'Write a small TypeScript project that trains on a CSV file, saves the model and predicts. Nothing is overwritten.',
    )
    .argument('[folder]', 'where to write it; made where it does not exist', '.')
    .option('--install', 'install its packages with npm, too')
    .action(async (folder: string, { install = false }: { install?: boolean }) => {
      const names = await writeProject(folder)
      const place = relative(process.cwd(), resolve(folder)) || 'this folder'
      process.stdout.write(`Wrote ${names.join(', ')} to ${place}\n`)
      if (install) await installPackages(folder)
      process.stdout.write(`Run it with: ${nextCommands(folder, install)}\n`)
    })
}

/**
 * Writes the project, or nothing where one of its files is there already.
 *
 * @returns the names of the files
 * @throws CommandError if the folder is none, has one of the files, or cannot be written to
 */
export async function writeProject(folder: string): Promise<string[]> {
  const root = resolve(folder)
  const texts = {
    'package.json': json(await manifest(root)),
    'tsconfig.json': json(TSCONFIG),
    '.gitignore': 'node_modules\n*.model\n',
  }
  const names = [...Object.keys(texts), ...Object.keys(COPIED)]
  await checkFolder(folder, root, names)
  try {
    await makeFolder(root)
    // Fails where a file has come about since the check.
    for (const [name, text] of Object.entries(texts)) await writeFile(join(root, name), text, { flag: 'wx' })
    for (const [name, source] of Object.entries(COPIED))
      await copyFile(join(PACKAGE_ROOT, source), join(root, name), constants.COPYFILE_EXCL)
  } catch (error) {
    throw new CommandError(`init: expected a folder to write to; received ${folder} (${reasonOf(error)})`, {
      code: 'HADAMARD_INIT',
    })
  }
  return names
}

async function checkFolder(folder: string, root: string, names: readonly string[]): Promise<void> {
  if (folder === '')
    throw new CommandError("init: expected a folder, . for this one; received ''", { code: 'HADAMARD_INIT' })
  const isFolder = await stat(root).then(
    (stats) => stats.isDirectory(),
    () => undefined,
  )
  if (isFolder === false)
    throw new CommandError(`init: expected a folder; received ${folder}, which is a file`, {
      code: 'HADAMARD_INIT',
    })
  const there = await Promise.all(names.map((name) => exists(join(root, name))))
  const taken = names.filter((_, i) => there[i])
  if (taken.length === 0) return
  throw new CommandError(
    `init: expected a folder without ${names.join(', ')}; received ${folder}, which has ${taken.join(', ')}. ` +
      'Nothing was written. Name another folder: npx hadamard init my-model',
    { code: 'HADAMARD_INIT' },
  )
}

// The tools are those that this package is tested with.
async function manifest(root: string): Promise<object> {
  const own = JSON.parse(await readFile(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    version: string
    devDependencies: Record<string, string>
  }
  const tools = ['@types/node', 'tsx', 'typescript'].map((name) => [name, `^${own.devDependencies[name]}`])
  return {
    name: packageName(basename(root)),
    private: true,
    type: 'module',
    scripts: { start: 'tsx train.ts', check: 'tsc' },
    dependencies: { hadamard: (await ownSource()) ?? `^${own.version}` },
    devDependencies: Object.fromEntries(tools) as Record<string, string>,
  }
}

// What npm takes as a name: lower case, neither a dot nor a dash in front.
function packageName(folder: string): string {
  const name = folder.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-')
  return name.replaceAll(/^[._-]+|-+$/g, '') || 'my-model'
}

// Where this package did not come from the registry, its project takes it from where it lies: a clone, or the tarball that
// npm noted when it installed it.
async function ownSource(): Promise<string | undefined> {
  const modules = dirname(PACKAGE_ROOT)
  if (basename(modules) !== 'node_modules') return `file:${PACKAGE_ROOT}`
  const note = await readFile(join(modules, '.package-lock.json'), 'utf8').catch(() => '{}')
  const { packages = {} } = JSON.parse(note) as {
    packages?: Record<string, { resolved?: string } | undefined>
  }
  const resolved = packages['node_modules/hadamard']?.resolved
  return resolved?.startsWith('file:') === true
    ? `file:${resolve(dirname(modules), resolved.slice('file:'.length))}`
    : undefined
}

async function installPackages(folder: string): Promise<void> {
  const args = ['install', '--no-audit', '--no-fund']
  const isWindows = process.platform === 'win32'
  // On Windows npm is a script, which only a shell can start.
  const child = spawn(isWindows ? 'npm.cmd' : 'npm', args, {
    cwd: folder,
    stdio: 'inherit',
    shell: isWindows,
  })
  const code = await new Promise<number | null>((resolveCode, reject) => {
    child.on('close', resolveCode)
    child.on('error', (error) =>
      reject(new CommandError(`init: npm cannot be started (${error.message})`, { code: 'HADAMARD_INIT' })),
    )
  })
  if (code === 0) return
  throw new CommandError(
    `init: npm install ended with exit code ${code ?? 'none'}. The project is written; try again there: npm install`,
    { code: 'HADAMARD_INIT' },
  )
}

function nextCommands(folder: string, isInstalled: boolean): string {
  const enter = resolve(folder) === process.cwd() ? [] : [`cd ${quoted(folder)}`]
  return [...enter, ...(isInstalled ? [] : ['npm install']), 'npm start'].join(' && ')
}

function quoted(path: string): string {
  return /^[\w./\\:-]+$/.test(path) ? path : `"${path}"`
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
