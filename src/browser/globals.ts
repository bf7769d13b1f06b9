/** Stand-ins for what the library takes from Node's globals; the build puts them into the browser's bundle. */

const channel = new MessageChannel()
const waiting: (() => void)[] = []
// The types are Node's; browsers have the property.
const receiver = channel.port1 as unknown as { onmessage: () => void }
receiver.onmessage = () => waiting.shift()?.()

/** Lets the page handle its events between two slices of work. */
export function setImmediate(callback: () => void): void {
  waiting.push(callback)
  channel.port2.postMessage(0)
}

/** The fallback counts as asked for: there is nothing else, and nothing to warn of. */
export const process = {
  env: { HADAMARD_BACKEND: 'fallback' },
  emitWarning(text: string): void {
    console.warn(text)
  },
  stderr: {
    write(text: string): void {
      console.warn(text.trimEnd())
    },
  },
}

const memory: unknown = globalThis.SharedArrayBuffer ?? ArrayBuffer
/** Shared memory is for threads; pages have it only where they are isolated, and the fallback does without. */
export { memory as SharedArrayBuffer }
