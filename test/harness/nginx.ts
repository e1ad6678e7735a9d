import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

/**
 * A folder with the configuration of an nginx in front of these ports of this machine. It keeps connections on both
 * sides. It sends a POST to the next replica only if it could not connect: that is its default for a POST.
 */
export function makeNginxFolder(port: number, replicas: readonly number[]): NginxFolder {
  // max_fails=0: in this test each replica restarts within the ten seconds for which nginx would leave it out.
  const servers = replicas.map((replica) => `server 127.0.0.1:${replica} max_fails=0;`)
  return makeNginxFolderWith(`
    keepalive_requests 100000;
    upstream gateway { ${servers.join(' ')} keepalive 32; }
    server {
      listen 127.0.0.1:${port};
      location / { proxy_pass http://gateway; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }`)
}

export type NginxFolder = { readonly command: readonly string[]; remove(): void }

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
  return { command, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
