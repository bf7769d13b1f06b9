/** A small number for each row of a list, whatever the row numbers: a byte a row, by pages. */

const PAGE_ROWS = 2 ** 16

/** Marks of rows; a row that has none has 0. */
export class RowMarks {
  private readonly pages = new Map<number, Uint8Array>()

  get(row: number): number {
    return this.pages.get(Math.floor(row / PAGE_ROWS))?.[row % PAGE_ROWS] ?? 0
  }

  /** @param mark from 0 to 255 */
  set(row: number, mark: number): void {
    const number = Math.floor(row / PAGE_ROWS)
    let page = this.pages.get(number)
    if (page === undefined) {
      page = new Uint8Array(PAGE_ROWS)
      this.pages.set(number, page)
    }
    page[row % PAGE_ROWS] = mark
  }
}
