/** Prints a figure that depends on the machine: it is shown, not asserted. */
export function print(figure: string): void {
  process.stdout.write(`figure: ${figure}\n`)
}
