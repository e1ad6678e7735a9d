/** `Host` headers that name this machine by a loopback name. */
export const loopbackHosts = [
  'localhost',
  'localhost:4000',
  'LocalHost:4000',
  'localhost.',
  'localhost.:4000',
  'app.localhost:4000',
  'a.b.LOCALHOST.',
  '127.0.0.1',
  '127.0.0.1:4000',
  '127.8.9.1:1',
  '[::1]',
  '[::1]:4000',
]

/** `Host` headers of other names. A browser sends the first one after DNS rebinding. */
export const foreignHosts = [
  'evil.example:4000',
  'evil.example',
  'localhost.evil.example:4000',
  '127.0.0.1.evil.example',
  '127.evil.example',
  'notlocalhost',
  'localhost..',
  'localhost@evil.example',
  'localhost:4000.evil.example',
  '10.0.0.1:4000',
  '0.0.0.0:4000',
  '128.0.0.1',
  '[::2]:4000',
  '[fe80::1]',
  '',
]
