/**
 * Writes the site to build/site: README, guides and other pages, the tables of the code, and the reference from the doc
 * comments. It is static, has its own search, and loads nothing from elsewhere. Any warning, and any link that leads
 * nowhere, is a failure.
 */

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Application, Converter, OptionDefaults, type DocumentReflection, type TypeDocOptions } from 'typedoc'
import { brokenLinks } from './links.ts'
import { tablesPage } from './tables.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SITE = join(ROOT, 'build', 'site')
const PAGES = join(ROOT, 'build', 'pages')
const TABLES = join(PAGES, 'tables.md')

/** Pages by their place in the navigation; what is in `docs` and not named here stands at the end of the reference. */
const GROUPS = {
  Guides: [
    'guides/getting-started.md',
    'guides/classification.md',
    'guides/regression.md',
    'guides/large-csvs.md',
    'guides/custom-layers-and-losses.md',
    'guides/reproducibility.md',
    'guides/serving.md',
    'guides/from-brainjs.md',
    'guides/from-tensorflowjs.md',
    'guides/from-scikit-learn.md',
  ],
  Reference: ['cli.md', 'training.md', 'data.md', 'decisions.md', 'derivatives.md', 'model-file.md'],
  Inside: ['numerics.md', 'performance.md', 'architecture.md', 'lectures.md'],
} as const

/** Types that users have no need to name: what `composed` hands to a function, and the way from columns to inputs. */
const UNNAMED = ['composableOps', 'Recorder', 'Encoder']

function pagesByGroup(): Map<string, string[]> {
  const docs = join(ROOT, 'docs')
  const named: readonly string[] = Object.values(GROUPS).flat()
  const others = readdirSync(docs).filter((name) => name.endsWith('.md') && !named.includes(name))
  const inDocs = (names: readonly string[]): string[] => names.map((name) => join(docs, name))
  return new Map([
    ['Guides', [...inDocs(GROUPS.Guides), join(ROOT, 'examples', 'README.md')]],
    ['Reference', [...inDocs([...GROUPS.Reference, ...others]), TABLES]],
    ['Inside', [...inDocs(GROUPS.Inside), join(ROOT, 'CONTRIBUTING.md'), join(ROOT, 'CHANGELOG.md')]],
  ])
}

function options(pages: ReadonlyMap<string, string[]>): TypeDocOptions {
  return {
    name: 'hadamard',
    entryPoints: ['index', 'kernels'].map((name) => join(ROOT, 'src', `${name}.ts`)),
    tsconfig: join(ROOT, 'tsconfig.build.json'),
    out: SITE,
    readme: join(ROOT, 'README.md'),
    projectDocuments: [...pages.values()].flat(),
    sort: ['documents-first', 'alphabetical-ignoring-documents'],
    groupOrder: [...pages.keys(), 'Modules', '*'],
    navigation: { includeGroups: true },
    searchInDocuments: true,
    blockTags: [...OptionDefaults.blockTags, '@source'],
    modifierTags: [...OptionDefaults.modifierTags],
    excludeInternal: true,
    disableSources: true,
    excludePrivate: true,
    highlightLanguages: ['ts', 'js', 'python', 'bash', 'html', 'json'],
    treatWarningsAsErrors: true,
    // Types are checked by `npm run lint`.
    skipErrorChecking: true,
    intentionallyNotExported: UNNAMED,
    requiredToBeDocumented: ['Function', 'Class', 'Interface', 'TypeAlias', 'Variable', 'Method'],
    validation: { notExported: true, invalidLink: true, rewrittenLink: true, notDocumented: true },
  }
}

// A page is called what its first line says, which then need not stand there a second time.
function nameDocument(document: DocumentReflection, group: string): void {
  const [first] = document.content
  const [line = '', title = ''] = /^# (.+)\n/.exec(first.text) ?? []
  if (title === '') throw new Error(`${document.name}: expected a page that begins with its title`)
  document.name = title
  first.text = first.text.slice(line.length)
  document.frontmatter.group = group
}

async function main(): Promise<void> {
  mkdirSync(PAGES, { recursive: true })
  writeFileSync(TABLES, tablesPage())
  const pages = pagesByGroup()
  const groups = [...pages].flatMap(([group, paths]) => paths.map(() => group))
  const app = await Application.bootstrap(options(pages))
  // In the order of projectDocuments.
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document: DocumentReflection) =>
    nameDocument(document, groups.shift() ?? ''),
  )
  const project = await app.convert()
  if (project === undefined) throw new Error('typedoc: the sources could not be read')
  app.validate(project)
  await app.generateOutputs(project)
  const found = app.logger.errorCount + app.logger.warningCount
  if (found > 0) throw new Error(`typedoc: expected no warning; received ${found}`)
  const broken = brokenLinks(SITE)
  if (broken.length > 0) throw new Error(`links that lead nowhere:\n${broken.join('\n')}`)
  console.log(
    `build/site/index.html: ${groups.length === 0 ? [...pages.values()].flat().length : 0} pages and the reference`,
  )
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
