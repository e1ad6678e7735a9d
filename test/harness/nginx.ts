import { accessSync, chmodSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe } from 'vitest'

/** Tests that need nginx. On a machine without it they are skipped, and the output gives the reason. */
export function describeWithNginx(subject: string, tests: (nginx: string) => void): void {
  if (program !== undefined) return void describe(subject, () => tests(program))
  const reason = `nginx is not installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, () => tests(''))
}

/** Debian puts nginx where only root's PATH looks. */
const program = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  .map((folder) => join(folder, 'nginx'))
  .find(isExecutable)

const shipped = new URL('../deploy/nginx.conf', import.meta.url)

/** The places of the shipped configuration that differ on each machine: one line each, three for the replicas. */
const places = {
  replicas: /^ {2}server 10\.0\.0\.1\d:4000( max_fails=0;)$/gm,
  listen: /^ {2}listen 443 ssl;$/gm,
  certificate: /^ {2}ssl_certificate .+;$/gm,
  key: /^ {2}ssl_certificate_key .+;$/gm,
  log: /^( {2}access_log )\S+( gateway;)$/gm,
  errors: /^( {2}error_log )\S+( crit;)$/gm,
}

/** With the paths of a certificate and its key, nginx speaks TLS. */
export type Certificate = { readonly certificate: string; readonly key: string }

/**
 * A folder with the shipped configuration, test/deploy/nginx.conf, in front of three ports of this machine. Only addresses and
 * paths are replaced. Without TLS, errors go to standard error: they say why a request failed under load.
 */
export function makeShippedNginxFolder(port: number, replicas: readonly number[], tls?: Certificate): NginxFolder {
  return makeNginxFolderWith(adapt(readFileSync(shipped, 'utf8'), port, replicas, tls))
}

function adapt(text: string, port: number, replicas: readonly number[], tls: Certificate | undefined): string {
  const counts = Object.values(places).map((place) => text.match(place)?.length)
  if (counts.join() !== '3,1,1,1,1,1' || replicas.length !== 3)
    throw new Error(`test/deploy/nginx.conf has other places than the tests replace: ${counts}`)
  let index = 0
  return text
    .replace(places.replicas, (_, rest) => `server 127.0.0.1:${replicas[index++]}${rest}`)
    .replace(places.listen, `listen 127.0.0.1:${port}${tls ? ' ssl' : ''};`)
    .replace(places.certificate, tls ? `ssl_certificate ${tls.certificate};` : '')
    .replace(places.key, tls ? `ssl_certificate_key ${tls.key};` : '')
    .replace(places.log, '$1access.log$2')
    .replace(places.errors, tls ? '$1error.log$2' : '')
}

export type NginxFolder = { readonly path: string; readonly command: readonly string[]; remove(): void }

/** A folder with a configuration of nginx. `http`: what its block `http { }` contains. */
export function makeNginxFolderWith(http: string): NginxFolder {
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
  chmodSync(folder, 0o755)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`)
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid nginx.pid; error_log stderr error;
    events { worker_connections 512; }
    http { access_log off; ${temporary.join(' ')}
    ${http}
    }`,
  )
  const command = ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr']
  return { path: folder, command, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
