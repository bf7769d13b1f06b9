/** Looks for links in a folder of HTML pages that lead to no file or no place in it, and for what is loaded from elsewhere. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const REFERENCE = /\s(href|src)="([^"]*)"/g
const LOADED = /<(?:script|link|img|iframe|source)\b[^>]*?\s(?:src|href)="(?:https?:)?\/\/[^"]*"/g
const ELSEWHERE = /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i

/**
 * The links of a site that do not hold, a line for each: page and target.
 *
 * Addresses elsewhere are not followed, but scripts, styles and pictures from there are told of.
 */
export function brokenLinks(site: string): string[] {
  const places = new Map<string, ReadonlySet<string>>()
  const placesOf = (file: string): ReadonlySet<string> => {
    const known = places.get(file) ?? idsOf(readFileSync(file, 'utf8'))
    places.set(file, known)
    return known
  }
  return htmlFiles(site).flatMap((file) => {
    const html = readFileSync(file, 'utf8')
    const page = relative(site, file)
    const targets = new Set(Array.from(html.matchAll(REFERENCE), ([, , target]) => unescapeHtml(target)))
    const loaded = Array.from(html.matchAll(LOADED), ([tag]) => `${page}: ${tag}`)
    const broken = [...targets].filter((target) => !leadsSomewhere(file, target, placesOf))
    return [...loaded, ...broken.map((target) => `${page}: ${target}`)]
  })
}

function leadsSomewhere(
  from: string,
  target: string,
  placesOf: (file: string) => ReadonlySet<string>,
): boolean {
  if (target === '' || ELSEWHERE.test(target)) return true
  const [path, place = ''] = decodeURI(target).split('#')
  const file = path === '' ? from : join(dirname(from), path)
  if (!existsSync(file) || statSync(file).isDirectory()) return false
  return place === '' || !file.endsWith('.html') || placesOf(file).has(decodeURIComponent(place))
}

function htmlFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.html'))
    .map((name) => join(folder, name))
}

function idsOf(html: string): ReadonlySet<string> {
  return new Set(Array.from(html.matchAll(/\s(?:id|name)="([^"]*)"/g), ([, id]) => unescapeHtml(id)))
}

function unescapeHtml(text: string): string {
  const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => characters[name])
}
