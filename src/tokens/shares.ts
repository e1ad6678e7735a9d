/**
 * The client address of a caller that is known, but by another thing than its address: a service that introspects, a proxy
 * that does not say for whom it asks. Such a caller may have a share of the places to LINE, and no token bucket: with a bucket,
 * junk that one of its clients sends would shut it for all the others.
 */
export function shareOf(name: string): string {
  // Neither an address nor a network has a space or ends with a full stop.
  return `${prefix}${name}.`
}

export function isShare(clientAddress: string): boolean {
  return clientAddress.startsWith(prefix)
}

const prefix = 'share of '
