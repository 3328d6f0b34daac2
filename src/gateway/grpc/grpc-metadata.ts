import { Metadata as GrpcMetadata } from '@grpc/grpc-js'
import { isMetadataName, isMetadataText, Metadata } from '../../service/call/metadata.js'
import { isReservedName } from './reserved-names.js'

/**
 * The metadata of a call or an answer of gRPC, without the names that gRPC uses itself. Several values of a name become one, with commas
 * between them, as HTTP defines it; of several binary values, the last one remains. Names and values that metadata cannot have are left out.
 */
export function fromGrpcMetadata(source: GrpcMetadata): Metadata {
  const metadata = new Metadata()
  for (const name of Object.keys(source.getMap())) {
    if (isReservedName(name) || !isMetadataName(name)) continue
    const values = source.get(name)
    const last = values.at(-1)
    if (Buffer.isBuffer(last)) metadata.set(name, last)
    else {
      const text = values.join(', ')
      if (isMetadataText(text)) metadata.set(name, text)
    }
  }
  return metadata
}

/** The same metadata for gRPC, without reserved names. */
export function toGrpcMetadata(metadata: Metadata | undefined): GrpcMetadata {
  const target = new GrpcMetadata()
  if (metadata === undefined) return target
  for (const [name, value] of metadata)
    if (!isReservedName(name)) target.set(name, typeof value === 'string' ? value : Buffer.from(value))
  return target
}
