import { endDuringStart } from './signals.ts'

/**
 * The process of production. It hears signals before anything else is loaded, because loading is most of the time of a start. Each
 * worker runs this file as well.
 */
endDuringStart()
await import('./production.ts')
