import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CertificateFiles } from './interop-server.js'

/** The interop client and server of gRPC for Ruby, or the reason why they are not available. */
export type RubyGrpc = { readonly client: string; readonly server: string } | { readonly missing: string }

export function findRubyGrpc(): RubyGrpc {
  const code = 'puts Gem::Specification.find_by_name("grpc").gem_dir'
  const { error, status, stdout } = spawnSync('ruby', ['-e', code], { encoding: 'utf8' })
  const folder = join(stdout?.trim() ?? '', 'src/ruby/pb/test')
  if (error === undefined && status === 0 && existsSync(join(folder, 'client.rb')))
    return { client: join(folder, 'client.rb'), server: join(folder, 'server.rb') }
  return { missing: "apt-get install ruby-grpc: there are no interop programs of gRPC's Ruby library" }
}

/** The variables of the environment that pass a certificate to the programs of test/interop/children. */
export function rubyCertificate({ ca, cert, key }: CertificateFiles) {
  return { ca: { INTEROP_CA: ca }, cert: { INTEROP_CERT: cert }, key: { INTEROP_KEY: key } }
}
