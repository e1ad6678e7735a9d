import type { Reply } from '../redis.ts'

/** Answers that Redis did not take. They are offered again until it takes them or they are too old. */
export type Offers = {
  /** `put` gets the milliseconds that are left. */
  add(forMs: number, put: (forMs: number) => Promise<Reply>): void
}

type Offer = { readonly until: number; readonly put: (forMs: number) => Promise<Reply> }

/** While Redis is away, an attempt costs no more than a look at the connection. */
const offerEveryMs = 250
const mostOffers = 1_000

/** No timer runs while there is nothing to offer. */
export function createOffers(): Offers {
  const offers = new Set<Offer>()
  let isRunning = false

  return { add }

  function add(forMs: number, put: Offer['put']): void {
    if (offers.size >= mostOffers) return
    offers.add({ until: performance.now() + forMs, put })
    if (!isRunning) void run()
  }

  async function run(): Promise<void> {
    isRunning = true
    while (offers.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, offerEveryMs).unref())
      await Promise.all([...offers].map(offer))
    }
    isRunning = false
  }

  async function offer(one: Offer): Promise<void> {
    const leftMs = one.until - performance.now()
    const reply = leftMs > 0 ? await one.put(leftMs) : null
    if (reply !== 'away' && reply !== 'refused') offers.delete(one)
  }
}
